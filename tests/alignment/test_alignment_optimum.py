"""Where PPO, DPO and GRPO go, on a language small enough to write the goal down: π_ref exp(r/β) / Z."""

import pytest
import torch

from course_lib.alignment import PPO, Settings, dpo_loss
from tests.alignment.toy import Letters, all_answers, exact, tiny_gpt

BETA = 0.5
CHAT = Letters()
REWARDS = dict(zip(all_answers(), torch.randn(31, generator=torch.Generator().manual_seed(5)).tolist()))


@pytest.fixture
def optimum():
    goal = exact(tiny_gpt(), CHAT).detach() + torch.tensor(list(REWARDS.values())) / BETA
    return goal.softmax(0)


def total_variation(p, q):
    return 0.5 * (p - q).abs().sum().item()


def test_all_answers_are_listed():
    assert exact(tiny_gpt(), CHAT).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_ppo_goes_to_the_optimum(optimum):
    policy = tiny_gpt()
    reward = lambda prompts, answers: torch.tensor([REWARDS[tuple(a)] for a in answers])  # noqa: E731
    settings = Settings(
        batch_size=512,
        minibatches=1,
        lr=6e-3,
        value_lr=1e-2,
        decay_over=150,
        beta=BETA,
        max_new_tokens=2,
        lam=1.0,
        dtype=torch.float32,
    )
    start = total_variation(exact(policy, CHAT).exp().detach(), optimum)
    run = PPO(policy, CHAT, reward, lambda number: "x", settings)
    for _ in range(150):
        run.step()
    assert start > 0.3
    assert total_variation(exact(policy, CHAT).exp().detach(), optimum) < 0.02


def test_dpo_goes_to_the_same_optimum(optimum):
    """All pairs of answers, each weighted by how often a Bradley–Terry labeler prefers it: no sampling, no noise."""
    policy, rewards = tiny_gpt(), torch.tensor(list(REWARDS.values()))
    reference = exact(policy, CHAT).detach()
    i, j = torch.combinations(torch.arange(31)).T
    p = (rewards[i] - rewards[j]).sigmoid()
    optimiser = torch.optim.Adam(policy.parameters(), lr=5e-3)
    for step in range(400):
        optimiser.param_groups[0]["lr"] = 5e-3 * (1 - step / 400)
        logp = exact(policy, CHAT)
        margins = (logp - reference)[i] - (logp - reference)[j]
        loss = -(p * (BETA * margins).sigmoid().log() + (1 - p) * (-BETA * margins).sigmoid().log()).mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert total_variation(exact(policy, CHAT).exp().detach(), optimum) < 0.02
    one = dpo_loss(logp[i], logp[j], reference[i], reference[j], BETA)
    assert one.item() == pytest.approx(-(BETA * margins).sigmoid().log().mean().item(), rel=1e-6)
