"""Grade a folder of submissions: some at a time, each on its own, and go on where a run was stopped.

Each result is a file of its own, written whole or not at all, named after all that it depends on. A run that was killed
finds them again; a submission that has changed is graded anew.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import course_lib

from .answers import recognise_sheet
from .judges import Cells, Judges, Lost, Outcomes
from .kernel import Kernel, KernelFailed, Limits
from .marks import Result, mark, unmarked
from .master import Refused
from .merging import merge
from .notebooks import open_reference, reference
from .reading import Notebook, Unreadable, parse, read
from .sheet import Sheet, to_json
from .store import Store
from .trial import faults_of_values, run_variants, with_values

LITTER = (".ipynb_checkpoints", "__MACOSX", "__pycache__")
MAYBE = (".ipynb", ".json", ".zip", "")  # what may be a submission; a .txt beside it is none
ATTEMPTS = 3
Judge = Callable[[Cells], Outcomes]


class GraderBroken(Exception):
    """The grader or a reference is at fault, and no grades may be written."""


@dataclass(frozen=True)
class Options:
    """How a class is graded."""

    limits: Limits = field(default_factory=Limits)
    jobs: int = 2
    public_weight: float = 0.0


def find_submissions(folder: Path) -> list[Path]:
    """Return the files that may be submissions, in a fixed order: notebooks, and what may be one by another name."""
    if folder.is_file():
        return [folder]
    files = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    kept = [path for path in files if not any(p.startswith(".") or p in LITTER for p in path.relative_to(folder).parts)]
    return [path for path in kept if path.suffix.lower() in MAYBE]


def open_references(folder: Path) -> list[Sheet]:
    """Open all references of a folder, or one. Raises GraderBroken where there is none, or a faulty one."""
    paths = [folder] if folder.is_file() else sorted(folder.glob("*.reference.ipynb"))
    if not paths:
        raise GraderBroken(f"{folder} holds no reference: make it with `python -m course_lib release`")
    try:
        return [open_reference(path) for path in paths]
    except Refused as refused:
        raise GraderBroken(str(refused)) from None


@dataclass(frozen=True)
class Task:
    """A submission that waits for a judge: what it holds, the sheet that it answers, the name of its result."""

    path: Path
    kept_as: str
    notebook: Notebook
    sheet: Sheet


class Classroom:
    """The grader of a class: references with this run's salt, judges, and what is kept between runs."""

    def __init__(self, sheets: list[Sheet], options: Options, store: Store) -> None:
        self.sheets, self.options, self.store = sheets, options, store
        self._salted: dict[str, tuple[Sheet, int]] = {}
        settings = {"version": course_lib.__version__, "public": options.public_weight}
        limits = dataclasses.asdict(options.limits)
        self._context = json.dumps([[to_json(s) for s in sheets], settings, limits], sort_keys=True)

    def grade(self, folder: Path, told: Callable[[Path, int, int], None] = lambda path, done, of: None) -> list[Result]:
        """Grade all submissions of a folder; `told` hears of each one that is done.

        Raises GraderBroken where the fault is ours: then there are no grades.
        """
        paths = find_submissions(folder)
        root = folder if folder.is_dir() else folder.parent
        results: dict[Path, Result] = {}

        def done(path: Path, result: Result) -> None:
            results[path] = result
            told(path, len(results), len(paths))

        found = {path: self._look(path, str(path.relative_to(root))) for path in paths}
        for path, result in found.items():
            if not isinstance(result, Task):
                done(path, result)
        self._judge([task for task in found.values() if isinstance(task, Task)], done)
        return [{"submission": path.relative_to(root).as_posix(), **results[path]} for path in paths]

    def _look(self, path: Path, name: str) -> Task | Result:
        """Return a result that needs no judge, or what a judge needs."""
        try:
            kept_as = self._fingerprint(path, name)
            kept = self.store.get(kept_as)
            if kept is not None:
                return kept
            notebook = read(path)
            return Task(path, kept_as, notebook, recognise_sheet(notebook, self.sheets))
        except (Unreadable, OSError) as error:
            return unmarked("unreadable", str(error))

    def _fingerprint(self, path: Path, name: str) -> str:
        digest = hashlib.sha256(f"{name}\n{self._context}\n".encode("utf8", "surrogateescape"))
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                for piece in iter(lambda: file.read(1 << 20), b""):
                    digest.update(piece)
        return digest.hexdigest()

    def _judge(self, tasks: list[Task], done: Callable[[Path, Result], None]) -> None:
        """Judge what waits, some at a time, and keep each result as soon as it is there."""
        if not tasks:
            return
        with Judges(self.options.limits, max(1, min(self.options.jobs, len(tasks)))) as judges:
            for sheet in {task.sheet.name: task.sheet for task in tasks}.values():
                self._salted[sheet.name] = self._salt(sheet)
                self._reference_gets_full_marks(sheet, judges.first)
            for task, result in judges.each(tasks, self._graded):
                done(task.path, result)

    def _graded(self, task: Task, judge: Judge) -> Result:
        result = self._marked(task.notebook, task.sheet, judge)
        if result["status"] == "graded":
            self.store.put(task.kept_as, result)
        return result

    def _marked(self, notebook: Notebook, sheet: Sheet, judge: Judge) -> Result:
        """Take a submission all the way: into the pristine sheet, to a judge, to its marks."""
        salted, salt = self._salted[sheet.name]
        merged = merge(notebook, salted, salt)
        try:
            outcomes = _judged_again_if_lost(merged.cells, judge)
        except Lost as lost:
            return unmarked("unjudged", f"twice the judge came to no verdict ({lost}): look at it by hand")
        return mark(notebook, salted, merged, outcomes, self.options.public_weight)

    def _salt(self, sheet: Sheet) -> tuple[Sheet, int]:
        """Give the hidden checks this run's inputs; others, where a mutant passes with these by chance.

        Raises GraderBroken.
        """
        trusted = dataclasses.replace(self.options.limits, timeout=max(60.0, self.options.limits.timeout))
        faults: list[str] = []
        try:
            with Kernel(trusted) as kernel:
                for salt in range(self.store.salt, self.store.salt + ATTEMPTS):
                    found = run_variants(sheet, salt, kernel)
                    salted = with_values(sheet, found)
                    faults = faults_of_values(salted, found)
                    if not faults:
                        return salted, salt
        except (Refused, KernelFailed, TimeoutError) as error:
            raise GraderBroken(f"the reference of {sheet.name} does not run any more: {error}") from None
        raise GraderBroken(f"the reference of {sheet.name} is faulty: {'; '.join(faults)}")

    def _reference_gets_full_marks(self, sheet: Sheet, judge: Callable[..., Outcomes]) -> None:
        """Grade the reference itself, as a submission. Raises GraderBroken."""
        itself = parse(json.dumps(reference(sheet)).encode())
        result = self._marked(itself, sheet, lambda cells: judge(cells, more=True))
        if result["points"] != sheet.points:
            why = result["reason"] or _lost(result)
            raise GraderBroken(f"the reference of {sheet.name} does not get full marks: {why}")


def _judged_again_if_lost(cells: Cells, judge: Judge) -> Outcomes:
    """Judge, and once more where the verdict was lost. Raises Lost."""
    try:
        return judge(cells)
    except Lost:
        return judge(cells)


def _lost(result: Result) -> str:
    return "; ".join(f"{c['id']}: {c['why']}" for e in result["exercises"] for c in e["checks"] if not c["passed"])


def check_one(path: Path, sheets: list[Sheet], limits: Limits) -> Result:
    """Check a learner's own notebook with public checks alone; the file is only read.

    Raises Unreadable for a file that answers none of the sheets, Lost where the judge came to no verdict.
    """
    notebook = read(path)
    sheet = recognise_sheet(notebook, sheets)
    merged = merge(notebook, sheet, salt=0)
    with Judges(limits, 1) as judges:
        outcomes = judges.first(merged.cells)
    return {"submission": path.name, **mark(notebook, sheet, merged, outcomes, public_weight=1.0)}
