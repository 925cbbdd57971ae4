"""Runs under a slider: what is shown is what was recorded, and it serves every reader."""

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import RunWatcher, WatchedRun
from tests.figures.reading import points, signed, state

N = 6
PROMPTS = [f"Anna says: <b>robot {i}, go." for i in range(N)]


def run(name, seed) -> WatchedRun:
    rng = np.random.default_rng(seed)
    curves = (rng.normal(size=N), rng.exponential(size=N), 5 + rng.exponential(size=N))
    curves = [x.round(2) for x in curves]  # the state has three digits, the page shows two
    return WatchedRun(name, *curves, PROMPTS, [f"{name} goes {i}." for i in range(N)])


RUNS = [run("β = 0", 0), run("β = 0.1", 1), run("β = 0.3", 2)]


def figure(runs=RUNS, **options) -> RunWatcher:
    return RunWatcher(runs, **{"run": 1 if len(runs) > 1 else 0} | options)


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
    expect(facts).to_contain_text(f"mean score {signed(given.score[at])}")
    expect(facts).to_contain_text(f"KL {signed(given.kl[at])}")
    expect(facts).to_contain_text(f"tokens {signed(given.length[at])}")
    expect(page.get_by_role("status")).to_contain_text(f"{given.name}, iteration {at + 1}")


def test_the_dot_stands_on_the_curve_of_the_chosen_run(page):
    page.get_by_role("radio", name="β = 0.3", exact=True).check()
    page.get_by_role("slider", name="Iteration").fill("4")
    expect(page.locator(".ig-picked-line")).to_have_count(3)
    for svg in page.locator("svg.ig-curve").all():
        dot = [float(svg.locator("circle").get_attribute(name)) for name in ("cx", "cy")]
        assert dot == points(svg.locator(".ig-picked-line"))[4]


def test_the_curves_of_all_runs_share_one_scale(page):
    """The heights of two points, read from the picture, are as far apart as their numbers say."""
    svg = page.locator("svg.ig-curve").nth(1)
    heights = [y for line in svg.locator("polyline").all() for _, y in points(line)]
    everything = np.concatenate([r.kl for r in RUNS])
    high, low = everything.max(), everything.min()
    expected = sorted(10 + 96 * (high - everything) / (high - low))
    assert sorted(heights) == pytest.approx(expected, abs=0.15)


def test_the_truth_does_not_travel():
    assert set(state(figure())["runs"][0]) == {"name", "score", "kl", "length", "prompts", "answers"}


FAULTS = [
    ({"runs": []}, "run=0: there are 0"),
    ({"run": 3}, "run=3: there are 3"),
    ({"at": N}, f"at={N} is not in 0 … {N - 1}"),
    ({"runs": [RUNS[0], WatchedRun("x", [0.0], [0.0], [1.0], ["?"], ["!"])]}, r"\[6, 1\] iterations"),
    ({"runs": [WatchedRun("x", [0.0], [0.0], [1.0], ["?"], [])]}, "x: 1 prompts and 0 answers"),
    ({"runs": [WatchedRun("x", [0.0, 1.0], [0.0], [1.0], ["?"], ["!"])]}, "score has shape"),
    ({"runs": [WatchedRun("x", [np.nan], [0.0], [1.0], ["?"], ["!"])]}, "score holds 1 numbers"),
]
