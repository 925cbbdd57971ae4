"""The committed ladder of sizes: it is what its recipe says, and its beginning can be trained again."""

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from course_lib import data
from course_lib.models import GPTConfig, count_parameters
from course_lib.prompting import best_accuracy, ladder
from course_lib.training.town import town_model

FOUND = ladder.results()


def test_the_results_are_those_of_the_models_named():
    there = [(m["n_layer"], m["n_embd"], m["seed"]) for m in FOUND["models"]]
    assert there == [key for key in ladder.MODELS if key in there]  # each once, in this order
    assert {key[:2] for key in there} == set(ladder.SIZES)
    assert FOUND["questions"] == ladder.N
    for m in FOUND["models"]:
        this = ladder.recipe(m["n_layer"], m["n_embd"], m["seed"])
        config = GPTConfig(this.vocab_size, this.n_ctx, m["n_embd"], m["n_layer"], m["n_head"])
        assert m["parameters"] == count_parameters(config) == sum(p.numel() for p in town_model(this).parameters())
        assert FOUND["tokens"] == this.tokens
        for name, value in FOUND["recipe"].items():
            held = getattr(this, name)
            assert value == ([vars(stage) for stage in held] if name == "stages" else held)


def test_nobody_beats_the_best_possible_reader():
    """Within four standard errors of so many questions."""
    for m in FOUND["models"]:
        for kind, curve in m["accuracy"].items():
            for n_shots, share in zip(FOUND["shots"], curve, strict=True):
                best = best_accuracy(kind, n_shots)
                assert share <= best + 4 * (best * (1 - best) / FOUND["questions"][kind]) ** 0.5 + 1e-9


def test_what_the_chapter_says_of_it():
    """With any number of seeds: one layer does not copy, others the better the wider, and to copy is not to look up."""
    with_one = [m for m in FOUND["models"] if m["n_layer"] == 1]
    assert all(m["second_copy"] > 3 and m["accuracy"]["code book"][-1] < 0.5 for m in with_one)
    deep = [m for m in FOUND["models"] if m["n_layer"] > 1]
    assert all((m["second_copy"] > 3) == (m["n_embd"] == 32) for m in deep)  # the narrowest cannot either
    copy = {width: [m["second_copy"] for m in deep if m["n_embd"] == width] for width in (32, 64, 128)}
    mean = [sum(nats) / len(nats) for nats in copy.values()]
    assert mean[0] > mean[1] > mean[2]
    one_name = best_accuracy("code book", 1)
    assert any(m["second_copy"] < 0.1 and m["accuracy"]["code book"][-1] < one_name + 0.1 for m in deep)
    assert any(m["accuracy"]["code book"][-1] > 0.85 for m in deep)


@pytest.mark.parametrize("model", FOUND["models"][:3], ids=lambda m: f"{m['n_layer']}x{m['n_embd']}-{m['seed']}")
def test_the_first_steps_again(model):
    """In float32; the runs were in bfloat16, which has three digits."""
    this = ladder.recipe(model["n_layer"], model["n_embd"], model["seed"])
    losses = ladder.training(town_model(this), this, data.town_tokenizer(), torch.float32)
    assert [next(losses) for _ in range(3)] == pytest.approx(model["first_losses"], rel=5e-3)


def test_a_run_goes_on_from_its_files_and_writes_what_it_measured(tmp_path, monkeypatch):
    """One small model that was trained before: it is not trained again, only measured."""
    this = ladder.recipe(1, 32, 5)
    save_file(town_model(this).state_dict(), tmp_path / "1x32-5.safetensors")
    monkeypatch.setattr(ladder, "MODELS", ((1, 32, 5),))
    monkeypatch.setattr(ladder, "N", {"code book": 4, "game": 2})
    monkeypatch.setattr(ladder, "town_tokens", lambda recipe: data.town_tokenizer())
    monkeypatch.setattr(ladder, "RESULTS", tmp_path / "found.json")
    command = ["--out", str(tmp_path), "--results", str(tmp_path / "found.json")]
    done = CliRunner().invoke(ladder.main, command)
    assert done.exit_code == 0, done.output
    (row,) = ladder.results()["models"]
    assert (row["n_layer"], row["n_embd"], row["n_head"], row["seed"]) == (1, 32, 1, 5)
    assert [len(curve) for curve in row["accuracy"].values()] == [5, 5]

    monkeypatch.setattr(ladder, "trained", lambda *_: pytest.fail("it stands in the file and is trained again"))
    assert CliRunner().invoke(ladder.main, command, catch_exceptions=False).exit_code == 0
    assert ladder.results()["models"] == [row]

    monkeypatch.setattr(ladder, "N", {"code book": 5, "game": 2})
    refused = CliRunner().invoke(ladder.main, command)
    assert refused.exit_code == 1
    assert "has questions {'code book': 4, 'game': 2}, this run" in refused.output
    assert ladder.results()["models"] == [row]
