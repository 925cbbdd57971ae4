"""Every answer whose worth is known, run: solutions, alternatives and mutants, in one kernel.

The build refuses a sheet by what comes out; the grader gives hidden checks new inputs by it.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from .kernel import Kernel, run_cells
from .master import Refused
from .notebooks import prepared
from .sheet import Exercise, Printed, Sheet, printed, printed_alike
from .values import show

Values = dict[str, dict[str, dict[str, Printed]]]  # exercise → "right" or a mutant's name → check → what it printed


def variants(exercise: Exercise) -> dict[str, str]:
    """Return every answer whose worth is known: the right one first, alternatives, mutants."""
    others = {f"alternative {a.name}": a.source for a in exercise.alternatives}
    return {"right": exercise.solution, **others, **{m.name: m.source for m in exercise.mutants}}


def run_variants(sheet: Sheet, salt: int, kernel: Kernel, each: Callable[[str], None] = lambda name: None) -> Values:
    """Run all variants of all exercises, each beside blanks for all other exercises.

    So an exercise whose checks need another answer shows itself. Raises Refused where a silent cell speaks, and
    TimeoutError.
    """
    cells = [("setup", sheet.setup), *((f"blank {e.name}", e.blank) for e in sheet.exercises)]
    for e in sheet.exercises:
        for variant, source in variants(e).items():
            cells.append((f"{e.name}, {variant}", source))
            cells += [(f"{e.name}, {variant}, {c.id}", prepared(c, sheet.setup, salt)) for c in e.checks]
        cells.append((f"{e.name}, again blank", e.blank))
    outputs = run_cells(cells, kernel, each)
    faults = _noises(sheet, outputs)
    if faults:
        raise Refused(faults)
    return {
        e.name: {v: {c.id: printed(outputs[f"{e.name}, {v}, {c.id}"]) for c in e.checks} for v in variants(e)}
        for e in sheet.exercises
    }


def _noises(sheet: Sheet, outputs: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Name every cell that must be silent, or print values alone, and is not."""
    faults = []
    for name, outs in outputs.items():
        wrong = [o for o in outs if o["output_type"] in ("error", "stream")]
        if wrong:
            what = wrong[0].get("evalue") or wrong[0].get("text", "")
            faults.append(f"{name}: it gives an {wrong[0]['output_type']}: {str(what).strip()[:200]}")
    return faults


def with_values(sheet: Sheet, found: Values) -> Sheet:
    """Write what was printed into the sheet: the expected values, and those of each mutant."""
    exercises = []
    for e in sheet.exercises:
        mine = found[e.name]
        checks = [dataclasses.replace(c, expected=mine["right"][c.id]) for c in e.checks]
        mutants = [dataclasses.replace(m, printed=mine[m.name]) for m in e.mutants]
        exercises.append(dataclasses.replace(e, checks=checks, mutants=mutants))
    return dataclasses.replace(sheet, exercises=exercises)


def faults_of_values(sheet: Sheet, found: Values) -> list[str]:
    """Say what is wrong with a sheet that has been run: checks that are silent, lax, picky, or cannot tell apart."""
    faults = []
    labels = [item["label"] for e in sheet.exercises for c in e.checks for item in c.expected]
    faults += [f"two checks print the label {name!r}" for name in sorted(set(labels)) if labels.count(name) > 1]
    for e in sheet.exercises:
        for c in e.checks:
            if not c.expected:
                faults.append(f"{c.id}: it prints no value, so it would be compared with nothing")
            bad = [i for i in c.expected if i["value"]["kind"] in ("error", "too large", "object")]
            faults += [f"{c.id}: the right answer gives {show(i['value'])[:200]}" for i in bad]
        faults += _faults_of_variants(e, found[e.name])
    return faults


def _faults_of_variants(e: Exercise, mine: dict[str, dict[str, Printed]]) -> list[str]:
    right, faults = mine["right"], []

    def alike(a: dict[str, Printed], b: dict[str, Printed]) -> bool:
        return all(printed_alike(a[c.id], b[c.id]) for c in e.checks)

    for a in e.alternatives:
        wrong = [c.id for c in e.checks if not printed_alike(right[c.id], mine[f"alternative {a.name}"][c.id])]
        if wrong:
            faults.append(f"{e.name}: the alternative {a.name!r} is right and fails {', '.join(wrong)}: too picky")
    for i, m in enumerate(e.mutants):
        if alike(mine[m.name], right):
            faults.append(f"{e.name}: the mutant {m.name!r} is wrong and passes every check: too lax")
        for other in e.mutants[:i]:
            if alike(mine[m.name], mine[other.name]):
                faults.append(f"{e.name}: no check tells the mutants {other.name!r} and {m.name!r} apart")
    return faults
