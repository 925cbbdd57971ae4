"""The committed ladder of sizes: it is what its recipe says, and its beginning can be trained again."""

import pytest
import torch

from course_lib.experiments import Desk, ladder, results
from course_lib.experiments.desk import recipe_of
from course_lib.experiments.ladder import EXPERIMENT, SIZES, Recipe
from course_lib.experiments.town_gpt import town_model
from course_lib.models import GPTConfig, count_parameters
from course_lib.prompting import best_accuracy

FOUND = results("ladder")
SHOTS, QUESTIONS = FOUND.recipe["shots"], FOUND.recipe["questions"]


def test_the_results_are_those_of_the_models_named():
    jobs = list(EXPERIMENT.jobs(Recipe(), FOUND))
    assert [job for job in jobs if any(job.items() <= m.items() for m in FOUND)] == [
        {name: m[name] for name in ("n_layer", "n_embd", "seed")} for m in FOUND
    ]  # each once, in this order
    assert {(m["n_layer"], m["n_embd"]) for m in FOUND} == set(SIZES)
    assert FOUND.recipe == recipe_of(Recipe())
    for m in FOUND:
        this = Recipe().for_size(m["n_layer"], m["n_embd"])
        config = GPTConfig(this.vocab_size, this.n_ctx, m["n_embd"], m["n_layer"], m["n_head"])
        model = town_model(this, m["seed"])
        assert m["parameters"] == count_parameters(config) == sum(p.numel() for p in model.parameters())
        assert m["tokens"] == this.tokens


def test_nobody_beats_the_best_possible_reader():
    """Within four standard errors of so many questions."""
    for m in FOUND:
        for kind, curve in m["accuracy"].items():
            for n_shots, share in zip(SHOTS, curve, strict=True):
                best = best_accuracy(kind, n_shots)
                assert share <= best + 4 * (best * (1 - best) / QUESTIONS[kind]) ** 0.5 + 1e-9


def test_what_the_chapter_says_of_it():
    """With any number of seeds: one layer does not copy, others the better the wider, and to copy is not to look up."""
    with_one = [m for m in FOUND if m["n_layer"] == 1]
    assert all(m["second_copy"] > 3 and m["accuracy"]["code book"][-1] < 0.5 for m in with_one)
    deep = [m for m in FOUND if m["n_layer"] > 1]
    assert all((m["second_copy"] > 3) == (m["n_embd"] == 32) for m in deep)  # the narrowest cannot either
    copy = {width: [m["second_copy"] for m in deep if m["n_embd"] == width] for width in (32, 64, 128)}
    mean = [sum(nats) / len(nats) for nats in copy.values()]
    assert mean[0] > mean[1] > mean[2]
    one_name = best_accuracy("code book", 1)
    assert any(m["second_copy"] < 0.1 and m["accuracy"]["code book"][-1] < one_name + 0.1 for m in deep)
    assert any(m["accuracy"]["code book"][-1] > 0.85 for m in deep)


@pytest.mark.parametrize("model", FOUND[:3], ids=lambda m: f"{m['n_layer']}x{m['n_embd']}-{m['seed']}")
def test_the_first_steps_again(model):
    """In float32; the runs were in bfloat16, which has three digits."""
    this = Recipe().for_size(model["n_layer"], model["n_embd"])
    losses = ladder.first_losses(this, model["seed"], torch.float32)
    assert losses == pytest.approx(model["first_losses"], rel=5e-3)


def test_a_tiny_run_is_measured(tmp_path):
    town = ladder.replace(Recipe().town, stages=(ladder.Stage("repeats", 48, 2, 4),))
    recipe = Recipe(town=town, questions={"code book": 4, "game": 2})
    desk, job = Desk(tmp_path, {"dtype": "float32"}), {"n_layer": 1, "n_embd": 32, "seed": 5}
    row = EXPERIMENT.measure(recipe, job, desk)
    assert set(job | row) == set(FOUND[0])
    assert (row["n_head"], row["tokens"]) == (1, 4 * 2 * 48)
    assert {kind: len(curve) for kind, curve in row["accuracy"].items()} == {"code book": 5, "game": 5}
    again = EXPERIMENT.measure(recipe, job, Desk(tmp_path, desk.made, open=False))  # it is not trained again
    assert again == row
