"""Grade a folder of submissions: some at a time, each on its own, and go on where a run was stopped.

Each result is a file of its own, written whole or not at all, named after all that it depends on. A run that was killed
finds them again; a submission that has changed is graded anew.
"""

import dataclasses
import hashlib
import itertools
import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import course_lib

from .judge import Judging, Lost
from .kernel import KernelFailed, Limits
from .marks import Result, mark, unmarked
from .master import Refused
from .release import faults_of_values, open_reference, reference, values, with_values, write
from .sheet import Sheet, to_json
from .submission import Notebook, Unreadable, merge, parse, read, recognise_sheet

LITTER = (".ipynb_checkpoints", "__MACOSX", "__pycache__")
MAYBE = (".ipynb", ".json", ".zip", "")  # what may be a submission; a .txt beside it is none
ATTEMPTS = 3


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

    def get(self, name: str) -> Result | None:
        """Return a result that was kept; None where there is none, or a damaged one."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text("utf8"))
        except (OSError, ValueError):
            return None

    def put(self, name: str, result: Result) -> None:
        """Keep a result."""
        write(self.folder / f"{name}.json", json.dumps(result, ensure_ascii=False))


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
        waiting: list[tuple[Path, str, Notebook, Sheet]] = []
        for path in paths:
            task = self._look(path, str(path.relative_to(root)), results)
            if task:
                waiting.append(task)
            else:
                told(path, len(results), len(paths))
        if waiting:
            self._judge_all(waiting, results, lambda path: told(path, len(results), len(paths)))
        return [{"submission": path.relative_to(root).as_posix(), **results[path]} for path in paths]

    def _look(self, path: Path, name: str, results: dict[Path, Result]) -> tuple[Path, str, Notebook, Sheet] | None:
        """Put a result that needs no judge into `results`, or return what a judge needs."""
        try:
            print_of = self._fingerprint(path, name)
            kept = self.store.get(print_of)
            if kept is not None:
                results[path] = kept
                return None
            notebook = read(path)
            return path, print_of, notebook, recognise_sheet(notebook, self.sheets)
        except (Unreadable, OSError) as error:
            results[path] = unmarked("unreadable", str(error))
            return None

    def _fingerprint(self, path: Path, name: str) -> str:
        digest = hashlib.sha256(f"{name}\n{self._context}\n".encode("utf8", "surrogateescape"))
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                for piece in iter(lambda: file.read(1 << 20), b""):
                    digest.update(piece)
        return digest.hexdigest()

    def _judge_all(
        self,
        waiting: list[tuple[Path, str, Notebook, Sheet]],
        results: dict[Path, Result],
        told: Callable[[Path], None],
    ) -> None:
        judges = [Judging(self.options.limits) for _ in range(max(1, min(self.options.jobs, len(waiting))))]
        free = list(judges)
        try:
            for judge in judges:
                judge.start()
            for name in sorted({sheet.name for *_, sheet in waiting}):
                self._salt(next(s for s in self.sheets if s.name == name), judges[0])

            begun = itertools.count(1)

            def one(task: tuple[Path, str, Notebook, Sheet]) -> tuple[Path, Result]:
                judge = free.pop()
                try:
                    path, print_of, notebook, sheet = task
                    result = self._judge(notebook, sheet, judge, more=next(begun) < len(waiting))
                    if result["status"] == "graded":
                        self.store.put(print_of, result)
                    return path, result
                finally:
                    free.append(judge)

            with ThreadPoolExecutor(len(judges)) as pool:
                try:
                    for done in as_completed([pool.submit(one, task) for task in waiting]):
                        path, results[path] = done.result()
                        told(path)
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    for judge in judges:
                        judge.close()
                    raise
        finally:
            for judge in judges:
                judge.close()

    def _judge(self, notebook: Notebook, sheet: Sheet, judge: Judging, more: bool) -> Result:
        salted, salt = self._salted[sheet.name]
        merged = merge(notebook, salted, salt)
        for attempt in range(2):
            try:
                outcomes = judge([dict(cell) for cell in merged.cells], more)
                return mark(notebook, salted, merged, outcomes, self.options.public_weight)
            except Lost as lost:
                if attempt:
                    return unmarked("unjudged", f"twice the judge came to no verdict ({lost}): look at it by hand")
        raise AssertionError("unreachable")

    def _salt(self, sheet: Sheet, judge: Judging) -> None:
        """Give the hidden checks this run's inputs, and grade the reference itself: it must get full marks.

        Raises GraderBroken.
        """
        trusted = dataclasses.replace(self.options.limits, timeout=max(60.0, self.options.limits.timeout))
        for attempt in range(ATTEMPTS):
            salt = self.store.salt + attempt
            try:
                found = values(sheet, salt, trusted)
            except (Refused, KernelFailed, TimeoutError) as error:
                raise GraderBroken(f"the reference of {sheet.name} does not run any more: {error}") from None
            salted = with_values(sheet, found)
            faults = faults_of_values(salted, found)  # by chance, a mutant may pass with these inputs
            if not faults:
                break
        else:
            raise GraderBroken(f"the reference of {sheet.name} is faulty: {'; '.join(faults)}")
        self._salted[sheet.name] = salted, salt
        itself = parse(json.dumps(reference(sheet)).encode())
        result = self._judge(itself, sheet, judge, more=True)
        if result["points"] != sheet.points:
            raise GraderBroken(
                f"the reference of {sheet.name} does not get full marks: {result['reason'] or _lost(result)}"
            )


def _lost(result: Result) -> str:
    return "; ".join(f"{c['id']}: {c['why']}" for e in result["exercises"] for c in e["checks"] if not c["passed"])


def check_one(path: Path, sheets: list[Sheet], limits: Limits) -> Result:
    """Check a learner's own notebook with public checks alone; the file is only read.

    Raises Unreadable for a file that answers none of the sheets, Lost where the judge came to no verdict.
    """
    notebook = read(path)
    sheet = recognise_sheet(notebook, sheets)
    merged = merge(notebook, sheet, salt=0)
    judge = Judging(limits)
    try:
        outcomes = judge([dict(cell) for cell in merged.cells])
    finally:
        judge.close()
    return {"submission": path.name, **mark(notebook, sheet, merged, outcomes, public_weight=1.0)}


def summary(results: list[Result]) -> dict[str, Any]:
    """Count a class: how many were graded, unreadable, unjudged; and its points."""
    graded = [r for r in results if r["status"] == "graded"]
    return {
        "submissions": len(results),
        "graded": len(graded),
        "unreadable": sum(r["status"] == "unreadable" for r in results),
        "unjudged": sum(r["status"] == "unjudged" for r in results),
        "full marks": sum(r["points"] == r["of"] for r in graded),
    }


def exit_code(results: list[Result]) -> int:
    """Return 0 for full marks everywhere, 1 where points were lost, 2 where a file could not be graded."""
    if any(r["status"] != "graded" for r in results):
        return 2
    return int(any(r["points"] < r["of"] for r in results))
