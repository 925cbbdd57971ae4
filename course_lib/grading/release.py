"""From a master to what is handed out. The build runs every solution, mutant and alternative, and refuses faults.

Written are the released notebook (blanks, public checks), the reference (everything, executed), the key (what a learner
may know, for `check`) and two pages for the site.
"""

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from .kernel import Limits, printed, run_cells
from .master import Refused, clean, imports_in, solution_lines
from .pages import exercises_page, facts, solutions_page
from .sheet import CheckCell, Exercise, Printed, Sheet, from_json, printed_alike, public, to_json
from .values import MIME, show

LONGEST = 12  # a line of a solution that is longer must not stand in anything that is handed out
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
Values = dict[str, dict[str, dict[str, Printed]]]  # exercise → "right" or a mutant's name → check → what it printed


def prepared(check: CheckCell, setup: str, salt: int) -> str:
    """Return a check cell as it is graded: from the setup's imports, whatever an answer has made of those names."""
    salted = salt if check.hidden else 0
    begin = f"from course_lib.grading.values import Check\ncheck = Check(salt={salted})"
    return f"{imports_in(setup)}\n{begin}\n{check.source}"


def variants(exercise: Exercise) -> dict[str, str]:
    """Return every answer whose worth is known: the right one first, alternatives, mutants."""
    others = {f"alternative {a.name}": a.source for a in exercise.alternatives}
    return {"right": exercise.solution, **others, **{m.name: m.source for m in exercise.mutants}}


def values(sheet: Sheet, salt: int, limits: Limits, each: Callable[[str], None] = lambda name: None) -> Values:
    """Run all variants of all exercises in one kernel, each beside blanks for all other exercises.

    So an exercise whose checks need another answer shows itself. Raises Refused where a silent cell speaks.
    """
    cells = [("setup", sheet.setup), *((f"blank {e.name}", e.blank) for e in sheet.exercises)]
    for e in sheet.exercises:
        for variant, source in variants(e).items():
            cells.append((f"{e.name}, {variant}", source))
            cells += [(f"{e.name}, {variant}, {c.id}", prepared(c, sheet.setup, salt)) for c in e.checks]
        cells.append((f"{e.name}, again blank", e.blank))
    outputs = run_cells(cells, limits, each)
    faults = _noises(sheet, outputs)
    if faults:
        raise Refused(faults)
    return {
        e.name: {v: {c.id: printed(outputs[f"{e.name}, {v}, {c.id}"]) for c in e.checks} for v in variants(e)}
        for e in sheet.exercises
    }


