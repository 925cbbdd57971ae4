"""Reports: the same results in JSON, CSV, JUnit and HTML; the pages stand alone and are accessible."""

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe

from course_lib.grading import report
from course_lib.grading.marks import exit_code, summary, unmarked
from tests.grading.conftest import BOXED, by_name, grade, write_class
from tests.grading.submissions import everything

NASTY = "=cmd|'<script>alert(1)</script>\x00.ipynb"


CHOSEN = ["all right", "all wrong", "blank", "mutant made by a learner", "empty", "syntax error in one answer"]


@pytest.fixture(scope="module")
def results(small, released, public, tmp_path_factory):
    """Some results of every kind, and one of a file with a nasty name."""
    folder, made = tmp_path_factory.mktemp("reports"), everything(released, public)
    write_class(folder / "class", {name: made[name] for name in CHOSEN})
    found = by_name(grade(small, folder / "class", folder / "state", BOXED))
    return [*(found[name] for name in CHOSEN), {"submission": NASTY, **unmarked("unreadable", "no <b>good</b>")}]


@pytest.fixture(scope="module")
def pages(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("html")
    report.write_html(results, folder)
    return sorted(folder.rglob("*.html"))


def test_json_holds_everything_and_counts(results):
    data = json.loads(report.as_json(results))
    assert data["results"] == results
    assert data["summary"] == {"submissions": 7, "graded": 5, "unreadable": 2, "unjudged": 0, "full marks": 1}


def test_csv_has_a_row_for_each_and_runs_nothing(results):
    rows = list(csv.DictReader(io.StringIO(report.as_csv(results))))
    assert [row["points"] for row in rows] == ["10.0", "0.0", "0.0", "6.0", "", "6.0", ""]
    assert rows[0]["small: softmax"] == "4.0"
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_junit_counts_failures(results):
    suites = ElementTree.fromstring(report.as_junit(results))
    assert [(s.get("tests"), s.get("failures"), s.get("errors")) for s in suites][:2] == [
        ("7", "0", "0"),
        ("7", "7", "0"),
    ]
    assert suites[4].get("errors") == "1"


def test_exit_codes(results):
    assert exit_code(results[:1]) == 0
    assert exit_code(results[:3]) == 1
    assert exit_code(results) == 2
    assert summary([])["submissions"] == 0


def test_pages_are_whole_and_escape_what_learners_wrote(pages):
    assert len(pages) == 8
    for page in pages:
        text = page.read_text("utf8")
        assert "<script" not in text
        assert "<b>good" not in text
        assert re.findall(r"(?:src|href)=.?(?:https?:)?//", text) == []


def test_a_learners_page_names_the_mistake_and_what_was_expected(pages):
    text = next(p for p in pages if "mutant" in p.name).read_text("utf8")
    assert "A known mistake." in text
    assert "the weights of a row no longer sum to 1" in text
    assert "Expected, and what came" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_are_accessible_and_ask_no_other_host(browser, pages, scheme, width):
    size = {"width": width, "height": 900}
    with browser.new_context(color_scheme=scheme, viewport=size) as context:
        page, asked, faults = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: faults.append(message.text))
        for path in pages:
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path.name
        assert faults == []
        assert all(url.startswith("file:") for url in asked)
