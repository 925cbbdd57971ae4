"""Reports of graded work: JSON, CSV, JUnit, and pages of HTML that stand alone, for the instructor and the learners."""

import csv
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from .classroom import summary
from .marks import Result
from .release import write

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --page: #ffffff; --soft: #f1f3f5; --line: #c9ced4; --quiet: #59636e;
  --good: #116329; --bad: #a40e26; --mark: #fff4d6 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --page: #14181d; --soft: #1f252c; --line: #3d4650;
  --quiet: #a3adb8; --good: #6fdd8b; --bad: #ff9ba4; --mark: #3a3116 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 { font-size: 1.7rem; line-height: 1.25 } h2 { font-size: 1.25rem; margin-top: 2.4rem }
.scroll { overflow-x: auto; margin-bottom: 1.6rem } table { border-collapse: collapse; width: 100% }
caption { text-align: left; color: var(--quiet); padding: .3rem 0 }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line) }
thead th { background: var(--soft) } td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
pre { background: var(--soft); padding: .5rem .7rem; overflow-x: auto; margin: .3rem 0; font-size: .86rem }
.good { color: var(--good) } .bad { color: var(--bad) } .quiet { color: var(--quiet) }
.mistake { background: var(--mark); border-left: .3rem solid var(--bad); padding: .5rem .8rem; margin: .8rem 0 }
a { color: inherit } summary { cursor: pointer }
a:focus-visible, summary:focus-visible { outline: 2px solid; outline-offset: 2px }
"""


def as_json(results: list[Result]) -> str:
    """Write results as JSON: the same text for the same submissions."""
    return json.dumps({"summary": summary(results), "results": results}, indent=1, ensure_ascii=False) + "\n"


def as_csv(results: list[Result]) -> str:
    """Write a table with a row for each submission and a column for each exercise."""
    columns = list(dict.fromkeys(f"{r['sheet']}: {e['name']}" for r in results for e in r["exercises"]))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["submission", "sheet", "status", "points", "of", *columns, "reason"])
    for r in results:
        points = {f"{r['sheet']}: {e['name']}": e["points"] for e in r["exercises"]}
        cells = [r["submission"], r["sheet"], r["status"], r["points"], r["of"], *map(points.get, columns), r["reason"]]
        table.writerow(["" if cell is None else _harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: Any) -> Any:
    """Keep a spreadsheet from running a file's name as a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell


def as_junit(results: list[Result]) -> str:
    """Write JUnit's XML: a suite for each submission, a case for each check."""
    root = ElementTree.Element("testsuites", name="Inside GPT")
    for r in results:
        checks = [(e, c) for e in r["exercises"] for c in e["checks"]]
        failed = sum(not c["passed"] for _, c in checks)
        counts = {"tests": str(len(checks) or 1), "failures": str(failed), "errors": str(int(not checks))}
        suite = ElementTree.SubElement(root, "testsuite", name=_xml(r["submission"]), **counts)
        for e, c in checks:
            case = ElementTree.SubElement(suite, "testcase", classname=_xml(e["name"]), name=_xml(c["title"]))
            if not c["passed"]:
                ElementTree.SubElement(case, "failure", message=_xml(c["why"]))
        if not checks:
            case = ElementTree.SubElement(suite, "testcase", classname="submission", name=_xml(r["submission"]))
            ElementTree.SubElement(case, "error", message=_xml(r["reason"]))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _xml(text: str) -> str:
    """Leave out the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "�", str(text))


def write_html(results: list[Result], folder: Path) -> Path:
    """Write the instructor's page and one for each learner; return the first."""
    names = page_names(results)
    for r, name in zip(results, names):
        write(folder / "learners" / name, learner_page(r))
    write(folder / "index.html", class_page(results, names))
    return folder / "index.html"


def page_names(results: list[Result]) -> list[str]:
    """Name each learner's page after the submission, with a number so that no two are the same."""
    return [f"{i:03}-{_slug(r['submission'])}.html" for i, r in enumerate(results, 1)]


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text.removesuffix(".ipynb")).strip("-")[:60] or "submission"


def _e(thing: Any) -> str:
    return html.escape(_xml(str(thing)))


def _page(title: str, body: Iterable[str]) -> str:
    head = f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{_e(title)}</title>\n'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    style = f"<style>{STYLE}</style>\n</head>\n"
    return head + view + style + "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"


def points_text(points: float | None, of: float | None) -> str:
    """Write points for a person: 3.5 of 4, or a dash where there are none."""
    return "—" if points is None or of is None else f"{points:.4g} of {of:.4g}"


def learner_page(r: Result) -> str:
    """Write what a learner reads: what counts, what was expected, what came, and which known mistake it looks like."""
    title = r["title"] or r["submission"]
    body = [
        f"<h1>{_e(title)}</h1>",
        f"<p>{_e(r['submission'])}: <strong>{points_text(r['points'], r['of'])}</strong></p>",
    ]
    if r["status"] != "graded":
        body.append(
            f"<p class=mistake>This file was not graded, which is not the same as no points: {_e(r['reason'])}.</p>"
        )
    elif r["reason"]:
        body.append(f"<p class=mistake>{_e(r['reason'])}</p>")
    return _page(f"{title}: {r['submission']}", [*body, *(_exercise(e) for e in r["exercises"])])


