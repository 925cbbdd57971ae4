"""An exercise sheet in memory: exercises with their checks, hints, known mistakes and, for the grader, solutions.

A sheet has two files. The *reference* holds all of it and stays with the instructor. The *key* holds what a learner may
know (public checks and what they should print) and comes with the library, so that `check` works anywhere.
"""

import dataclasses
import functools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .values import MIME, same

KEYS = Path(__file__).with_name("keys")
Printed = list[dict[str, Any]]  # what a check cell printed: [{"label": …, "value": record}, …]
MARKER = "# answer: {} (keep this line)"


@dataclass(frozen=True)
class CheckCell:
    """A cell that prints values; `expected` is what it prints for a right answer."""

    id: str
    source: str
    weight: float = 1.0
    hidden: bool = False
    expected: Printed = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name the check by the labels that it prints."""
        return " · ".join(item["label"] for item in self.expected) or self.id


@dataclass(frozen=True)
class Mutant:
    """A wrong answer that learners give, the misconception behind it, and what it prints in each check."""

    name: str
    sentence: str
    source: str = ""
    printed: dict[str, Printed] = field(default_factory=dict)


@dataclass(frozen=True)
class Alternative:
    """A right answer that looks different from ours."""

    name: str
    note: str
    source: str


@dataclass(frozen=True)
class Exercise:
    """One question: its text and hints, the blank that a learner fills, and how the answer is checked."""

    name: str
    title: str
    text: str
    points: float
    minutes: int
    difficulty: int
    defines: list[str]
    hints: list[str]
    blank: str
    checks: list[CheckCell]
    mutants: list[Mutant]
    solution: str = ""
    alternatives: list[Alternative] = field(default_factory=list)
    show: str = ""

    @property
    def marker(self) -> str:
        """Give the first line of the answer cell: it survives every editor."""
        return MARKER.format(self.name)


@dataclass(frozen=True)
class Sheet:
    """All exercises of a chapter, and the cells around them."""

    name: str
    title: str
    text: str
    setup: str
    exercises: list[Exercise]

    @property
    def points(self) -> float:
        """Give the most points that the sheet has."""
        return sum(exercise.points for exercise in self.exercises)


def to_json(sheet: Sheet) -> dict[str, Any]:
    """Turn a sheet into plain JSON."""
    return dataclasses.asdict(sheet)


def from_json(data: dict[str, Any]) -> Sheet:
    """Turn plain JSON back into a sheet. Raises KeyError or TypeError where something is missing or unknown."""
    exercises = []
    for item in data["exercises"]:
        made = {
            "checks": [CheckCell(**check) for check in item["checks"]],
            "mutants": [Mutant(**mutant) for mutant in item["mutants"]],
            "alternatives": [Alternative(**other) for other in item["alternatives"]],
        }
        exercises.append(Exercise(**{**item, **made}))
    return Sheet(**{**data, "exercises": exercises})


def public(sheet: Sheet) -> Sheet:
    """Leave out what a learner must not read: solutions, hidden checks, and what mutants print there."""

    def open_part(exercise: Exercise) -> Exercise:
        checks = [check for check in exercise.checks if not check.hidden]
        known = {check.id for check in checks}
        mutants = [
            Mutant(m.name, m.sentence, "", {id: printed for id, printed in m.printed.items() if id in known})
            for m in exercise.mutants
        ]
        return dataclasses.replace(exercise, checks=checks, mutants=mutants, solution="", alternatives=[])

    return dataclasses.replace(sheet, exercises=[open_part(exercise) for exercise in sheet.exercises])


def printed(outputs: Iterable[Any]) -> Printed:
    """Pick what checks printed out of a cell's outputs; all else is the learner's own talk."""
    records = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
    return [r for r in records if isinstance(r, dict) and isinstance(r.get("value"), dict) and "label" in r]


def printed_alike(a: Printed, b: Printed) -> bool:
    """Tell whether two runs of a check cell printed the same values."""
    return len(a) == len(b) and all(x["label"] == y["label"] and same(x["value"], y["value"]) for x, y in zip(a, b))


def recognise(exercise: Exercise, printed: dict[str, Printed]) -> Mutant | None:
    """Name the mutant that prints exactly what this answer printed, in every check that was run; else None.

    A mutant that these checks cannot tell from a right answer is never named.
    """
    ran = [check for check in exercise.checks if check.id in printed]
    for mutant in exercise.mutants:
        alike = all(printed_alike(mutant.printed.get(check.id, []), printed[check.id]) for check in ran)
        differs = any(not printed_alike(check.expected, printed[check.id]) for check in ran)
        if ran and alike and differs:
            return mutant
    return None


@functools.cache
def key(name: str, folder: Path = KEYS) -> Sheet | None:
    """Open the key of a sheet; None where there is none. The keys in KEYS come with the library.

    A sheet that was handed out before its chapter got another number is known by the rest of its name.
    """
    named = [path for path in folder.glob("*.json") if slug(path.stem) == slug(name)]
    try:
        return from_json(json.loads(named[0].read_text("utf8")))
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def slug(name: str) -> str:
    """Return a sheet's name without the number of its chapter: 03_attention → attention."""
    return re.sub(r"^[0-9]{2}_", "", name)


def all_keys(folder: Path = KEYS) -> list[Sheet]:
    """Open every key of a folder."""
    found = (key(path.stem, folder) for path in sorted(folder.glob("*.json")))
    return [sheet for sheet in found if sheet]
