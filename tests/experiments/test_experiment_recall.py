"""Recall over segments: two kinds of model of one size, what they found, the model that is kept."""

import math

import pytest

from course_lib.data import recall_model
from course_lib.experiments import Desk, results
from course_lib.experiments.recall import EXPERIMENT, Recipe, jobs, measure, new_model
from course_lib.town import HELD_OUT
from course_lib.training import recall

RESULTS = results("recall")
CHANCE_AND_LUCK = recall.CHANCE + 4 * math.sqrt(recall.CHANCE * (1 - recall.CHANCE) / RESULTS.recipe["judged"])


def test_the_gpt_is_not_the_smaller_model():
    ours, gpt = (
        sum(p.numel() for p in new_model(kind, 3, 0, Recipe()).parameters()) for kind in ("transformer_xl", "gpt")
    )
    assert ours <= gpt <= 1.1 * ours


def test_the_results_are_whole():
    assert len(RESULTS) == len(list(jobs(Recipe(), RESULTS))) == 12
    for record in RESULTS:
        model = new_model(record["model"], record["n_layer"], record["seed"], Recipe())
        assert record["parameters"] == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("seed", range(3))
def test_a_memory_recalls_from_two_segments_ago_and_a_gpt_of_the_same_window_does_not(seed):
    gpt = RESULTS.one(model="gpt", seed=seed)["accuracy"]
    assert max(gpt[2:]) < CHANCE_AND_LUCK
    for n_layer in (1, 2, 3):
        ours = RESULTS.one(model="transformer_xl", n_layer=n_layer, seed=seed)["accuracy"]
        assert min(*ours[:2], *gpt[:2]) > 0.95
        assert max(ours[n_layer + 1 :]) < CHANCE_AND_LUCK  # nothing is carried over more borders than there are layers
        assert n_layer == 1 or ours[2] > 0.6


def test_the_committed_model_is_that_of_seed_0():
    model = recall_model()
    for distance, found in enumerate(RESULTS.one(model="transformer_xl", n_layer=3, seed=0)["accuracy"]):
        assert recall.accuracy(model, distance) == pytest.approx(found, abs=0.01)  # other machines round otherwise
    assert recall.accuracy(model, 1, mem_len=0) < CHANCE_AND_LUCK


def test_a_little_of_the_recipe_runs_again(tmp_path):
    recipe, job = Recipe(steps=30, judged=20, warmup=5), {"model": "transformer_xl", "n_layer": 1, "seed": 3}
    first, again = (measure(recipe, job, Desk(tmp_path / name, {"dtype": "float32"})) for name in ("a", "b"))
    assert first == again
    assert set(job | first) == set(RESULTS[0])


def test_what_is_kept_opens_again(tmp_path):
    recipe = Recipe(steps=2, judged=1)
    EXPERIMENT.keep(recipe, Desk(tmp_path / "desk", {"dtype": "float32"}), tmp_path / "data")
    assert sorted(p.name for p in (tmp_path / "data" / "recall").iterdir()) == ["config.json", "model.safetensors"]


def test_training_never_uses_held_out_numbers():
    recipe = Recipe()
    assert recipe.batch_size * recipe.steps * 3 < HELD_OUT
