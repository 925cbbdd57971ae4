"""The kinds of jobs of the experiment on alignment, each once, very small."""

import json

import pytest
import torch
from safetensors.torch import load_file

from course_lib.experiments import Desk, Results
from course_lib.experiments.alignment import EXPERIMENT, KINDS, Recipe, jobs, keep, measure
from course_lib.experiments.desk import as_json
from course_lib.experiments.mechanism import made_with

TINY = Recipe(
    demonstrations=64,
    fewer=(32,),
    sft_epochs=1,
    k=3,
    rankings=(8, 16),
    held_out_rankings=4,
    used=16,
    iterations=2,
    most=4,
    n_test=12,
    betas=(0.1,),
    dpo_betas=(0.1,),
    grpo_betas=(0.1,),
    dpo_epochs=1,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("runs"), made_with(EXPERIMENT))


@pytest.fixture(scope="module")
def records(desk):
    return [job | measure(TINY, job, desk) for job in jobs(TINY, Results("alignment", {}, {}, [])) if job["seed"] == 0]


def test_every_job_gives_a_record_that_json_can_hold(records):
    kinds = [r["kind"] for r in records]
    first = ["base", "sft", "sft", "reward", "reward", "ppo", "best of n", "dpo", "grpo"]
    assert kinds == [*first, "sft", "sft", "taste", "taste", "taste"]
    assert as_json(records) == records
    assert records == json.loads(json.dumps(records), parse_float=lambda digits: round(float(digits), 4))


def test_the_truth_is_measured(records):
    base, sft, scratch, *_ = records
    assert set(sft["parts"]) == {"helpful", "honest", "harmless", "manner"}
    assert sum(sft["parts"].values()) == pytest.approx(sft["true"], abs=3e-4)
    assert base["demonstrations"] == pytest.approx(1.2, abs=0.15)
    assert sft["loss"] < scratch["loss"]
    assert -6 < sft["true"] <= 3
    ppo = next(r for r in records if r["kind"] == "ppo")
    assert len(ppo["trace"]) == 2
    assert ppo["trace"][0]["kl"] == pytest.approx(0, abs=1e-4)
    curve = next(r for r in records if r["kind"] == "best of n")["curve"]
    assert [c["n"] for c in curve] == [1, 2, 4]
    assert curve[0]["score"] < curve[1]["score"] < curve[2]["score"]


def test_score_and_distance_belong_to_all_policies_but_the_reference_and_its_like(records):
    scored = [(r["kind"], r.get("demonstrations")) for r in records if "score" in r and "kl" in r]
    assert scored == [("ppo", None), ("dpo", None), ("grpo", None), ("sft", 32), ("sft", 32), *[("taste", None)] * 3]


def test_what_lies_on_the_desk_is_not_made_again(records, desk):
    kept = sorted(p.name for p in (desk.folder / "seed0").iterdir())
    assert kept == [
        "comparisons.json",
        "reward-16-gushing.safetensors",
        "reward-16-sycophancy.safetensors",
        "reward-16-verbosity.safetensors",
        "reward-16.safetensors",
        "reward-8.safetensors",
        "sft-pre-trained-32.safetensors",
        "sft-pre-trained-64.safetensors",
        "sft-scratch-32.safetensors",
        "sft-scratch-64.safetensors",
    ]
    before = {p: p.stat().st_mtime_ns for p in (desk.folder / "seed0").iterdir()}
    job = {"kind": "reward", "seed": 0, "rankings": 8}
    assert job | measure(TINY, job, desk) == next(r for r in records if job.items() <= r.items())
    assert before == {p: p.stat().st_mtime_ns for p in (desk.folder / "seed0").iterdir()}


def test_the_texts_of_a_trace_are_remembered_of_the_first_seed_alone(records, desk, monkeypatch):
    trace = next(r for r in records if r["kind"] == "ppo")["trace"]
    assert all({"prompt", "answer", "score"} <= set(step) for step in trace)
    long = {"trace": [{"score": 1 / 3, "prompt": "p", "answer": "a"}]}
    monkeypatch.setitem(KINDS, "ppo", lambda one, beta: long)
    assert measure(TINY, {"kind": "ppo", "seed": 1, "beta": 0.1}, desk) == {"trace": [{"score": 0.3333}]}


def test_policy_and_reward_model_are_kept_in_half_the_bytes(records, desk, tmp_path):
    keep(TINY, desk, tmp_path)
    for name, whole in (("sft", "sft-pre-trained-64"), ("reward", "reward-16")):
        half = load_file(tmp_path / "town-chat" / f"{name}.safetensors")
        full = load_file(desk.folder / "seed0" / f"{whole}.safetensors")
        assert half.keys() == full.keys()
        assert all(torch.equal(half[key], full[key].half()) for key in full)


def test_unknown_kinds(desk):
    with pytest.raises(ValueError, match=r"no kind of job is called 'rlhf': choose one of .*'base', 'best of n'"):
        measure(TINY, {"kind": "rlhf", "seed": 0}, desk)
