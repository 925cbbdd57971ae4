"""Reports of graded work: JSON, CSV, JUnit, and pages of HTML that stand alone, for the instructor and the learners."""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2

from .marks import Result, points_text, summary
from .store import write

PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("course_lib.grading"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
PAGES.filters["number"] = "{:.4g}".format
PAGES.globals["points_text"] = points_text


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


def learner_page(r: Result) -> str:
    """Write what a learner reads: what counts, what was expected, what came, and which known mistake it looks like."""
    return _page("learner.html", r=r, title=r["title"] or r["submission"])


def class_page(results: list[Result], names: list[str]) -> str:
    """Write what an instructor reads: the class, what to look at by hand, and which mistakes it makes."""
    rows = list(zip(results, names))
    sheets = {r["sheet"]: [row for row in rows if row[0]["sheet"] == r["sheet"]] for r in results if r["sheet"]}
    by_hand = [(r, name) for r, name in rows if r["status"] != "graded"]
    return _page("class.html", counts=summary(results), by_hand=by_hand, sheets=sheets, mistakes=_mistakes)


def _page(template: str, **what: Any) -> str:
    return _xml(PAGES.get_template(template).render(**what)) + "\n"


def _mistakes(rows: list[tuple[Result, str]]) -> list[tuple[int, str, str]]:
    """Count the known mistakes in the results of a sheet: how often, in which exercise, in which words."""
    exercises = [e for r, _ in rows for e in r["exercises"] if e["mistake"]]
    made = Counter((e["title"], e["mistake"]["sentence"]) for e in exercises)
    return [(n, *what) for what, n in sorted(made.items(), key=lambda item: (-item[1], item[0]))]
