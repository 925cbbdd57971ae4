"""Kernels for exercises: started through `launch`, talked to over unix sockets in a folder of their own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager

START = 60.0  # seconds that a kernel may take to start on a busy machine
RECONNECT = 10  # milliseconds between two tries to reach a kernel that is starting; ZeroMQ's own choice is 100
LAUNCHER = Path(__file__).with_name("launch.py")
PACKAGE = Path(__file__).parents[1]


class KernelFailed(Exception):
    """The grader could not start a kernel: nobody's answer is to blame."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds for a cell, for all of them, bytes of memory; and whether in bubblewrap."""

    timeout: float = 20.0
    total: float = 300.0
    memory: int = 4 << 30  # address space: torch does not even import under 1 GiB
    sandbox: bool = False


def sandbox_works() -> bool:
    """Tell whether bubblewrap is here and may make its namespaces, by trying."""
    if sys.platform != "linux" or not shutil.which("bwrap"):
        return False
    probe = ["bwrap", "--unshare-all", "--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    return subprocess.run([*probe, "true"], capture_output=True, check=False).returncode == 0


class _OurKernel(KernelSpecManager):
    """Know one kernel: this Python, through the launcher, whatever is installed for Jupyter."""

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__()
        self._argv = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(plan), "{connection_file}"]

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return it for any name."""
        return KernelSpec(argv=self._argv, display_name="course", language="python", interrupt_mode="message")


class Kernel:
    """A running kernel and its folder. `close`, or the end of a `with`, ends the one and removes the other."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.folder = Path(tempfile.mkdtemp(prefix="course-"))  # mode 0700
        sockets, home = self.folder / "s", self.folder / "h"
        (sockets / "matplotlib").mkdir(parents=True)
        home.mkdir()
        for fonts in (Path.home() / ".cache" / "matplotlib").glob("fontlist-*.json"):  # seconds saved for who draws
            shutil.copy(fonts, sockets / "matplotlib")
        plan = asdict(limits) | {
            "python": sys.executable,
            "parent": os.getpid(),
            "seconds": int(limits.total) + 60,
            "sockets": str(sockets),
            "home": str(home),
            "pythonpath": str(PACKAGE.parent),
            "readable": [sys.prefix, sys.base_prefix, str(PACKAGE)],
        }
        where: dict[str, Any] = {"transport": "ipc", "ip": str(sockets / "k")} if os.name == "posix" else {}
        self.manager = KernelManager(
            kernel_name="course",
            kernel_spec_manager=_OurKernel(plan),
            connection_file=str(sockets / "c.json"),
            **where,
        )
        self.client: BlockingKernelClient
        try:
            self._start()
        except Exception as error:
            self.close()
            raise KernelFailed(f"no kernel started: {error}. `python -m course_lib doctor` says more.") from error

    def __enter__(self) -> "Kernel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.manager.start_kernel(**quiet)
        self.client = self.manager.client()
        self.client.context.setsockopt(zmq.RECONNECT_IVL, RECONNECT)
        self.client.start_channels(stdin=False, hb=False)
        self._greet(time.monotonic() + START)

    def _greet(self, end: float) -> None:
        """Ask until the kernel answers on both of its channels.

        jupyter_client's wait_for_ready does the same, and then listens to silence for a fifth of a second.
        """
        while time.monotonic() < end:
            if not self.manager.is_alive():
                raise RuntimeError("the kernel ended while it started")
            asked = self.client.kernel_info()
            try:
                self._hear(self.client.get_shell_msg, asked, "kernel_info_reply", 1.0)
                return self._hear(self.client.get_iopub_msg, asked, "status", 0.5)
            except Empty:
                continue
        raise TimeoutError(f"the kernel said nothing for {START:g} seconds")

    def answers(self) -> bool:
        """Tell whether a kernel that was started some time ago still answers."""
        try:
            self._greet(time.monotonic() + START)
        except (RuntimeError, TimeoutError):
            return False
        return True

    def _hear(self, get: Callable[..., dict[str, Any]], asked: str, kind: str, seconds: float) -> None:
        """Wait for a message that answers a request. Raises Empty."""
        while True:
            message = get(timeout=seconds)
            ours = message["parent_header"].get("msg_id") == asked and message["msg_type"] == kind
            if ours and message["content"].get("execution_state", "idle") == "idle":
                return

    def run(self, source: str, timeout: float) -> list[dict[str, Any]]:
        """Run one trusted cell; return its outputs (streams, errors, displays) as the kernel's messages' contents.

        Raises TimeoutError.
        """
        outputs: list[dict[str, Any]] = []

        def hear(message: dict[str, Any]) -> None:
            kind = message["header"]["msg_type"]
            if kind in ("stream", "error", "display_data", "execute_result"):
                outputs.append({"output_type": kind, **message["content"]})

        self.client.execute_interactive(
            source, store_history=False, allow_stdin=False, timeout=timeout, output_hook=hear
        )
        return outputs

    def close(self) -> None:
        """End the kernel and everything that it started, and remove its folder."""
        if hasattr(self, "client"):
            self.client.stop_channels()
        if self.manager.has_kernel and os.name == "posix":
            self._kill()
        elif self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self) -> None:
        """End the kernel and its launcher. The manager's own way asks first, and looks every tenth of a second."""
        process = self.manager.provisioner.process
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # the launcher leads a group of its own
        process.wait()
        self.manager.cleanup_resources()


def run_cells(
    cells: Iterable[tuple[str, str]], kernel: Kernel, each: Callable[[str], None] = lambda name: None
) -> dict[str, list[dict[str, Any]]]:
    """Run trusted cells, (name, source), in turn; return each one's outputs by name. Raises TimeoutError."""
    outputs = {}
    for name, source in cells:
        each(name)
        outputs[name] = kernel.run(source, kernel.limits.timeout)
    return outputs
