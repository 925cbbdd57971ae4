"""Write a file whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def in_one_move(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make the file beside its place, then move it there: whoever is killed meanwhile leaves the old one.

    The folder is made where it is missing. What a failed `write` leaves behind is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())  # a name must not reach the disk before what it names
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text, in UTF-8 and with the line ends that it has."""
    in_one_move(path, lambda part: part.write_text(text, encoding="utf-8", newline=""))
