"""Judges as the grader sees them: processes that get merged notebooks and answer with what became of their cells."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .kernel import Limits
from .launch import WINDOWS

PATIENCE = 10.0  # seconds for a judge to put its things away
Cells = list[dict[str, Any]]
Outcomes = dict[str, dict[str, Any]]  # cell id → role, exercise, status, why, and what its checks printed
Task, Result = TypeVar("Task"), TypeVar("Result")


class Lost(Exception):
    """The judge ended without a verdict. Whoever's fault it is, it is no zero."""


class Judges:
    """Some judges side by side, for the length of a `with`; each task goes to one that is free."""

    def __init__(self, limits: Limits, n: int) -> None:
        self._all = [JudgeProcess(limits) for _ in range(n)]
        self._threads = ThreadPoolExecutor(n)

    def __enter__(self) -> "Judges":
        for judge in self._all:
            judge.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the judges, whatever they do: after an error, or Ctrl-C, what was not begun is not begun any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for judge in self._all:
            judge.close()
        self._threads.shutdown()

    @property
    def first(self) -> "JudgeProcess":
        """Give one judge, for what is to be judged before all tasks."""
        return self._all[0]

    def each(
        self, tasks: list[Task], work: Callable[[Task, Callable[[Cells], Outcomes]], Result]
    ) -> Iterator[tuple[Task, Result]]:
        """Do `work(task, judge)` for all tasks, some at a time; yield each with its result as soon as it is done."""
        free, begun = list(self._all), itertools.count(1)

        def one(task: Task) -> tuple[Task, Result]:
            judge = free.pop()  # there are as many judges as threads
            try:
                return task, work(task, partial(judge, more=next(begun) < len(tasks)))
            finally:
                free.append(judge)

        for done in as_completed([self._threads.submit(one, task) for task in tasks]):
            yield done.result()


class JudgeProcess:
    """One judge's process."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    def start(self) -> None:
        """Start the process; from the main thread, whose end would end it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.grading.server", json.dumps(asdict(self.limits)), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf8",
            env=scrubbed(),
            start_new_session=True,  # Ctrl-C is for the grader, which then ends us
        )

    def __call__(self, cells: Cells, more: bool = False) -> Outcomes:
        """Judge one merged notebook; `more` says that another will follow. Raises Lost."""
        if self._closed:
            raise Lost("the judge was closed")
        if self._process is None or self._process.poll() is not None:
            self.start()
        answer = self._ask(json.dumps({"cells": cells, "more": more}))
        if "lost" in answer:
            raise Lost(answer["lost"])
        return answer["outcomes"]

    def _ask(self, order: str) -> dict[str, Any]:
        """Write a line to the process, and read one."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        return json.loads(line) if line.endswith("\n") else {"lost": "the judge's process ended"}

    def close(self) -> None:
        """End the process, for good; it takes its folders with it."""
        self._closed = True
        if self._process is None:
            return
        if os.name == "posix":
            self._process.terminate()  # elsewhere that would be a kill: there it ends by itself, without questions
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def scrubbed() -> dict[str, str]:
    """Return the judge's environment: no pytest options, no plugins, nothing of a user's secrets."""
    wanted = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", *WINDOWS)
    kept = {name: os.environ[name] for name in wanted if name in os.environ}
    own = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1"}
    return kept | own
