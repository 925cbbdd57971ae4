"""The movable figure of *PPO*: the clipped surrogate of one token, and where its gradient ends."""

import traitlets as t

from .twin import TwinWidget, module

RATIO, CLIP, ADVANTAGE = 2.0, 0.5, 1.5  # the most that the figure has room for


class ClipSlider(TwinWidget):
    """The surrogate min(ρA, clip(ρ, 1 − ε, 1 + ε)A) over the ratio ρ, for advantages A above and below 0.

    `ratio`, `clip` (ε) and `advantage` follow the reader. Raises ValueError for numbers that there is no room for.
    """

    _esm = module("clip_slider")
    label = "The clipped surrogate"
    ratio = t.Float(1.0).tag(sync=True)
    clip = t.Float(0.2).tag(sync=True)
    advantage = t.Float(1.0).tag(sync=True)
    most = t.List(t.Float()).tag(sync=True)  # of ratio, clip, advantage

    def __init__(self, ratio: float = 1.0, clip: float = 0.2, advantage: float = 1.0) -> None:
        for name, value, least, most in (
            ("ratio", ratio, 0, RATIO),
            ("clip", clip, 0, CLIP),
            ("advantage", advantage, -ADVANTAGE, ADVANTAGE),
        ):
            if not least <= value <= most:
                raise ValueError(f"{name}={value} is not in {least} … {most}")
        super().__init__(
            ratio=float(ratio), clip=float(clip), advantage=float(advantage), most=[RATIO, CLIP, ADVANTAGE]
        )
