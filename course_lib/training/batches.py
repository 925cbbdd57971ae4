"""From texts to rows of token ids that all have the same length."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.tokens import ENDOFTEXT, Tokenizer


def batches(
    texts: Iterable[str], tokenizer: Tokenizer, n_batches: int, batch_size: int, length: int
) -> Iterator[Int[Tensor, "B T1"]]:
    """Yield n_batches batches of batch_size rows of length + 1 ids: inputs are [:, :-1], targets [:, 1:].

    The texts are read as far as they are needed. Raises ValueError when there are too few.
    """
    texts = iter(texts)
    for done in range(n_batches):
        try:
            yield torch.tensor([fill_row(texts, tokenizer, length) for _ in range(batch_size)])  # [B, T + 1]
        except StopIteration:
            raise ValueError(f"the texts ran out after {done} of {n_batches} batches: give more texts") from None


def fill_row(texts: Iterator[str], tokenizer: Tokenizer, length: int) -> list[int]:
    """Make one row of length + 1 ids: end-of-text, a text, end-of-text, the next text … and cut what is too long.

    A row always starts at the start of a text, so that a model learns what stands at each position.
    """
    end = tokenizer.special_tokens[ENDOFTEXT]
    row = [end]
    while len(row) <= length:
        row += [*tokenizer.encode(next(texts)), end]
    return row[: length + 1]
