"""Writing with a model that fills blanks. It was never taught to: three ways that people have tried."""

from collections.abc import Iterable

import torch
from torch import Tensor

from course_lib.models import BERT
from course_lib.tokens import Tokenizer


@torch.no_grad()
def fill_in_turn(
    model: BERT, ids: Tensor, places: Iterable[int], tokenizer: Tokenizer, generator: torch.Generator | None = None
) -> None:
    """Put [MASK] at one place after another, and draw from what the model says. Changes ids `[T]` themselves.

    Special tokens are never drawn.
    """
    special = list(tokenizer.special_tokens.values())
    for place in places:
        ids[place] = tokenizer.special_tokens["[MASK]"]
        logits = model.unembed(model.hidden(ids[None])[0, place])  # [1, T] -> [1, T, C] -> [C] -> [V]
        logits[special] = -torch.inf
        ids[place] = torch.multinomial(logits.softmax(-1), 1, generator=generator)


def write_at_the_end(
    model: BERT, prompt: str, n_new: int, tokenizer: Tokenizer, generator: torch.Generator | None = None
) -> str:
    """Append n_new tokens, each as the one [MASK] before [SEP]: the model always sees a text that is about to end."""
    mask, sep = (tokenizer.special_tokens[name] for name in ("[MASK]", "[SEP]"))
    ids = [tokenizer.special_tokens["[CLS]"], *tokenizer.encode(prompt)]
    for _ in range(n_new):
        row = torch.tensor([*ids, mask, sep])
        fill_in_turn(model, row, [len(ids)], tokenizer, generator)
        ids.append(int(row[-2]))
    return tokenizer.decode(ids[1:])


def write_over_masks(
    model: BERT,
    prompt: str,
    n_new: int,
    tokenizer: Tokenizer,
    sweeps: int = 0,
    generator: torch.Generator | None = None,
) -> str:
    """Append n_new masks at once, fill them from left to right, then draw each again `sweeps` times, in random order.

    The sweeps are Gibbs sampling (Wang & Cho 2019): every draw sees both sides. The length has to be known before.
    """
    ids = [tokenizer.special_tokens["[CLS]"], *tokenizer.encode(prompt)]
    first, mask = len(ids), tokenizer.special_tokens["[MASK]"]
    row = torch.tensor([*ids, *[mask] * n_new, tokenizer.special_tokens["[SEP]"]])
    row_places = torch.arange(first, first + n_new)
    for place in row_places.tolist():
        fill_in_turn(model, row, [place], tokenizer, generator)
    for _ in range(sweeps):
        order = torch.randperm(n_new, generator=generator)
        fill_in_turn(model, row, row_places[order].tolist(), tokenizer, generator)
    return tokenizer.decode(row[1:-1].tolist())
