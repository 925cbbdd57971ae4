"""From texts to rows of token ids that all have the same length.

Batches are numbered, and each is made from its number alone. So a run that was interrupted goes on with the batch that
comes next, and several processes share the work without talking about it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import lru_cache
from itertools import accumulate, count
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.tokens import ENDOFTEXT, Tokenizer

Batches = Callable[[int], Int[Tensor, "B T1"]]  # number -> B rows of T + 1 ids: inputs are [:, :-1], targets [:, 1:]
NUMBERS_PER_ROW = 32  # more texts than a row of the town takes
LOT = 16  # batches whose items are sorted by length together
T = TypeVar("T")


class Tensors:
    """What a dataclass of tensors inherits, if it is a batch: all of them move to a device together."""

    def to(self: T, device: torch.device | str) -> T:
        """Move all to a device."""
        held = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(None if tensor is None else tensor.to(device) for tensor in held))


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


def in_stages(stages: Sequence[Callable[[int], T]], steps: Sequence[int]) -> Callable[[int], T]:
    """Number the batches of all stages, one stage after another: steps[0] batches of stages[0], then of stages[1], …

    Each stage counts its own batches from 0. Raises ValueError for stages and steps of different lengths, and for a
    batch before the first or after the last.

    >>> batch = in_stages([lambda n: f"short {n}", lambda n: f"long {n}"], steps=[2, 3])
    >>> [batch(number) for number in range(5)]
    ['short 0', 'short 1', 'long 0', 'long 1', 'long 2']
    """
    if len(stages) != len(steps):
        raise ValueError(f"{len(stages)} stages and {len(steps)} numbers of steps: give one number to each stage")
    ends = list(accumulate(steps))

    def batch(number: int) -> T:
        if not 0 <= number < sum(steps):
            raise ValueError(f"there is no batch {number}: the stages have {sum(steps)}, numbered from 0")
        stage = next(i for i, end in enumerate(ends) if number < end)
        return stages[stage](number - ends[stage] + steps[stage])

    return batch


def by_length(item: Callable[[int], T], batch_size: int, length: Callable[[T], int] = len) -> Callable[[int], list[T]]:
    """Number the batches of numbered items. Those of one batch are alike in length, so that there is little padding.

    The items of 16 batches are sorted together; short and long batches come in turn.

    >>> batch = by_length("a".__mul__, batch_size=2)  # items: "", "a", "aa", …
    >>> [len(batch(number)[0]) for number in range(6)]
    [0, 10, 20, 30, 8, 18]
    """

    @lru_cache(maxsize=1)
    def sorted_lot(number: int) -> list[T]:
        n = LOT * batch_size
        return sorted(map(item, range(number * n, (number + 1) * n)), key=length)

    def batch(number: int) -> list[T]:
        lot, place = divmod(number, LOT)
        start = place * 5 % LOT * batch_size  # every batch has its turn: 5 and 16 have no common factor
        return sorted_lot(lot)[start : start + batch_size]

    return batch


def shuffled(items: Sequence[T], batch_size: int, seed: int = 0, what: str = "examples") -> Callable[[int], list[T]]:
    """Number the batches of all epochs, each in an order of its own; what does not fill a batch is left out there.

    Raises ValueError for fewer items than one batch; `what` is their name there.
    """
    if len(items) < batch_size:
        raise ValueError(f"{len(items)} {what} do not fill a batch of {batch_size}")
    per_epoch = len(items) // batch_size

    def batch(number: int) -> list[T]:
        epoch, place = divmod(number, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(len(items))
        return [items[i] for i in order[place * batch_size : (place + 1) * batch_size]]

    return batch


def similar_lengths(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Cut the places 0, 1, … of rows with these lengths into batches, from the shortest row to the longest.

    For scores that are put back where they belong, `scores[places] = …`: neighbours in length need little padding.

    >>> list(similar_lengths([5, 2, 9], batch_size=2))
    [[1, 0], [2]]
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return (order[start : start + batch_size] for start in range(0, len(order), batch_size))
