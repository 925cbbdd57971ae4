"""The judge's process: it gets merged notebooks, one JSON line each, and answers with what became of their cells.

Each notebook gets a process of its own, forked from one that has imported everything; so a death is its own alone, and
nothing is carried over. Where another notebook is to come, the next process is forked while this one judges: it starts
its kernel, in a sandbox of its own, and waits. No kernel ever sees a second notebook. Nobody but these processes ever
holds expected values while a learner's code runs.
"""

import contextlib
import ctypes
import gc
import io
import itertools
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .judges import Cells, Lost, Outcomes
from .kernel import Kernel, KernelFailed, Limits
from .launch import die_with_parent

GRACE = 60.0  # seconds beyond --total after which a judge that does not come back is ended
PR_SET_DUMPABLE = 4
OPTIONS = ["-p", "nbval.plugin", "-c", os.devnull, "--noconftest", "-W", "ignore"]  # nobody's settings
OPTIONS += ["-p", "no:cacheprovider", "--capture=no", "-q"]


def serve() -> None:
    """Answer every line of standard input with one of standard output, until there are no more."""
    signal.signal(signal.SIGTERM, _leave)
    die_with_parent(int(sys.argv[2]), signal.SIGTERM)
    limits = Limits(**json.loads(sys.argv[1]))
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  (nbformat reaches it, and it takes half a second)
    folder = tempfile.tempdir = tempfile.mkdtemp(prefix="judging-")
    try:
        judge([], limits)  # so that everything is imported, once, before anything is forked
        gc.freeze()  # and no child need look through all of it
        orders = (json.loads(line) for line in sys.stdin)
        for answer in _answers(orders, limits, Path(folder)):
            print(json.dumps(answer), flush=True)
    finally:
        _remove(Path(folder))


def _answers(orders: Iterable[dict[str, Any]], limits: Limits, folder: Path) -> Iterator[dict[str, Any]]:
    """Judge one notebook after the other, each in a child that was started while the one before was judged."""
    if not hasattr(os, "fork"):
        yield from (_answer(order["cells"], limits) for order in orders)
        return
    numbers = itertools.count()
    children = [Child(limits, folder / str(next(numbers)))]
    try:
        for order in orders:
            if not children:
                children.append(Child(limits, folder / str(next(numbers))))
            children[0].ask(order["cells"])
            if order["more"]:
                children.append(Child(limits, folder / str(next(numbers))))
            answer = children[0].answer()
            children.pop(0).end()
            yield answer
    finally:
        for child in children:
            child.end()


class Child:
    """A process that judges one notebook. It starts a kernel, waits for the cells, answers, and is ended."""

    def __init__(self, limits: Limits, folder: Path) -> None:
        self.limits, self.folder = limits, folder
        folder.mkdir(mode=0o700)
        server = os.getpid()
        asked, self._ask = os.pipe()
        self._answer, answer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._ask)  # so that the end of the server is heard as the end of this pipe
            _become_judge(server, folder)
            _serve_one(limits, asked, answer)
            os._exit(0)
        os.close(asked)
        os.close(answer)

    def ask(self, cells: Cells) -> None:
        """Hand over the notebook."""
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._ask, "w", encoding="utf8") as pipe:
            json.dump(cells, pipe)

    def answer(self) -> dict[str, Any]:
        """Return the outcomes, or that the verdict was lost."""
        data = _read(self._answer, time.monotonic() + self.limits.total + GRACE)
        try:
            return json.loads(data)
        except ValueError:
            return {"lost": "the judge's process was ended while it judged this notebook"}

    def end(self) -> None:
        """End the process, whatever it does, and remove its folder."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        _remove(self.folder)


def _serve_one(limits: Limits, asked: int, answer: int) -> None:
    """Be the child: a kernel first, then the notebook."""
    started = None
    with contextlib.suppress(KernelFailed):  # who needs it tries again, and says why it cannot
        started = Kernel(limits)
    with os.fdopen(asked, encoding="utf8") as pipe:
        cells = json.load(pipe)
    with os.fdopen(answer, "w", encoding="utf8") as pipe:
        json.dump(_answer(cells, limits, started), pipe)


def _become_judge(server: int, folder: Path) -> None:
    """Let go of the grader's pipes, die when it dies, and close this memory to other processes of the same user."""
    tempfile.tempdir = str(folder)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(server)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def _answer(cells: Cells, limits: Limits, started: Kernel | None = None) -> dict[str, Any]:
    try:
        return {"outcomes": judge(cells, limits, started)}
    except Lost as lost:
        return {"lost": str(lost)}
    except BaseException as error:
        return {"lost": f"{type(error).__name__}: {error}"}


def judge(cells: Cells, limits: Limits, started: Kernel | None = None) -> Outcomes:
    """Let nbval run one merged notebook, in this process; in a kernel that was started before, where there is one."""
    import pytest  # here, since `serve` makes it quicker first

    from .plugin import Judge

    plugin = Judge(limits, started)
    folder = Path(tempfile.mkdtemp(prefix="judge-"))
    try:
        path = folder / "merged.ipynb"
        path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}), "utf8")
        path.chmod(0o600)
        options = [f"--nbval-cell-timeout={limits.timeout}", f"--rootdir={folder}", f"--confcutdir={folder}"]
        with contextlib.redirect_stdout(io.StringIO()):
            pytest.main([*OPTIONS, *options, str(path)], [plugin])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _judged(cells, plugin.outcomes)
    return plugin.outcomes


def _judged(cells: Cells, outcomes: Outcomes) -> None:
    """Raise Lost where a cell has no outcome, or our own part broke."""
    missing = [cell["id"] for cell in cells if cell["id"] not in outcomes]
    broken = [o["why"] for o in outcomes.values() if o["status"] == "broken"]
    if broken:
        raise Lost(broken[0])
    if missing:
        raise Lost(f"nbval did not run {missing[0]}")


def _read(pipe: int, end: float) -> bytes:
    pieces = []
    with os.fdopen(pipe, "rb", buffering=0) as file:
        while select.select([file], [], [], max(0.0, end - time.monotonic()))[0]:
            piece = file.read(1 << 16)
            if not piece:
                break
            pieces.append(piece)
    return b"".join(pieces)


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
