"""Recall over segments: the texts ask what they should, both models see what they should, the results are theirs."""

import json
import math

import pytest
import torch
from click.testing import CliRunner

from course_lib.models import Memory
from course_lib.town import HELD_OUT
from course_lib.training import recall

RESULTS = recall.load_results()
ROWS = {(row["model"], row["n_layer"], row["seed"]): row for row in RESULTS["runs"]}
CHANCE_AND_LUCK = recall.CHANCE + 4 * math.sqrt(recall.CHANCE * (1 - recall.CHANCE) / RESULTS["recipe"]["judged"])


@pytest.mark.parametrize("distance", range(recall.FURTHEST + 1))
def test_a_text_says_the_name_once_and_asks_so_many_segments_on(distance):
    for number in range(200):
        ids = recall.text(number, distance)
        said, asked = ids.index(recall.WAITS) - 1, ids.index(recall.ASKED)
        assert len(ids) == recall.SEGMENT * (5 if distance == 4 else 4) + 1
        assert ids[asked - 1] == recall.WHO
        assert ids[said] == ids[asked + 1]
        assert (said + 1) // recall.SEGMENT == 0
        assert [i // recall.SEGMENT for i in (asked - 1, asked, asked + 1)] == [distance] * 3
        names = range(recall.NAMES.start, recall.NAMES.stop)
        assert sum(token in names for token in ids) == 2  # nothing else names anybody
        assert [ids.count(token) for token in (recall.WAITS, recall.WHO, recall.ASKED)] == [1, 1, 1]


def test_texts_are_the_same_every_time_and_distances_come_evenly():
    assert recall.text(7) == recall.text(7)
    assert recall.text(7) != recall.text(8)
    asked = [recall.text(n).index(recall.ASKED) // recall.SEGMENT for n in range(500)]
    assert all(85 < asked.count(distance) < 165 for distance in range(recall.SEGMENTS))
    with pytest.raises(ValueError, match="distance 5: choose one from 0 to 4"):
        recall.text(0, 5)


@pytest.mark.parametrize("kind", ["transformer_xl", "gpt"])
def test_a_layer_of_either_model_sees_the_segment_before_and_no_more(kind):
    """With one layer both change with the same earlier tokens, and with no others."""
    model, ids = recall.new_model(kind, 1, 0, recall.Recipe()).double(), recall.rows(1, 0)[:, :-1]
    plain = recall.read(model, ids)
    for j in (0, 11, 12, 30):
        other = ids.clone()
        other[0, j] = (other[0, j] + 1) % len(recall.VOCABULARY)
        changed = (recall.read(model, other) != plain).any(-1)[0].nonzero().flatten().tolist()
        assert changed == list(range(j, (j // recall.SEGMENT + 2) * recall.SEGMENT))


def test_reading_is_a_loop_over_segments_with_a_memory():
    model, ids = recall.load_model(), recall.rows(2, 0)[:, :-1]
    memory = Memory(model)
    loop = [model(ids[:, start : start + 12], memory) for start in range(0, 48, 12)]
    assert torch.equal(recall.read(model, ids), torch.cat(loop, dim=1))
    assert torch.equal(recall.read(model, ids, mem_len=0)[:, 12:24], model(ids[:, 12:24]))


def test_the_gpt_is_not_the_smaller_model():
    sizes = [
        sum(p.numel() for p in recall.new_model(kind, 3, 0, recall.Recipe()).parameters())
        for kind in ("transformer_xl", "gpt")
    ]
    assert sizes[0] <= sizes[1] <= 1.1 * sizes[0]


# ---- what is committed


def test_the_results_are_of_this_recipe_and_whole():
    assert RESULTS["recipe"] == vars(recall.Recipe())
    assert sorted(ROWS) == sorted(recall.PLAN)
    assert RESULTS["chance"] == recall.CHANCE
    assert RESULTS["tokens"] == 600 * 32 * 48
    for (kind, n_layer, seed), row in ROWS.items():
        model = recall.new_model(kind, n_layer, seed, recall.Recipe())
        assert row["parameters"] == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_a_memory_recalls_from_two_segments_ago_and_a_gpt_of_the_same_window_does_not(seed):
    gpt = ROWS["gpt", 3, seed]["accuracy"]
    assert max(gpt[2:]) < CHANCE_AND_LUCK
    for n_layer in (1, 2, 3):
        ours = ROWS["transformer_xl", n_layer, seed]["accuracy"]
        assert min(*ours[:2], *gpt[:2]) > 0.95
        assert max(ours[n_layer + 1 :]) < CHANCE_AND_LUCK  # nothing is carried over more borders than there are layers
        assert n_layer == 1 or ours[2] > 0.6


def test_the_committed_model_is_that_of_seed_0():
    model = recall.load_model()
    for distance, found in enumerate(ROWS["transformer_xl", 3, 0]["accuracy"]):
        assert recall.accuracy(model, distance) == pytest.approx(found, abs=0.01)  # other machines round otherwise
    assert recall.accuracy(model, 1, mem_len=0) < CHANCE_AND_LUCK


def test_a_little_of_the_recipe_runs_again():
    recipe = recall.Recipe(steps=30, judged=20, warmup=5)
    first, again = (recall.run("transformer_xl", 1, 3, recipe, show=lambda losses, **_: losses)[1] for _ in range(2))
    assert first == again
    assert set(first) == set(RESULTS["runs"][0])


def test_an_interrupted_plan_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(recall, "PLAN", [("transformer_xl", 1, 0), ("gpt", 1, 0)])
    made = []
    real = recall.run
    monkeypatch.setattr(recall, "run", lambda *a, **k: made.append(a[0]) or real(*a, **k))
    monkeypatch.setattr(recall, "PLAN", recall.PLAN[:1])
    assert CliRunner().invoke(recall.main, ["--out", str(tmp_path), "--steps", "2"]).exit_code == 0
    monkeypatch.setattr(recall, "PLAN", [("transformer_xl", 1, 0), ("gpt", 1, 0)])
    assert CliRunner().invoke(recall.main, ["--out", str(tmp_path), "--steps", "2"]).exit_code == 0
    assert made == ["transformer_xl", "gpt"]
    held = json.loads((tmp_path / "recall.json").read_text())
    assert [row["model"] for row in held["runs"]] == made
    assert (tmp_path / "recall.safetensors").exists()


def test_training_never_uses_held_out_numbers():
    recipe = recall.Recipe()
    assert recipe.batch_size * recipe.steps * len(recall.PLAN) < HELD_OUT
