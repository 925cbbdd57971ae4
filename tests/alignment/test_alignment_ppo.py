"""The loop: what it scores, what it refuses, and that it can be stopped and goes on."""

import math

import pytest
import torch

from course_lib.alignment import (
    GRPO,
    PPO,
    AdaptiveKL,
    Comparison,
    RewardModel,
    Settings,
    best_of_n,
    best_of_n_kl,
    dpo,
    dpo_loss,
    gae,
    group_advantages,
    grpo_loss,
    learned_reward,
    ppo_loss,
    sequence_log_prob,
    token_rewards,
)
from tests.alignment.test_alignment_chat import ANSWER, CHAT, PROMPT, small_gpt
from tests.alignment.toy import Letters, tiny_gpt

SMALL = {"batch_size": 8, "max_new_tokens": 2, "dtype": torch.float32, "lr": 1e-2, "value_lr": 1e-2}


def letters(settings=None, reward=None, **more):
    reward = reward or (lambda prompts, answers: torch.tensor([float(a[0] == 1) for a in answers]))
    return PPO(tiny_gpt(), Letters(), reward, lambda n: "x", settings or Settings(**SMALL), **more)


def test_the_score_comes_with_the_last_token_and_kl_with_every_one():
    mask = torch.tensor([[False, True, True, False], [False, False, False, True]])
    logp, ref = torch.full((2, 4), -1.0), torch.full((2, 4), -3.0)
    rewards = token_rewards(torch.tensor([5.0, 7.0]), logp, ref, mask, beta=0.1)
    assert torch.allclose(rewards, torch.tensor([[0, -0.2, 4.8, 0], [0, 0, 0, 6.8]]))


def test_an_answer_without_tokens_earns_nothing():
    mask = torch.tensor([[False, False]])
    assert (token_rewards(torch.tensor([5.0]), torch.zeros(1, 2), torch.zeros(1, 2), mask, 0.1) == 0).all()


def test_an_answer_that_never_ends_has_a_fixed_score():
    model = RewardModel(small_gpt())
    torch.nn.init.constant_(model.score.bias, 4.0)
    score = learned_reward(model, CHAT, unfinished=-2.5)
    assert score([PROMPT] * 2, [CHAT.answer(ANSWER), CHAT.answer(ANSWER, finished=False)]).tolist() == [4.0, -2.5]


def test_what_is_rewarded_becomes_likelier():
    run = letters()
    first = run.step()
    for _ in range(25):
        last = run.step()
    assert last.score > first.score + 0.3
    assert last.kl > first.kl == pytest.approx(0, abs=1e-6)
    assert f"score {last.score:6.2f}" in last.line()


def test_the_reference_stays():
    run = letters(reward=lambda prompts, answers: torch.tensor([float(a[0]) for a in answers]))
    before = [p.clone() for p in run.reference.parameters()]
    run.step()
    assert all(torch.equal(a, b) for a, b in zip(before, run.reference.parameters()))
    assert not torch.equal(before[0], next(run.policy.parameters()))


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path):
    settings = Settings(**SMALL, target_kl=0.05, decay_over=8)
    whole, half = letters(settings), letters(settings)
    reports = [whole.step() for _ in range(6)]
    for _ in range(3):
        half.step()
    half.save(tmp_path / "run.pt")
    other = letters(settings)
    other.load(tmp_path / "run.pt")
    assert [other.step() for _ in range(3)] == reports[3:]
    assert all(torch.equal(a, b) for a, b in zip(other.policy.parameters(), whole.policy.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(other.value.parameters(), whole.value.parameters()))


def test_pretraining_is_mixed_in():
    rows = torch.tensor([[4, 0, 0, 0]]).repeat(4, 1)
    plain, mixed = (letters(Settings(**SMALL, ptx=p), pretraining=lambda n: rows) for p in (0.0, 20.0))
    for _ in range(10):
        plain.step()
        mixed.step()
    p = [run.policy(rows[:1, :1])[0, 0].softmax(-1)[0].item() for run in (plain, mixed)]
    assert p[1] > p[0] + 0.2


def test_every_gradient_step_has_a_pretraining_batch_of_its_own(tmp_path):
    settings, asked = Settings(**SMALL, ptx=1.0), []
    rows = lambda number: asked.append(number) or torch.tensor([[4, 0, 0, 0]])  # noqa: E731
    run = letters(settings, pretraining=rows)
    run.step(), run.step()
    assert asked == list(range(2 * settings.inner_epochs * settings.minibatches))
    run.save(tmp_path / "run.pt")
    other = letters(settings, pretraining=rows)
    other.load(tmp_path / "run.pt")
    other.step()
    assert asked == list(range(3 * settings.inner_epochs * settings.minibatches))


def test_rewards_can_be_whitened_without_moving_their_mean():
    report = letters(Settings(**SMALL, whiten_rewards=True)).step()
    assert math.isfinite(report.policy_loss)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 6, "minibatches": 4}, "6 cannot be cut into 4"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"inner_epochs": 0}, "inner_epochs is 0"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_ptx_needs_batches():
    with pytest.raises(ValueError, match=r"ptx is 1\.0"):
        letters(Settings(**SMALL, ptx=1.0))


