"""What the models refuse: sizes that make no network, and ids that stand for no token."""

from jaxtyping import Int
from torch import Tensor


def check_at_least(least: int, **numbers: int) -> None:
    """Raise ValueError, with its name, for a number below `least`."""
    for name, number in numbers.items():
        if number < least:
            raise ValueError(f"{name} is {number}: it must be at least {least}")


def check_heads(n_embd: int, n_head: int) -> None:
    """Raise ValueError where the channels cannot be shared out among the heads."""
    if n_embd % n_head:
        raise ValueError(f"n_embd = {n_embd} cannot be cut into n_head = {n_head} equal heads")


def check_ids(ids: Int[Tensor, "*B"], vocab_size: int) -> None:
    """Raise ValueError, with the id, for one that is not in the vocabulary."""
    if (bad := ids[(ids < 0) | (ids >= vocab_size)]).numel():
        raise ValueError(f"token id {bad[0].item()} is not in the vocabulary: ids run from 0 to {vocab_size - 1}")
