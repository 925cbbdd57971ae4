"""Our GPT-2 against transformers' GPT2LMHeadModel with random weights, in float64, files going both ways."""

import json

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from course_lib.models import GPT, GPTConfig

SIZES = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4}


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**SIZES, n_positions=16, bos_token_id=0, eos_token_id=0)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # LayerNorm's gains and biases too
    return model  # in float32, so that nothing is lost on the way through a file


def test_their_file_opens_in_our_model(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    ours, ids = GPT.from_pretrained(tmp_path).double(), torch.randint(61, (3, 16))
    theirs.double()
    assert ours.config == GPTConfig(**SIZES, n_ctx=16)
    assert (ours(ids) - theirs(ids).logits).abs().max().item() <= 1e-12


def test_our_file_opens_in_their_model(theirs, tmp_path):
    ours = GPT(GPTConfig(**SIZES, n_ctx=16)).double().eval()
    ours.load_state_dict(theirs.double().transformer.state_dict())
    ours.save_pretrained(tmp_path)
    again, report = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float64, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = torch.randint(61, (3, 16))
    assert (ours(ids) - again.eval()(ids).logits).abs().max().item() <= 1e-12
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "gpt2"


def test_gradients_are_theirs(theirs):
    ours = GPT(GPTConfig(**SIZES, n_ctx=16)).double()
    ours.load_state_dict(theirs.double().transformer.state_dict())
    ids = torch.randint(61, (3, 16))
    ours(ids).logsumexp(-1).sum().backward()
    theirs(ids).logits.logsumexp(-1).sum().backward()
    for name, p in theirs.transformer.named_parameters():
        assert (ours.get_parameter(name).grad - p.grad).abs().max().item() <= 1e-10
