"""The answer by depth: what is read at each layer and position is what was given, the best of it."""

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import ResidualDepth
from tests.figures.reading import numbers

TOKENS = ["<S>", "a", "robot", "must", "obey", "the", "orders", "given", "it"]
random = np.random.default_rng(0)
DEPTH = random.dirichlet(np.ones(12) / 3, size=(5, 9))
NORMS = random.uniform(1, 9, size=(5, 9))


def figure(probabilities=DEPTH, norms=NORMS, **options) -> ResidualDepth:
    return ResidualDepth(TOKENS, probabilities, [f" w{i}" for i in range(12)], norms, **{"k": 5} | options)


FAULTS = [
    ({"probabilities": 3 * DEPTH}, "sum to 3"),
    ({"norms": NORMS[:3]}, r"norms has shape \(3, 9\)"),
    ({"layer": 5}, "layer=5 is not in 0 … 4"),
    ({"position": -1}, "position=-1 is not in 0 … 8"),
]


def test_it_reads_every_layer_and_position(page):
    page.get_by_role("button", name="robot").click()
    for key, layer in (("Home", 0), ("ArrowRight", 1), ("End", 4)):
        page.get_by_role("slider", name="Layer").press(key)
        p = DEPTH[layer, 2]
        assert numbers(page) == pytest.approx(np.sort(p)[::-1][:5], abs=6e-4)
        expect(page.locator(".ig-label")).to_have_text([f"·w{i}" for i in np.argsort(-p)[:5]])
        expect(page.get_by_role("status")).to_contain_text(f"norm is {NORMS[layer, 2]:.2f}")


def test_only_the_best_travel():
    sent = figure(k=4)
    best = np.argsort(-DEPTH.reshape(45, 12).astype("f4"), axis=-1)[:, :4]
    np.testing.assert_array_equal(
        np.frombuffer(sent.probabilities, "<f4").reshape(5, 9, 4), -np.sort(-DEPTH.astype("f4"), axis=-1)[..., :4]
    )
    names = [[sent.vocabulary[i] for i in row] for row in np.reshape(sent.top, (45, 4))]
    assert names == [[f" w{i}" for i in row] for row in best]
