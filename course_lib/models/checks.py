"""What is refused at the door: sizes that make no network, ids that stand for no token, numbers that are none."""

import torch
from jaxtyping import Bool, Int, Integer
from torch import Tensor


def check_at_least(least: int, **numbers: float | int) -> None:
    """Raise ValueError, with its name, for a number below `least`."""
    for name, number in numbers.items():
        if not number >= least:  # a NaN is neither
            raise ValueError(f"{name} is {number}: it must be at least {least}")


def check_heads(n_embd: int, n_head: int) -> None:
    """Raise ValueError where the channels cannot be shared out among the heads."""
    if n_embd % n_head:
        raise ValueError(f"n_embd = {n_embd} cannot be cut into n_head = {n_head} equal heads")


def check_finite(mask: Bool[Tensor, "..."] | None = None, /, **numbers: Tensor | float | int) -> None:
    """Raise ValueError, with its name, for a NaN or an infinity; of tensors, only where the mask is True, if given."""
    for name, given in numbers.items():
        values = torch.as_tensor(given)
        if mask is not None:
            values = values.expand(mask.shape)[mask]
        if not values.isfinite().all():
            bad = values[~values.isfinite()].flatten()[0].item()
            what = f"a number of {name}" if isinstance(given, Tensor) and given.ndim else name
            raise ValueError(f"{what} is {bad}: NaN and infinity are no numbers to go on with")


def check_ids(ids: Integer[Tensor, "*B"], vocab_size: int) -> Int[Tensor, "*B"]:
    """Give ids of any width as int64, which can be looked up. Raises ValueError, with the id, for an unknown one."""
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise ValueError(f"the ids are of {ids.dtype}: token ids are integers")
    wide = ids.long()
    if (bad := wide[(wide < 0) | (wide >= vocab_size)]).numel():
        bad_id = bad[0].item() % 2**64 if ids.dtype == torch.uint64 else bad[0].item()
        raise ValueError(f"token id {bad_id} is not in the vocabulary: ids run from 0 to {vocab_size - 1}")
    return wide
