"""A run in the middle: one file with all that it needs to go on as if it had never stopped."""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.atomic import in_one_move

BROKEN = (RuntimeError, LookupError, TypeError, ValueError, AttributeError, OSError, EOFError, pickle.UnpicklingError)


def save_state(path: Path, model: nn.Module, optimisers: list[torch.optim.Optimizer], step: int, **more: Any) -> None:
    """Write weights, the optimisers' memories, and how many steps were taken; `more` holds plain values.

    The file is replaced in one move: a run that is killed while it writes leaves the old one.
    """
    held = {"step": step, "model": model.state_dict(), "optimisers": [o.state_dict() for o in optimisers], **more}
    written = io.BytesIO()  # written straight to a full disk, torch raises an error of its own that names no disk
    torch.save(held, written)
    in_one_move(path, lambda part: part.write_bytes(written.getbuffer()))


def load_state(path: Path, model: nn.Module, optimisers: list[torch.optim.Optimizer]) -> dict[str, Any]:
    """Put model and optimisers back to where they were; return the steps taken and the plain values, by name.

    Nothing but numbers is read: a file that would run code is refused. Raises FileNotFoundError, and ValueError for
    a file that is broken or belongs to another model or other optimisers.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(held["step"], int):
            raise ValueError(f"its step is {held['step']!r}")
        states = held.pop("optimisers")
        model.load_state_dict(held.pop("model"))
        for optimiser, state in zip(optimisers, states, strict=True):
            optimiser.load_state_dict(state)
    except BROKEN as error:
        raise ValueError(f"{path} is no state of this run, or is broken: {str(error)[:300]}") from error
    return held
