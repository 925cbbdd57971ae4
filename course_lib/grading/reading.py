"""What a learner hands in, read with no trust at all.

Nothing here runs a learner's code. No file, however broken, gives anything but `Unreadable` with a reason to act on.
"""

import codecs
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LARGEST = 50 << 20
MOST_CELLS = 2000
ENCODINGS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Unreadable(Exception):
    """A file that holds no submission; the message says why, and what its owner can do."""


@dataclass(frozen=True)
class Cell:
    """One cell as it was handed in."""

    kind: str
    source: str
    id: str = ""
    course: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notebook:
    """A notebook as it was handed in: its cells, the language that it says it is in, the sheet that it says it is."""

    cells: list[Cell]
    language: str = ""
    sheet: str = ""


def read(path: Path) -> Notebook:
    """Read a notebook of any format version and encoding. Raises Unreadable."""
    if path.is_symlink():
        raise Unreadable("it is a link to another file: hand in the file itself")
    try:
        if not path.is_file():
            raise Unreadable("it is no file")
        if path.stat().st_size > LARGEST:
            size = path.stat().st_size >> 20
            raise Unreadable(
                f"it holds {size} MB: clear the outputs (Edit, Clear Outputs of All Cells), save, hand in again"
            )
        return parse(path.read_bytes())
    except OSError as error:
        raise Unreadable(f"it cannot be opened: {error.strerror}") from None


def parse(data: bytes) -> Notebook:
    """Make a notebook of the bytes of a file. Raises Unreadable."""
    raw = _json(_text(data))
    if not isinstance(raw, dict):
        raise Unreadable("it is JSON, but no notebook")
    cells = raw.get("cells")
    if not isinstance(cells, list):  # before version 4, cells lay in worksheets
        sheets = raw.get("worksheets")
        found = [w.get("cells") for w in sheets if isinstance(w, dict)] if isinstance(sheets, list) else []
        cells = [cell for group in found if isinstance(group, list) for cell in group]
    if not cells:
        raise Unreadable("it holds no cells: is it a notebook?")
    if len(cells) > MOST_CELLS:
        raise Unreadable(f"it holds {len(cells)} cells, more than {MOST_CELLS}")
    metadata = _dict(raw.get("metadata"))
    kernel, info = _dict(metadata.get("kernelspec")), _dict(metadata.get("language_info"))
    language = str(kernel.get("language") or info.get("name") or "")
    name = _dict(metadata.get("course")).get("sheet")
    return Notebook(
        [_cell(cell) for cell in cells if isinstance(cell, dict)], language, name if isinstance(name, str) else ""
    )


def _text(data: bytes) -> str:
    if not data.strip():
        raise Unreadable("it is empty: was it saved?")
    if data.startswith(b"PK\x03\x04"):
        raise Unreadable("it is a zip archive: unpack it, and hand in the .ipynb inside")
    encoding = next((name for bom, name in ENCODINGS if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("it is no text: hand in the .ipynb file") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable("it is nested too deeply for a notebook") from None
    except ValueError as error:
        if re.search(r"^(<<<<<<<|=======|>>>>>>>)", text, re.M):
            raise Unreadable("it holds the marks of a merge conflict (<<<<<<<): solve it, and hand in again") from None
        raise Unreadable(f"it is broken, or was cut off: {str(error)[:200]}") from None


def _dict(thing: Any) -> dict[str, Any]:
    return thing if isinstance(thing, dict) else {}


def _cell(raw: dict[str, Any]) -> Cell:
    source = raw.get("source", raw.get("input", ""))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    text = source if isinstance(source, str) else ""
    text = text.encode("utf8", "replace").decode("utf8").replace("\r\n", "\n").replace("\r", "\n")  # no lone surrogates
    course = _dict(_dict(raw.get("metadata")).get("course"))
    return Cell(str(raw.get("cell_type", ""))[:20], text, str(raw.get("id", ""))[:200], course)
