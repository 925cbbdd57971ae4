"""A movable figure: how far each method goes from the first policy, for what score and what truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import traitlets as t

from .checks import Real, checked, index
from .twin import TwinWidget


@dataclass(frozen=True)
class Moment:
    """A policy during its training: KL in nats per answer, the score, the true utility, and something it said."""

    iteration: int
    kl: Real
    score: Real
    true: Real
    prompt: str = ""
    answer: str = ""


@dataclass(frozen=True)
class PolicyResult:
    """A policy at the end: which method made it, with its `knob` (β or n) at which `setting`, and what came out.

    `spread` are the standard deviations of score and truth over seeds. `answers` are (prompt, answer, true utility).
    `run` are moments of its training, in order; none for a method that trains nothing or was not watched.
    """

    method: str
    knob: str
    setting: Real
    kl: Real
    score: Real
    true: Real
    spread: Sequence[Real] = (0.0, 0.0)
    answers: Sequence[tuple[str, str, Real]] = ()
    run: Sequence[Moment] = ()


class Frontier(TwinWidget):
    """Score and truth over KL, for policies of several methods, with answers of the one that is chosen.

    Methods, and the settings of each, stand in the order in which they are given. `method`, `setting` (the number of
    a setting) and `at` (a moment of the run; −1: its end) follow the reader. Raises ValueError for numbers that are
    not finite, a KL below 0, more than four methods, and numbers out of range.
    """

    label = "Score and truth over KL"
    methods = t.List(t.Dict()).tag(sync=True)
    method = t.Int(0, min=0).tag(sync=True)
    setting = t.Int(0, min=0).tag(sync=True)
    at = t.Int(-1, min=-1).tag(sync=True)

    def __init__(self, policies: Sequence[PolicyResult], *, method: int = 0, setting: int = 0, at: int = -1) -> None:
        names = list(dict.fromkeys(policy.method for policy in policies))
        if not 1 <= len(names) <= 4:
            raise ValueError(f"{len(names)} methods: the figure has signs for one to four")
        index("method", method, names)
        methods = [
            {
                "name": name,
                "knob": next(p.knob for p in policies if p.method == name),
                "policies": [_plain(p) for p in policies if p.method == name],
            }
            for name in names
        ]
        settings = methods[method]["policies"]
        if not 0 <= setting < len(settings):
            raise ValueError(f"setting={setting}: {names[method]} has {len(settings)}")
        if not -1 <= at < len(settings[setting]["run"]):
            raise ValueError(f"at={at}: this run has {len(settings[setting]['run'])} moments")
        super().__init__(methods=methods, method=method, setting=setting, at=at)


def _plain(policy: PolicyResult) -> dict:
    name = f"{policy.method}, {policy.knob} = {policy.setting:g}"
    return {
        "setting": f"{policy.setting:g}",
        "end": _numbers(name, policy.kl, policy.score, policy.true),
        "spread": _rounded(checked(f"spread of {name}", policy.spread, 2).tolist()),
        "answers": [[prompt, answer, round(float(utility), 2)] for prompt, answer, utility in policy.answers],
        "run": [
            {
                "iteration": moment.iteration,
                "numbers": _numbers(f"{name}, iteration {moment.iteration}", moment.kl, moment.score, moment.true),
                "prompt": moment.prompt,
                "answer": moment.answer,
            }
            for moment in policy.run
        ],
    }


def _numbers(name: str, kl: Real, score: Real, true: Real) -> list[float]:
    if kl < 0:
        raise ValueError(f"the KL of {name} is {kl:.4g}: it is at least 0, so cut an estimate below 0 off before")
    return _rounded(checked(f"KL, score and truth of {name}", [kl, score, true], 3).tolist())


def _rounded(numbers: list[Real]) -> list[float]:
    return [round(number, 3) for number in numbers]
