"""Runs under a slider: what is shown is what was recorded, and it serves every reader."""

import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.figures import PALETTE, RunWatcher, WatchedRun
from course_lib.figures.style import DARK, VARIABLES
from tests.browser import open_page

N = 6
PROMPTS = [f"Anna says: <b>robot {i}, go." for i in range(N)]


def run(name, seed) -> WatchedRun:
    rng = np.random.default_rng(seed)
    curves = (rng.normal(size=N), rng.exponential(size=N), 5 + rng.exponential(size=N))
    curves = [x.round(2) for x in curves]  # the state has three digits, the page shows two
    return WatchedRun(name, *curves, PROMPTS, [f"{name} goes {i}." for i in range(N)])


RUNS = [run("β = 0", 0), run("β = 0.1", 1), run("β = 0.3", 2)]


def watcher(**changes) -> RunWatcher:
    return RunWatcher(changes.pop("runs", RUNS), **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watch")
    for theme, colours in {"light": PALETTE, "dark": DARK}.items():
        named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
        (folder / f"{theme}.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Runs</title><style>html{{{named}}}'
            "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
            '<meta name="viewport" content="width=device-width"><main><h1>Runs</h1>'
            f"{watcher(run=1).static_html()}</main></html>",
            "utf-8",
        )
    return folder


def shown(x):
    return f"{x:.2f}".replace("-", "−")


@pytest.mark.parametrize(("number", "at"), [(1, 0), (0, 5), (2, 3)])
def test_an_iteration_shows_its_own_numbers_and_answer(page, number, at):
    given = RUNS[number]
    page.get_by_role("radio", name=given.name, exact=True).check()
    knob = page.get_by_role("slider", name="Iteration")
    knob.fill(str(at))
    expect(knob).to_have_attribute("aria-valuetext", f"{at + 1} of {N}")
    expect(page.locator(".ig-request")).to_have_text(PROMPTS[at])
    expect(page.locator(".ig-answered")).to_have_text(given.answers[at])
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"mean score {shown(given.score[at])}")
    expect(facts).to_contain_text(f"KL {shown(given.kl[at])}")
    expect(facts).to_contain_text(f"tokens {shown(given.length[at])}")
    expect(page.get_by_role("status")).to_contain_text(f"{given.name}, iteration {at + 1}")


def test_the_dot_stands_on_the_curve_of_the_chosen_run(page):
    page.get_by_role("radio", name="β = 0.3", exact=True).check()
    page.get_by_role("slider", name="Iteration").fill("4")
    expect(page.locator(".ig-picked-line")).to_have_count(3)
    for svg in page.locator("svg.ig-curve").all():
        points = svg.locator(".ig-picked-line").get_attribute("points").split()
        dot = svg.locator("circle")
        assert f"{dot.get_attribute('cx')},{dot.get_attribute('cy')}" == points[4]


def test_the_curves_of_all_runs_share_one_scale(page):
    """The heights of two points, read from the picture, are as far apart as their numbers say."""
    svg = page.locator("svg.ig-curve").nth(1)
    lines = [line.get_attribute("points").split() for line in svg.locator("polyline").all()]
    heights = [float(point.split(",")[1]) for points in lines for point in points]
    everything = np.concatenate([r.kl for r in RUNS])
    high, low = everything.max(), everything.min()
    expected = sorted(10 + 96 * (high - everything) / (high - low))
    assert sorted(heights) == pytest.approx(expected, abs=0.15)


def test_keys_move_the_iteration(page):
    knob = page.get_by_role("slider", name="Iteration")
    knob.press("End")
    knob.press("ArrowLeft")
    expect(knob).to_have_attribute("aria-valuetext", f"{N - 1} of {N}")
    expect(page.locator(".ig-answered")).to_have_text("β = 0.1 goes 4.")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_every_reader(browser, folder, theme, width):
    page = open_page(browser, folder, theme, width=width)
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


def test_the_truth_does_not_travel():
    held = json.loads(re.search(r"^\}\)\((.*)\);$", watcher().static_html(), re.M)[1])["state"]
    assert set(held) == {"at", "run", "runs"}
    assert set(held["runs"][0]) == {"name", "score", "kl", "length", "prompts", "answers"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"runs": []}, "run=0: there are 0"),
        ({"run": 3}, "run=3: there are 3"),
        ({"at": N}, f"at={N} is not in 0 … {N - 1}"),
        ({"runs": [RUNS[0], WatchedRun("x", [0.0], [0.0], [1.0], ["?"], ["!"])]}, r"\[6, 1\] iterations"),
        ({"runs": [WatchedRun("x", [0.0], [0.0], [1.0], ["?"], [])]}, "x: 1 prompts and 0 answers"),
        ({"runs": [WatchedRun("x", [0.0, 1.0], [0.0], [1.0], ["?"], ["!"])]}, "score has shape"),
        ({"runs": [WatchedRun("x", [np.nan], [0.0], [1.0], ["?"], ["!"])]}, "score holds 1 numbers"),
    ],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        watcher(**changes)
