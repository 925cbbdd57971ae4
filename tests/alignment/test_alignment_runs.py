"""The runs of the three steps to ChatGPT, each once, very small."""

import json

import pytest
from click.testing import CliRunner

from course_lib.alignment import runs

TINY = runs.Recipe(
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
    seeds=(0,),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def records(folder):
    return [runs.run(job, TINY, folder) for job in runs.jobs(TINY)]


def test_every_run_gives_a_record_that_json_can_hold(records):
    kinds = [r["kind"] for r in records]
    first = ["base", "sft", "sft", "reward", "reward", "ppo", "best of n", "dpo", "grpo"]
    assert kinds == [*first, "sft", "sft", "taste", "taste", "taste"]
    assert json.loads(json.dumps(records)) == records


def test_the_truth_is_measured(records):
    base, sft, scratch, *_ = records
    assert set(sft["parts"]) == {"helpful", "honest", "harmless", "manner"}
    assert sum(sft["parts"].values()) == pytest.approx(sft["true"])
    assert base["demonstrations"] == pytest.approx(1.2, abs=0.15)
    assert sft["loss"] < scratch["loss"]
    assert -6 < sft["true"] <= 3
    ppo = next(r for r in records if r["kind"] == "ppo")
    assert len(ppo["trace"]) == 2
    assert ppo["trace"][0]["kl"] == pytest.approx(0, abs=1e-4)
    curve = next(r for r in records if r["kind"] == "best of n")["curve"]
    assert [c["n"] for c in curve] == [1, 2, 4]
    assert curve[0]["score"] < curve[1]["score"] < curve[2]["score"]


def test_what_lies_in_the_folder_is_not_made_again(records, folder):
    kept = sorted(p.name for p in (folder / "seed0").iterdir())
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
    before = {p: p.stat().st_mtime_ns for p in (folder / "seed0").iterdir()}
    job = {"kind": "reward", "seed": 0, "rankings": 8}
    again = runs.run(job, TINY, folder)
    assert again == next(r for r in records if job.items() <= r.items())
    assert before == {p: p.stat().st_mtime_ns for p in (folder / "seed0").iterdir()}


def test_a_record_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "records.jsonl"
    path.write_text('{"kind": "sft"}\n{"kind": "rew', encoding="utf-8")
    assert runs.read(path) == [{"kind": "sft"}]
    assert runs.read(tmp_path / "nothing") == []


def test_done_runs_are_not_done_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(runs, "run", lambda job, recipe, out: asked.append(job) or job)
    for _ in range(2):
        result = CliRunner().invoke(runs.main, ["--out", str(tmp_path), "--seeds", "3"])
        assert result.exit_code == 0, result.output
    assert asked == list(runs.jobs(runs.Recipe(seeds=(3,))))


def test_unknown_runs(tmp_path):
    with pytest.raises(ValueError, match="no run is called 'rlhf'"):
        runs.run({"kind": "rlhf", "seed": 0}, TINY, tmp_path)
