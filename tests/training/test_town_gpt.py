"""The committed checkpoint is what its recipe says, and the same in NumPy, in torch and in transformers."""

import hashlib
import json

import numpy as np
import pytest
import torch

from course_lib import by_hand, town
from course_lib.data import TOWN_GPT, town_tokenizer
from course_lib.models import GPT
from course_lib.training import scores
from course_lib.training.town import Recipe, town_tokens

REPORT = json.loads((TOWN_GPT / "recipe.json").read_text())
TEXT = "Anna asks Bip to take the ball not to the park but to the shop. Bip takes it to the shop."


@pytest.fixture(scope="module")
def model():
    return GPT.from_pretrained(TOWN_GPT).eval()


def test_the_files_are_those_of_the_recipe():
    for name, expected in REPORT["sha256"].items():
        assert hashlib.sha256((TOWN_GPT / name).read_bytes()).hexdigest() == expected
    assert (TOWN_GPT / "model.safetensors").stat().st_size <= 4_000_000


def test_the_sizes_are_those_of_the_recipe(model):
    for name in ("n_ctx", "n_embd", "n_layer", "n_head", "vocab_size"):
        assert getattr(model.config, name) == REPORT["recipe"][name] == getattr(Recipe(), name)
    assert town_tokenizer().vocab_size == model.config.vocab_size


def test_the_tokenizer_can_be_learned_again():
    assert town_tokens(Recipe()) == town_tokenizer()


def test_every_word_of_the_town_is_one_token():
    """With its space; headings such as "Code" stand at the beginning of a document, without one."""
    for word in town.WORDS:
        spellings = [word, " " + word]
        assert 1 in {len(town_tokenizer().encode(spelling)) for spelling in spellings}, word


def test_loss_on_held_out_documents_is_what_the_recipe_says(model):
    """On the first 150 of them; the tolerance is for the other 850."""
    documents = list(town.documents(150, REPORT["held_out"]["first_document"]))
    now, then = scores(model, documents, town_tokenizer())["all"], REPORT["losses"]["all"]
    assert now.loss / now.floor == pytest.approx(then["loss"] / then["floor"], abs=0.02)
    assert now.loss / now.floor < 1.10


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
