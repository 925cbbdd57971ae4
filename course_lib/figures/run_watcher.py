"""A movable figure: whole runs of PPO, stopped at whatever iteration the reader likes."""

from collections.abc import Sequence
from dataclasses import dataclass

import traitlets as t

from .checks import Numbers, checked, index, within
from .twin import TwinWidget


@dataclass(frozen=True)
class WatchedRun:
    """A run of N iterations: mean `score`, `kl` (nats), `length` (tokens) `[N]`; a prompt and an answer of each."""

    name: str
    score: Numbers
    kl: Numbers
    length: Numbers
    prompts: Sequence[str]
    answers: Sequence[str]


class RunWatcher(TwinWidget):
    """Pick a run and slide over its iterations: its curves, beside those of the others, and an answer.

    `run` and `at` follow the reader. Raises ValueError where lengths differ or a number is not finite.
    """

    label = "PPO, iteration by iteration"
    runs = t.List(t.Dict()).tag(sync=True)
    run = t.Int(0, min=0).tag(sync=True)
    at = t.Int(0, min=0).tag(sync=True)

    def __init__(self, runs: Sequence[WatchedRun], *, run: int = 0, at: int = 0) -> None:
        index("run", run, runs)
        lengths = [len(each.prompts) for each in runs]
        if len(set(lengths)) > 1:
            raise ValueError(f"the runs have {lengths} iterations: show runs of one length")
        within("at", at, 0, lengths[0] - 1)
        super().__init__(runs=[_plain(each) for each in runs], run=run, at=at)


def _plain(run: WatchedRun) -> dict:
    n = len(run.prompts)
    if len(run.answers) != n:
        raise ValueError(f"{run.name}: {n} prompts and {len(run.answers)} answers")
    curves = {name: checked(name, getattr(run, name), n).round(3).tolist() for name in ("score", "kl", "length")}
    return {"name": run.name, "prompts": list(run.prompts), "answers": list(run.answers)} | curves
