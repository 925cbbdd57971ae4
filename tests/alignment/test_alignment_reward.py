"""Rankings, pairs, and the model that is fitted to them."""

import math

import pytest
import torch

from course_lib.alignment import (
    Comparison,
    RewardModel,
    calibration,
    compare,
    fit_reward,
    pair_accuracy,
    ranked_batch,
    ranked_pairs,
    ranking_loss,
    reward_loss,
    rewards_of,
)
from course_lib.town import Labeler, labeler
from tests.alignment.test_alignment_chat import ANSWER, CHAT, PROMPT, rows, small_gpt


def comparison(*answers, ranks, prompt=PROMPT):
    return Comparison(prompt, tuple(tuple(CHAT.answer(a)) for a in answers), ranks)


def test_a_ranking_of_k_has_k_choose_2_pairs_less_its_ties():
    for k in range(2, 10):
        assert len(ranked_pairs(range(k))) == math.comb(k, 2)
    assert ranked_pairs([0, 0, 2]) == [(0, 2), (1, 2)]
    assert ranked_pairs([1, 1]) == []


def test_a_tie_of_rewards_costs_ln_2_and_a_shift_costs_nothing():
    ranks = torch.tensor([[0, 1, 2]])
    assert reward_loss(torch.zeros(1, 3), ranks).item() == pytest.approx(math.log(2))
    rewards = torch.randn(1, 3, dtype=torch.float64)
    assert reward_loss(rewards + 7, ranks).item() == pytest.approx(reward_loss(rewards, ranks).item(), rel=1e-9)


def test_every_prompt_weighs_the_same_however_many_pairs_it_has():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 3.0, 1.0, 2.0]])
    ranks = torch.tensor([[0, 1, 1, 1], [3, 0, 2, 1]])

    def by_hand(r, rank):
        losses = [-(r[i] - r[j]).sigmoid().log().item() for i, j in ranked_pairs(rank.tolist())]
        return sum(losses) / len(losses)

    means = [by_hand(r, rank) for r, rank in zip(rewards, ranks)]
    assert reward_loss(rewards, ranks).item() == pytest.approx(sum(means) / 2)


def test_where_all_is_tied_nothing_is_learned():
    rewards = torch.randn(2, 3, requires_grad=True)
    loss = reward_loss(rewards, torch.tensor([[0, 0, 0], [0, 1, 2]]))
    loss.backward()
    assert (rewards.grad[0] == 0).all()
    assert (rewards.grad[1] != 0).all()
    assert loss.item() == pytest.approx(reward_loss(rewards[1:], torch.tensor([[0, 1, 2]])).item())
    assert reward_loss(rewards, torch.zeros(2, 3, dtype=torch.long)).item() == 0


def test_bad_rankings():
    with pytest.raises(ValueError, match="K = 1"):
        reward_loss(torch.zeros(2, 1), torch.zeros(2, 1, dtype=torch.long))
    with pytest.raises(ValueError, match="a reward is nan"):
        reward_loss(torch.tensor([[0.0, math.nan]]), torch.tensor([[0, 1]]))
    with pytest.raises(ValueError, match="K = 1 answers"):
        comparison(ANSWER, ranks=(0,))
    with pytest.raises(ValueError, match="2 answers and 3 ranks"):
        comparison(ANSWER, ANSWER, ranks=(0, 1, 2))
    with pytest.raises(ValueError, match="k is 1"):
        compare(small_gpt(), CHAT, Labeler(), [PROMPT], k=1)
    with pytest.raises(ValueError, match=r"K differs: \[2, 3\]"):
        ranked_batch(CHAT, [comparison("a", "b", ranks=(0, 1)), comparison("a", "b", "c", ranks=(0, 1, 2))])
    with pytest.raises(ValueError, match="1 comparisons do not fill a batch of 8"):
        fit_reward(RewardModel(small_gpt()), CHAT, [comparison("a", "b", ranks=(0, 1))])


def test_the_reward_is_read_at_the_last_token_of_the_answer():
    model = RewardModel(small_gpt())
    torch.nn.init.normal_(model.score.weight)
    short, long = "Momo says: no.", ANSWER + " Anna is happy. Now it is in the park."
    alone = model(rows(short))
    assert torch.allclose(model(rows(short, long))[0], alone[0], atol=1e-6)
    assert not torch.allclose(model.values(rows(short, long).ids)[0, -1], alone[0], atol=1e-3)


def test_a_new_reward_model_finds_all_equal_and_leaves_the_policy_alone():
    policy = small_gpt()
    before = [p.clone() for p in policy.parameters()]
    model = RewardModel(policy)
    assert (model(rows(ANSWER, "Momo says: no.")) == 0).all()
    list(fit_reward(model, CHAT, [comparison(ANSWER, "Momo says: no.", ranks=(0, 1))] * 8, dtype=torch.float32))
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters()))


def test_demonstrations_are_worth_0_on_average():
    model = RewardModel(small_gpt())
    torch.nn.init.normal_(model.score.weight)
    batch = rows(ANSWER, "Momo says: no.", "It is red.")
    before = model(batch)
    model.centre(batch)
    assert model(batch).mean().item() == pytest.approx(0, abs=1e-6)
    assert torch.allclose(model(batch) - model(batch)[0], before - before[0], atol=1e-6)


