"""Two pages of the site for each sheet, as MyST: the exercises with folded hints, and the solutions.

Made by `release`, never by hand.
"""

from .master import clean
from .sheet import Exercise, Sheet

LEVELS = {1: "easy", 2: "medium", 3: "hard"}


def facts(e: Exercise) -> str:
    """Say in a line what an exercise is worth and what it takes."""
    points = f"{e.points:g} point{'' if e.points == 1 else 's'}"
    return f"*{points} · about {e.minutes} minutes · {LEVELS.get(e.difficulty, 'hard')}*"


def exercises_page(sheet: Sheet) -> str:
    """Write the page that shows a sheet on the site, with the notebook to download."""
    total = f"{sheet.points:g} points, about {sum(e.minutes for e in sheet.exercises)} minutes."
    notebook = f"{{download}}`{sheet.name}.ipynb <../exercises/{sheet.name}.ipynb>`"
    solutions = f"{{doc}}`{sheet.name}_solutions`"
    head = f"# {sheet.title}\n\n{sheet.text}\n\n{total} The notebook: {notebook}. Afterwards: {solutions}.\n"
    return head + "".join(_exercise(e, n) for n, e in enumerate(sheet.exercises, 1))


def _exercise(e: Exercise, n: int) -> str:
    hints = [_folded(f"Hint {i} of {len(e.hints)}", hint) for i, hint in enumerate(e.hints, 1)]
    return "\n".join([f"\n## {n}. {e.title}\n", facts(e), "", e.text, "", _python(e.blank), "", *hints])


def solutions_page(sheet: Sheet) -> str:
    """Write the solutions of a sheet, folded, with other right ways and the known mistakes."""
    head = f"# Solutions: {sheet.title.removeprefix('Exercises: ')}\n\n"
    say = f"One right answer to each of the {{doc}}`exercises <{sheet.name}>`, a second one that looks different, and "
    say += "the\nmistakes that are often made.\n"
    return head + say + "".join(_solution(e, n) for n, e in enumerate(sheet.exercises, 1))


def _solution(e: Exercise, n: int) -> str:
    parts = [f"\n## {n}. {e.title}\n", _folded("A solution", _python(clean(e.solution)))]
    parts += [_folded("Another way", f"{a.note or a.name}\n\n{_python(a.source)}") for a in e.alternatives]
    rows = "\n".join(f"- **{m.name.replace('-', ' ')}**: {m.sentence}" for m in e.mutants)
    parts.append(_folded("Known mistakes", rows))
    return "\n".join(parts)


def _folded(title: str, body: str) -> str:
    return f":::{{dropdown}} {title}\n{body}\n:::\n"


def _python(source: str) -> str:
    return f"```python\n{source.strip()}\n```"
