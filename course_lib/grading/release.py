"""From a master to what is handed out. The build runs every solution, mutant and alternative, and refuses faults.

Written are the released notebook (blanks, public checks), the reference (everything, executed), the key (what a learner
may know, for `check`) and two pages for the site.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from .kernel import Kernel, Limits
from .master import Refused, solution_lines
from .notebooks import reference, released
from .pages import exercises_page, solutions_page
from .sheet import Sheet, public, to_json
from .store import write
from .trial import faults_of_values, run_variants, with_values

LONGEST = 12  # a line of a solution that is longer must not stand in anything that is handed out


@dataclass(frozen=True)
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
    with Kernel(limits or Limits(timeout=60.0)) as kernel:
        found = run_variants(sheet, 0, kernel, each)
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
