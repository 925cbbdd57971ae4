"""Masters: the source of an exercise sheet, as a Python file in cells (`# %%`) or as a notebook.

    # %% sheet attention "Exercises: self-attention"         (what follows, up to the next # %%, is its text)
    # %% setup                                               imports; the checks start from them
    # %% exercise softmax "A softmax" points=2 minutes=10 difficulty=1
    # %% hint                                                one or more, from gentle to plain
    # %% answer                                              with ### BEGIN SOLUTION and ### END SOLUTION
    # %% check                                               public; prints values by check("label", lambda: …)
    # %% hidden weight=2                                     the same, for the grader alone
    # %% mutant wrong-axis "The misconception in one sentence."
    # %% alternative loops "A right answer, written another way."
    # %% show                                                something to enjoy, made by the learner's own code

In a notebook, `metadata.course` of a cell holds the same: role, name, text and the options.
"""

import ast
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .sheet import Alternative, CheckCell, Exercise, Mutant, Sheet

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
BLANK = "raise NotImplementedError  # your code here"
PROSE = ("sheet", "exercise", "hint")
ROLES = (*PROSE, "setup", "answer", "check", "hidden", "mutant", "alternative", "show")


class Refused(Exception):
    """A master that must not be handed out; `faults` says why, a line each."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True)
class Part:
    """One cell of a master: its role, a name, a title or sentence, options, and its text."""

    role: str
    name: str
    title: str
    options: dict[str, float]
    text: str


def read_master(path: Path) -> Sheet:
    """Read a master, .py or .ipynb, into a sheet that has not been run yet.

    Raises Refused for a faulty one, OSError where there is no such file.
    """
    text = path.read_text("utf8")
    return sheet_of(_parts_of_notebook(text) if path.suffix == ".ipynb" else _parts_of_code(text))


def _parts_of_code(text: str) -> list[Part]:
    pieces = re.split(r"^# %% ?(.*)$", text, flags=re.M)  # before the first cell, header, body, header, body, …
    return [_part(header, body) for header, body in zip(pieces[1::2], pieces[2::2])]


def _part(header: str, body: str) -> Part:
    role, *words = shlex.split(header)
    options = {k: float(v) for k, v in (word.split("=") for word in words if re.fullmatch(r"\w+=[\d.]+", word))}
    said = [word for word in words if not re.fullmatch(r"\w+=[\d.]+", word)]
    if role in PROSE:
        body = "\n".join(re.sub(r"^# ?", "", line) for line in body.splitlines())
    return Part(role, *[*said, "", ""][:2], options, body.strip("\n"))


def _parts_of_notebook(text: str) -> list[Part]:
    parts = []
    for cell in json.loads(text)["cells"]:
        course: dict[str, Any] = dict(cell["metadata"].get("course", {}))
        if course:
            said = [str(course.pop(word, "")) for word in ("role", "name", "text")]
            parts.append(Part(*said, {k: float(v) for k, v in course.items()}, "".join(cell["source"])))
    return parts


def sheet_of(parts: list[Part]) -> Sheet:
    """Put the parts of a master together. Raises Refused for parts that make no sheet."""
    faults = [f"unknown role {p.role!r}: use one of {', '.join(ROLES)}" for p in parts if p.role not in ROLES]
    heads = [p for p in parts if p.role == "sheet"]
    if len(heads) != 1 or parts[0].role != "sheet" or not heads[0].name:
        faults.append('a master begins with one cell `# %% sheet NAME "Title"`')
    groups = _groups(parts)
    faults += [f"exercise {name} stands twice" for name in groups if sum(p.name == name for p in parts) > 1]
    if faults or not groups:
        raise Refused(faults or ["there is no exercise"])
    setup = "\n\n".join(p.text for p in parts if p.role == "setup")
    return Sheet(heads[0].name, heads[0].title, heads[0].text, setup, [_exercise(g) for g in groups.values()])


def _groups(parts: list[Part]) -> dict[str, list[Part]]:
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.role == "exercise":
            groups[part.name] = []
        if groups and part.role not in ("sheet", "setup"):
            groups[list(groups)[-1]].append(part)
    return groups


def _exercise(parts: list[Part]) -> Exercise:
    head, faults = parts[0], _missing(parts)
    of = {role: [p for p in parts if p.role == role] for role in ROLES}
    if faults:
        raise Refused([f"exercise {head.name}: {fault}" for fault in faults])
    answer = of["answer"][0].text
    return Exercise(
        name=head.name,
        title=head.title or head.name,
        text=head.text,
        points=head.options["points"],
        minutes=int(head.options["minutes"]),
        difficulty=int(head.options["difficulty"]),
        defines=defined_names(answer),
        hints=[p.text for p in of["hint"]],
        blank=blanked(answer),
        checks=[*_checks(head.name, "check", of["check"]), *_checks(head.name, "hidden", of["hidden"])],
        mutants=[Mutant(p.name, p.title, p.text) for p in of["mutant"]],
        solution=answer,
        alternatives=[Alternative(p.name, p.title, p.text) for p in of["alternative"]],
        show="\n".join(p.text for p in of["show"]),
    )


def _missing(parts: list[Part]) -> list[str]:
    """Say what an exercise lacks."""
    count = {role: sum(p.role == role for p in parts) for role in ROLES}
    wanted = ("points", "minutes", "difficulty")
    faults = [f"it has no {word}" for word in wanted if parts[0].options.get(word, 0) <= 0]
    faults += [f"it has no {role}" for role in ("hint", "check", "hidden", "alternative") if not count[role]]
    if count["answer"] != 1:
        return [*faults, f"it has {count['answer']} answer cells, not 1"]
    if count["mutant"] < 3:
        faults.append(f"it has {count['mutant']} mutants, and needs 3: each a mistake that learners make")
    faults += [f"mutant {p.name} has no sentence" for p in parts if p.role == "mutant" and len(p.title) < 15]
    names = [p.name for p in parts if p.role in ("mutant", "alternative")]
    faults += [f"two mutants or alternatives are called {n!r}" for n in sorted(set(names)) if names.count(n) > 1]
    return faults + _faults_of_answer(next(p.text for p in parts if p.role == "answer"))


def _faults_of_answer(text: str) -> list[str]:
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        return [f"its answer has no solution region: one line {BEGIN!r}, later one line {END!r}"]
    if re.search(rf"^{BEGIN}", text, re.M):
        return ["its solution region stands outside of a function: a blank there would stop the notebook"]
    try:
        return [] if defined_names(text) else ["its answer defines nothing"]
    except SyntaxError as error:
        return [f"its answer is no Python: {error}"]


def _checks(exercise: str, role: str, parts: list[Part]) -> list[CheckCell]:
    return [
        CheckCell(f"{exercise}-{role}-{i}", part.text, part.options.get("weight", 1.0), role == "hidden")
        for i, part in enumerate(parts, 1)
    ]


def blanked(answer: str) -> str:
    """Put a blank where the solution stands."""
    region = re.compile(rf"^([ \t]*){BEGIN}.*?{END}[^\n]*", re.S | re.M)
    return region.sub(lambda found: found[1] + BLANK, answer)


def solution_lines(answer: str) -> list[str]:
    """Return the lines of the solution, without their indentation."""
    region = answer.split(BEGIN, 1)[1].split(END, 1)[0]
    return [line.strip() for line in region.splitlines() if line.strip()]


def clean(answer: str) -> str:
    """Return the solution as code that a person would write: without the two marks."""
    return "\n".join(line for line in answer.splitlines() if line.strip() not in (BEGIN, END))


def defined_names(code: str) -> list[str]:
    """Return the names that code defines at its top level. Raises SyntaxError for code that is none."""
    names: list[str] = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def imports_in(code: str) -> str:
    """Return the import statements of code, a line each: what a check cell starts from."""
    found = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in found)
