"""What a model of the town can do while it learns: two abilities that come suddenly, and its loss by kind of text."""

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT, WORLD, World, document, documents

from .evaluation import scores

N_HELD_OUT = 1_000  # documents for the last judgement; those behind them are for a look on the way


def look(model: nn.Module, tokenizer: Tokenizer) -> dict[str, float]:
    """Measure a model on the way: held-out loss in nats per token, that of each kind over its floor, both probes."""
    held_out = scores(model, documents(200, HELD_OUT + N_HELD_OUT), tokenizer)
    row = {"loss": held_out["all"].loss, "floor": held_out["all"].floor}
    row |= {f"{kind} / floor": score.loss / score.floor for kind, score in sorted(held_out.items())}
    row |= {"second copy": second_copy_loss(model, tokenizer), "moods": mood_accuracy(model, tokenizer)}
    return {name: round(value, 4) for name, value in row.items()}


@torch.no_grad()
def second_copy_loss(model: nn.Module, tokenizer: Tokenizer, n: int = 60, world: World = WORLD) -> float:
    """Mean nats per token where a row of random words comes for the second time, its first word left out.

    Only looking back helps there: a model that cannot copy needs as much as for the first copy.
    """
    nats = []
    for ids in held_out_ids(tokenizer, "repeat", n, world):
        start = next(i for i, token in enumerate(ids) if token in ids[:i])  # the second copy begins
        length = start - ids.index(ids[start])
        losses = F.cross_entropy(model(torch.tensor([ids[:-1]]))[0], torch.tensor(ids[1:]), reduction="none")  # [T]
        nats += losses[start : start + length - 1].tolist()
    return sum(nats) / len(nats)


@torch.no_grad()
def mood_accuracy(model: nn.Module, tokenizer: Tokenizer, n: int = 150) -> float:
    """Give the share of moods of which the model knows whether they are good or bad, that is, who obeyed.

    A model that does not compare what was wanted with what was done is right half of the time.
    """
    good, bad = ([tokenizer.encode(" " + word)[0] for word in words] for words in (WORLD.happy, WORLD.sad))
    right = []
    for ids in held_out_ids(tokenizer, "short story", n):
        (place,) = (i for i, token in enumerate(ids) if token in good + bad)
        p = model(torch.tensor([ids[:place]]))[0, -1].softmax(-1)  # [V]
        right.append((p[good].sum() > p[bad].sum()).item() == (ids[place] in good))
    return sum(right) / len(right)


def held_out_ids(tokenizer: Tokenizer, kind: str, n: int, world: World = WORLD) -> list[list[int]]:
    """Give the ids of n documents that training never uses, all of one kind, each with end-of-text before it."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    return [[end, *tokenizer.encode(document(HELD_OUT + i, kind, world).text)] for i in range(n)]
