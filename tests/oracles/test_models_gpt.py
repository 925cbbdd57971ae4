"""Our GPT-2 against transformers' GPT2LMHeadModel with random weights, files going both ways, and torch's own block.

Noise is added to all parameters: with gains of 1 and biases of 0, half of them would go untested. HF's loss is computed
in float32 whatever the model's dtype, so theirs is taken from their logits where float64 is meant.
"""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from course_lib.models import GPT, GPT2_SIZES, GPTConfig, KVCache, count_parameters

SIZES = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4}
NO_ENDS = {"bos_token_id": None, "eos_token_id": None}


def noisy(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # LayerNorm's gains and biases too
    return model


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**SIZES, n_positions=16, **NO_ENDS, pad_token_id=0)).eval()
    return noisy(model)  # in float32, so that nothing is lost on the way through a file


@pytest.fixture
def ours(theirs):
    model = GPT(GPTConfig(**SIZES, n_ctx=16)).eval()
    model.load_state_dict(theirs.transformer.state_dict())
    return model


def difference(a, b):
    return (a - b).abs().max().item()


# ---- the network


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("length", [1, 5, 16])
def test_logits_are_theirs(ours, theirs, dtype, tolerance, length):
    ids = torch.randint(61, (3, length))
    assert difference(ours.to(dtype)(ids), theirs.to(dtype)(ids).logits) <= tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_loss_and_gradients_are_theirs(ours, theirs, dtype, tolerance):
    ids = torch.randint(61, (3, 16))
    losses = []
    for logits in (ours.to(dtype)(ids), theirs.to(dtype)(ids).logits):
        losses.append(F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()))
        losses[-1].backward()
    assert difference(*losses) <= tolerance
    assert difference(losses[0], theirs(ids, labels=ids).loss) <= 1e-5  # their shift by one is ours
    names = [name for name, _ in theirs.transformer.named_parameters()]
    assert len(names) == 2 + 3 * 12 + 2
    for name in names:
        assert difference(ours.get_parameter(name).grad, theirs.transformer.get_parameter(name).grad) <= tolerance, name


@torch.inference_mode()
def test_greedy_tokens_are_theirs(ours, theirs):
    ids = torch.randint(61, (4, 5))
    expected = theirs.double().generate(ids, max_new_tokens=11, do_sample=False)
    cache, new = KVCache(ours.double(), 4, 16), ids
    while ids.shape[1] < 16:
        new = ours(new, cache)[:, -1:].argmax(-1)  # [B, T] -> [B, 1]
        ids = torch.cat([ids, new], dim=1)
    assert torch.equal(ids, expected)


@torch.inference_mode()
def test_left_padding_is_theirs_with_position_ids(ours, theirs):
    padding, ids = torch.tensor([0, 3, 8]), torch.randint(1, 61, (3, 9))
    seen = torch.arange(9) >= padding[:, None]
    positions = (seen.cumsum(-1) - 1).clamp(min=0)
    with_positions = theirs.double()(ids, attention_mask=seen.long(), position_ids=positions).logits
    logits = ours.double()(ids, KVCache(ours, 3, 9, padding=padding))
    assert difference(logits[seen], with_positions[seen]) <= 1e-12
    plain = theirs(ids, attention_mask=seen.long(), position_ids=torch.arange(9)[None].expand(3, 9)).logits
    assert difference(logits[seen], plain[seen]) > 0.1  # which positions padding gets is no detail


