"""What *The reward model* says of its published runs and of the trained model, for as many seeds as there are."""

from statistics import mean

import pytest
import torch

from course_lib.alignment import calibration, compare, pair_accuracy, rewards_of
from course_lib.data import town_reward, town_sft
from course_lib.experiments import results
from course_lib.town import HELD_OUT, Labeler, demonstration, labeler

RECORDS = results("alignment")
SIZES = sorted({r["rankings"] for r in RECORDS.find(kind="reward")})


def found(n, what="accuracy"):
    return [r[what] for r in RECORDS.find(kind="reward", rankings=n)]


def test_five_hundred_rankings_teach_four_fifths_of_the_pairs():
    assert mean(found(500)) >= 0.8
    assert min(found(500)) > 0.76


def test_more_rankings_are_better():
    assert mean(found(SIZES[0])) > 0.55
    assert mean(found(125)) > mean(found(60)) + 0.03
    assert mean(found(500)) > mean(found(125)) + 0.03
    assert mean(found(500, "correlation")) > mean(found(60, "correlation")) + 0.05


@pytest.mark.parametrize("n", SIZES)
def test_the_model_is_nearer_to_the_order_behind_the_moods(n):
    assert mean(found(n, "true accuracy")) > mean(found(n))


@pytest.fixture(scope="module")
def fresh():
    """Rewards and ranks of twenty prompts that nothing was trained on."""
    policy, chat = town_sft()
    prompts, generator = [labeler.prompt(HELD_OUT + 1_700_000 + i) for i in range(20)], torch.Generator().manual_seed(0)
    rankings = compare(policy, chat, Labeler(noise=0.3, seed=0), prompts, 6, generator)
    return rewards_of(town_reward(), chat, rankings), [c.ranks for c in rankings]


def test_the_committed_model_ranks_and_knows_how_sure_it_may_be(fresh):
    assert pair_accuracy(*fresh) > 0.7
    (everything,) = calibration(*fresh, bins=1)
    assert everything.predicted == pytest.approx(everything.right, abs=0.12)


def test_the_committed_model_was_centred_on_demonstrations():
    _, chat = town_sft()
    shown = [demonstration(1_000_000 + i) for i in range(300)]
    prompts, answers = [chat.prompt(d.prompt) for d in shown], [chat.answer(d.answer) for d in shown]
    with torch.no_grad():
        assert town_reward()(chat.batch(prompts, answers)).mean().item() == pytest.approx(0, abs=0.02)