def _noises(sheet: Sheet, outputs: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Name every cell that must be silent, or print values alone, and is not."""
    faults = []
    for name, outs in outputs.items():
        wrong = [o for o in outs if o["output_type"] in ("error", "stream")]
        if wrong:
            what = wrong[0].get("evalue") or wrong[0].get("text", "")
            faults.append(f"{name}: it gives an {wrong[0]['output_type']}: {str(what).strip()[:200]}")
    return faults


def with_values(sheet: Sheet, found: Values) -> Sheet:
    """Write what was printed into the sheet: the expected values, and those of each mutant."""
    exercises = []
    for e in sheet.exercises:
        mine = found[e.name]
        checks = [dataclasses.replace(c, expected=mine["right"][c.id]) for c in e.checks]
        mutants = [dataclasses.replace(m, printed=mine[m.name]) for m in e.mutants]
        exercises.append(dataclasses.replace(e, checks=checks, mutants=mutants))
    return dataclasses.replace(sheet, exercises=exercises)


def faults_of_values(sheet: Sheet, found: Values) -> list[str]:
    """Say what is wrong with a sheet that has been run: checks that are silent, lax, picky, or cannot tell apart."""
    faults = []
    labels = [item["label"] for e in sheet.exercises for c in e.checks for item in c.expected]
    faults += [f"two checks print the label {name!r}" for name in sorted(set(labels)) if labels.count(name) > 1]
    for e in sheet.exercises:
        for c in e.checks:
            if not c.expected:
                faults.append(f"{c.id}: it prints no value, so it would be compared with nothing")
            bad = [i for i in c.expected if i["value"]["kind"] in ("error", "too large", "object")]
            faults += [f"{c.id}: the right answer gives {show(i['value'])[:200]}" for i in bad]
        faults += _faults_of_variants(e, found[e.name])
    return faults


def _faults_of_variants(e: Exercise, mine: dict[str, dict[str, Printed]]) -> list[str]:
    right, faults = mine["right"], []

    def alike(a: dict[str, Printed], b: dict[str, Printed]) -> bool:
        return all(printed_alike(a[c.id], b[c.id]) for c in e.checks)

    for a in e.alternatives:
        wrong = [c.id for c in e.checks if not printed_alike(right[c.id], mine[f"alternative {a.name}"][c.id])]
        if wrong:
            faults.append(f"{e.name}: the alternative {a.name!r} is right and fails {', '.join(wrong)}: too picky")
    for i, m in enumerate(e.mutants):
        if alike(mine[m.name], right):
            faults.append(f"{e.name}: the mutant {m.name!r} is wrong and passes every check: too lax")
        for other in e.mutants[:i]:
            if alike(mine[m.name], mine[other.name]):
                faults.append(f"{e.name}: no check tells the mutants {other.name!r} and {m.name!r} apart")
    return faults


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


def reference(sheet: Sheet) -> NotebookNode:
    """Make the reference: solutions, all checks, their outputs as nbval wants them, and the sheet in the metadata."""
    notebook = released(sheet)
    cells = []
    for cell in notebook.cells:
        role, name = cell.metadata.get("course", {}).get("role"), cell.metadata.get("course", {}).get("exercise")
        exercise = next((e for e in sheet.exercises if e.name == name), None)
        if role == "answer" and exercise:
            cell.source = f"{exercise.marker}\n{clean(exercise.solution)}"
            cells.append(cell)
            cells += [check_cell(c, exercise, sheet.setup, salt=0) for c in exercise.checks]
        elif role not in ("check", "show"):
            cells.append(cell)
    notebook.cells = cells
    notebook.metadata.course.reference = to_json(sheet)
    return notebook


def check_cell(check: CheckCell, exercise: Exercise, setup: str, salt: int) -> NotebookNode:
    """Make an executed check cell, whose outputs are what nbval compares with."""
    course = {"exercise": exercise.name, "weight": check.weight, "hidden": check.hidden}
    cell = _code(check.id, prepared(check, setup, salt), "check", **course)
    cell.execution_count = 1  # nbval does not compare a cell that was never run
    cell.outputs = [
        new_output("display_data", {"text/plain": f"{i['label']}: {show(i['value'])}", MIME: i}) for i in check.expected
    ]
    return cell


def leaks(sheet: Sheet, files: dict[str, str]) -> list[str]:
    """Name every line of a solution that stands in a file that is handed out."""
    return [
        f"{name}: the line {line!r} of the solution of {e.name} stands in it"
        for e in sheet.exercises
        for line in solution_lines(e.solution)
        if len(line) > LONGEST
        for name, text in files.items()
        if line in text
    ]


def open_reference(path: Path) -> Sheet:
    """Open a reference notebook. Raises Refused for a stripped or damaged one: nothing could be compared with it."""
    try:
        notebook = nbformat.read(path, as_version=4)
        sheet = from_json(notebook.metadata["course"]["reference"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused([f"{path} is no reference ({error!r}): make it with `python -m course_lib release`"]) from None
    stored = {cell.id: cell for cell in notebook.cells if cell.metadata.get("course", {}).get("role") == "check"}
    faults = []
    for e in sheet.exercises:
        for c in e.checks:
            cell = stored.get(c.id)
            if cell is None or not cell.execution_count or not printed(cell.outputs) or not c.expected:
                faults.append(f"{path}: the check {c.id} has no stored output: nbval would not compare it")
            elif not printed_alike(printed(cell.outputs), c.expected):
                faults.append(f"{path}: the stored output of {c.id} is not what the sheet says")
    if faults:
        raise Refused(faults)
    return sheet


@dataclasses.dataclass(frozen=True)
class Released:
    """Where everything went."""

    sheet: Sheet
    notebook: Path
    reference: Path
    key: Path
    page: Path
    solutions: Path


def release(
    sheet: Sheet,
    notebooks: Path,
    references: Path,
    keys: Path,
    pages: Path,
    limits: Limits | None = None,
    each: Callable[[str], None] = lambda name: None,
) -> Released:
    """Run a sheet and write all that is made of it, one folder for each kind of file.

    Raises Refused, and writes nothing, where the sheet is faulty.
    """
    found = values(sheet, 0, limits or Limits(timeout=60.0), each)
    sheet = with_values(sheet, found)
    faults = faults_of_values(sheet, found)
    handed_out = {"the notebook": nbformat.writes(released(sheet)), "the key": _key_text(sheet)}
    sources = "\n".join(cell.source for cell in released(sheet).cells)  # JSON escapes quotes: look at both
    faults += leaks(sheet, {"the released notebook": sources, "its page": exercises_page(sheet), **handed_out})
    if faults:
        raise Refused(sorted(set(faults)))
    made = Released(
        sheet,
        notebooks / f"{sheet.name}.ipynb",
        references / f"{sheet.name}.reference.ipynb",
        keys / f"{sheet.name}.json",
        pages / f"{sheet.name}.md",
        pages / f"{sheet.name}_solutions.md",
    )
    write(made.notebook, handed_out["the notebook"] + "\n")
    write(made.reference, nbformat.writes(reference(sheet)) + "\n")
    write(made.key, handed_out["the key"])
    write(made.page, exercises_page(sheet))
    write(made.solutions, solutions_page(sheet))
    return made


def _key_text(sheet: Sheet) -> str:
    return json.dumps(to_json(public(sheet)), ensure_ascii=False, separators=(",", ":")) + "\n"


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
