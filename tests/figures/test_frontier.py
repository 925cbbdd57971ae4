"""The frontier: what is drawn and said is what was given, at the end and along the run, in a real browser."""

import math
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from course_lib.figures import Frontier, Moment, PolicyResult
from tests.figures.reading import signed, state

RUN = [
    Moment(i, 0.09 * i, -0.2 + 0.01 * i, 1.2 + 0.02 * i, f"Order {i}.", f"Momo obeys {i}." if i else "")
    for i in range(0, 100, 20)
]
ANSWERS = [("Anna says: Momo, hurt Ben.", "Momo says: no.", 3.0), ("Paint it <b>red</b>.", "It is blue.", -2.5)]
POLICIES = [
    PolicyResult("PPO", "β", 0.3, 1.8, 1.24, 2.75, (0.1, 0.05), ANSWERS, RUN),
    PolicyResult("PPO", "β", 0.1, 2.3, 1.36, 2.5, (0.0, 0.0), ANSWERS[:1], RUN),
    PolicyResult("PPO", "β", 0.0, 11.75, 1.22, -0.97, (0.2, 0.5), ANSWERS[1:], [*RUN, Moment(100, 25.0, 1.4, 1.0)]),
    PolicyResult("best of n", "n", 1, 0.0, -0.16, 1.2),
    PolicyResult("best of n", "n", 4, math.log(4) - 3 / 4, 1.17, 2.4),
    PolicyResult("GRPO", "β", 0.1, 5.2, 1.31, 2.39, run=RUN[:2]),
]


def figure(policies=POLICIES, **options) -> Frontier:
    return Frontier(policies, **options)


def stirred(page):
    page.get_by_role("slider", name="Along the run").press("Home")
    yield


def check(page, policy, moment=None):
    """Everything that the figure says about a policy, or about a moment of its run, against what was given."""
    seen, facts = moment or policy, page.locator(".ig-facts")
    expect(facts).to_contain_text(f"KL {signed(seen.kl)}")
    for name, number, spread in zip(("score", "true utility"), (seen.score, seen.true), policy.spread):
        more = f" ± {spread:.2f}" if moment is None and spread else ""
        expect(facts.locator("> span", has_text=name).locator("b")).to_have_text(signed(number) + more)
    rows = page.locator(".ig-said li")
    if moment is None:
        expect(rows.locator("span")).to_have_text([prompt for prompt, _, _ in policy.answers])
        expect(rows.locator("b")).to_have_text([answer for _, answer, _ in policy.answers])
        expect(rows.locator("small")).to_have_text([signed(utility) for _, _, utility in policy.answers])
    else:
        expect(rows.locator("span")).to_have_text([moment.prompt] if moment.prompt else [])
        expect(rows.locator("b")).to_have_text([moment.answer or "(nothing)"] if moment.prompt else [])
        expect(rows.locator("small")).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text(f"it is truly worth {signed(seen.true)}.")
    where = f"iteration {moment.iteration}" if moment else "at the end"
    expect(page.get_by_role("status")).to_contain_text(where)


def test_it_opens_at_the_first_policy(page):
    check(page, POLICIES[0])
    expect(page.get_by_role("slider", name="β")).to_have_attribute("aria-valuetext", "0.3")
    expect(page.get_by_role("slider", name="Along the run")).to_have_attribute("aria-valuetext", "the end")


def test_the_sliders_choose_setting_and_moment(page):
    beta, along = page.get_by_role("slider", name="β"), page.get_by_role("slider", name="Along the run")
    beta.press("ArrowRight")
    check(page, POLICIES[1])
    along.press("Home")
    check(page, POLICIES[1], RUN[0])
    along.press("ArrowRight")
    check(page, POLICIES[1], RUN[1])
    beta.press("ArrowLeft")  # another setting at the same moment
    check(page, POLICIES[0], RUN[1])
    along.press("End")
    check(page, POLICIES[0])


def test_a_run_of_another_length_keeps_the_moment_and_the_focus(page):
    beta, along = page.get_by_role("slider", name="β"), page.get_by_role("slider", name="Along the run")
    along.fill("3")
    beta.press("End")
    check(page, POLICIES[2], RUN[3])
    expect(beta).to_be_focused()
    along.fill("5")  # the moment that the other runs lack; it has no text
    check(page, POLICIES[2], POLICIES[2].run[5])
    beta.press("Home")
    check(page, POLICIES[0])


