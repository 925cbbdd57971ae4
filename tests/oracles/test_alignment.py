"""Rewards, advantages, the clipped loss and KL, each held to something independent, in float64."""

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from torch.distributions import Categorical, kl_divergence

from course_lib.alignment import best_of_n_kl, gae, kl_k1, kl_k2, kl_k3, ppo_loss, reward_loss, value_loss, whiten


def test_reward_loss_finds_the_bradley_terry_scores_that_scipy_finds():
    """Convention: scores sum to 0. Rankings of three out of five; scipy maximises the likelihood of all pairs."""
    rng = np.random.default_rng(0)
    truth = np.array([2.0, 1.0, 0.3, -1.0, -2.3])
    trios = np.stack([rng.choice(5, 3, replace=False) for _ in range(400)])
    felt = truth[trios] + rng.gumbel(size=trios.shape)
    ranks = (-felt).argsort(1).argsort(1)
    pairs = [(a, b) for t, r in zip(trios, ranks) for a, ra in zip(t, r) for b, rb in zip(t, r) if ra < rb]
    wins = np.zeros((5, 5))
    for a, b in pairs:
        wins[a, b] += 1

    def nll(s):
        return sum(wins[a, b] * np.log1p(np.exp(s[b] - s[a])) for a in range(5) for b in range(5)) / len(pairs)

    theirs = scipy.optimize.minimize(nll, np.zeros(5), method="BFGS", options={"gtol": 1e-10}).x
    scores = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([scores], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-16)
    which, order = torch.from_numpy(trios), torch.from_numpy(ranks)

    def closure():
        optimiser.zero_grad()
        loss = reward_loss(scores[which], order)
        loss.backward()
        return loss

    ours_loss = optimiser.step(closure)
    assert ours_loss.item() == pytest.approx(nll(np.zeros(5)), rel=1e-12) == pytest.approx(math.log(2))
    assert np.allclose((scores - scores.mean()).detach(), theirs - theirs.mean(), atol=1e-7)


def test_gae_is_the_sum_that_defines_it():
    """A_t = Σ_k (γλ)^k δ_{t+k}, as one matrix product per row, on answers of different lengths and places."""
    torch.manual_seed(0)
    rewards, values = torch.randn(3, 8, dtype=torch.float64), torch.randn(3, 8, dtype=torch.float64)
    mask = torch.zeros(3, 8, dtype=torch.bool)
    gamma, lam = 0.9, 0.7
    for row, (start, end) in enumerate([(0, 8), (2, 5), (3, 8)]):
        mask[row, start:end] = True
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    for row, (start, end) in enumerate([(0, 8), (2, 5), (3, 8)]):
        r, v, n = rewards[row, start:end], values[row, start:end], end - start
        delta = r + gamma * torch.cat([v[1:], v.new_zeros(1)]) - v
        powers = torch.tensor([[(gamma * lam) ** (k - t) if k >= t else 0.0 for k in range(n)] for t in range(n)])
        assert torch.allclose(advantages[row, start:end], powers.double() @ delta, atol=1e-7)
        assert torch.allclose(returns[row, start:end], advantages[row, start:end] + v, atol=1e-12)
    assert (advantages[~mask] == 0).all()
    assert (returns[~mask] == 0).all()


