"""Which sheet a notebook answers, and where its answers are: told from its content, not from its name."""

import re
from dataclasses import dataclass

from .master import defined_names
from .reading import Notebook, Unreadable
from .sheet import Exercise, Sheet


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
