"""The clip under sliders: value and slope are those of the library's loss, and it serves every reader."""

import json
import re

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.alignment import ppo_loss
from course_lib.figures import PALETTE, ClipSlider
from course_lib.figures.style import DARK, VARIABLES
from tests.browser import open_page

NAMES = {"ratio": "Ratio ρ", "clip": "Clip ε", "advantage": "Advantage A"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    for theme, colours in {"light": PALETTE, "dark": DARK}.items():
        named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
        (folder / f"{theme}.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Clip</title><style>html{{{named}}}'
            "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
            '<meta name="viewport" content="width=device-width"><main><h1>Clip</h1>'
            f"{ClipSlider().static_html()}</main></html>",
            "utf-8",
        )
    return folder


def move(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=NAMES[name]).fill(str(value))


def library(ratio, clip, advantage):
    """The objective of one token, and its slope in the ratio, by the library and autograd."""
    logp = torch.tensor([[ratio]], dtype=torch.float64).log().requires_grad_()
    one = torch.ones(1, 1, dtype=torch.bool)
    objective = -ppo_loss(logp, torch.zeros_like(logp), torch.full_like(logp, advantage), one, clip)
    (slope,) = torch.autograd.grad(objective, logp)
    return objective.item(), slope.item() / ratio  # dρ = ρ d log π


def shown(number):
    return f"{number + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


CASES = [
    (1.0, 0.2, 1.0),
    (1.3, 0.2, 1.0),
    (0.5, 0.2, 1.0),
    (1.5, 0.2, -1.0),
    (0.5, 0.2, -1.0),
    (1.5, 0.0, 1.5),
    (1.4, 0.45, 0.75),
    (0.6, 0.3, -1.25),
]


@pytest.mark.parametrize(("ratio", "clip", "advantage"), CASES)
def test_value_and_slope_are_those_of_the_loss(page, ratio, clip, advantage):
    move(page, ratio=ratio, clip=clip, advantage=advantage)
    objective, slope = library(ratio, clip, advantage)
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"ρA {shown(ratio * advantage)}")
    expect(facts).to_contain_text(f"the smaller one {shown(objective)}")
    expect(facts).to_contain_text(f"slope in ρ {shown(slope)}")
    expect(page.get_by_role("status")).to_contain_text("no gradient" if slope == 0 else "has a slope")


def test_the_dot_stands_on_the_curve_of_its_own_panel(page):
    move(page, ratio=1.6, clip=0.25, advantage=1.0)
    good, bad = page.locator("circle").nth(0), page.locator("circle").nth(1)
    expect(good).to_have_attribute("visibility", "visible")
    expect(bad).to_have_attribute("visibility", "hidden")
    flat = page.locator(".ig-flat").nth(0).get_attribute("points").split()
    (x0, y0), (x1, y1) = ([float(v) for v in point.split(",")] for point in flat)
    assert y0 == y1 == float(good.get_attribute("cy"))
    assert x0 < float(good.get_attribute("cx")) < x1
    move(page, advantage=-1.0)
    expect(bad).to_have_attribute("visibility", "visible")
    expect(good).to_have_attribute("visibility", "hidden")
    sloped = page.locator(".ig-sloped").nth(1).get_attribute("points").split()
    (x0, y0), (x1, y1) = ([float(v) for v in point.split(",")] for point in sloped)
    share = (float(bad.get_attribute("cx")) - x0) / (x1 - x0)
    assert float(bad.get_attribute("cy")) == pytest.approx(y0 + share * (y1 - y0), abs=0.15)


def test_a_token_as_good_as_expected_says_nothing(page):
    move(page, advantage=0)
    expect(page.get_by_role("status")).to_contain_text("as good as expected")
    expect(page.locator('circle[visibility="visible"]')).to_have_count(0)
    expect(page.locator(".ig-facts")).to_contain_text("slope in ρ 0.00")


def test_keys_move_the_ratio(page):
    knob = page.get_by_role("slider", name="Ratio ρ")
    for _ in range(5):
        knob.press("ArrowRight")
    expect(knob).to_have_attribute("aria-valuetext", "1.25")
    expect(page.locator(".ig-facts")).to_contain_text("slope in ρ 0.00")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_every_reader(browser, folder, theme, width):
    page = open_page(browser, folder, theme, width=width)
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


def test_a_small_state_travels():
    held = json.loads(re.search(r"^\}\)\((.*)\);$", ClipSlider(1.3).static_html(), re.M)[1])["state"]
    assert held == {"ratio": 1.3, "clip": 0.2, "advantage": 1.0, "most": [2.0, 0.5, 1.5]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ratio": -0.1}, "ratio=-0.1 is not in 0 … 2"),
        ({"ratio": 2.5}, "ratio=2.5"),
        ({"clip": 0.6}, "clip=0.6 is not in 0 … 0.5"),
        ({"advantage": 2.0}, r"advantage=2.0 is not in -1.5 … 1.5"),
    ],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        ClipSlider(**changes)
