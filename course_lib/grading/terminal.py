"""What the terminal tells: which check, what was expected, what came, and which known mistake it looks like."""

from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .marks import Result, points_text
from .sheet import Exercise, Sheet

BESIDE = 34  # columns of text that fit beside each other in a narrow terminal


def tell_learner(result: Result, sheet: Sheet, hints: int, console: Console) -> None:
    """Print a learner's result, and up to so many hints for each exercise that is not solved."""
    console.print(Text(result["title"], style="bold"))
    if result["reason"]:
        console.print(Text(result["reason"], style="yellow"))
    for e, exercise in zip(result["exercises"], sheet.exercises):
        console.print(_exercise(e, exercise, hints))
    console.print(Text(f"\nPublic checks: {points_text(result['points'], result['of'])} points", style="bold"))
    if result["points"] == result["of"]:
        console.print("All that you can check here is right. Hidden checks try other inputs.")
    elif not hints:
        console.print("Stuck? `--hints 1` shows a first hint for what is not solved yet.")


def _exercise(e: dict[str, Any], exercise: Exercise, hints: int) -> RenderableType:
    solved = all(c["passed"] for c in e["checks"])
    parts: list[RenderableType] = []
    if e["mistake"]:
        parts.append(Text(f"A known mistake. {e['mistake']['sentence']}", style="bold yellow"))
    parts += [Text(text, style="yellow") for text in (e["note"], e["problem"]) if text]
    parts += [_check(c) for c in e["checks"]]
    if not solved:
        parts += [
            Padding(Markdown(f"*Hint {i}.* {hint}"), (1, 0, 0, 0)) for i, hint in enumerate(exercise.hints[:hints], 1)
        ]
    word = "solved" if solved else "not begun" if e["blank"] else "not yet"
    title = Text(f"{'✓' if solved else '✗'} {e['title']}: {word}, {points_text(e['points'], e['of'])}")
    return Panel(Group(*parts), title=title, title_align="left", border_style="green" if solved else "red")


def _check(c: dict[str, Any]) -> RenderableType:
    if c["passed"]:
        return Text(f"✓ {c['title']}", style="green")
    line = Text(f"✗ {c['title']}: {c['why']}", style="red")
    if c["came"] in ("", "no answer yet"):
        return line
    table = Table.grid(padding=(0, 3))
    widest = max(len(text) for text in f"{c['expected']}\n{c['came']}".splitlines())
    if widest > BESIDE:
        table.add_row(Text("  expected", style="dim"), Text(c["expected"]))
        table.add_row(Text("  came", style="dim"), Text(c["came"]))
    else:
        table.add_row(Text("  expected", style="dim"), Text("came", style="dim"))
        table.add_row(Padding(Text(c["expected"]), (0, 0, 0, 2)), Text(c["came"]))
    return Group(line, table)


def tell_instructor(results: list[Result], counts: dict[str, Any], console: Console) -> None:
    """Print a class: a line for each submission, and the counts."""
    table = Table(box=None, pad_edge=False)
    table.add_column("submission", overflow="fold")
    table.add_column("points", justify="right")
    table.add_column("", overflow="fold")
    for r in results:
        style = "" if r["status"] == "graded" else "yellow"
        points = points_text(r["points"], r["of"]) if r["status"] == "graded" else r["status"]
        table.add_row(Text(r["submission"]), Text(points, style=style), Text(r["reason"], style="dim"))
    console.print(table)
    console.print(" · ".join(f"{n} {what}" for what, n in counts.items()))
