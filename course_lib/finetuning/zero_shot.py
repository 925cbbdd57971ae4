"""The tasks without any training: what the likelihoods of a model that has only read already say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import WORLD, Example
from course_lib.training import similar_lengths

ORDERED = re.compile(r"(\w+) (?:says:|asks|wants)")


@dataclass(frozen=True)
class Thresholds:
    """Cuts on a line of scores; the part below the first cut has the first label of `labels`, and so on."""

    cuts: tuple[float, ...]
    labels: tuple[int, ...]

    def __call__(self, scores: Sequence[float]) -> list[int]:
        """Give each score the label of the part it falls in."""
        return [self.labels[sum(score > cut for cut in self.cuts)] for score in scores]


def fit_thresholds(scores: Sequence[float], labels: Sequence[int], n_cuts: int = 20) -> Thresholds:
    """Find the cuts and the order of labels with most right answers; cuts are tried at `n_cuts` quantiles.

    Raises ValueError where the labels are all the same.
    """
    kinds = sorted(set(labels))
    if len(kinds) < 2:
        raise ValueError(f"thresholds need examples of at least two labels: these {len(labels)} have {kinds}")
    quantiles = torch.tensor(list(scores), dtype=torch.float64).quantile(
        torch.arange(1, n_cuts + 1, dtype=torch.float64) / (n_cuts + 1)
    )
    possible = (
        Thresholds(cuts, order)
        for cuts in combinations(quantiles.tolist(), len(kinds) - 1)
        for order in permutations(kinds)
    )
    return max(possible, key=lambda t: sum(a == b for a, b in zip(t(scores), labels)))


@torch.no_grad()
def continuation_nats(model: nn.Module, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> Float[Tensor, " n"]:
    """Say how surprised the model is by each second text after the first one: −log q, in nats."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    rows = [([end, *tokenizer.encode(a)], tokenizer.encode(b)) for a, b in pairs]
    nats = torch.empty(len(rows))
    for these in similar_lengths([len(a) + len(b) for a, b in rows], batch_size=100):
        targets = [torch.tensor([-100] * (len(a) - 1) + b) for a, b in (rows[i] for i in these)]  # only b counts
        ids = [torch.tensor((a + b)[:-1]) for a, b in (rows[i] for i in these)]
        x = nn.utils.rnn.pad_sequence(ids, batch_first=True)  # [B, T]
        y = nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=-100)  # [B, T]
        nats[these] = F.cross_entropy(model(x).float().transpose(1, 2), y, reduction="none").sum(1)  # [B, T] -> [B]
    return nats


@torch.no_grad()
def mood_answers(model: nn.Module, tokenizer: Tokenizer, examples: Sequence[Example]) -> list[int]:
    """Answer *classify*: is the person who gave the last order more likely to be happy or glad, or sad or angry?"""
    end = tokenizer.special_tokens[ENDOFTEXT]
    good, bad = ([tokenizer.encode(" " + word)[0] for word in mood] for mood in (WORLD.happy, WORLD.sad))
    answers = []
    for example in examples:
        person = ORDERED.findall(example.texts[0])[-1]
        ids = torch.tensor([[end, *tokenizer.encode(f"{example.texts[0]} {person} is")]])
        p = model(ids)[0, -1].softmax(-1)  # [V]
        answers.append(int(p[good].sum() > p[bad].sum()))
    return answers


def likelihood_answers(model: nn.Module, tokenizer: Tokenizer, examples: Sequence[Example]) -> list[int]:
    """Answer *choose*: the option that surprises the model least after the text."""
    pairs = [(example.texts[0], " " + option) for example in examples for option in example.options]
    nats = continuation_nats(model, tokenizer, pairs).split([len(example.options) for example in examples])
    return [surprise.argmin().item() for surprise in nats]


def surprises(model: nn.Module, tokenizer: Tokenizer, examples: Sequence[Example]) -> list[float]:
    """Give the nats that the second text takes after the first.

    *entail*: the claim after the story. *similar*: " Again: b" after a and " Again: a" after b, added, so that neither
    text comes first.
    """
    claims = all(example.texts[1].startswith("At the end") for example in examples)
    if claims:
        return continuation_nats(model, tokenizer, [(a, " " + b) for a, b in (e.texts for e in examples)]).tolist()
    both = [pair for a, b in (e.texts for e in examples) for pair in ((a, f" Again: {b}"), (b, f" Again: {a}"))]
    return continuation_nats(model, tokenizer, both).view(-1, 2).sum(1).tolist()  # [2n] -> [n, 2] -> [n]


def zero_shot(
    model: nn.Module, tokenizer: Tokenizer, task: str, test: Sequence[Example], fit: Sequence[Example] = ()
) -> float:
    """Give the accuracy on `test` without training.

    *classify* goes by the mood, *choose* by the likelihood of the options: no label is used. *entail* and *similar* go
    by surprise, whose thresholds are fitted on the labels of the examples `fit`, a hundred or so.
    Raises ValueError where `fit` is missing.
    """
    if task == "classify":
        answers = mood_answers(model, tokenizer, test)
    elif task == "choose":
        answers = likelihood_answers(model, tokenizer, test)
    elif not fit:
        raise ValueError(f"{task} without training goes by thresholds on surprise: give examples to fit them on")
    else:
        thresholds = fit_thresholds(surprises(model, tokenizer, fit), [e.label for e in fit])
        answers = thresholds(surprises(model, tokenizer, test))
    return sum(answer == example.label for answer, example in zip(answers, test)) / len(test)
