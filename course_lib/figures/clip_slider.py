"""A movable figure: the clipped surrogate of one token, and where its gradient ends."""

import traitlets as t

from .checks import within
from .twin import TwinWidget

RATIO, CLIP, ADVANTAGE = 2.0, 0.5, 1.5  # the most that the figure has room for


class ClipSlider(TwinWidget):
    """Min(ρA, clip(ρ, 1 − ε, 1 + ε)A) over the ratio ρ, for advantages A above and below 0.

    `ratio`, `clip` (ε) and `advantage` follow the reader. Raises ValueError for numbers that there is no room for.
    """

    label = "The clipped surrogate"
    ratio = t.Float(1.0).tag(sync=True)
    clip = t.Float(0.2).tag(sync=True)
    advantage = t.Float(1.0).tag(sync=True)
    most = t.List(t.Float()).tag(sync=True)  # of ratio, clip, advantage

    def __init__(self, ratio: float = 1.0, clip: float = 0.2, advantage: float = 1.0) -> None:
        super().__init__(
            ratio=float(within("ratio", ratio, 0, RATIO)),
            clip=float(within("clip", clip, 0, CLIP)),
            advantage=float(within("advantage", advantage, -ADVANTAGE, ADVANTAGE)),
            most=[RATIO, CLIP, ADVANTAGE],
        )
