"""What a learner hands in: read with no trust at all, its answers found, and put into the pristine sheet.

Nothing here runs a learner's code. No file, however broken, gives anything but `Unreadable` with a reason to act on.
"""

import ast
import codecs
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .master import defined_names
from .sheet import Exercise, Sheet

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


# ---- which sheet, and where the answers are


@dataclass(frozen=True)
class Answer:
    """How an exercise was answered: its cell (None where there is none), how it was found, what to tell its owner."""

    cell: int | None
    found_by: str = ""
    note: str = ""


def find_answers(notebook: Notebook, sheet: Sheet) -> dict[str, Answer]:
    """Find the answer to each exercise by its marker, else by metadata, else by id, else by what it defines.

    Of several, the last that is not blank counts: it is the one that a learner ran last.
    """
    return {exercise.name: _find(notebook, exercise) for exercise in sheet.exercises}


def _find(notebook: Notebook, exercise: Exercise) -> Answer:
    code = [(i, c) for i, c in enumerate(notebook.cells) if c.kind == "code"]
    ways = {
        "marker": lambda c: _has_marker(c.source, exercise),
        "metadata": lambda c: c.course.get("role") == "answer" and c.course.get("exercise") == exercise.name,
        "id": lambda c: c.id == f"{exercise.name}-answer",
        "name": lambda c: c.id not in _pristine_ids(exercise) and set(exercise.defines) <= set(_names(c.source)),
    }
    for way, fits in ways.items():
        hits = [i for i, c in code if fits(c)]
        if hits:
            full = [i for i in hits if not is_blank(notebook.cells[i].source, exercise)]
            note = f"the answer stands in {len(hits)} cells: the last one counts" if len(full) > 1 else ""
            return Answer((full or hits)[-1], way, note)
    if any(_has_marker(c.source, exercise) for c in notebook.cells if c.kind != "code"):
        return Answer(None, "", "the answer stands in a text cell: turn that cell back into a code cell")
    return Answer(None, "", "no answer was found: its cell, and the line that marks it, are gone")


def _has_marker(source: str, exercise: Exercise) -> bool:
    return bool(re.search(rf"^[ \t]*#[ \t]*answer:[ \t]*{re.escape(exercise.name)}\b(?!-)", source, re.M))


def _pristine_ids(exercise: Exercise) -> set[str]:
    return {c.id for c in exercise.checks} | {f"{exercise.name}-show", "setup"}


def _names(source: str) -> list[str]:
    """Return what a cell defines, magics left out; as good as can be said of code that does not parse."""
    plain = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith(("%", "!")))
    try:
        return defined_names(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"^(?:def|class)[ \t]+(\w+)", plain, re.M)


def is_blank(source: str, exercise: Exercise) -> bool:
    """Tell whether a cell still holds the blank alone."""

    def bare(text: str) -> list[str]:
        return [line.split("#")[0].strip() for line in text.splitlines() if line.split("#")[0].strip()]

    return bare(source) == bare(exercise.blank) or not bare(source)


def recognise_sheet(notebook: Notebook, sheets: list[Sheet]) -> Sheet:
    """Tell from a notebook's content which sheet it answers. Raises Unreadable where it answers none.

    The one counts of which most answers are found; where that leaves two, the one that the notebook names.
    """
    if notebook.language.lower() not in ("", "python", "python3", "ipython"):
        raise Unreadable(f"it is a notebook in {notebook.language[:40]}, not in Python")

    def worth(sheet: Sheet) -> tuple[int, bool]:
        answers = find_answers(notebook, sheet).values()
        strong = sum(3 if a.found_by == "marker" else 1 for a in answers if a.cell is not None or "text cell" in a.note)
        return strong, sheet.name == notebook.sheet

    best = max(sheets, key=worth)
    if worth(best) == (0, False):
        names = ", ".join(sheet.name for sheet in sheets)
        raise Unreadable(f"no answer to an exercise of {names} was found in it")
    return best


# ---- into the pristine sheet


@dataclass(frozen=True)
class Merged:
    """The cells to judge: pristine setup and checks with a learner's answers between them."""

    cells: list[dict[str, Any]]
    answers: dict[str, Answer]


def merge(notebook: Notebook, sheet: Sheet, salt: int) -> Merged:
    """Put a learner's answers into the pristine sheet. Checks and outputs of the submission are left behind.

    Other code cells (a helper, an import added to the setup) go before the answer that follows them.
    """
    answers = find_answers(notebook, sheet)
    at = {a.cell: e for e in sheet.exercises if (a := answers[e.name]).cell is not None}
    before: dict[str, list[int]] = {e.name: [] for e in sheet.exercises}
    waiting: list[int] = []
    for i, cell in enumerate(notebook.cells):
        if i in at:
            before[at[i].name] += waiting
            waiting = []
        elif cell.kind == "code" and _is_own(cell, sheet):
            waiting.append(i)
    if at and waiting:
        before[at[max(at)].name] += waiting
    cells = [_made("setup", sheet.setup, "setup")]
    for e in sheet.exercises:
        cells += [_made(f"own-{i}", notebook.cells[i].source, "own") for i in before[e.name]]
        where = answers[e.name].cell
        if where is not None:
            cells.append(_made(f"{e.name}-answer", notebook.cells[where].source, "answer", e.name))
            cells += [_check(c, e, sheet, salt) for c in e.checks]
    return Merged(cells, answers)


def _is_own(cell: Cell, sheet: Sheet) -> bool:
    """Tell whether a code cell is the learner's own work, and not one that was handed out."""
    handed_out = {c.source.strip() for e in sheet.exercises for c in e.checks} | {
        e.show.strip() for e in sheet.exercises
    }
    handed_out |= {sheet.setup.strip(), *(f"{e.marker}\n{e.blank}".strip() for e in sheet.exercises)}
    ids = {c.id for e in sheet.exercises for c in e.checks} | {f"{e.name}-show" for e in sheet.exercises}
    text = cell.source.strip()
    is_check = cell.course.get("role") in ("check", "show") or cell.id in ids
    return bool(text) and text not in handed_out and not is_check and not _only_checks(text)


def _only_checks(text: str) -> bool:
    """Tell whether a cell does nothing but call check: an edited check without its id."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    calls = [node.value.func for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    roots = [f.value if isinstance(f, ast.Attribute) else f for f in calls]
    return bool(body) and len(calls) == len(body) and all(isinstance(r, ast.Name) and r.id == "check" for r in roots)


def _made(id: str, source: str, role: str, exercise: str = "") -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": id,
        "source": source,
        "metadata": {"course": {"role": role, "exercise": exercise}},
        "outputs": [],
        "execution_count": None,
    }


def _check(check: Any, exercise: Exercise, sheet: Sheet, salt: int) -> dict[str, Any]:
    from .release import check_cell

    return dict(check_cell(check, exercise, sheet.setup, salt))
