"""The page of solutions, as MyST for the site: made by `release`, never by hand."""

from .master import clean
from .sheet import Exercise, Sheet


def solutions_page(sheet: Sheet) -> str:
    """Write the solutions of a sheet, folded, with other right ways and the known mistakes."""
    head = f"# Solutions: {sheet.title.removeprefix('Exercises: ')}\n\n"
    say = (
        "One right answer to each exercise, a second one that looks different, and the mistakes that are often made.\n"
    )
    return head + say + "".join(_solution(e, n) for n, e in enumerate(sheet.exercises, 1))


def _solution(e: Exercise, n: int) -> str:
    parts = [f"\n## {n}. {e.title}\n", _folded("A solution", _python(clean(e.solution)))]
    parts += [_folded(f"Another way: {a.note or a.name}", _python(a.source)) for a in e.alternatives]
    rows = "\n".join(f"- **{m.name.replace('-', ' ')}.** {m.sentence}" for m in e.mutants)
    parts.append(_folded("Known mistakes", rows))
    return "\n".join(parts)


def _folded(title: str, body: str) -> str:
    return f":::{{dropdown}} {title}\n{body}\n:::\n"


def _python(source: str) -> str:
    return f"```python\n{source.strip()}\n```"
