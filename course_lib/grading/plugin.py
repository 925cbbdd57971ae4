"""nbval with a judge's eyes: values compared here, outside the learner's kernel, keyed on cell ids.

nbval collects the cells of the merged notebook, runs each, and asks for a comparison with what the notebook stores. Its
two classes are extended as pytest lets every collector and item be: a file with a kernel of ours, cells with a
comparison of ours. A test guards what we lean on besides, since an upgrade may change it.
"""

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbval.plugin
import pytest

from .judged_kernel import Died, JudgedKernel, living
from .kernel import Kernel, Limits
from .sheet import printed, printed_alike

NBVAL_VERSION = "0.11"
MOST_KERNELS = 8
SETUP = 60.0  # seconds
SHORT = 500


class JudgedFile(nbval.plugin.IPyNbFile):
    """A merged notebook, run in a kernel with limits."""

    def __init__(self, *, judge: "Judge", **node: Any) -> None:
        super().__init__(**node)
        self.judge = judge

    def setup(self) -> None:
        """Start a kernel, unless one waits already."""
        self.kernel = JudgedKernel(living(self.judge.started, self.judge.limits))

    def collect(self) -> Iterator["JudgedCell"]:
        """Let our metadata alone say what is compared, whatever NBVAL comments a learner has written."""
        for cell in super().collect():
            is_check = cell.cell.metadata.course.role == "check"
            options = defaultdict(bool, check=is_check, check_exception=not is_check)
            yield JudgedCell.from_parent(self, name=cell.name, cell_num=cell.cell_num, cell=cell.cell, options=options)


class JudgedCell(nbval.plugin.IPyNbCell):
    """One cell of it: compared by value, and by what our own checks print alone."""

    @property
    def course(self) -> Any:
        """Give what our metadata say of the cell: its role and exercise."""
        return self.cell.metadata.course

    @property
    def blamed_as(self) -> str:
        """Name what is at fault when this cell ends a kernel: its exercise, or the cell itself."""
        return self.course.exercise or self.cell.id

    def setup(self) -> None:
        """Make ready for the cell, or skip it; nbval's own setup expects all cells to fail after a timeout."""
        self.parent.judge.prepare(self)

    def compare_outputs(self, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
        """Compare values, up to rounding."""
        alike = printed_alike(printed(ref), printed(test))
        self.comparison_traceback = [] if alike else ["other values"]
        return alike


class Judge:
    """The plugin of one run: one notebook, what became of each of its cells in `outcomes`."""

    def __init__(self, limits: Limits, started: Kernel | None = None) -> None:
        self.limits, self.started = limits, started
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.blamed: dict[str, str] = {}  # exercise, or a cell of the learner's own → why it no longer runs
        self.kernels = 1
        self.end = time.monotonic() + limits.total

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> JudgedFile:
        """Take the notebook, the one file that there is."""
        return JudgedFile.from_parent(parent, path=file_path, judge=self)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the reference from the disk before the first cell runs: from here on it is in this memory alone."""
        for path in {Path(item.path) for item in session.items}:
            path.unlink()

    def prepare(self, cell: JudgedCell) -> None:
        """Give a cell a living kernel, or say why it does not run."""
        cell.parent.timed_out = False
        if time.monotonic() > self.end:
            pytest.skip(f"all {self.limits.total:g} seconds were used up before")
        if cell.blamed_as in self.blamed:
            pytest.skip(self.blamed[cell.blamed_as])
        if not cell.parent.kernel.is_alive():
            self._revive(cell)
        cell.config.option.nbval_cell_timeout = self._seconds(cell)

    def _seconds(self, cell: JudgedCell) -> float:
        """Give the setup, which is ours and imports, all the time that a busy machine may need."""
        return max(SETUP, self.limits.timeout) if cell.course.role == "setup" else self.limits.timeout

    def _revive(self, cell: JudgedCell) -> None:
        """Start a new kernel and run again what stood before, but for what ended the last one."""
        cells = cell.session.items
        earlier = [c for c in cells[: cells.index(cell)] if c.course.role != "check"]
        while self.kernels < MOST_KERNELS:
            self.kernels += 1
            cell.parent.kernel = JudgedKernel(Kernel(self.limits))
            again = (c for c in earlier if c.blamed_as not in self.blamed)
            deadly = next((c for c in again if not self._survives(cell.parent.kernel, c)), None)
            if deadly is None:
                return
            self.blamed[deadly.blamed_as] = "the kernel ended, again, while it ran this"
        pytest.skip("the kernel ended too often")

    def _survives(self, kernel: JudgedKernel, cell: JudgedCell) -> bool:
        """Run a cell again, whatever it prints; tell whether the kernel lives on. One that takes too long does not."""
        try:
            kernel.await_reply(kernel.execute_cell_input(cell.cell.source, allow_stdin=False), self._seconds(cell))
            alive = kernel.is_alive()
        except (Empty, Died):
            alive = False
        if not alive:
            kernel.stop()
        return alive

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: JudgedCell, call: pytest.CallInfo
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what became of a cell."""
        report = yield
        if call.when == "call" or (call.when == "setup" and not report.passed):
            status, why = self._became(item, call, report.outcome)
            outputs = item.test_outputs or []
            self.outcomes[item.cell.id] = {
                "role": item.course.role,
                "exercise": item.course.exercise,
                "status": status,
                "why": why or _error(outputs),
                "printed": printed(outputs) if item.course.role == "check" else [],
            }
        return report

    def _became(self, cell: JudgedCell, call: pytest.CallInfo, outcome: str) -> tuple[str, str]:
        """Say how a cell ended (passed, failed, skipped, broken, died or timeout), and why."""
        why = str(call.excinfo.value)[:SHORT] if call.excinfo else ""
        if outcome == "skipped":
            return outcome, why
        if call.when == "setup":
            return "broken", why  # a kernel that does not start is the grader's fault
        late, file = f"it ran for more than {self.limits.timeout:g} seconds", cell.parent
        if not file.kernel.is_alive():
            file.kernel.stop()
            end = "the kernel ended while it ran this (exit, a crash, or too much memory)"
            why = f"{late} and did not stop when interrupted" if file.timed_out else end
            self.blamed[cell.blamed_as] = why
            return "died", why
        if file.timed_out:
            self._slow(cell, late)
            return "timeout", late
        return outcome, why

    def _slow(self, cell: JudgedCell, why: str) -> None:
        """After two checks of an exercise that ran out of time, the others need not."""
        mine = [o for o in self.outcomes.values() if o["exercise"] == cell.course.exercise]
        if cell.course.role == "check" and any(o["status"] == "timeout" for o in mine):
            self.blamed[cell.blamed_as] = why


def _error(outputs: list[Any]) -> str:
    """Write the first error among a cell's outputs, if there is one."""
    errors = [o for o in outputs if o.output_type == "error"]
    return f"{errors[0].get('ename', '')}: {str(errors[0].get('evalue', ''))[:SHORT]}" if errors else ""
