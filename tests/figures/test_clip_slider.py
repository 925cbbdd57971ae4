"""The clip under sliders: value and slope are those of the library's loss, and it serves every reader."""

import pytest
import torch
from playwright.sync_api import expect

from course_lib.alignment import ppo_loss
from course_lib.figures import ClipSlider
from tests.figures.reading import points, signed, state


def figure(**options) -> ClipSlider:
    return ClipSlider(**options)


NAMES = {"ratio": "Ratio ρ", "clip": "Clip ε", "advantage": "Advantage A"}


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
    expect(facts).to_contain_text(f"ρA {signed(ratio * advantage)}")
    expect(facts).to_contain_text(f"the smaller one {signed(objective)}")
    expect(facts).to_contain_text(f"slope in ρ {signed(slope)}")
    expect(page.get_by_role("status")).to_contain_text("no gradient" if slope == 0 else "has a slope")


def test_the_dot_stands_on_the_curve_of_its_own_panel(page):
    move(page, ratio=1.6, clip=0.25, advantage=1.0)
    good, bad = page.locator("circle").nth(0), page.locator("circle").nth(1)
    expect(good).to_have_attribute("visibility", "visible")
    expect(bad).to_have_attribute("visibility", "hidden")
    (x0, y0), (x1, y1) = points(page.locator(".ig-flat").nth(0))
    assert y0 == y1 == float(good.get_attribute("cy"))
    assert x0 < float(good.get_attribute("cx")) < x1
    move(page, advantage=-1.0)
    expect(bad).to_have_attribute("visibility", "visible")
    expect(good).to_have_attribute("visibility", "hidden")
    (x0, y0), (x1, y1) = points(page.locator(".ig-sloped").nth(1))
    share = (float(bad.get_attribute("cx")) - x0) / (x1 - x0)
    assert float(bad.get_attribute("cy")) == pytest.approx(y0 + share * (y1 - y0), abs=0.15)


def test_a_token_as_good_as_expected_says_nothing(page):
    move(page, advantage=0)
    expect(page.get_by_role("status")).to_contain_text("as good as expected")
    expect(page.locator('circle[visibility="visible"]')).to_have_count(0)
    expect(page.locator(".ig-facts")).to_contain_text("slope in ρ 0.00")


def test_a_small_state_travels():
    assert state(ClipSlider(1.3)) == {"ratio": 1.3, "clip": 0.2, "advantage": 1.0, "most": [2.0, 0.5, 1.5]}


FAULTS = [
    ({"ratio": -0.1}, "ratio=-0.1 is not in 0 … 2"),
    ({"ratio": 2.5}, "ratio=2.5"),
    ({"clip": 0.6}, "clip=0.6 is not in 0 … 0.5"),
    ({"advantage": 2.0}, r"advantage=2.0 is not in -1.5 … 1.5"),
]
