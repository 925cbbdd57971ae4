"""The movable training run: what it shows after each kept step, in a page without a kernel, in a real browser."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import KeptStep, TrainingSteps
from tests.figures.reading import points, state, visible

STEPS = [0, 100, 200, 400]
LOSSES = [6.2, 1.7, 0.9, 0.54]
COPIES = [
    KeptStep(0, "kite <b> Bip", {"second copy": "6.21"}, [" Bip", " the"], [0.01, 0.005]),
    KeptStep(150, "Anna asks Bip", {"second copy": "4.10"}, [" park", " red"], [0.4, 0.1]),
    KeptStep(400, "Anna asks Bip to take it.", {"second copy": "0.05"}, [" tower", " park"], [0.9, 0.1]),
]


def figure(steps=STEPS, losses=LOSSES, copies=COPIES, **options) -> TrainingSteps:
    given = {"floor": 0.5, "prompt": "Now it is in the", "stages": {"repeats": 100, "town": 400}}
    return TrainingSteps(steps, losses, copies, **given | options)


@pytest.mark.parametrize(
    ("keys", "copy", "loss"),
    [([], 0, 6.2), (["ArrowRight"], 1, 1.3), (["End"], 2, 0.54), (["End", "ArrowLeft"], 1, 1.3)],
)
def test_the_slider_shows_the_copy_of_its_step(page, keys, copy, loss):
    slider, kept = page.get_by_role("slider", name="After step"), COPIES[copy]
    for key in keys:
        slider.press(key)
    expect(slider).to_have_attribute("aria-valuetext", f"{kept.step} of 400")
    expect(page.locator(".ig-sample")).to_have_text(kept.sample)
    expect(page.locator(".ig-facts")).to_contain_text(f"loss on the curve {loss:.2f}")
    expect(page.locator(".ig-facts")).to_contain_text(f"second copy {kept.facts['second copy']}")
    expect(page.locator(".ig-label")).to_have_text([visible(word) for word in kept.words])
    expect(page.locator(".ig-number")).to_have_text([f"{p:.3f}" for p in kept.probabilities])
    expect(page.get_by_role("status")).to_contain_text(f"After step {kept.step} the loss is {loss:.2f}")


def test_the_marker_lies_on_the_curve(page):
    """Its place on the drawn line, read from the picture: a straight line in the loss between two points."""
    x, y = np.transpose(points(page.locator("polyline")))
    dot = page.locator("circle")
    for key, place in (("Home", 0), ("End", 3)):
        page.get_by_role("slider").press(key)
        expect(dot).to_have_attribute("cx", re.compile("."))
        found = [float(dot.get_attribute(name)) for name in ("cx", "cy")]
        assert found == pytest.approx([x[place], y[place]], abs=0.06)
    page.get_by_role("slider").press("ArrowLeft")
    height = np.interp(np.log(1.3), np.log([0.9, 1.7]), [y[2], y[1]])
    assert float(dot.get_attribute("cx")) == pytest.approx((x[1] + x[2]) / 2, abs=0.06)
    assert float(dot.get_attribute("cy")) == pytest.approx(height, abs=0.06)


def test_the_floor_lies_below_the_curve_and_the_stages_have_names(page):
    lowest = max(y for _, y in points(page.locator("polyline")))
    floor = page.locator('svg.ig-curve line[stroke-dasharray="7 5"]')
    assert float(floor.get_attribute("y1")) > lowest
    expect(page.locator("svg.ig-curve text", has_text="repeats")).to_have_count(1)
    expect(page.locator("svg.ig-curve text", has_text="town")).to_have_count(1)


def test_stages_travel_in_their_order():
    assert state(figure())["stages"] == [["repeats", 100], ["town", 400]]


FAULTS = [
    ({"steps": [0, 200, 100, 400]}, "steps must rise"),
    ({"copies": COPIES[::-1]}, "copies' steps must rise"),
    ({"copies": []}, "the curve runs from 0 to 400"),
    ({"copies": [KeptStep(500, "", {}, ["a"], [1.0])]}, r"copies \[500\]"),
    ({"copies": [KeptStep(0, "", {}, ["a", "b"], [0.9, 0.2])]}, "sum to 1.1"),
    ({"floor": 0.0}, "logarithmic"),
    ({"at": 3}, r"at=3 is not in 0 … 2"),
]