def _exercise(e: dict[str, Any]) -> str:
    parts = [f"<section>\n<h2>{_e(e['title'])}: {points_text(e['points'], e['of'])}</h2>"]
    if e["mistake"]:
        parts.append(f"<p class=mistake><strong>A known mistake.</strong> {_e(e['mistake']['sentence'])}</p>")
    parts += [f"<p class=mistake>{_e(text)}</p>" for text in (e["note"], e["problem"]) if text]
    rows = "\n".join(_check(c) for c in e["checks"])
    heads = (
        '<thead><tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">What came</th></tr></thead>'
    )
    caption = f"<caption>Checks of {_e(e['title'])}; hidden ones show no values</caption>"
    parts.append(f'<div class="scroll"><table>{caption}{heads}<tbody>\n{rows}\n</tbody></table></div>\n</section>')
    return "\n".join(parts)


def _check(c: dict[str, Any]) -> str:
    result = '<span class="good">✓ passed</span>' if c["passed"] else '<span class="bad">✗ failed</span>'
    kind = ' <span class="quiet">(hidden)</span>' if c["hidden"] else ""
    said = _e(c["why"]) if not c["passed"] else ""
    if not c["hidden"] and not c["passed"]:
        came = f"<p>Expected</p><pre>{_e(c['expected'])}</pre><p>Came</p><pre>{_e(c['came'] or 'nothing')}</pre>"
        said += f"<details><summary>Expected, and what came</summary>{came}</details>"
    return f'<tr><th scope="row">{_e(c["title"])}{kind}</th><td>{result}</td><td>{said}</td></tr>'


def class_page(results: list[Result], names: list[str]) -> str:
    """Write what an instructor reads: the class, what to look at by hand, and which mistakes it makes."""
    counts = summary(results)
    body = ["<h1>Graded submissions</h1>", "<p>" + _e(" · ".join(f"{n} {what}" for what, n in counts.items())) + "</p>"]
    by_hand = [(r, name) for r, name in zip(results, names) if r["status"] != "graded"]
    if by_hand:
        rows = "".join(f"<li>{_link(r, name)}: {_e(r['reason'])}</li>" for r, name in by_hand)
        body.append(
            f"<h2>To be looked at by hand</h2><p>These have no points, which is not zero points.</p><ul>{rows}</ul>"
        )
    for sheet in dict.fromkeys(r["sheet"] for r in results if r["sheet"]):
        body += _sheet_part(sheet, [(r, name) for r, name in zip(results, names) if r["sheet"] == sheet])
    return _page("Graded submissions", body)


def _link(r: Result, name: str) -> str:
    return f'<a href="learners/{_e(name)}">{_e(r["submission"])}</a>'


def _sheet_part(sheet: str, graded: list[tuple[Result, str]]) -> list[str]:
    first = graded[0][0]
    heads = "".join(f'<th scope="col" class="number">{_e(e["title"])} ({e["of"]:g})</th>' for e in first["exercises"])
    rows = []
    for r, name in graded:
        cells = "".join(f'<td class="number">{e["points"]:.4g}{_sign(e)}</td>' for e in r["exercises"])
        total = f'<td class="number"><strong>{r["points"]:.4g}</strong></td>'
        rows.append(f'<tr><th scope="row">{_link(r, name)}</th>{total}{cells}<td>{_e(r["reason"])}</td></tr>')
    words = (
        "“known” marks a known mistake, “blank” an answer not begun, “stopped” one that gives an error when it is run"
    )
    caption = f"<caption>Points; {words}</caption>"
    columns = f'<th scope="col">Submission</th><th scope="col" class="number">Points of {first["of"]:g}</th>'
    head = f'<thead><tr>{columns}{heads}<th scope="col">Note</th></tr></thead>'
    table = f'<div class="scroll"><table>{caption}{head}<tbody>{"".join(rows)}</tbody></table></div>'
    return [f"<h2>{_e(first['title'] or sheet)}</h2>", table, _mistakes([r for r, _ in graded])]


def _sign(e: dict[str, Any]) -> str:
    word = "known" if e["mistake"] else "blank" if e["blank"] else "stopped" if e["problem"] else ""
    return f' <span class="quiet">{word}</span>' if word else ""


def _mistakes(results: list[Result]) -> str:
    made = Counter((e["title"], e["mistake"]["sentence"]) for r in results for e in r["exercises"] if e["mistake"])
    if not made:
        return ""
    rows = "".join(
        f'<tr><td class="number">{n}</td><th scope="row">{_e(title)}</th><td>{_e(sentence)}</td></tr>'
        for (title, sentence), n in sorted(made.items(), key=lambda item: (-item[1], item[0]))
    )
    heads = '<th scope="col" class="number">Learners</th><th scope="col">Exercise</th><th scope="col">Mistake</th>'
    caption = "<caption>What this class gets wrong</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
