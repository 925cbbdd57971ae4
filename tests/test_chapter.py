"""What every chapter uses: seeds, sources, and differences that are held to a tolerance."""

import random

import numpy as np
import pytest

from course_lib import by_hand, chapter


def test_begin_repeats_every_kind_of_random_number():
    import torch

    def draw():
        rng = chapter.begin(seed=5)
        return rng.random(), random.random(), np.random.rand(), torch.rand(1).item()

    first = draw()
    assert draw() == first
    assert torch.get_num_threads() == 1
    assert chapter.begin(seed=6).random() != first[0]


def test_source_shows_the_code_that_runs():
    shown = chapter.source(by_hand.causal_mask, by_hand.attention).data
    assert shown.startswith("```python\ndef causal_mask(t: int)")
    assert "return np.tri(t, dtype=bool)" in shown
    assert shown.index("def causal_mask") < shown.index("def attention(")


def test_source_refuses_what_has_none():
    with pytest.raises(TypeError, match="Python functions and classes"):
        chapter.source(len)


def test_agree_prints_the_difference(capsys):
    chapter.agree([1.0, 2.0], [1.0, 2.0 + 1e-13], 1e-12, "ours against theirs")
    assert capsys.readouterr().out == "ours against theirs: 1.0e-13 (at most 1e-12 allowed)\n"


@pytest.mark.parametrize("theirs", [[1.0, 2.1], [1.0, np.nan]])
def test_agree_refuses_what_differs(theirs):
    with pytest.raises(AssertionError, match="more than the 1e-12"):
        chapter.agree([1.0, 2.0], theirs, 1e-12)


def test_agree_refuses_shapes_that_differ():
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        chapter.agree([1.0, 2.0], [1.0, 2.0, 3.0], 1e-12)
