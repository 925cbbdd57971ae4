"""GPT-2 in PyTorch: shapes, causality, tied weights, saving and opening, bad input."""

import math

import numpy as np
import pytest
import torch

from course_lib import by_hand
from course_lib.models import GPT, GPTConfig

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
