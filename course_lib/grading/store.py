"""Files that are written whole or not at all, and the folder of results that outlives a run."""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Store:
    """A folder of results that outlives a run, and the salt of its hidden checks."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self.folder = folder
        path = folder / "salt"
        if fresh or not path.exists():
            for old in folder.glob("*.json"):
                old.unlink()
            write(path, str(secrets.randbits(48)))
        self.salt = int(path.read_text("utf8"))

    def get(self, name: str) -> dict[str, Any] | None:
        """Return a result that was kept; None where there is none, or a damaged one."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text("utf8"))
        except (OSError, ValueError):
            return None

    def put(self, name: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        write(self.folder / f"{name}.json", json.dumps(result, ensure_ascii=False))
