"""What every figure asks of its numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Numbers = np.ndarray | Sequence[Any]


def checked(name: str, numbers: Numbers, *shape: int | None, dtype: str = "float64") -> np.ndarray:
    """Return the numbers as an array of this shape (None: any length); ValueError unless all are there and finite."""
    array = np.asarray(numbers, dtype=dtype)
    if array.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape)):
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name} has shape {array.shape}, expected ({wanted})")
    if array.size == 0:
        raise ValueError(f"{name} is empty, shape {array.shape}: there is nothing to show")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} holds {count} numbers that are NaN or infinite in {dtype}: mask them before")
    return array
