"""The next word at a temperature: the distribution is NumPy's, and draws are what the seed says."""

import math

import numpy as np
import pytest
import traitlets as t
from playwright.sync_api import expect

from course_lib.figures import Temperature
from tests.figures.reading import numbers, softmax

WORDS = [" robot", " human", " cat", ".", "!"]
LOGITS = [2.0, 1.0, 0.5, -1.0, -3.0]


def figure(words=WORDS, logits=LOGITS, **options) -> Temperature:
    return Temperature(words, logits, **{"prompt": "Obey the", "seed": 7} | options)


FAULTS = [
    ({"logits": [1.0]}, r"logits has shape \(1,\), expected \(5\)"),
    ({"words": [], "logits": []}, "at least one"),
    ({"words": ["a"], "logits": [np.inf]}, "logits holds 1"),
]


def stirred(page):
    page.get_by_role("button", name="Draw 100").click()
    yield


def uniform(seed: int, i: int) -> float:
    """mulberry32, written again in Python."""
    mask = 0xFFFFFFFF
    a = (seed + (i + 1) * 0x6D2B79F5) & mask
    t = ((a ^ (a >> 15)) * (a | 1)) & mask
    t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
    return ((t ^ (t >> 14)) & mask) / 2**32


def test_the_distribution_follows_the_slider(page):
    slider, facts = page.get_by_role("slider", name="Temperature"), page.locator(".ig-facts")
    assert numbers(page) == pytest.approx(softmax(LOGITS), abs=6e-4)
    for key, temperature in (("Home", 0.1), ("End", 3.0)):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", f"{temperature:.2f}")
        p = softmax(LOGITS, temperature)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        assert numbers(page) == pytest.approx(p, abs=6e-4)
        expect(facts).to_contain_text(f"{entropy:.3f} nats")
        expect(facts).to_contain_text(f"{math.exp(entropy):.2f}")


def test_it_draws_what_its_seed_says(page):
    page.get_by_role("button", name="Draw 100").click()
    page.get_by_role("button", name="Draw 1", exact=True).click()
    drawn = np.searchsorted(np.cumsum(softmax(LOGITS)), [uniform(7, i) for i in range(101)], side="right")
    tally = [int(text.split("·")[1].strip("× ")) for text in page.locator(".ig-number").all_inner_texts()]
    assert tally == np.bincount(drawn, minlength=5).tolist()
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".ig-mark")).to_have_count(0)


def test_equal_figures_on_one_page_move_apart(open_figure):
    first, second = open_figure(figure(), figure()).get_by_role("slider").all()
    first.press("End")
    expect(first).to_have_attribute("aria-valuetext", "3.00")
    expect(second).to_have_attribute("aria-valuetext", "1.00")


def test_javascript_softmax_is_numpys(call):
    rows = [*(np.random.default_rng(2).normal(size=(50, 7)) * 30).tolist(), [1e4, -1e4, 0.0], [-15000.0, 0.0]]
    for row, found in zip(rows, call("x.map((row) => [1, 0.1, 3].map((t) => m.softmax(row, t)))", rows)):
        np.testing.assert_allclose(found, [softmax(row, t) for t in (1, 0.1, 3)], rtol=1e-12, atol=1e-300)


def test_a_trait_out_of_its_range_is_an_error():
    with pytest.raises(t.TraitError, match="3"):
        figure().temperature = 5.0
