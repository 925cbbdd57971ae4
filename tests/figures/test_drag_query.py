"""Attention of a query in the plane: moved by mouse, finger, keys and sliders, it is the library's."""

import math
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib import by_hand
from course_lib.figures import DragQuery
from tests.figures.reading import numbers, softmax

KEYS = [[2.0, 0.5], [1.0, 1.5], [-1.2, 2.0], [-1.8, -0.8]]
WORDS = ["robot", "human", "orders", "obey"]


def figure(words=WORDS, keys=KEYS, **options) -> DragQuery:
    return DragQuery(words, keys, **{"sizes": (2, 64), "query": (1.0, 0.5)} | options)


FAULTS = [
    ({"words": ["a"], "keys": [[4, 0]]}, "keys reaches 4"),
    ({"d": 3}, "d=3 is not one of"),
    ({"words": ["a"], "keys": [[1, 0, 0]]}, r"\(1, 3\)"),
]


def attend(query, d: int, scaled: bool) -> np.ndarray:
    return softmax(np.array(KEYS) @ query * math.sqrt(d / 2) / (math.sqrt(d) if scaled else 1))


def query_of(page) -> np.ndarray:
    return np.array(numbers(page, ".ig-value"))


def test_it_moves_by_mouse_keyboard_and_sliders(page):
    handle, plane = page.locator(".ig-handle"), page.locator(".ig-plane")
    handle.scroll_into_view_if_needed()
    box, start = plane.bounding_box(), handle.locator("circle").last.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25, steps=3)
    page.mouse.up()
    assert query_of(page) == pytest.approx([-1.5, 1.5], abs=0.03)
    assert numbers(page) == pytest.approx(attend(query_of(page), 2, True), abs=2e-2)
    before = query_of(page)
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert query_of(page) - before == pytest.approx([0.1, -0.5], abs=0.051)
    page.get_by_role("slider", name="Query →").press("End")
    page.get_by_role("slider", name="Query ↑").press("Home")
    assert query_of(page) == pytest.approx([3, -3])
    assert numbers(page) == pytest.approx(attend([3, -3], 2, True), abs=6e-4)


def test_it_is_attention_and_saturates_without_the_scale(page):
    query, keys = np.array([[1.0, 0.5]]), np.array(KEYS)
    weights, output = by_hand.attention(query, keys, np.eye(4))[0], by_hand.attention(query, keys, keys)[0]
    assert numbers(page) == pytest.approx(weights, abs=6e-4)
    expect(page.get_by_role("status")).to_contain_text(f"the output is ({output[0]:.2f}, {output[1]:.2f})")
    page.get_by_label("d =").select_option("64")
    assert numbers(page) == pytest.approx(weights, abs=6e-4)  # divided by √d, d does not matter
    page.get_by_role("checkbox", name="divide by √d").uncheck()
    assert numbers(page) == pytest.approx(attend(query[0], 64, False), abs=6e-4)
    assert max(numbers(page)) > 0.9 > max(weights)


def test_a_finger_moves_it(open_figure):
    page = open_figure(figure(), has_touch=True, width=390)
    page.locator(".ig-handle").scroll_into_view_if_needed()
    box = page.locator(".ig-plane").bounding_box()
    x, y = box["x"] + box["width"] * (0.5 + 1 / 6), box["y"] + box["height"] * (0.5 - 0.5 / 6)
    touch = page.context.new_cdp_session(page)
    for kind, shifts in (("Start", [0]), ("Move", [20]), ("Move", [60]), ("End", [])):
        places = [{"x": x - shift, "y": y + shift} for shift in shifts]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": places})
    moved = 60 / box["width"] * 6
    for axis, goal in (("→", 1 - moved), ("↑", 0.5 - moved)):
        near = re.compile("|".join(f"^{v:.2f}$" for v in np.arange(goal - 0.05, goal + 0.05, 0.01)))
        expect(page.get_by_role("slider", name=f"Query {axis}")).to_have_attribute("aria-valuetext", near)
