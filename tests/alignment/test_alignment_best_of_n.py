"""Best-of-n as a distribution: by enumeration of all draws, and where the formula for its KL holds."""

import itertools
import math

import pytest
import scipy.stats
import torch

from course_lib.alignment import best_of_n, best_of_n_kl, best_of_n_probabilities

P = torch.tensor([0.5, 0.2, 0.2, 0.1], dtype=torch.float64)
SCORES = torch.tensor([1.0, 3.0, 1.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("scores", [SCORES, torch.tensor([4.0, 3.0, 2.0, 1.0], dtype=torch.float64)])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_it_is_what_all_draws_together_say(scores, n):
    """Each of the 4^n draws, with its probability, and the answer that best_of_n takes from it."""
    taken = torch.zeros(4, dtype=torch.float64)
    for draw in itertools.product(range(4), repeat=n):
        best = best_of_n([[i] for i in draw], scores[list(draw)])
        taken[best[0]] += P[list(draw)].prod()
    assert torch.allclose(best_of_n_probabilities(P, scores, n), taken, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_the_formula_is_the_entropy_of_a_beta_distribution(n):
    """The best of n has quantile u with density n u^(n − 1), Beta(n, 1): scipy knows its entropy, KL with the sign."""
    assert best_of_n_kl(n) == pytest.approx(-scipy.stats.beta(n, 1).entropy(), abs=1e-12)


@pytest.mark.parametrize("n", [2, 8])
def test_the_formula_is_reached_by_many_answers_and_never_passed(n):
    many = torch.full((4000,), 1 / 4000, dtype=torch.float64)
    kl = scipy.stats.entropy(best_of_n_probabilities(many, torch.randperm(4000).double(), n), many)
    assert kl == pytest.approx(best_of_n_kl(n), abs=2e-3)
    for p in (P, torch.tensor([0.97, 0.01, 0.01, 0.01], dtype=torch.float64)):
        for scores in (SCORES, torch.arange(4.0).double()):
            assert scipy.stats.entropy(best_of_n_probabilities(p, scores, n), p) <= best_of_n_kl(n)


def test_an_answer_that_is_never_given_is_never_the_best():
    p = torch.tensor([1.0, 0.0])
    assert best_of_n_probabilities(p, torch.tensor([0.0, 9.0]), 5).tolist() == [1.0, 0.0]


def test_what_is_no_distribution_and_no_number_of_draws():
    with pytest.raises(ValueError, match="n is 0"):
        best_of_n_probabilities(P, SCORES, 0)
    with pytest.raises(ValueError, match="sum to 2"):
        best_of_n_probabilities(2 * P, SCORES, 2)
    with pytest.raises(ValueError, match=r"begin at -0\.5"):
        best_of_n_probabilities(torch.tensor([1.5, -0.5]), torch.zeros(2), 2)
    assert math.isclose(best_of_n_probabilities(P, SCORES, 1).sum().item(), 1)
