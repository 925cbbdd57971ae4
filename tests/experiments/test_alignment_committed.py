"""The published runs and models of the three steps to ChatGPT: whole, and as good as the chapters say."""

import statistics

import pytest
import torch

from course_lib.alignment import TRUTH, held_out_prompts, learned_reward, readable, sample_answers
from course_lib.data import DATA, town_reward, town_sft
from course_lib.experiments import results
from course_lib.experiments.alignment import EXPERIMENT
from course_lib.experiments.desk import recipe_of, sha256
from course_lib.experiments.mechanism import to_do

RUNS = results("alignment")


def mean(what="true", **wanted):
    return RUNS.mean(what, **wanted).mean


def test_they_are_of_these_models_and_this_recipe():
    assert RUNS.recipe == recipe_of(EXPERIMENT.recipe)
    assert RUNS.made["models"] == {"town-gpt": sha256(DATA / "town-gpt" / "model.safetensors")}
    kept = ("town-chat/reward.safetensors", "town-chat/sft.safetensors")
    assert RUNS.made["files"] == {name: sha256(DATA / name) for name in kept}


def test_no_run_is_missing_and_none_stands_there_twice():
    assert list(to_do(EXPERIMENT, RUNS)) == []
    assert len(RUNS) == len(list(EXPERIMENT.jobs(EXPERIMENT.recipe, RUNS)))


def test_step_1_helps_and_so_does_pre_training():
    assert mean(kind="sft", start="pre-trained", demonstrations=3000) > mean(kind="base") + 2
    for n in (100, 300, 1000):
        assert mean(kind="sft", start="pre-trained", demonstrations=n) > mean(
            kind="sft", start="scratch", demonstrations=n
        )


def test_step_2_agrees_with_the_labeler():
    accuracies = [mean("accuracy", kind="reward", rankings=n) for n in (60, 125, 250, 500)]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] >= 0.80


def test_step_3_raises_the_truth_and_without_a_price_of_kl_only_the_score():
    sft, careful = mean(kind="sft", start="pre-trained", demonstrations=3000), {"kind": "ppo", "beta": 0.1}
    assert mean(**careful) > sft + 1
    assert mean(**careful) > mean("demonstrations", kind="base") + 1
    assert mean("kl", **careful) < 4
    assert mean("score", kind="ppo", beta=0.0) > mean("score", **careful)
    assert mean(kind="ppo", beta=0.0) < mean(**careful) - 0.5


def test_the_committed_models_are_those_of_the_records():
    """300 fresh answers of the policy, against what stands in the file for 400."""
    (policy, chat), reward = town_sft(), town_reward()
    prompts = held_out_prompts(300)
    answers = sample_answers(policy, chat, prompts, generator=torch.Generator().manual_seed(5))
    texts = [readable(chat, answer) for answer in answers]
    truth = statistics.mean(TRUTH.utility(p, t) for p, t in zip(prompts, texts))
    sft = RUNS.one(kind="sft", start="pre-trained", demonstrations=3000, seed=0)
    assert truth == pytest.approx(sft["true"], abs=0.45)  # 3 standard errors of the two
    scores = learned_reward(reward, chat, RUNS.recipe["unfinished"])(prompts, answers)
    best = RUNS.one(kind="best of n", seed=0)
    assert scores.mean().item() == pytest.approx(best["curve"][0]["score"], abs=0.4)
