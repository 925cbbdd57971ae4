"""What every figure asks of what it is given: each check names the argument, and says what was wrong with it."""

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

Numbers = np.ndarray | Sequence[Any]
Real = float | int
FLOAT32 = "<f4"  # what travels as bytes: little-endian on every machine


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


def probabilities(
    name: str, numbers: Numbers, *shape: int | None, whole: bool = False, dtype: str = "float64"
) -> np.ndarray:
    """Return checked numbers that are ≥ 0 and sum to at most 1 along the last axis, or to 1 if they are the `whole`."""
    p = checked(name, numbers, *shape, dtype=dtype)
    least, most = p.sum(-1).min(), p.sum(-1).max()
    if p.min() < 0 or most > 1 + (1e-3 if whole else 1e-4) or (whole and least < 1 - 1e-3):
        wanted = "to 1" if whole else "to at most 1"
        raise ValueError(f"{name} run from {p.min():.4g} and sum to {least:.6g} … {most:.6g}, not {wanted}")
    return p


def within(name: str, value: Real, least: Real, most: Real) -> Real:
    """Return a number that lies in least … most, ends included; ValueError otherwise."""
    if not least <= value <= most:
        raise ValueError(f"{name}={value} is not in {least} … {most}")
    return value


def index(name: str, value: int, things: Sized) -> int:
    """Return the place of one of these things, counted from 0; ValueError where there is none."""
    if not 0 <= value < len(things):
        raise ValueError(f"{name}={value}: there are {len(things)}")
    return value


def strings(name: str, items: Sequence[str]) -> list[str]:
    """Return a list of at least one string; ValueError for none, or for a string in the place of a list."""
    if isinstance(items, str) or not items:
        raise ValueError(f"{name}={items!r}: pass a list with at least one string")
    return list(items)
