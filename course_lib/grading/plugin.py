"""nbval with a judge's eyes: values compared here, outside the learner's kernel, keyed on cell ids.

nbval runs the cells of the merged notebook and asks `compare` about the outputs of each check. What else we lean on:
its names in NBVAL_NAMES, which a test guards, since an upgrade may change them.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbval.kernel
import nbval.plugin
import pytest
import zmq

from .kernel import Kernel, Limits, printed
from .sheet import printed_alike
from .values import MIME

NBVAL_VERSION = "0.11"
NBVAL_NAMES = {
    nbval.plugin.IPyNbFile: ["setup", "collect", "teardown", "timed_out", "kernel", "get_kernel_message"],
    nbval.plugin.IPyNbCell: ["setup", "runtest", "compare_outputs", "raise_cell_error"],
    nbval.kernel.RunningKernel: [
        *("_ensure_iopub_up", "await_idle", "await_reply", "execute_cell_input"),
        *("get_message", "interrupt", "is_alive", "stop"),
    ],
}
MOST_HELD = 10_000  # messages of one cell that may matter; a flood of more ends in "no answer"
LARGEST_OUTPUT = 20 << 20
MOST_KERNELS = 8
SETUP = 60.0  # seconds
PATIENCE = 5  # seconds for an interrupted kernel to come back
SHORT = 500


class Died(Exception):
    """The kernel ended while a cell ran."""


class JudgedKernel(nbval.kernel.RunningKernel):
    """nbval's running kernel with limits: sees a death at once, and keeps of a flood only what may matter."""

    limits = Limits()
    started: list[Kernel] = []  # noqa: RUF012  (one that was started before there was a notebook for it)

    def __init__(self, kernel_name: str = "", cwd: str | None = None, startup_timeout: float = 60) -> None:
        self._kernel = self._take() or Kernel(self.limits)
        self.km, self.kc = self._kernel.manager, self._kernel.client
        self._held: deque[dict[str, Any]] = deque()
        self._poller = zmq.Poller()
        for channel in (self.kc.shell_channel, self.kc.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)
        self._ensure_iopub_up()

    def _take(self) -> Kernel | None:
        """Take the kernel that was started before, if it still lives."""
        kernel = self.started.pop() if self.started else None
        if kernel is None or kernel.manager.is_alive():
            return kernel
        return kernel.close()

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the reply to a request. Raises Empty when time is over, Died when the kernel has ended."""
        end = time.monotonic() + (timeout or 60)
        while time.monotonic() < end:
            reply = self._listen(0.2)
            if reply is not None and reply["parent_header"].get("msg_id") == msg_id:
                return
            if reply is None and not self.is_alive():
                raise Died("the kernel ended while it ran this cell")
        raise Empty

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message that may matter. Raises Empty when time is over or the kernel has ended."""
        end = time.monotonic() + (timeout or 0)
        while True:
            if self._held:
                return self._held.popleft()
            if time.monotonic() > end or not self.is_alive():
                raise Empty
            self._listen(0.1)

    def _listen(self, seconds: float) -> dict[str, Any] | None:
        """Take one message from each channel that has one; hold what the cell printed, return what it replied."""
        ready = dict(self._poller.poll(seconds * 1000))
        reply = None
        if self.kc.iopub_channel.socket in ready:
            message = _received(self.kc.get_iopub_msg)
            if message is not None and _matters(message) and len(self._held) < MOST_HELD:
                self._held.append(message)
        elif self.kc.shell_channel.socket in ready:
            reply = _received(self.kc.get_shell_msg)
        return reply

    def stop(self) -> None:
        """End the kernel at once."""
        self._kernel.close()
        if hasattr(self, "km"):
            del self.km