def test_a_block_is_torchs_encoder_layer(ours):
    """Linear is (out, in) there; the mask says who may NOT look. With gradients, so no fast lane (erf GELU)."""
    block = ours.double().h[1]
    layer = nn.TransformerEncoderLayer(
        24, 4, 96, dropout=0, activation=nn.GELU("tanh"), norm_first=True, batch_first=True, dtype=torch.float64
    )
    pairs = [
        (layer.norm1, block.ln_1),
        (layer.self_attn.out_proj, block.attn.c_proj),
        (layer.norm2, block.ln_2),
        (layer.linear1, block.mlp.c_fc),
        (layer.linear2, block.mlp.c_proj),
    ]
    with torch.no_grad():
        layer.self_attn.in_proj_weight.copy_(block.attn.c_attn.weight.T)
        layer.self_attn.in_proj_bias.copy_(block.attn.c_attn.bias)
        for theirs, mine in pairs:
            theirs.weight.copy_(mine.weight.T if mine.weight.ndim == 2 else mine.weight)
            theirs.bias.copy_(mine.bias)
    x = torch.randn(2, 16, 24, dtype=torch.float64, requires_grad=True)
    hidden = ~torch.ones(16, 16, dtype=torch.bool).tril()
    out = layer(x, src_mask=hidden)
    assert difference(block(x), out) <= 1e-12
    mine, other = (torch.autograd.grad(y.square().sum(), x)[0] for y in (block(x), out))
    assert difference(mine, other) <= 1e-11


# ---- files


def test_their_file_opens_in_our_model(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    model, ids = GPT.from_pretrained(tmp_path).double(), torch.randint(61, (3, 16))
    assert model.config == GPTConfig(**SIZES, n_ctx=16)
    assert difference(model(ids), theirs.double()(ids).logits) <= 1e-12


def test_their_shards_open_in_our_model(theirs, tmp_path):
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    ids = torch.randint(61, (3, 16))
    assert difference(GPT.from_pretrained(tmp_path).double()(ids), theirs.double()(ids).logits) <= 1e-12


def test_the_body_alone_has_no_prefix_and_opens_too(theirs, tmp_path):
    theirs.transformer.save_pretrained(tmp_path)
    ids = torch.randint(61, (3, 16))
    assert difference(GPT.from_pretrained(tmp_path).double()(ids), theirs.double()(ids).logits) <= 1e-12


def test_an_untied_model_of_theirs_is_refused(tmp_path):
    config = GPT2Config(**SIZES, n_positions=16, **NO_ENDS, tie_word_embeddings=False)
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lm_head\.weight of its own: 61 of its 61 rows"):
        GPT.from_pretrained(tmp_path)


def test_our_file_opens_in_their_model(ours, tmp_path):
    ours.double().save_pretrained(tmp_path)
    again, report = GPT2LMHeadModel.from_pretrained(tmp_path, dtype=torch.float64, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = torch.randint(61, (3, 16))
    assert difference(ours(ids), again.eval()(ids).logits) <= 1e-12
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "gpt2"


@torch.inference_mode()
def test_gpt2_small_goes_both_ways_at_full_size():
    """Half a gigabyte each way, theirs in shards; removed at once, where pytest would keep three runs of it."""
    ids = torch.randint(50257, (1, 8))
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        small = GPT(GPTConfig()).eval()
        small.save_pretrained(Path(folder) / "ours")
        logits = small(ids)
        del small
        theirs = GPT2LMHeadModel.from_pretrained(Path(folder) / "ours").eval()
        assert difference(logits, theirs(ids).logits) <= 1e-4
        theirs.save_pretrained(Path(folder) / "theirs", max_shard_size="200MB")
        assert len(list((Path(folder) / "theirs").glob("*.safetensors"))) > 2
        again = GPT.from_pretrained(Path(folder) / "theirs")
        assert again.config == GPTConfig()
        assert difference(logits, again(ids)) <= 1e-4


# ---- sizes


@pytest.mark.parametrize("name", GPT2_SIZES)
def test_their_gpt2_has_as_many_parameters(name):
    sizes = asdict(GPT2_SIZES[name])
    n_positions = sizes.pop("n_ctx")
    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config(**sizes, n_positions=n_positions, **NO_ENDS))
    assert sum(p.numel() for p in model.parameters()) == count_parameters(GPT2_SIZES[name])
