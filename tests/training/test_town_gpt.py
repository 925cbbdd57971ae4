"""The committed checkpoint is what its recipe says, and the same in NumPy, in torch and in transformers."""

import hashlib
import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from course_lib import by_hand, data, town
from course_lib.data import TOWN_GPT, town_tokenizer
from course_lib.models import GPT
from course_lib.training import mood_accuracy, scores, second_copy_loss
from course_lib.training.town import Recipe, town_model, town_tokens

REPORT = json.loads((TOWN_GPT / "recipe.json").read_text())
OTHERS = json.loads((TOWN_GPT / "runs.json").read_text())  # other seeds, and shorter runs
TEXT = "Anna asks Bip to take the ball not to the park but to the shop. Bip takes it to the shop."


@pytest.fixture(scope="module")
def model():
    return GPT.from_pretrained(TOWN_GPT).eval()


def test_the_files_are_those_of_the_recipe():
    kept = {f"steps/{step:05}.safetensors" for step in Recipe().kept}
    assert set(REPORT["sha256"]) == {"model.safetensors", "tokenizer.json"} | kept
    for name, expected in REPORT["sha256"].items():
        assert hashlib.sha256((TOWN_GPT / name).read_bytes()).hexdigest() == expected, name
    assert (TOWN_GPT / "model.safetensors").stat().st_size <= 6_000_000


def test_the_recipe_is_that_of_the_code(model):
    assert REPORT["recipe"] == json.loads(json.dumps(asdict(Recipe())))
    assert REPORT["tokens"] == Recipe().tokens
    assert {name: getattr(model.config, name) for name in asdict(model.config)} == {
        name: getattr(Recipe(), name) for name in asdict(model.config)
    }
    assert town_tokenizer().vocab_size == model.config.vocab_size


def test_the_tokenizer_can_be_learned_again():
    assert town_tokens(Recipe()) == town_tokenizer()


def test_every_word_of_the_town_is_one_token():
    """With its space; headings such as "Code" stand at the beginning of a document, without one."""
    for word in town.WORDS:
        spellings = [word, " " + word]
        assert 1 in {len(town_tokenizer().encode(spelling)) for spelling in spellings}, word


def test_it_is_near_the_floor():
    ratio = {kind: s["loss"] / s["floor"] for kind, s in REPORT["losses"].items()}
    assert ratio["all"] <= 1.02
    assert max(ratio["story"], ratio["short story"]) <= 1.01
    assert REPORT["held_out"]["documents"] == REPORT["losses"]["all"]["documents"] == 1000


def test_loss_on_held_out_documents_is_what_the_recipe_says(model):
    """On the first 150 of them; the tolerance is for the other 850."""
    documents = list(town.documents(150, REPORT["held_out"]["first_document"]))
    now, then = scores(model, documents, town_tokenizer())["all"], REPORT["losses"]["all"]
    assert now.loss / now.floor == pytest.approx(then["loss"] / then["floor"], abs=0.01)


def test_it_copies_and_compares(model):
    assert second_copy_loss(model, town_tokenizer(), 20) < 0.1
    assert mood_accuracy(model, town_tokenizer(), 40) > 0.95


def test_the_log_shows_both_abilities_come():
    log = REPORT["log"]
    assert [row["step"] for row in log] == sorted(row["step"] for row in log)
    assert log[0]["loss"] == pytest.approx(np.log(493), rel=0.02)
    assert log[-1]["step"] == Recipe().steps
    assert log[1]["second copy"] > 3
    assert log[-1]["second copy"] < 0.1
    assert log[1]["moods"] < 0.65
    assert log[-1]["moods"] > 0.95


def test_the_kept_copies_open_and_the_last_is_the_model(model):
    assert data.town_steps() == sorted(Recipe().kept)
    first, last = data.town_gpt(0), data.town_gpt(Recipe().steps)
    for name, weight in town_model(Recipe()).state_dict().items():
        assert torch.equal(first.state_dict()[name], weight.half().float()), name
    for name, weight in model.state_dict().items():
        assert torch.equal(last.state_dict()[name], weight.half().float()), name
    with pytest.raises(ValueError, match="no copy was kept after step 7: choose one of"):
        data.town_gpt(7)


def test_other_seeds_come_out_alike():
    runs = [REPORT, *(run for run in OTHERS if run["tokens"] == REPORT["tokens"])]
    assert len({run["recipe"]["seed"] for run in runs}) == len(runs) >= 3
    assert len({json.dumps(run["recipe"] | {"seed": 0, "kept": []}) for run in runs}) == 1
    ratios = [run["losses"]["all"]["loss"] / run["losses"]["all"]["floor"] for run in runs]
    assert max(ratios) - min(ratios) < 0.03


def test_shorter_runs_differ_in_their_steps_alone():
    shorter = [run for run in OTHERS if run["tokens"] < REPORT["tokens"]]
    assert len(shorter) == 2
    for run in shorter:
        share = run["tokens"] / REPORT["tokens"]
        for stage, whole in zip(run["recipe"]["stages"], REPORT["recipe"]["stages"]):
            assert stage["steps"] == pytest.approx(share * whole["steps"], rel=0.01)
        assert run["recipe"] | {"stages": 0, "kept": 0} == REPORT["recipe"] | {"stages": 0, "kept": 0}
        assert run["losses"]["all"]["loss"] > REPORT["losses"]["all"]["loss"]


def test_numpy_logits_are_torchs(model):
    ids = town_tokenizer().encode(TEXT)
    theirs = model.double()(torch.tensor([ids]))[0].detach().numpy()
    model.float()
    ours = by_hand.gpt(ids, by_hand.load_params(TOWN_GPT, np.float64), by_hand.load_config(TOWN_GPT)["n_head"])
    assert np.abs(ours - theirs).max() <= 1e-11
    single = by_hand.gpt(ids, by_hand.load_params(TOWN_GPT), 4)
    assert np.abs(single - theirs).max() <= 1e-3


def test_the_checkpoint_opens_in_transformers(model):
    from transformers import GPT2LMHeadModel

    ids = torch.tensor([town_tokenizer().encode(TEXT)])
    theirs = GPT2LMHeadModel.from_pretrained(TOWN_GPT).eval()
    assert (theirs(ids).logits - model(ids)).abs().max().item() <= 1e-3