def test_a_reward_that_is_no_number_is_named_with_its_answer():
    run = letters(reward=lambda prompts, answers: torch.full((len(answers),), math.nan))
    with pytest.raises(ValueError, match=r"the reward of '.*' is nan"):
        run.step()
    with pytest.raises(ValueError, match="a reward is inf"):
        gae(torch.tensor([[math.inf]]), torch.zeros(1, 1), torch.tensor([[True]]))


def test_an_exploding_ratio_stops_the_run():
    one = torch.ones(1, 1, dtype=torch.bool)
    with pytest.raises(FloatingPointError, match="ratio"):
        ppo_loss(torch.tensor([[0.0]]), torch.tensor([[-1000.0]]), torch.tensor([[1.0]]), one)
    outside = torch.tensor([[True, False]])
    assert ppo_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, -1000.0]]), torch.ones(1, 2), outside).item() == -1


def test_beta_follows_its_target():
    controller = AdaptiveKL(0.1, target=2.0, horizon=1000)
    assert controller.update(8.0, 100) == pytest.approx(0.1 * 1.02)  # far above: at most 0.2 counts
    assert controller.update(0.0, 100) == pytest.approx(0.1 * 1.02 * 0.98)
    assert controller.update(2.2, 100) == pytest.approx(0.1 * 1.02 * 0.98 * 1.01)
    with pytest.raises(ValueError, match="target is 0"):
        AdaptiveKL(0.1, target=0.0)


def test_best_of_n():
    assert best_of_n([[1], [2], [3]], torch.tensor([0.0, 2.0, 1.0])) == [2]
    with pytest.raises(ValueError, match="2 answers and 3 scores"):
        best_of_n([[1], [2]], torch.zeros(3))
    with pytest.raises(ValueError, match="n is 0"):
        best_of_n_kl(0)


def test_dpo_is_ln_2_at_the_reference_and_falls_as_the_better_becomes_likelier():
    zero = torch.zeros(3)
    assert dpo_loss(zero, zero, zero, zero).item() == pytest.approx(math.log(2))
    assert dpo_loss(zero + 1, zero, zero, zero) < math.log(2) < dpo_loss(zero, zero + 1, zero, zero)
    with pytest.raises(ValueError, match="beta is 0"):
        dpo_loss(zero, zero, zero, zero, beta=0.0)


def test_a_group_is_compared_with_itself():
    advantages = group_advantages(torch.tensor([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]]))
    assert torch.allclose(advantages[0], torch.tensor([-1.0, 0.0, 1.0]), atol=1e-3)
    assert (advantages[1] == 0).all()
    with pytest.raises(ValueError, match="K = 1"):
        group_advantages(torch.zeros(4, 1))


def test_grpo_averages_within_each_answer_first():
    """At π = π_old = π_ref the loss is −mean of the advantages, whatever the lengths."""
    logp = torch.randn(2, 4)
    mask = torch.tensor([[True] * 4, [True] + [False] * 3])
    loss = grpo_loss(logp, logp, logp, torch.tensor([2.0, -1.0]), mask)
    assert loss.item() == pytest.approx(-0.5)
    away = grpo_loss(logp, logp, logp - 1, torch.tensor([2.0, -1.0]), mask, beta=0.5)
    assert away.item() == pytest.approx(-0.5 + 0.5 * (math.exp(-1)), rel=1e-4)


def test_grpo_learns_without_a_value_function():
    reward = lambda prompts, answers: torch.tensor([float(a[0] == 1) for a in answers])  # noqa: E731
    run = GRPO(tiny_gpt(), Letters(), reward, lambda n: f"prompt {n}", Settings(**SMALL, beta=0.02), k=4)
    assert run.roll_out().prompts == ["prompt 0"] * 4 + ["prompt 1"] * 4
    assert run.value is None
    assert len(run.optimisers) == 1
    first = run.step()
    for _ in range(25):
        last = run.step()
    assert last.score > first.score + 0.3
    assert last.value_loss is None
    with pytest.raises(ValueError, match="8 answers cannot be cut into groups of 3"):
        GRPO(tiny_gpt(), Letters(), reward, lambda n: "x", Settings(**SMALL), k=3)


def test_dpo_makes_the_better_answer_likelier():
    model, reference = small_gpt(), small_gpt()
    shown = Comparison(PROMPT, tuple(tuple(CHAT.answer(a)) for a in (ANSWER, "It is red.", "No.")), (0, 2, 1))
    losses = list(dpo(model, reference, CHAT, [shown] * 8, epochs=15, lr=3e-3, dtype=torch.float32))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    batch = CHAT.batch([CHAT.prompt(PROMPT)] * 3, shown.answers)
    gained = sequence_log_prob(model, batch) - sequence_log_prob(reference, batch)
    assert gained[0] > gained[2] > gained[1]
    with pytest.raises(ValueError, match="beta is 0"):
        dpo(model, reference, CHAT, [shown] * 8, beta=0.0)
