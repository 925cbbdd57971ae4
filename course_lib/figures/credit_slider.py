"""A movable figure: who gets the credit for one answer's score, by β and λ."""

from collections.abc import Sequence
from dataclasses import dataclass

import traitlets as t

from .checks import Numbers, checked, index, within
from .twin import TwinWidget


@dataclass(frozen=True)
class ScoredAnswer:
    """T tokens: `logp` and `ref_logp` `[T]` of policy and reference, `values` `[T]` of the value function; a score."""

    prompt: str
    tokens: Sequence[str]
    logp: Numbers
    ref_logp: Numbers
    values: Numbers
    score: float


class CreditSlider(TwinWidget):
    """An answer's rewards, values and advantages, token by token; β and λ are the reader's (γ = 1).

    Advantages are shown as GAE gives them, before they are whitened. `answer`, `beta` and `lam` follow the reader.
    Raises ValueError where lengths differ, a number is not finite, or a start lies outside the sliders.
    """

    label = "Who gets the credit for a score"
    answers = t.List(t.Dict()).tag(sync=True)
    answer = t.Int(0, min=0).tag(sync=True)
    beta = t.Float(0.1).tag(sync=True)
    lam = t.Float(0.95).tag(sync=True)

    def __init__(
        self, answers: Sequence[ScoredAnswer], *, answer: int = 0, beta: float = 0.1, lam: float = 0.95
    ) -> None:
        super().__init__(
            answer=index("answer", answer, answers),
            beta=float(within("beta", beta, 0, 1)),
            lam=float(within("lam", lam, 0, 1)),
            answers=[_plain(each) for each in answers],
        )


def _plain(answer: ScoredAnswer) -> dict:
    columns = {
        name: checked(name, getattr(answer, name), len(answer.tokens)).round(4).tolist()
        for name in ("logp", "ref_logp", "values")
    }
    score = float(checked("score", [answer.score], 1)[0].round(4))
    return {"prompt": answer.prompt, "tokens": list(answer.tokens), "score": score} | columns
