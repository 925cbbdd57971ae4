"""A sheet as notebooks: the one for learners, the reference for the grader, and the check cells that are graded."""

import dataclasses
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from .master import Refused, clean, imports_in
from .pages import facts
from .sheet import CheckCell, Exercise, Printed, Sheet, from_json, printed, to_json
from .values import MIME, show

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def released(sheet: Sheet) -> NotebookNode:
    """Make the notebook for learners: texts with folded hints, blanks, public checks. No outputs."""
    cells = [_text("title", f"# {sheet.title}\n\n{sheet.text}"), _code("setup", sheet.setup, "setup")]
    for n, e in enumerate(sheet.exercises, 1):
        cells.append(_text(f"{e.name}-text", exercise_text(e, n)))
        course = {"exercise": e.name, "points": e.points, "names": e.defines}
        cells.append(_code(f"{e.name}-answer", f"{e.marker}\n{e.blank}", "answer", **course))
        for c in e.checks:
            if not c.hidden:
                cells.append(_code(c.id, c.source, "check", exercise=e.name, weight=c.weight))
        if e.show:
            cells.append(_code(f"{e.name}-show", e.show, "show", exercise=e.name))
    course = {"sheet": sheet.name, "points": sheet.points}
    return new_notebook(cells=cells, metadata=METADATA | {"course": course})


def exercise_text(e: Exercise, n: int) -> str:
    """Write the text of an exercise with its hints folded, in HTML that every notebook editor and the site fold."""
    hints = [
        f"<details>\n<summary>Hint {i} of {len(e.hints)}</summary>\n\n{hint}\n\n</details>"
        for i, hint in enumerate(e.hints, 1)
    ]
    return "\n\n".join([f"## {n}. {e.title}", facts(e), e.text, *hints])


def _text(id: str, source: str) -> NotebookNode:
    return new_markdown_cell(source.rstrip(), id=id)


def _code(id: str, source: str, role: str, **course: Any) -> NotebookNode:
    return new_code_cell(source.rstrip(), id=id, metadata={"course": {"role": role, **course}})


def prepared(check: CheckCell, setup: str, salt: int) -> str:
    """Return a check cell as it is graded: from the setup's imports, whatever an answer has made of those names."""
    salted = salt if check.hidden else 0
    begin = f"from course_lib.grading.check_cell import Check\ncheck = Check(salt={salted})"
    return f"{imports_in(setup)}\n{begin}\n{check.source}"


def graded_check(check: CheckCell, exercise: Exercise, setup: str, salt: int) -> NotebookNode:
    """Make an executed check cell, whose outputs are what nbval compares with."""
    course = {"exercise": exercise.name, "weight": check.weight, "hidden": check.hidden}
    cell = _code(check.id, prepared(check, setup, salt), "check", **course)
    cell.execution_count = 1  # nbval does not compare a cell that was never run
    cell.outputs = [
        new_output("display_data", {"text/plain": f"{i['label']}: {show(i['value'])}", MIME: i}) for i in check.expected
    ]
    return cell


def reference(sheet: Sheet) -> NotebookNode:
    """Make the reference: solutions, all checks, their outputs as nbval wants them.

    Its metadata hold the sheet, but for what is expected of right answers: that stands in the outputs, and only there.
    """
    notebook = released(sheet)
    exercises = {e.name: e for e in sheet.exercises}
    cells = []
    for cell in notebook.cells:
        course = cell.metadata.get("course", {})
        if course.get("role") == "answer":
            exercise = exercises[course["exercise"]]
            cell.source = f"{exercise.marker}\n{clean(exercise.solution)}"
            cells.append(cell)
            cells += [graded_check(c, exercise, sheet.setup, salt=0) for c in exercise.checks]
        elif course.get("role") not in ("check", "show"):
            cells.append(cell)
    notebook.cells = cells
    notebook.metadata.course.reference = to_json(_expecting(sheet, {}))
    return notebook


def open_reference(path: Path) -> Sheet:
    """Open a reference notebook. Raises Refused for a stripped or damaged one: nothing could be compared with it."""
    try:
        notebook = nbformat.read(path, as_version=4)
        sheet = from_json(notebook.metadata["course"]["reference"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"{path} is no reference ({error!r}): make it with `python -m course_lib release`"]) from None
    stored = {cell.get("id"): printed(cell.outputs) for cell in notebook.cells if cell.get("execution_count")}
    silent = [c.id for e in sheet.exercises for c in e.checks if not stored.get(c.id)]
    if silent:
        raise Refused([f"{path}: the check {id} has no stored output: nbval would not compare it" for id in silent])
    return _expecting(sheet, stored)


def _expecting(sheet: Sheet, found: dict[str, Printed]) -> Sheet:
    """Exchange what the checks of a sheet expect."""
    exercises = []
    for e in sheet.exercises:
        checks = [dataclasses.replace(c, expected=found.get(c.id, [])) for c in e.checks]
        exercises.append(dataclasses.replace(e, checks=checks))
    return dataclasses.replace(sheet, exercises=exercises)
