"""The run that trains the town's BERT, and the committed model that came out."""

import math

import pytest
import torch

from course_lib import data, town
from course_lib.experiments import Desk, results, town_bert
from course_lib.experiments.desk import recipe_of, sha256
from course_lib.experiments.town_bert import EXPERIMENT, FIRST_LOOK, Recipe, bert_model
from course_lib.models import BERT
from course_lib.tokens import Tokenizer
from course_lib.training import blanks as holes
from course_lib.training.blanks import blanks, fill
from course_lib.training.masking import Stage, bert_tokens, framed

TOKENIZER = bert_tokens(data.town_tokenizer())
TINY = Recipe(stages=(Stage("repeats", 2, 0.3, 20), Stage("full", 3, 0.15, 3)), n_embd=16, n_layer=1, n_head=2)
RESULTS = results("town_bert")
REPORT = RESULTS.one(seed=0)


def test_the_recipe_stays_clear_of_the_documents_that_are_held_out():
    assert max(stage.rows * (stage.steps + 16) for stage in Recipe().stages) < holes.HELD_OUT


def test_a_tiny_run_is_measured_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(town_bert, "look", lambda model, tokenizer: {"loss": model.bias.sum().item()})
    monkeypatch.setattr(town_bert, "EVERY", 5)
    desk, job = Desk(tmp_path / "desk", {"dtype": "float32"}), {"seed": 0}
    record = EXPERIMENT.measure(TINY, job, desk)
    assert set(job | record | {"seconds": 0}) == set(REPORT)
    assert [row["step"] for row in record["log"]] == [0, 5, 10, 15, 20, 23]
    EXPERIMENT.keep(TINY, Desk(desk.folder, desk.made, open=False), tmp_path)  # from the desk, nothing is trained
    model = BERT.from_pretrained(tmp_path / "town-bert")
    assert model.config == bert_model(TINY, TOKENIZER, 0).config
    assert model.bias.sum().item() == pytest.approx(record["log"][-1]["loss"], abs=1e-6)
    assert Tokenizer.load(tmp_path / "town-bert" / "tokenizer.json") == TOKENIZER


# ---- the committed model


def test_the_files_are_those_of_the_recipe():
    for name, expected in RESULTS.made["files"].items():
        assert sha256(data.DATA / name) == expected, name
    kept = {"config.json", "model.safetensors", "tokenizer.json"}
    assert set(RESULTS.made["files"]) == {f"town-bert/{name}" for name in kept}
    assert (data.TOWN_BERT / "model.safetensors").stat().st_size <= 4_000_000
    assert RESULTS.recipe == recipe_of(Recipe())
    assert data.town_bert_tokenizer() == TOKENIZER


def test_its_log_is_what_it_does():
    """On the first hundred of the four hundred blanks; the tolerance is for the others."""
    model, some = data.town_bert(), blanks(100, FIRST_LOOK)
    log_q = fill(model, some, TOKENIZER)
    right = torch.tensor(holes.word_ids([hole.word for hole in some], TOKENIZER))
    assert (log_q.argmax(-1) == right).double().mean().item() == pytest.approx(REPORT["log"][-1]["accuracy"], abs=0.1)
    assert REPORT["log"][0]["loss"] == pytest.approx(math.log(497), abs=0.6)
    assert [row["step"] for row in REPORT["log"]][-1] == Recipe().steps


def test_it_looks_to_the_right():
    """Before the blank all objects are alike; what stands behind it tells which."""
    before, model = "Anna asks Bip to paint the ", data.town_bert()
    for thing in town.WORLD.objects:
        after = f" blue. Bip paints it blue. Anna is glad. At the end the {thing} is blue."
        log_q = fill(model, [holes.Blank(before, thing, after, "short story")], TOKENIZER)
        assert TOKENIZER.decode([int(log_q.argmax())]) == " " + thing


def test_it_opens_in_transformers():
    from transformers import BertForMaskedLM

    ids = torch.tensor([framed("Anna asks Bip to take the ball to the park.", TOKENIZER)])
    theirs = BertForMaskedLM.from_pretrained(data.TOWN_BERT).eval()
    assert (theirs(ids).logits - data.town_bert()(ids)).abs().max().item() <= 1e-3
