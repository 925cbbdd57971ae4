"""What a check cell runs: it computes a value and prints it, with a word on it for the learner.

The verdict falls elsewhere, outside the learner's kernel.
"""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

from .sheet import CheckCell, Exercise, key
from .values import MIME, Record, describe, difference, same, show


class Check:
    """Print the value that a thunk gives, under a label. The grader gives every run of hidden checks its own salt."""

    def __init__(self, salt: int = 0) -> None:
        self.salt = salt
        self._name: str | None = None

    def sheet(self, name: str) -> None:
        """Name the exercise sheet, so that a value is followed by a word on whether it is as expected."""
        self._name = name

    def rng(self, seed: int) -> np.random.Generator:
        """Return a generator of its own for one check: it touches no global seed, and no global seed touches it."""
        return np.random.default_rng([seed, self.salt])

    def __call__(self, label: str, thunk: Callable[[], Any]) -> None:
        """Compute a value and print it. An exception is a value as well."""
        self._print(label, _value(thunk))

    def raises(self, label: str, thunk: Callable[[], Any]) -> None:
        """Expect an exception: its type is the value."""
        record = _value(thunk)
        if record["kind"] == "error" and record["type"] != "NotImplementedError":
            record = {"kind": "text", "value": record["type"]}
        self._print(label, record)

    def show(self, thunk: Callable[[], Any]) -> Any:
        """Return what a learner's own code draws, or say kindly that it does not run yet."""
        try:
            return thunk()
        except Exception as error:
            print(f"Here your own code will draw something. Not yet: {type(error).__name__}: {error}")
            return None

    def _print(self, label: str, record: Record) -> None:
        from IPython.display import display

        text = f"{label}: {show(record)}"
        if self._name:
            text += word_on(self._name, label, record)
        display({"text/plain": text, MIME: {"label": label, "value": record}}, raw=True)


def _value(thunk: Callable[[], Any]) -> Record:
    calm = np.errstate(divide="ignore", over="ignore", under="ignore", invalid="ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), calm:
        try:
            return describe(thunk())
        except Exception as error:
            return {"kind": "error", "type": type(error).__name__, "message": _message(error)}


def _message(error: Exception) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return "(its message cannot be read)"


def word_on(sheet_name: str, label: str, value: Record) -> str:
    """Say in the learner's notebook whether a value is as expected, and which known mistake it looks like."""
    sheet = key(sheet_name)
    for exercise in sheet.exercises if sheet else []:
        for check in exercise.checks:
            for i, item in enumerate(check.expected):
                if item["label"] == label:
                    return _word(exercise, check, i, value)
    return ""


def _word(exercise: Exercise, check: CheckCell, i: int, value: Record) -> str:
    found = difference(check.expected[i]["value"], value)
    if found is None:
        return "\n✓ as expected"
    if value.get("type") == "NotImplementedError":
        return "\n· waiting for your answer"
    for mutant in exercise.mutants:
        printed = mutant.printed.get(check.id, [])
        if i < len(printed) and same(printed[i]["value"], value):
            return f"\n✗ {found}\n  This is what one gets with a known mistake. {mutant.sentence}"
    return f"\n✗ {found}"


check = Check()