def test_lambda_0_is_td_and_lambda_1_is_monte_carlo():
    torch.manual_seed(1)
    rewards, values = torch.randn(2, 6, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    mask = torch.ones(2, 6, dtype=torch.bool)
    after = torch.cat([values[:, 1:], values.new_zeros(2, 1)], 1)
    assert torch.allclose(gae(rewards, values, mask, 0.9, 0.0)[0], rewards + 0.9 * after - values, atol=1e-12)
    to_go = rewards.flip(1).cumsum(1).flip(1)
    assert torch.allclose(gae(rewards, values, mask, 1.0, 1.0)[1], to_go, atol=1e-12)


@pytest.fixture
def two_distributions():
    policy, reference = torch.zeros(9, dtype=torch.float64), torch.linspace(-3, 3, 9, dtype=torch.float64)
    return Categorical(logits=policy), Categorical(logits=reference)


def test_k1_and_k3_are_unbiased_and_k2_is_not(two_distributions):
    """Expectations under the policy, by enumeration of all nine tokens, against torch.distributions."""
    policy, reference = two_distributions
    exact = kl_divergence(policy, reference)
    means = [(policy.probs * k(policy.logits, reference.logits)).sum() for k in (kl_k1, kl_k2, kl_k3)]
    assert means[0] == pytest.approx(exact.item(), abs=1e-12)
    assert means[2] == pytest.approx(exact.item(), abs=1e-12)
    assert abs(means[1] - exact) > 0.05 * exact
    inverse = (policy.probs * kl_k3(reference.logits, policy.logits)).sum()  # the published mistake
    assert abs(inverse - exact) > 0.2 * exact


def test_single_k3_terms_are_never_negative(two_distributions):
    policy, reference = two_distributions
    assert (kl_k3(policy.logits, reference.logits) >= 0).all()
    assert (kl_k1(policy.logits, reference.logits) < 0).any()


def test_the_first_step_is_the_policy_gradient():
    """At π = π_old every ratio is exactly 1, and the loss has the gradient of −mean(A log π)."""
    torch.manual_seed(3)
    logp = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    advantages, mask = torch.randn(3, 5, dtype=torch.float64), torch.rand(3, 5) < 0.7
    loss = ppo_loss(logp, logp.detach().clone(), advantages, mask)
    assert loss.item() == pytest.approx(-advantages[mask].mean().item(), abs=1e-15)
    (ours,) = torch.autograd.grad(loss, logp)
    (theirs,) = torch.autograd.grad(-(advantages * logp)[mask].mean(), logp)
    assert torch.equal(ours, theirs) or (ours - theirs).abs().max() < 1e-16


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [(1.1, 1.0, -1.1), (1.3, 1.0, 0.0), (0.7, 1.0, -0.7), (1.3, -1.0, 1.3), (0.7, -1.0, 0.0), (0.9, -1.0, 0.9)],
)
def test_the_clip_stops_what_has_gone_far_enough_and_only_that(ratio, advantage, slope):
    """dL/d log π by hand: −A ρ inside, 0 where a further step would go on in the direction of the advantage."""
    logp = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    old, advantages = torch.zeros(1, 1, dtype=torch.float64), torch.tensor([[advantage]], dtype=torch.float64)
    loss = ppo_loss(logp, old, advantages, torch.tensor([[True]]))
    assert torch.autograd.grad(loss, logp)[0].item() == pytest.approx(slope, abs=1e-12)


def test_whitened_numbers_have_the_biased_variance_of_numpy():
    torch.manual_seed(4)
    x, mask = 3 * torch.randn(4, 6, dtype=torch.float64) + 2, torch.rand(4, 6) < 0.6
    white = whiten(x, mask)[mask].numpy()
    assert white.mean() == pytest.approx(0, abs=1e-12)
    assert white.std() == pytest.approx(1, abs=1e-8)  # numpy divides by n
    kept = whiten(x, mask, shift_mean=False)[mask].numpy()
    assert kept.mean() == pytest.approx(x[mask].mean().item(), abs=1e-12)
    assert (whiten(x, mask)[~mask] == 0).all()


def test_value_loss_takes_the_worse_of_clipped_and_unclipped():
    one = torch.ones(1, 1, dtype=torch.bool)
    loss = value_loss(torch.tensor([[1.0]]), torch.tensor([[0.0]]), torch.tensor([[1.0]]), one, clip=0.2)
    assert loss.item() == pytest.approx(0.5 * 0.8**2)  # the value is right, but has moved too far at once
    loss = value_loss(torch.tensor([[0.1]]), torch.tensor([[0.0]]), torch.tensor([[1.0]]), one, clip=0.2)
    assert loss.item() == pytest.approx(0.5 * 0.9**2)


@pytest.mark.parametrize("n", [1, 2, 5, 16])
def test_best_of_n_has_the_kl_that_is_computed_for_it(n):
    """Scores are distinct and continuous: the density of the best of n, at quantile u, is n u^(n − 1)."""
    u = (np.arange(2_000_000) + 0.5) / 2_000_000
    density = n * u ** (n - 1)
    assert best_of_n_kl(n) == pytest.approx(np.mean(density * np.log(np.maximum(density, 1e-300))), abs=1e-5)
