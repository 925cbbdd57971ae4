"""A kernel as nbval's cells talk to it, with limits: it sees a death at once, and keeps of a flood what may matter."""

import time
from collections import deque
from collections.abc import Callable
from queue import Empty
from typing import Any

import zmq

from .kernel import Kernel, Limits
from .values import MIME

MOST_HELD = 10_000  # messages of one cell that may matter; a flood of more ends in "no answer"
LARGEST_OUTPUT = 20 << 20


class Died(Exception):
    """The kernel ended while a cell ran."""


def living(started: Kernel | None, limits: Limits) -> Kernel:
    """Return the kernel that was started before, if it still answers; else a new one. Raises KernelFailed."""
    if started is not None and started.answers():
        return started
    if started is not None:
        started.close()
    return Kernel(limits)


class JudgedKernel:
    """What nbval's cells ask of a kernel, method for method, in place of nbval.kernel.RunningKernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._client, self._manager = kernel, kernel.client, kernel.manager
        self._ended = False
        self._held: deque[dict[str, Any]] = deque()
        self._poller = zmq.Poller()
        for channel in (self._client.shell_channel, self._client.iopub_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send code to the kernel; return the request's id."""
        return self._client.execute(cell_input, store_history=False, allow_stdin=allow_stdin, stop_on_error=False)

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

    def await_idle(self, parent_id: str, timeout: float) -> None:
        """Wait until all that a request printed has come. Raises Empty when nothing comes for so many seconds."""
        while True:
            message = self.get_message("iopub", timeout)
            if message["parent_header"].get("msg_id") == parent_id and message["msg_type"] == "status":
                return

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
        if self._client.iopub_channel.socket in ready:
            message = _received(self._client.get_iopub_msg)
            if message is not None and _matters(message) and len(self._held) < MOST_HELD:
                self._held.append(message)
        elif self._client.shell_channel.socket in ready:
            reply = _received(self._client.get_shell_msg)
        return reply

    def is_alive(self) -> bool:
        """Tell whether the kernel runs."""
        return not self._ended and self._manager.is_alive()

    def interrupt(self) -> None:
        """Interrupt what the kernel runs."""
        self._manager.interrupt_kernel()

    def stop(self) -> None:
        """End the kernel at once."""
        self._ended = True
        self._kernel.close()


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
