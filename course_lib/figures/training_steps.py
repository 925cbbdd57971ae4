"""A movable figure: one training run, stopped wherever the reader likes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import traitlets as t

from .checks import Numbers, checked, probabilities, within
from .twin import TwinWidget


@dataclass(frozen=True)
class KeptStep:
    """What a copy of the model, kept after `step` steps, had to say.

    `sample` is a text that it wrote, `facts` are names with their numbers in words, `probabilities` belong to the
    `words` that it expects next after the figure's prompt.
    """

    step: int
    sample: str
    facts: Mapping[str, str]
    words: Sequence[str]
    probabilities: Sequence[float]


class TrainingSteps(TwinWidget):
    """Where a training run stands after each kept step, and what the model writes there.

    `steps` and `losses` are the measured curve, in nats per token; `floor` is the entropy floor. `stages` names
    parts of the run by their last step. `at` is the number of the copy that is shown, and follows the reader.
    Raises ValueError for losses that are not positive, steps that do not rise, a copy beyond the curve, or no copy.
    """

    label = "A training run, step by step"
    steps = t.List(t.Int()).tag(sync=True)
    losses = t.List(t.Float()).tag(sync=True)
    floor = t.Float().tag(sync=True)
    stages = t.List(t.List()).tag(sync=True)
    copies = t.List(t.Dict()).tag(sync=True)
    prompt = t.Unicode().tag(sync=True)
    at = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        steps: Sequence[int],
        losses: Numbers,
        copies: Sequence[KeptStep],
        *,
        floor: float,
        prompt: str,
        stages: Mapping[str, int] | None = None,
        at: int = 0,
    ) -> None:
        curve = checked("losses", losses, len(steps))
        if min(floor, curve.min(initial=floor)) <= 0:
            raise ValueError(f"a loss of {min(floor, curve.min()):.4g}: the axis is logarithmic, losses are above 0")
        _check_rising("steps", steps)
        _check_rising("the copies' steps", [copy.step for copy in copies])
        if not copies or copies[0].step < steps[0] or copies[-1].step > steps[-1]:
            raise ValueError(f"copies {[c.step for c in copies]}: the curve runs from {steps[0]} to {steps[-1]}")
        super().__init__(
            steps=[int(step) for step in steps],
            losses=curve.round(5).tolist(),
            floor=float(floor),
            stages=[[name, int(last)] for name, last in (stages or {}).items()],
            copies=[_plain(copy) for copy in copies],
            prompt=prompt,
            at=within("at", at, 0, len(copies) - 1),
        )


def _plain(copy: KeptStep) -> dict:
    p = probabilities(f"probabilities after step {copy.step}", copy.probabilities, len(copy.words)).round(4).tolist()
    return asdict(copy) | {"facts": dict(copy.facts), "words": list(copy.words), "probabilities": p}


def _check_rising(name: str, steps: Sequence[int]) -> None:
    if any(b <= a for a, b in pairwise(steps)):
        raise ValueError(f"{name} must rise: {list(steps)}")