def test_a_fitted_model_ranks_as_the_labeler_does():
    prompts = [labeler.prompt(i) for i in range(16)]
    good = [comparison("It is so.", "No.", "Yes.", ranks=(0, 2, 1), prompt=p) for p in prompts]
    model = RewardModel(small_gpt())
    losses = list(fit_reward(model, CHAT, good, epochs=20, lr=5e-3, dtype=torch.float32))
    assert losses[0] == pytest.approx(math.log(2), abs=0.02)
    rewards = rewards_of(model, CHAT, good[:4])
    assert pair_accuracy(rewards, [c.ranks for c in good[:4]]) == 1.0
    assert ranking_loss(model, ranked_batch(CHAT, good[:2])) < 0.3


def test_pair_accuracy_counts_pairs():
    assert pair_accuracy([[3.0, 2.0, 1.0]], [[0, 1, 2]]) == 1.0
    assert pair_accuracy([[1.0, 2.0, 3.0]], [[0, 1, 2]]) == 0.0
    assert pair_accuracy([[3.0, 1.0, 2.0]], [[0, 1, 1]]) == 1.0
    assert math.isnan(pair_accuracy([[1.0, 2.0]], [[0, 0]]))


def test_the_labeler_sees_k_answers_to_each_prompt_and_that_some_never_end():
    found = compare(
        small_gpt(),
        CHAT,
        Labeler(noise=0.0),
        [labeler.prompt(0), labeler.prompt(2)],
        k=4,
        generator=torch.Generator().manual_seed(0),
        max_new_tokens=6,
    )
    assert [c.prompt for c in found] == [labeler.prompt(0), labeler.prompt(2)]
    assert all(len(c.answers) == 4 and min(c.ranks) == 0 for c in found)
    again = compare(
        small_gpt(),
        CHAT,
        Labeler(noise=0.0),
        [labeler.prompt(0), labeler.prompt(2)],
        k=4,
        generator=torch.Generator().manual_seed(0),
        max_new_tokens=6,
    )
    assert found == again


def test_calibration_counts_how_often_the_sure_are_right():
    sure, unsure = math.log(0.9 / 0.1), math.log(0.55 / 0.45)
    rewards = [[sure, 0.0]] * 10 + [[unsure, 0.0]] * 4
    ranks = [[0, 1]] * 8 + [[1, 0]] * 2 + [[0, 1]] * 3 + [[1, 0]]
    low, high = calibration(rewards, ranks)
    assert (low.pairs, low.right, low.predicted) == (4, 0.75, pytest.approx(0.55))
    assert (high.pairs, high.right, high.predicted) == (10, 0.8, pytest.approx(0.9))
    (equal,) = calibration([[1.0, 1.0]] * 2, [[0, 1], [1, 0]], bins=3)
    assert (equal.predicted, equal.right, equal.pairs) == (0.5, 0.5, 2)
    assert calibration([[1.0, 2.0]], [[0, 0]]) == []
    (certain,) = calibration([[4000.0, 0.0]], [[0, 1]])
    assert certain.predicted == 1.0


def test_a_model_whose_odds_are_the_labelers_is_calibrated():
    """Rankings of two, drawn with probability σ(margin) itself: every bin is right as often as it says."""
    torch.manual_seed(0)
    rewards = (2 * torch.randn(20_000, 2)).double()
    first = torch.rand(20_000) < (rewards[:, 0] - rewards[:, 1]).sigmoid()
    ranks = torch.stack([~first, first], 1).int()
    bins = calibration(rewards.tolist(), ranks.tolist())
    assert sum(b.pairs for b in bins) == 20_000
    for b in bins:
        assert b.right == pytest.approx(b.predicted, abs=4 * math.sqrt(b.predicted * (1 - b.predicted) / b.pairs))
    overconfident = calibration((3 * rewards).tolist(), ranks.tolist())
    assert all(b.right < b.predicted - 0.02 for b in overconfident)


def test_rewards_that_are_no_numbers_are_refused():
    for judge in (pair_accuracy, calibration):
        with pytest.raises(ValueError, match="a reward is nan"):
            judge([[0.0, math.nan]], [[0, 1]])
        with pytest.raises(ValueError, match="a reward is inf"):
            judge([[0.0, math.inf]], [[0, 1]])
    with pytest.raises(ValueError, match="bins is 0"):
        calibration([[0.0, 1.0]], [[0, 1]], bins=0)


def test_rankings_in_which_all_is_tied_teach_nothing_but_harm_nothing():
    """Only weight decay is left: the score stays 0, and every answer is worth the same."""
    model = RewardModel(small_gpt())
    tied = [comparison(ANSWER, "Momo says: no.", ranks=(0, 0))] * 8
    losses = list(fit_reward(model, CHAT, tied, dtype=torch.float32))
    assert losses == [0.0] * len(losses)
    assert (model(rows(ANSWER, "Momo says: no.")) == 0).all()


def test_the_bias_of_the_head_gets_no_gradient():
    """Only differences of rewards are in the loss; what is left is rounding."""
    model = RewardModel(small_gpt()).double()
    torch.nn.init.normal_(model.score.weight)
    ranking_loss(model, ranked_batch(CHAT, [comparison(ANSWER, "Momo says: no.", "No.", ranks=(0, 1, 2))])).backward()
    assert abs(model.score.bias.grad.item()) < 1e-15
    assert model.score.weight.grad.abs().max() > 1e-4
