"""The published runs of fine-tuning: whole, consistent, of this model; a run goes as it is recorded."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from course_lib.data import DATA
from course_lib.experiments import Desk, Results, results
from course_lib.experiments.desk import recipe_of, sha256
from course_lib.experiments.finetuning import (
    EXPERIMENT,
    HEADLINES,
    MAIN,
    Recipe,
    begin,
    best_rate,
    carry_out,
    jobs,
    measure,
    sample,
    settings,
    swept,
    usual,
    usual_runs,
)
from course_lib.experiments.mechanism import made_with, plan_of
from course_lib.finetuning import accuracy, finetune, predict

RESULTS, TRIED = results("finetuning"), results("finetuning_tried")
RUNS = RESULTS.find(kind="tune")
SMALL = HEADLINES | {
    "classify": replace(HEADLINES["classify"], labels=40, steps=4),
    "similar_order": replace(HEADLINES["similar_order"], labels=8, steps=2),
    "similar_mirror": replace(HEADLINES["similar_mirror"], labels=8, steps=2),
}
TINY = Recipe(headlines=SMALL, n_test=dict.fromkeys(HEADLINES, 4), n_validation=4, look_every=2)
SETTINGS = set(usual(TINY, "classify", "pre-trained", 0))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, made_with(EXPERIMENT, torch.float32))


def test_the_results_are_of_the_committed_model_and_this_recipe():
    model = {"town-gpt": sha256(DATA / "town-gpt" / "model.safetensors")}
    assert RESULTS.made["models"] == TRIED.made["models"] == model
    assert RESULTS.recipe == TRIED.recipe == recipe_of(EXPERIMENT.recipe)


def test_every_record_is_whole_and_stands_there_once():
    runs = [*RUNS, *TRIED]
    keys = [tuple(r[name] for name in sorted(SETTINGS)) for r in runs]
    assert len(set(keys)) == len(keys) > 0
    assert all(r["new_tokens_std"] == HEADLINES[r["task"]].new_tokens_std for r in RUNS)
    for r in runs:
        assert r["steps_planned"] == settings(EXPERIMENT.recipe, r).steps(r["labels"])
        assert r["steps_taken"] == r["trace"][-1]["step"] <= r["steps_planned"]
        assert 0 <= r["accuracy"] <= 1
        assert abs(r["accuracy"] - r["validation"]) < 0.15  # two samples of the same thing
        stopped = [row["validation"] >= EXPERIMENT.recipe.enough for row in r["trace"]]
        assert r["steps_taken"] == r["steps_planned"] or stopped[-2:] == [True, True]
        assert all(a["step"] < b["step"] for a, b in zip(r["trace"], r["trace"][1:]))


def test_all_that_is_published_is_planned_and_nothing_that_was_given_up():
    plan = list(plan_of(EXPERIMENT, RESULTS))
    assert all(any(job.items() <= r.items() for job in plan) for r in RESULTS)
    assert not any(job.items() <= r.items() for job in plan for r in TRIED)


def test_a_run_is_measured(desk):
    job = usual(TINY, "classify", "pre-trained", 0)
    record = measure(TINY, job, desk)
    assert record["steps_taken"] == record["steps_planned"] == 4
    assert [row["step"] for row in record["trace"]] == [2, 4]
    assert len(record["samples"]) == 3
    assert "before" not in record
    assert measure(TINY, job, desk) == record  # it depends on recipe and job alone
    assert "samples" not in measure(TINY, job | {"lm_weight": 0.0}, desk)


def test_what_a_task_is_worth_without_training(desk):
    record = measure(TINY, {"kind": "beside", "task": "classify", "seed": 0}, desk)
    assert record.keys() == {"majority", "words", "pairs of words", "zero-shot"}
    assert all(0 <= score <= 1 for score in record.values())


def test_rates_from_scratch_follow_from_those_tried():
    """Before, no other run from scratch is named."""
    tried = swept(TINY, "choose")
    scores = [(0.3, 1.0), (0.4, 2.0), (0.4, 1.5)]  # validation, loss
    done = [job | {"validation": v, "trace": [{"task_loss": loss}]} for job, (v, loss) in zip(tried, scores)]

    def named(records):
        plan = jobs(TINY, Results("finetuning", {}, {}, records))
        return [(job["seed"], job["lr"]) for job in plan if (job["task"], job.get("start")) == ("choose", "scratch")]

    assert named([]) == named(done[:2]) == [(0, lr) for lr in TINY.sweep]
    assert named(done) == [(0, lr) for lr in TINY.sweep] + [(seed, tried[2]["lr"]) for seed in range(1, 5)]
    assert best_rate(TINY, Results("finetuning", {}, {}, done[:2]), "choose") is None


def test_the_samples_rows_make_up_their_scores(desk):
    for task in ("classify", "similar_order", "choose"):
        start = begin(TINY, usual(TINY, task, "scratch", 0, labels=2, steps=1), desk)
        start.task.head.bias.data += 0.5
        for encoded, scores in zip(start.test, predict(start.task, start.test)):
            rows = torch.tensor(sample(start.task, task, 0, encoded)["rows"])
            together = rows[:, 0] if task == "choose" else rows.sum(0)
            assert together.tolist() == pytest.approx(scores.tolist(), abs=1e-3)


def test_seeds_have_labels_of_their_own(desk):
    first, second = (begin(TINY, usual(TINY, "classify", "pre-trained", seed, labels=5), desk) for seed in (0, 1))
    assert {e.rows for e in first.train}.isdisjoint(e.rows for e in second.train)
    assert first.test == second.test
    assert not torch.equal(first.task.head.weight, second.task.head.weight)


def test_a_run_after_another_task_goes_on_with_its_network_and_head(desk):
    job = usual(TINY, "similar_mirror", "pre-trained", 0)
    start = begin(TINY, job, desk)
    first_job = usual(TINY, "similar_order", "pre-trained", 0)
    first = begin(TINY, first_job, desk)
    carry_out(TINY, first_job, first, desk)
    assert all(torch.equal(p, q) for p, q in zip(start.task.state_dict().values(), first.task.state_dict().values()))
    before = accuracy(start.task, start.test)
    record = measure(TINY, job, desk)
    assert record["before"] == before
    carry_out(TINY, job, start, desk)
    assert not torch.equal(start.task.head.weight, first.task.head.weight)


def test_bad_input(desk):
    after = usual(TINY, "choose", "pre-trained", 0, labels=2, after="classify")
    with pytest.raises(ValueError, match="a run of choose cannot go on after classify: its head is for another format"):
        begin(TINY, after, desk)
    with pytest.raises(ValueError, match="cannot start from 'noise': choose pre-trained or scratch"):
        begin(TINY, usual(TINY, "classify", "noise", 0), desk)


def test_the_first_look_of_a_published_run_comes_out_again(desk):
    """On any processor, in bfloat16 or float32: hence the room."""
    recipe = EXPERIMENT.recipe
    job = usual(recipe, "classify", "pre-trained", 0)
    record = RESULTS.one(**job)
    start = begin(recipe, job, desk)
    first = list(islice(finetune(start.task, start.train, settings(recipe, job)), recipe.look_every))
    assert sum(s.accuracy for s in first) / len(first) == pytest.approx(record["trace"][0]["train"], abs=0.1)
    assert sum(s.lm_loss for s in first) / len(first) == pytest.approx(record["trace"][0]["lm_loss"], abs=0.05)
    assert accuracy(start.task, start.validation) == pytest.approx(record["trace"][0]["validation"], abs=0.1)


@pytest.mark.parametrize("task", MAIN)
def test_pre_training_decides(task):
    """What the chapter claims: at the same labels the pre-trained model is right, and the same network from scratch not
    much more often than by chance; no word count comes near.
    """
    pretrained = usual_runs(RESULTS, task).mean("accuracy")
    scratch = usual_runs(RESULTS, task, "scratch").mean("accuracy")
    beside = RESULTS.one(kind="beside", task=task)
    assert (pretrained.n, scratch.n) == (5, 5)
    assert pretrained.mean >= 0.85
    assert scratch.most < beside["majority"] + 0.1
    assert pretrained.mean > max(scratch.most, beside["words"], beside["pairs of words"]) + 0.2


@pytest.mark.parametrize("task", MAIN)
def test_samples_of_a_good_run_are_at_hand(task):
    (kept,) = (r for r in usual_runs(RESULTS, task) if "samples" in r)
    assert len(kept["samples"]) == 3
    assert kept["accuracy"] >= 0.95