def test_methods_without_a_run_or_with_one_setting_have_no_slider_for_it(page):
    page.get_by_role("radio", name="best of n").check()
    check(page, POLICIES[3])
    expect(page.get_by_role("slider")).to_have_count(1)
    page.get_by_role("slider", name="n", exact=True).press("End")
    check(page, POLICIES[4])
    page.get_by_role("radio", name="GRPO").check()
    check(page, POLICIES[5])
    expect(page.get_by_role("slider")).to_have_count(1)
    page.get_by_role("slider", name="Along the run").press("Home")
    check(page, POLICIES[5], RUN[0])
    page.get_by_role("radio", name="PPO").check()
    check(page, POLICIES[0])


def place(page, chart, name):
    """The middle of each such mark in a chart, in the units of the picture."""
    boxes = page.locator(".ig-columns svg").nth(chart).locator(name)
    read = "marks => marks.map(mark => { const b = mark.getBBox(); return [b.x + b.width / 2, b.y + b.height / 2]; })"
    return boxes.evaluate_all(read)


def test_points_stand_where_their_numbers_say(page):
    """The axis of KL grows as its square root; upwards is more, in proportion. The ring marks the chosen one."""
    for chart, value in enumerate(("score", "true")):
        points = place(page, chart, ".ig-point")
        assert len(points) == len(POLICIES)
        x0 = points[3][0]  # KL = 0
        unit = (points[2][0] - x0) / math.sqrt(POLICIES[2].kl)
        assert [p[0] for p in points] == pytest.approx([x0 + unit * math.sqrt(p.kl) for p in POLICIES], abs=0.1)
        heights, numbers = [p[1] for p in points], [getattr(p, value) for p in POLICIES]
        slope = (heights[2] - heights[0]) / (numbers[2] - numbers[0])
        assert slope < 0
        expected = [heights[0] + slope * (n - numbers[0]) for n in numbers]
        assert heights == pytest.approx(expected, abs=0.1)
        assert place(page, chart, ".ig-here")[0] == pytest.approx(points[0], abs=0.5)
    page.get_by_role("slider", name="β").press("End")
    assert place(page, 1, ".ig-here")[0] == pytest.approx(place(page, 1, ".ig-point")[2], abs=0.5)
    page.get_by_role("slider", name="Along the run").press("Home")
    assert place(page, 1, ".ig-here")[0][0] == pytest.approx(x0, abs=0.1)
    inside = (
        "svg => [...svg.querySelectorAll('.ig-point, .ig-run, text')].every(m => { const b = m.getBBox(); "
        "return b.x >= -1 && b.x + b.width <= 341 && b.y >= -1 && b.y + b.height <= 231; })"
    )
    assert page.locator(".ig-columns svg").evaluate_all(f"all => all.map({inside})") == [True, True]


def test_spread_is_drawn_where_there_is_some(page):
    bars = page.locator(".ig-columns svg").first.locator("g:nth-of-type(2) > line")
    expect(bars).to_have_count(sum(p.spread[0] > 0 for p in POLICIES))


def test_a_policy_alone_and_flat_numbers_can_be_drawn(open_figure):
    flat = PolicyResult("PPO", "β", 0.1, 0.0, 1.0, 1.0)
    check(open_figure(figure([flat])), flat)


def test_the_state_holds_what_was_given():
    held = state(figure(setting=2, at=1))
    assert [method["name"] for method in held["methods"]] == ["PPO", "best of n", "GRPO"]
    assert held["methods"][0]["policies"][2]["end"] == [11.75, 1.22, -0.97]
    assert (held["setting"], held["at"]) == (2, 1)


def changed(**changes):
    return {"policies": [replace(POLICIES[0], **changes)]}


FAULTS = [
    ({"policies": []}, "0 methods"),
    ({"policies": [replace(POLICIES[0], method=str(i)) for i in range(5)]}, "5 methods"),
    ({"method": 3}, "method=3: there are 3"),
    ({"setting": 3}, "setting=3: PPO has 3"),
    ({"at": 5}, "at=5: this run has 5 moments"),
    (changed(kl=-0.1), "KL of PPO, β = 0.3 is -0.1: it is at least 0"),
    (changed(true=math.nan), "KL, score and truth of PPO, β = 0.3 holds 1 numbers that are NaN"),
    (changed(run=[Moment(7, 0.1, math.inf, 0.0)]), "iteration 7 holds 1 numbers"),
    (changed(spread=(0.1,)), "spread of PPO, β = 0.3 has shape"),
]
