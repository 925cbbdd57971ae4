"""From texts to rows of token ids that all have the same length.

Batches are numbered, and each is made from its number alone. So a run that was interrupted goes on with the batch that
comes next, and several processes share the work without talking about it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.tokens import ENDOFTEXT, Tokenizer

Batches = Callable[[int], Int[Tensor, "B T1"]]  # number -> B rows of T + 1 ids: inputs are [:, :-1], targets [:, 1:]
NUMBERS_PER_ROW = 32  # more texts than a row of the town takes


def windows(
    ids: Sequence[int] | np.ndarray, batch_size: int, length: int, seed: int = 0, end: int | None = None
) -> Batches:
    """Cut batches of batch_size rows of length + 1 ids out of one long array of ids, at random places.

    The array may be a memory map. With `end`, the end-of-text token, every other row begins with it instead of its
    first id, so that a model knows both how it is to begin a text and to be in the middle of one.
    Raises ValueError for an array with fewer than length + 1 ids.
    """
    n_places = len(ids) - length
    if n_places < 1:
        raise ValueError(
            f"{len(ids)} tokens are too few for a row of {length} and its targets: give at least {length + 1} "
            "(a longer text, or shorter rows)"
        )
    ids = np.asarray(ids)

    def batch(number: int) -> Tensor:
        places = np.random.default_rng([seed, number]).integers(n_places, size=batch_size)
        rows = torch.from_numpy(np.stack([ids[i : i + length + 1] for i in places]).astype(np.int64))  # [B, T + 1]
        if end is not None:
            rows[::2, 0] = end
        return rows

    return batch


def text_rows(text: Callable[[int], str], tokenizer: Tokenizer, batch_size: int, length: int) -> Batches:
    """Fill rows with whole texts, which are numbered too: text(0), text(1), …; each row has numbers of its own."""

    def batch(number: int) -> Tensor:
        first = number * batch_size * NUMBERS_PER_ROW
        starts = range(first, first + batch_size * NUMBERS_PER_ROW, NUMBERS_PER_ROW)
        return torch.tensor([fill_row(map(text, count(start)), tokenizer, length) for start in starts])  # [B, T + 1]

    return batch


def fill_row(texts: Iterator[str], tokenizer: Tokenizer, length: int) -> list[int]:
    """Make one row of length + 1 ids: end-of-text, a text, end-of-text, the next text … and cut what is too long.

    A row always starts at the start of a text, so that a model learns what stands at each position.
    """
    end = tokenizer.special_tokens[ENDOFTEXT]
    row = [end]
    while len(row) <= length:
        row += [*tokenizer.encode(next(texts)), end]
    return row[: length + 1]
