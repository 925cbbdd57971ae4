"""Attention maps with mask and heads: the weights are NumPy's, before and after the mask."""

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import MaskAndHeads
from tests.figures.reading import numbers, softmax

TOKENS = ["<S>", "a", "robot", "must", "obey", "the", "orders", "given", "it"]
SCORES = np.random.default_rng(0).normal(size=(3, 9, 9)).astype("f4") * 2


def figure(tokens=TOKENS, scores=SCORES, **options) -> MaskAndHeads:
    return MaskAndHeads(tokens, scores, **options)


FAULTS = [
    ({"tokens": list("ab")}, r"\(3, 9, 9\), expected \(any, 2, 2\)"),
    ({"head": 3}, "head=3"),
    ({"head_names": ["x"]}, "1 head_names for 3 heads"),
    ({"scores": SCORES - np.inf}, "243 numbers"),
]


def weights(head: int, causal: bool) -> np.ndarray:
    maps = softmax(np.where(np.tri(9, dtype=bool) | (not causal), SCORES.astype(float), -np.inf))
    return maps.mean(0) if head < 0 else maps[head]


def cells(page) -> np.ndarray:
    return np.array([float("0" + text) for text in page.locator("td").all_inner_texts()]).reshape(9, 9)


def test_the_mask_normalises_again(page):
    assert cells(page) == pytest.approx(weights(0, True), abs=6e-3)
    page.get_by_role("checkbox", name="causal mask").uncheck()
    page.get_by_role("radio", name="3").check()
    assert cells(page) == pytest.approx(weights(2, False), abs=6e-3)
    page.get_by_role("radio", name="average").check()
    assert cells(page) == pytest.approx(weights(-1, False), abs=6e-3)
    page.get_by_role("checkbox", name="causal mask").check()
    assert numbers(page) == pytest.approx(weights(-1, True)[8], abs=6e-4)
    expect(page.locator("td.ig-masked")).to_have_count(36)


def test_it_shows_the_row_that_has_focus_or_the_pointer(page):
    page.get_by_role("button", name="must").focus()
    expect(page.locator(".ig-label")).to_have_text(TOKENS[:4])
    assert numbers(page) == pytest.approx(weights(0, True)[3, :4], abs=6e-4)
    page.locator("tbody tr").nth(1).hover()
    assert numbers(page) == pytest.approx(weights(0, True)[1, :2], abs=6e-4)
