"""A movable figure: rank answers by hand, and see a reward model fitted to this very ranking."""

from collections.abc import Sequence
from dataclasses import dataclass

import traitlets as t

from .checks import Numbers, checked, index
from .twin import TwinWidget

MOST = 9  # answers to a prompt, as in InstructGPT


@dataclass(frozen=True)
class Answers:
    """K answers to a prompt, with F numbers that say something about each, `[K, F]`.

    `labeler` holds the ranks that somebody else gave, 0 for the best. `held_out`: nothing is learned from this prompt.
    """

    prompt: str
    answers: Sequence[str]
    features: Numbers
    labeler: Sequence[int] | None = None
    held_out: bool = False


class RankByHand(TwinWidget):
    """The reader orders the answers to each prompt; a reward model follows at once.

    The reward is a weighted sum of the features. The weights minimise the mean of −log σ(r_better − r_worse) over the
    pairs of each ranking, then over the rankings that have a pair, plus `ridge`/2 times the sum of their squares, which
    keeps them finite where every pair can be got right. `ranks` follows the reader: for each prompt the ranks of its
    answers, 0 for the best; tied answers share one, and the next rank is one more. At first all are tied.
    No kernel is needed. Raises ValueError for fewer than 2 or more than 9 answers, features or ranks of a wrong shape
    or that are no numbers, and prompts of which all or none are held out.
    """

    label = "Rank the answers, fit a reward model"
    prompts = t.List(t.Dict()).tag(sync=True)
    features = t.List(t.Unicode()).tag(sync=True)
    ridge = t.Float(0.05).tag(sync=True)
    ranks = t.List(t.List(t.Int())).tag(sync=True)
    prompt = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        prompts: Sequence[Answers],
        features: Sequence[str],
        *,
        ridge: float = 0.05,
        ranks: Sequence[Sequence[int]] | None = None,
        prompt: int = 0,
    ) -> None:
        held_out = sum(each.held_out for each in prompts)
        if not 0 < held_out < len(prompts):
            raise ValueError(f"{held_out} of {len(prompts)} prompts are held out: one must be, and one must not")
        index("prompt", prompt, prompts)
        if not ridge > 0:
            raise ValueError(f"ridge={ridge}: with nothing to hold them, the weights may grow without end")
        ranks = [[0] * len(each.answers) for each in prompts] if ranks is None else ranks
        if len(ranks) != len(prompts):
            raise ValueError(f"{len(ranks)} rankings of {len(prompts)} prompts: give one to each")
        super().__init__(
            prompts=[_plain(each, len(features)) for each in prompts],
            features=list(features),
            ridge=float(ridge),
            ranks=[_dense(each.prompt, each.answers, these) for each, these in zip(prompts, ranks)],
            prompt=prompt,
        )


def _plain(each: Answers, n_features: int) -> dict:
    if not 2 <= len(each.answers) <= MOST:
        raise ValueError(f"{len(each.answers)} answers to {each.prompt!r}: from 2 to {MOST} can be ranked")
    numbers = checked(f"features of the answers to {each.prompt!r}", each.features, len(each.answers), n_features)
    return {
        "text": each.prompt,
        "answers": list(each.answers),
        "features": numbers.tolist(),
        "labeler": _dense(each.prompt, each.answers, each.labeler) if each.labeler is not None else [],
        "held_out": each.held_out,
    }


def _dense(prompt: str, answers: Sequence[str], ranks: Sequence[int]) -> list[int]:
    """The same ranking without gaps: 0, 1, 1, 3 becomes 0, 1, 1, 2."""
    if len(ranks) != len(answers):
        raise ValueError(f"{len(ranks)} ranks for the {len(answers)} answers to {prompt!r}: give one to each")
    levels = sorted(set(ranks))
    return [levels.index(rank) for rank in ranks]