def _received(get: Callable[..., dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return get(timeout=0)
    except (Empty, ValueError, TypeError, KeyError):  # a message that a learner's code forged, unsigned or unreadable
        return None


def _matters(message: dict[str, Any]) -> bool:
    """Keep states, errors, and what our own checks print; the rest of a learner's output is never looked at."""
    kind, content = message["msg_type"], message["content"]
    if kind == "status":
        return content.get("execution_state") == "idle"
    if kind in ("display_data", "execute_result"):
        return MIME in content.get("data", {}) and len(str(content["data"][MIME])) < LARGEST_OUTPUT
    return kind == "error"


def compare(self: nbval.plugin.IPyNbCell, test: list[Any], ref: list[Any], skip_compare: Any = None) -> bool:
    """Take the place of nbval's comparison: values up to rounding, and of our own checks alone."""
    alike = printed_alike(printed(ref), printed(test))
    self.comparison_traceback = [] if alike else ["other values"]
    return alike


class Judge:
    """The plugin of one run: one notebook, what became of each of its cells in `outcomes`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.blamed: dict[str, str] = {}  # exercise, or a cell of the learner's own → why it no longer runs
        self.kernels = 1
        self.end = time.monotonic() + limits.total

    def pytest_collection_modifyitems(self, items: list[nbval.plugin.IPyNbCell]) -> None:
        """Let our metadata alone say what is compared, whatever NBVAL comments a learner has written."""
        for item in items:
            is_check = item.cell.metadata.course.role == "check"
            item.options.clear()
            item.options.update(check=is_check, check_exception=not is_check)
            item.output_timeout = PATIENCE

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the reference from the disk before the first cell runs: from here on it is in this memory alone."""
        for path in {Path(item.path) for item in session.items}:
            path.unlink()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: nbval.plugin.IPyNbCell) -> None:
        """Give each cell a living kernel, or say why it does not run."""
        file = item.parent
        file.timed_out = False  # else nbval expects every later cell to fail
        if time.monotonic() > self.end:
            pytest.skip(f"all {self.limits.total:g} seconds were used up before")
        why = self.blamed.get(_blame(item))
        if why:
            pytest.skip(why)
        if file.kernel is not None and not file.kernel.is_alive():
            self._revive(item)
        item.config.option.nbval_cell_timeout = self._seconds(item)

    def _seconds(self, item: nbval.plugin.IPyNbCell) -> float:
        """Give the setup, which is ours and imports, all the time that a busy machine may need."""
        is_setup = item.cell.metadata.course.role == "setup"
        return max(SETUP, self.limits.timeout) if is_setup else self.limits.timeout

    def _revive(self, item: nbval.plugin.IPyNbCell) -> None:
        """Start a new kernel and run again what stood before, but for what ended the last one."""
        file = item.parent
        earlier = item.session.items[: item.session.items.index(item)]
        while self.kernels < MOST_KERNELS:
            self.kernels += 1
            file.kernel = JudgedKernel()
            for other in earlier:
                if other.cell.metadata.course.role == "check" or _blame(other) in self.blamed:
                    continue
                message = file.kernel.execute_cell_input(other.cell.source, allow_stdin=False)
                try:
                    file.kernel.await_reply(message, timeout=self._seconds(other))
                except Empty:
                    file.kernel.interrupt()
                    file.kernel.stop()
                except Died:
                    pass
                if not file.kernel.is_alive():
                    file.kernel.stop()
                    self.blamed[_blame(other)] = "the kernel ended, again, while it ran this"
                    break
            if file.kernel.is_alive():
                return
        pytest.skip("the kernel ended too often")

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: nbval.plugin.IPyNbCell, call: Any) -> Iterator[None]:
        """Note what became of a cell."""
        report = (yield).get_result()
        if call.when == "teardown" or (call.when == "setup" and report.outcome == "passed"):
            return
        error = call.excinfo.value if call.excinfo else None
        course, file = item.cell.metadata.course, item.parent
        outputs = item.test_outputs or []
        alive = file.kernel is not None and file.kernel.is_alive()
        status, why = report.outcome, str(error)[:SHORT] if error else ""
        if call.when == "setup" and status != "skipped":
            status = "broken"  # a kernel that does not start is the grader's fault
        elif status != "skipped" and not alive:
            status, why = "died", self._death(item, file.timed_out)
            file.kernel.stop()
        elif file.timed_out:
            status, why = "timeout", f"it ran for more than {self.limits.timeout:g} seconds"
            self._slow(item, why)
        found = [o for o in outputs if o.output_type == "error"]
        if found and not why:
            why = f"{found[0].get('ename', '')}: {str(found[0].get('evalue', ''))[:SHORT]}"
        self.outcomes[item.cell.id] = {
            "role": course.role,
            "exercise": course.exercise,
            "status": status,
            "why": why,
            "printed": printed(outputs) if course.role == "check" else [],
        }

    def _death(self, item: nbval.plugin.IPyNbCell, timed_out: bool) -> str:
        why = "the kernel ended while it ran this (exit, a crash, or too much memory)"
        if timed_out:
            why = f"it ran for more than {self.limits.timeout:g} seconds and did not stop when interrupted"
        self.blamed[_blame(item)] = why
        return why

    def _slow(self, item: nbval.plugin.IPyNbCell, why: str) -> None:
        """After two checks of an exercise that ran out of time, the others need not."""
        mine = [o for o in self.outcomes.values() if o["exercise"] == item.cell.metadata.course.exercise]
        if item.cell.metadata.course.role == "check" and any(o["status"] == "timeout" for o in mine):
            self.blamed[_blame(item)] = why


def _blame(item: nbval.plugin.IPyNbCell) -> str:
    """Name what is at fault when this cell ends a kernel: its exercise, or the cell itself."""
    return item.cell.metadata.course.exercise or item.cell.id


def install(limits: Limits, started: Kernel | None = None) -> None:
    """Put our kernel and our comparison in nbval's place, in this process; a kernel that was started is used first."""
    JudgedKernel.limits = limits
    JudgedKernel.started = [started] if started else []
    nbval.plugin.RunningKernel = JudgedKernel
    nbval.plugin.IPyNbCell.compare_outputs = compare
