"""The movable figure of *PPO*: whole runs of PPO, stopped at whatever iteration the reader likes."""

from collections.abc import Sequence
from dataclasses import dataclass

import traitlets as t

from .checks import Numbers, checked
from .twin import TwinWidget, module


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

    _esm = module("run_watcher")
    label = "PPO, iteration by iteration"
    runs = t.List(t.Dict()).tag(sync=True)
    run = t.Int(0, min=0).tag(sync=True)
    at = t.Int(0, min=0).tag(sync=True)

    def __init__(self, runs: Sequence[WatchedRun], *, run: int = 0, at: int = 0) -> None:
        if not 0 <= run < len(runs):
            raise ValueError(f"run={run}: there are {len(runs)}")
        lengths = [len(each.prompts) for each in runs]
        if len(set(lengths)) > 1:
            raise ValueError(f"the runs have {lengths} iterations: show runs of one length")
        if not 0 <= at < len(runs[0].prompts):
            raise ValueError(f"at={at} is not in 0 … {len(runs[0].prompts) - 1}")
        super().__init__(runs=[_plain(each) for each in runs], run=run, at=at)


def _plain(run: WatchedRun) -> dict:
    n = len(run.prompts)
    if len(run.answers) != n:
        raise ValueError(f"{run.name}: {n} prompts and {len(run.answers)} answers")
    curves = {name: checked(name, getattr(run, name), n).round(3).tolist() for name in ("score", "kl", "length")}
    return {"name": run.name, "prompts": list(run.prompts), "answers": list(run.answers)} | curves
