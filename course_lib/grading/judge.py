"""The judge: a process that gets merged notebooks, one JSON line each, and answers with what became of their cells.

Each notebook gets a process of its own, forked from one that has imported everything; so a death is its own alone, and
nothing is carried over. Nobody but this process's children ever holds expected values while a learner's code runs.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .kernel import Limits
from .launch import die_with_parent

GRACE = 60.0  # seconds beyond --total after which a judge that does not come back is ended
PATIENCE = 10.0  # seconds for a judge to put its things away
PR_SET_DUMPABLE = 4
Outcomes = dict[str, dict[str, Any]]


class Lost(Exception):
    """The judge ended without a verdict. Whoever's fault it is, it is no zero."""


class Judging:
    """One judge's process, seen from the grader."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process; from the main thread, whose end would end it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.grading.judge", json.dumps(asdict(self.limits)), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf8",
            env=_scrubbed(),
            start_new_session=True,  # Ctrl-C is for the grader, which then ends us
        )

    def __call__(self, cells: list[dict[str, Any]]) -> Outcomes:
        """Judge one merged notebook. Raises Lost."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.start()
            assert self._process is not None
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            try:
                self._process.stdin.write(json.dumps(cells) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except OSError:
                line = ""
            answer = json.loads(line) if line.endswith("\n") else {"lost": "the judge's process ended"}
        if "lost" in answer:
            raise Lost(answer["lost"])
        return answer["outcomes"]

    def close(self) -> None:
        """End the process; it takes its folders with it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()


def _scrubbed() -> dict[str, str]:
    """Return the judge's environment: no pytest options, no plugins, nothing of a user's secrets."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if k in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "VIRTUAL_ENV")
    }
    own = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}
    return kept | own


def judge(cells: list[dict[str, Any]], limits: Limits) -> Outcomes:
    """Let nbval run one merged notebook, in this process."""
    import pytest

    from .plugin import Judge, install

    install(limits)
    folder = Path(tempfile.mkdtemp(prefix="judge-"))
    try:
        path = folder / "merged.ipynb"
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}), "utf8")
        path.chmod(0o600)
        plugin = Judge(limits)
        options = ["--nbval", f"--nbval-cell-timeout={limits.timeout}", f"--rootdir={folder}", "-c", os.devnull]
        pytest.main(
            [*options, "-p", "nbval.plugin", "-p", "no:cacheprovider", "-q", "-W", "ignore", str(path)], [plugin]
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _judged(cells, plugin.outcomes)
    return plugin.outcomes


def _judged(cells: list[dict[str, Any]], outcomes: Outcomes) -> None:
    """Raise Lost where a cell has no outcome, or our own part broke."""
    missing = [cell["id"] for cell in cells if cell["id"] not in outcomes]
    broken = [o["why"] for o in outcomes.values() if o["status"] == "broken"]
    if broken:
        raise Lost(broken[0])
    if missing:
        raise Lost(f"nbval did not run {missing[0]}")


def _in_child(cells: list[dict[str, Any]], limits: Limits) -> dict[str, Any]:
    """Judge in a process of its own; return its answer, or that it was lost."""
    if not hasattr(os, "fork"):
        return _answer(cells, limits)
    server = os.getpid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _become_judge(server)
        with os.fdopen(writing, "w", encoding="utf8") as pipe:
            pipe.write(json.dumps(_answer(cells, limits)))
        os._exit(0)
    os.close(writing)
    try:
        data = _read(reading, time.monotonic() + limits.total + GRACE)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    try:
        return json.loads(data)
    except ValueError:
        return {"lost": "the judge's process was ended while it judged this notebook"}


def _read(pipe: int, end: float) -> bytes:
    pieces = []
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while select.select([file], [], [], max(0.0, end - time.monotonic()))[0]:
            piece = file.read(1 << 16)
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces)


def _become_judge(server: int) -> None:
    """Let go of the grader's pipes, die when it dies, and close this memory to other processes of the same user."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(server)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _answer(cells: list[dict[str, Any]], limits: Limits) -> dict[str, Any]:
    try:
        return {"outcomes": judge(cells, limits)}
    except Lost as lost:
        return {"lost": str(lost)}
    except BaseException as error:
        return {"lost": f"{type(error).__name__}: {error}"}


def serve() -> None:
    """Answer every line of standard input with one of standard output, until there are no more."""
    signal.signal(signal.SIGTERM, _leave)
    die_with_parent(int(sys.argv[2]), signal.SIGTERM)
    limits = Limits(**json.loads(sys.argv[1]))
    from . import plugin  # noqa: F401  (imported once, before anything is forked)

    folder = tempfile.tempdir = tempfile.mkdtemp(prefix="judging-")
    try:
        for line in sys.stdin:
            print(json.dumps(_in_child(json.loads(line), limits)), flush=True)
            for left in Path(folder).iterdir():
                _remove(left)
    finally:
        _remove(Path(folder))


def _leave(*_: object) -> None:
    """Leave through `finally`, so that no folder stays; a second signal must not stop that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(0)


def _remove(folder: Path) -> None:
    """Remove a folder in which a dying kernel may still write."""
    for _ in range(40):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


if __name__ == "__main__":
    serve()
