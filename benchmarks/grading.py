"""What grading costs: merge and nbval beside plain `pytest --nbval` on the same notebook, and whole classes.

Claims: to judge a notebook costs at most 1.1 times as much as plain nbval on it; a class costs less for each notebook,
since judges import everything once; memory does not grow with the class. Processor seconds are those of every process
that was started, kernels too, sampled while they live; they hold on a busy machine, wall seconds do not. nbgrader is
not among our pins: where an environment of its own has it (`pip install nbgrader numpy matplotlib ipykernel`), name its
program, and its autograde gets the same cells, 20 submissions of them, in turn with ours. Claim: three times as fast.
Run: python -m benchmarks.grading [--many] [--nbgrader ENVIRONMENT/bin/nbgrader]
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil

from course_lib.grading.classroom import Classroom, Options
from course_lib.grading.judges import JudgeProcess
from course_lib.grading.kernel import Limits, sandbox_works
from course_lib.grading.master import read_master
from course_lib.grading.merging import merge
from course_lib.grading.notebooks import reference
from course_lib.grading.reading import parse
from course_lib.grading.release import release
from course_lib.grading.store import Store

MASTER = Path(__file__).parents[1] / "masters" / "04_heads.py"
ROUNDS = 3
SAMPLE = 0.02  # seconds


class Meter(threading.Thread):
    """Add up the processor seconds of all descendants while a piece of work runs: `used`, and `wall`."""

    def __enter__(self):
        self.last: dict[tuple[int, float], float] = {}
        self.begin, self.over = time.perf_counter(), threading.Event()
        self.start()
        return self

    def run(self):
        while not self.over.wait(SAMPLE):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    times = process.cpu_times()
                    self.last[process.pid, process.create_time()] = times.user + times.system

    def __exit__(self, *error):
        self.wall = time.perf_counter() - self.begin
        self.over.set()
        self.join()
        self.used = sum(self.last.values())


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Processor and wall seconds of a piece of work: the best of the rounds."""
    found = []
    for _ in range(ROUNDS):
        with Meter() as meter:
            work()
        found.append((meter.used, meter.wall))
    return min(found)


def one_notebook(sheet, folder: Path) -> None:
    """Plain nbval on the reference, and our merge and judge on the same cells."""
    path = folder / "plain.ipynb"
    itself = reference(sheet)
    nbformat.write(itself, path)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider", str(path)]

    def plain() -> None:
        assert subprocess.run([sys.executable, *options], **quiet, check=False).returncode == 0

    def ours(sandbox: bool) -> None:
        judge = JudgeProcess(Limits(sandbox=sandbox))
        judge([dict(cell) for cell in merge(parse(json.dumps(itself).encode()), sheet, salt=0).cells])
        judge.close()

    peers = {"pytest --nbval": plain, "merge and nbval": lambda: ours(False)}
    if sandbox_works():
        peers["the same, in the sandbox"] = lambda: ours(True)
    print(f"\n{'one notebook':28} processor    wall   times plain")
    times = {name: spent(work) for name, work in peers.items()}
    for name, (used, wall) in times.items():
        print(f"{name:28} {used:9.2f} {wall:7.2f} {used / times['pytest --nbval'][0]:9.2f}")


def whole_class(sheet, folder: Path, n: int) -> Meter:
    """Grade n submissions with two workers; the sheet's own check that it grades itself is part of it."""
    submissions = folder / f"class-{n}"
    submissions.mkdir()
    for i in range(n):
        nbformat.write(reference(sheet), submissions / f"{i:03}.ipynb")
    room = Classroom([sheet], Options(Limits(sandbox=sandbox_works()), jobs=2), Store(folder / f"state-{n}"))
    with Meter() as meter:
        results = room.grade(submissions)
    assert all(r["points"] == sheet.points for r in results)
    memory = psutil.Process().memory_info().rss / 2**20
    print(f"{n:>5} submissions, 2 workers {meter.used:9.2f} {meter.wall:7.2f} {meter.used / n:9.2f} {memory:8.0f}")
    return meter


def nbgraders(sheet, folder: Path, n: int, program: Path) -> Meter:
    """Let nbgrader's autograde have n submissions with the same cells, all right."""
    course = folder / "course"
    release = course / "release" / "sheet" / "sheet.ipynb"
    environment = os.environ | {"PYTHONPATH": str(MASTER.parents[1]), "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def run(*verb: str) -> None:
        done = subprocess.run([str(program), *verb], cwd=course, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]

    source = course / "source" / "sheet" / "sheet.ipynb"
    source.parent.mkdir(parents=True)
    (course / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
    solved = reference(sheet)
    for i, cell in enumerate(solved.cells):
        role = cell.metadata.get("course", {}).get("role")
        kind = {"answer": {"solution": True, "locked": False}, "check": {"grade": True, "locked": True, "points": 1}}
        if role in kind:
            plain = {"grade": False, "solution": False, "task": False, "schema_version": 3, "cell_type": "code"}
            cell.metadata["nbgrader"] = plain | {"grade_id": f"cell{i}"} | kind[role]
    nbformat.write(solved, source)
    run("generate_assignment", "sheet")
    answers = {c.metadata.nbgrader.grade_id: c.source for c in solved.cells if "nbgrader" in c.metadata}
    notebook = nbformat.read(release, 4)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.source = answers[cell.metadata.nbgrader.grade_id]
    for i in range(n):
        place = course / "submitted" / f"s{i:03}" / "sheet"
        place.mkdir(parents=True)
        nbformat.write(notebook, place / "sheet.ipynb")
    with Meter() as meter:
        run("autograde", "sheet")
    print(f"{n:>5} submissions, nbgrader  {meter.used:9.2f} {meter.wall:7.2f} {meter.used / n:9.2f}")
    return meter


def in_turn(sheet, folder: Path, n: int, program: Path) -> None:
    """Grade the same class with both, in turn, so that both meet the same machine; compare the best rounds."""
    ours, theirs = [], []
    for i in range(ROUNDS):
        place = folder / f"round-{i}"
        place.mkdir()
        ours.append(whole_class(sheet, place, n))
        theirs.append(nbgraders(sheet, place, n, program))
    wall, used = (min(getattr(m, of) for m in theirs) / min(getattr(m, of) for m in ours) for of in ("wall", "used"))
    print(f"nbgrader takes {wall:.1f} times our wall seconds, {used:.1f} times our processor seconds")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", action="store_true", help="also a class of 200")
    parser.add_argument("--nbgrader", type=Path, help="the program nbgrader of another environment")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sheet = release(read_master(MASTER), *(folder / part for part in "nrks")).sheet
        print(f"The sheet {sheet.name}; the sandbox {'works' if sandbox_works() else 'is missing'}; seconds")
        one_notebook(sheet, folder)
        print(f"\n{'a class':28} processor    wall      each   our MB")
        for n in (20, 200) if args.many else (20,):
            whole_class(sheet, folder, n)
        if args.nbgrader:
            in_turn(sheet, folder, 20, args.nbgrader.absolute())


if __name__ == "__main__":
    main()
