"""What is published of the alignment runs."""

import json

import pytest
import torch
from safetensors.torch import load_file

from course_lib.alignment import find, records
from course_lib.alignment.reward import RewardModel

RUNS = [
    {"kind": "sft", "seed": 1, "true": 1.0},
    {"kind": "sft", "seed": 0, "true": 2 / 3},
    {"kind": "ppo", "seed": 0, "beta": 0.1, "trace": [{"score": 1 / 3, "prompt": "p", "answer": "a"}]},
    {"kind": "ppo", "seed": 1, "beta": 0.1, "trace": [{"score": 1 / 3, "prompt": "p", "answer": "a"}]},
]


def test_records_are_found_in_the_order_of_their_seeds():
    assert [r["seed"] for r in find(RUNS, kind="sft")] == [0, 1]
    assert find(RUNS, kind="ppo", seed=1) == [RUNS[3]]
    with pytest.raises(ValueError, match=r"no record has .*'dpo'.*kinds are \['ppo', 'sft'\]"):
        find(RUNS, kind="dpo")


def test_what_is_published_can_be_read_again(tmp_path):
    model = RewardModel(records.unaligned()[0])
    with torch.no_grad():
        model.score.weight.normal_()
    records.publish(RUNS, {"k": 6}, {"reward": model}, tmp_path)
    held = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert held["recipe"] == {"k": 6}
    assert set(held["sha256"]) == {"town-gpt", "reward"}
    assert [r["kind"] for r in held["records"]] == [r["kind"] for r in RUNS]
    assert held["records"][1]["true"] == 0.6667
    assert held["records"][2]["trace"] == [{"score": 0.3333, "prompt": "p", "answer": "a"}]
    assert held["records"][3]["trace"] == [{"score": 0.3333}]  # texts for seed 0 alone
    weights = load_file(tmp_path / "reward.safetensors")
    assert all(w.dtype == torch.float16 for w in weights.values())
    assert torch.allclose(weights["score.weight"].float(), model.score.weight, atol=2e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["results.json", "reward.safetensors"]
