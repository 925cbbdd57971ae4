"""The committed runs and models of chapters 15 to 18: whole, and as good as the chapters say."""

import json
import statistics
from dataclasses import asdict

import pytest
import torch

from course_lib.alignment import alignment_results, find, learned_reward, records, sample_answers, town_reward, town_sft
from course_lib.alignment.preferences import readable
from course_lib.alignment.runs import TRUTH, Recipe, jobs
from course_lib.alignment.runs import test_prompts as held_out_prompts
from course_lib.data import TOWN_GPT
from course_lib.experiments.desk import sha256

HELD = alignment_results()
RUNS = HELD["records"]


def mean(what="true", **wanted):
    return statistics.mean(r[what] for r in find(RUNS, **wanted))


def test_they_are_of_these_models_and_this_recipe():
    assert HELD["recipe"] == json.loads(json.dumps(asdict(Recipe())))
    assert HELD["sha256"] == {
        "town-gpt": sha256(TOWN_GPT / "model.safetensors"),
        "sft": sha256(records.FOLDER / "sft.safetensors"),
        "reward": sha256(records.FOLDER / "reward.safetensors"),
    }


def test_no_run_is_missing():
    missing = [job for job in jobs(Recipe()) if not any(job.items() <= record.items() for record in RUNS)]
    assert missing == []


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
    sft, best = find(RUNS, kind="sft", start="pre-trained", demonstrations=3000, seed=0), find(RUNS, kind="best of n")
    assert truth == pytest.approx(sft[0]["true"], abs=0.45)  # 3 standard errors of the two
    scores = learned_reward(reward, chat, HELD["recipe"]["unfinished"])(prompts, answers)
    assert scores.mean().item() == pytest.approx(best[0]["curve"][0]["score"], abs=0.4)
