"""From what became of the cells to points, and to words that a learner can use. Pure functions, nothing is run."""

import re
from typing import Any

from .answers import is_blank
from .judges import Outcomes
from .merging import Merged
from .reading import Notebook
from .sheet import CheckCell, Exercise, Printed, Sheet, printed_alike, recognise
from .values import difference, name, show

Result = dict[str, Any]  # plain JSON, the same for the same submission
DIGITS = 4


def mark(notebook: Notebook, sheet: Sheet, merged: Merged, outcomes: Outcomes, public_weight: float) -> Result:
    """Mark one judged submission."""
    exercises = [_mark_exercise(notebook, e, merged, outcomes, public_weight) for e in sheet.exercises]
    own = {i: o["why"] for i, o in outcomes.items() if o["role"] == "own" and o["status"] in ("died", "timeout")}
    return {
        "status": "graded",
        "sheet": sheet.name,
        "title": sheet.title,
        "points": round(sum(e["points"] for e in exercises), DIGITS),
        "of": sheet.points,
        "reason": "; ".join(f"a cell of your own: {why}" for why in sorted(set(own.values()))),
        "exercises": exercises,
    }


def unmarked(status: str, reason: str) -> Result:
    """Make the result of a file that was not graded: no points is not zero points."""
    return {"status": status, "sheet": None, "title": "", "points": None, "of": None, "reason": reason, "exercises": []}


def summary(results: list[Result]) -> dict[str, Any]:
    """Count a class: how many were graded, unreadable, unjudged; and its points."""
    graded = [r for r in results if r["status"] == "graded"]
    return {
        "submissions": len(results),
        "graded": len(graded),
        "unreadable": sum(r["status"] == "unreadable" for r in results),
        "unjudged": sum(r["status"] == "unjudged" for r in results),
        "full marks": sum(r["points"] == r["of"] for r in graded),
    }


def exit_code(results: list[Result]) -> int:
    """Return 0 for full marks everywhere, 1 where points were lost, 2 where a file could not be graded."""
    if any(r["status"] != "graded" for r in results):
        return 2
    return int(any(r["points"] < r["of"] for r in results))


def points_text(points: float | None, of: float | None) -> str:
    """Write points for a person: 3.5 of 4, or a dash where there are none."""
    return "—" if points is None or of is None else f"{points:.4g} of {of:.4g}"


def _mark_exercise(
    notebook: Notebook, e: Exercise, merged: Merged, outcomes: Outcomes, public_weight: float
) -> dict[str, Any]:
    answer = merged.answers[e.name]
    cell = outcomes.get(f"{e.name}-answer")
    checks = [_mark_check(c, outcomes.get(c.id), cell) for c in e.checks]
    worth = [c.weight * (1.0 if c.hidden else public_weight) for c in e.checks]
    got = sum(w for w, c in zip(worth, checks) if c["passed"])
    blank = answer.cell is None or is_blank(notebook.cells[answer.cell].source, e)
    ran = {c.id: outcomes[c.id]["printed"] for c in e.checks if outcomes.get(c.id, {}).get("printed")}
    mutant = recognise(e, ran) if len(ran) == len(e.checks) else None
    return {
        "name": e.name,
        "title": e.title,
        "points": round(e.points * got / sum(worth), DIGITS) if sum(worth) else 0.0,
        "of": e.points,
        "blank": blank,
        "note": answer.note,
        "problem": _scrubbed(cell["why"]) if cell else "",
        "mistake": {"name": mutant.name, "sentence": mutant.sentence} if mutant else None,
        "checks": checks,
    }


def _mark_check(check: CheckCell, outcome: dict[str, Any] | None, answer: dict[str, Any] | None) -> dict[str, Any]:
    printed: Printed = outcome["printed"] if outcome else []
    passed = bool(outcome) and outcome["status"] == "passed" and printed_alike(check.expected, printed)
    public = not check.hidden
    return {
        "id": check.id,
        "title": check.title,
        "hidden": check.hidden,
        "weight": check.weight,
        "passed": passed,
        "why": "" if passed else _scrubbed(_why(check, outcome, printed)),
        "expected": "\n".join(show(item["value"]) for item in check.expected) if public else None,
        "came": _scrubbed("\n".join(show(item["value"]) for item in printed)) if public else None,
    }


def _why(check: CheckCell, outcome: dict[str, Any] | None, printed: Printed) -> str:
    if outcome is None:
        return "there is no answer to check"
    if outcome["status"] in ("timeout", "died", "skipped"):
        return outcome["why"].removeprefix("Skipped: ")
    if len(printed) != len(check.expected):
        return outcome["why"] if outcome["why"] not in ("", "Cell outputs differ") else "the check printed no value"
    for wanted, item in zip(check.expected, printed):
        found = difference(wanted["value"], item["value"])
        if found and item["value"].get("kind") == "error":
            said = f": {item['value'].get('message')}" if not check.hidden else ""
            waiting = item["value"].get("type") == "NotImplementedError"
            return name(item["value"]) if waiting else f"{name(item['value'])}{said}"
        if found:
            return found if not check.hidden else "other values than those of a right answer"
    return "other labels than those of the check"


def _scrubbed(text: str) -> str:
    """Leave out addresses in memory and terminal colours, which differ from run to run."""
    return re.sub(r"\x1b\[[0-9;]*m", "", re.sub(r"0x[0-9a-fA-F]{6,}", "0x…", text))
