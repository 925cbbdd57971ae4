"""Contextual calibration: what it does to a bias, and that it is the paper's."""

import pytest
import torch

from course_lib.prompting import answer_probabilities, calibrate

BIASED = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1]], dtype=torch.float64)


def test_probabilities_are_shared_out_among_the_answers():
    p = answer_probabilities(torch.tensor([[-1.0, -2.0], [-900.0, -900.0]]))
    torch.testing.assert_close(p.sum(1), torch.ones(2))
    torch.testing.assert_close(p[1], torch.tensor([0.5, 0.5]))
    assert p[0, 0] / p[0, 1] == pytest.approx(torch.e)


def test_the_question_without_content_is_left_with_equal_probabilities():
    free = BIASED[:1]
    torch.testing.assert_close(calibrate(free, free), torch.full((1, 3), 1 / 3, dtype=torch.float64))


def test_a_bias_that_multiplies_is_taken_out_again():
    """p = bias · truth, shared out: after calibration the truth is left, exactly."""
    truth = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], dtype=torch.float64)
    bias = torch.tensor([0.8, 0.15, 0.05], dtype=torch.float64)
    seen = truth * bias / (truth * bias).sum(1, keepdim=True)
    assert seen.argmax(1).tolist() == [0, 0]
    calibrated = calibrate(seen, bias[None])
    torch.testing.assert_close(calibrated, truth)
    assert calibrated.argmax(1).tolist() == [1, 0]


def test_it_chooses_as_the_papers_formula_does():
    """q = softmax(W p + b) with W = diag(p_cf)⁻¹ and b = 0 (Zhao et al. 2021, section 5)."""
    p = torch.rand(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).softmax(1)
    free = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2], [0.5, 0.2, 0.2, 0.1]], dtype=torch.float64)
    mean = free.mean(0)
    theirs = (torch.diag(1 / mean) @ p.T).T.softmax(1)
    assert torch.equal(calibrate(p, free).argsort(1), theirs.argsort(1))


@pytest.mark.parametrize(
    ("p", "free", "message"),
    [
        (BIASED * 2, BIASED, "rows of p sum to"),
        (BIASED, BIASED.log(), "rows of content_free sum to"),
        (BIASED, torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64), "probability 0 without content"),
        (BIASED, BIASED[:0], "rows of content_free sum to"),
        (BIASED, BIASED * torch.nan, "rows of content_free sum to"),
    ],
)
def test_what_is_no_probability_is_an_error(p, free, message):
    with pytest.raises(ValueError, match=message):
        calibrate(p, free)
