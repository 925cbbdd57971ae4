"""GPT-2 in PyTorch: shapes, causality, tied weights, saving and opening, bad input."""

import math

import numpy as np
import pytest
import torch

from course_lib import by_hand
from course_lib.generation import generate
from course_lib.models import BERT, GPT, T5, BERTConfig, GPTConfig, T5Config, TransformerXL, TransformerXLConfig
from course_lib.training import next_token_loss

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(SMALL).eval()


def test_the_default_is_gpt2_small_to_the_last_parameter():
    with torch.device("meta"):
        assert sum(p.numel() for p in GPT(GPTConfig()).parameters()) == 124_439_808


def test_an_untrained_model_is_nearly_as_unsure_as_can_be(model):
    ids, targets = torch.randint(61, (2, 8, 16))
    loss = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(61), abs=0.05)


def test_output_projections_start_smaller(model):
    assert model.h[0].mlp.c_fc.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert model.h[0].mlp.c_proj.weight.std().item() == pytest.approx(0.02 / math.sqrt(6), rel=0.1)


def test_future_gradient_is_exactly_zero(model):
    ids = torch.randint(61, (1, 10))
    x = model.embed(ids).detach().requires_grad_()
    h = x
    for block in model.h:
        h = block(h)
    for t in range(10):
        (slope,) = torch.autograd.grad(h[0, t].square().sum(), x, retain_graph=True)
        assert (slope[0, t + 1 :] == 0).all()
        assert (slope[0, : t + 1] != 0).any(-1).all()


def test_output_is_tied_to_the_embedding(model):
    assert not any("head" in name for name in model.state_dict())
    model(torch.tensor([[1]])).sum().backward()
    assert (model.wte.weight.grad.abs().sum(-1) > 0).all()  # every token is scored, so every row learns


def test_saved_model_opens_again(model, tmp_path):
    model.save_pretrained(tmp_path / "new" / "folder")
    ids = torch.randint(61, (2, 16))
    again = GPT.from_pretrained(tmp_path / "new" / "folder")
    assert again.config == SMALL
    assert torch.equal(again(ids), model(ids))


def test_saved_model_opens_in_numpy(model, tmp_path):
    model.double().save_pretrained(tmp_path)
    ids = np.random.default_rng(0).integers(61, size=(2, 16))
    ours = by_hand.gpt(ids, by_hand.load_params(tmp_path, np.float64), by_hand.load_config(tmp_path)["n_head"])
    assert np.abs(ours - model(torch.from_numpy(ids)).detach().numpy()).max() <= 1e-13


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_layer": 0}, "n_layer is 0"),
        ({"vocab_size": -3}, "vocab_size is -3"),
        ({"n_embd": 100, "n_head": 3}, "n_embd = 100 cannot be cut into n_head = 3"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**sizes)


def test_bad_ids_are_named(model):
    with pytest.raises(ValueError, match="17 tokens exceed n_ctx = 16"):
        model(torch.zeros(1, 17, dtype=torch.long))
    for bad in (61, -1):
        with pytest.raises(ValueError, match=f"token id {bad} is not in the vocabulary"):
            model(torch.tensor([[1, bad]]))


WIDTHS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    "make",
    [
        lambda: GPT(SMALL),
        lambda: BERT(BERTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=1, n_head=4)),
        lambda: TransformerXL(TransformerXLConfig(vocab_size=61, n_embd=24, n_layer=1, n_head=4)),
        lambda: (lambda t5: lambda ids: t5(ids, ids))(T5(T5Config(61, n_embd=24, n_layer=1, n_head=4))),
    ],
    ids=["gpt", "bert", "transformer-xl", "t5"],
)
def test_ids_may_be_of_any_width(make, width):
    model, ids = make(), torch.tensor([[3, 60, 17, 4]])
    assert torch.equal(model(ids.to(getattr(torch, width))), model(ids))


@pytest.mark.parametrize(
    ("width", "bad"), [("uint8", 255), ("int8", -1), ("uint16", 65535), ("int16", -7), ("uint64", 2**64 - 1)]
)
def test_an_unknown_id_is_named_as_it_was_given(model, width, bad):
    with pytest.raises(ValueError, match=f"token id {bad} is not in the vocabulary"):
        model(torch.from_numpy(np.array([[3, bad]], dtype=width)))


def test_ids_of_any_width_are_learned_from_and_written_on(model):
    rows = torch.tensor([[3, 60, 17, 4]])
    assert next_token_loss(model, rows.to(torch.uint16)) == next_token_loss(model, rows)
    file = np.array([3, 60, 17], dtype=np.uint16)  # as in the usual .bin files
    assert generate(model, file, 2, temperature=0).tolist() == generate(model, file.tolist(), 2, temperature=0).tolist()
