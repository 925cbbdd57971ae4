"""A learner's answers, taken out of what was handed in and put into the pristine sheet."""

import ast
from dataclasses import dataclass
from typing import Any

from .answers import Answer, find_answers
from .notebooks import graded_check
from .reading import Cell, Notebook
from .sheet import Sheet


@dataclass(frozen=True)
class Merged:
    """The cells to judge: pristine setup and checks with a learner's answers between them."""

    cells: list[dict[str, Any]]
    answers: dict[str, Answer]


def merge(notebook: Notebook, sheet: Sheet, salt: int) -> Merged:
    """Put a learner's answers into the pristine sheet. Checks and outputs of the submission are left behind."""
    answers = find_answers(notebook, sheet)
    own = _own_cells(notebook, sheet, answers)
    cells = [_made("setup", sheet.setup, "setup")]
    for e in sheet.exercises:
        cells += [_made(f"own-{i}", notebook.cells[i].source, "own") for i in own[e.name]]
        where = answers[e.name].cell
        if where is not None:
            cells.append(_made(f"{e.name}-answer", notebook.cells[where].source, "answer", e.name))
            cells += [graded_check(c, e, sheet.setup, salt) for c in e.checks]
    return Merged(cells, answers)


def _own_cells(notebook: Notebook, sheet: Sheet, answers: dict[str, Answer]) -> dict[str, list[int]]:
    """Give the learner's other code cells (a helper, an added import) to the answer that follows, else to the last."""
    at = {a.cell: e.name for e in sheet.exercises if (a := answers[e.name]).cell is not None}
    own: dict[str, list[int]] = {e.name: [] for e in sheet.exercises}
    waiting: list[int] = []
    for i, cell in enumerate(notebook.cells):
        if i in at:
            own[at[i]] += waiting
            waiting = []
        elif cell.kind == "code" and _is_own(cell, sheet):
            waiting.append(i)
    if at:
        own[at[max(at)]] += waiting
    return own


def _is_own(cell: Cell, sheet: Sheet) -> bool:
    """Tell whether a code cell is the learner's own work, and not one that was handed out."""
    sources, ids = {sheet.setup.strip()}, set()
    for e in sheet.exercises:
        sources |= {e.show.strip(), f"{e.marker}\n{e.blank}".strip(), *(c.source.strip() for c in e.checks)}
        ids |= {f"{e.name}-show", *(c.id for c in e.checks)}
    text = cell.source.strip()
    is_check = cell.course.get("role") in ("check", "show") or cell.id in ids
    return bool(text) and text not in sources and not is_check and not _only_checks(text)


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
