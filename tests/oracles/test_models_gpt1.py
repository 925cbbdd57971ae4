"""Our GPT-1 against transformers' OpenAIGPTLMHeadModel with random weights, files going both ways, and its size.

Noise is added to all parameters, so that LayerNorm's gains and biases are tested too. Theirs hides the future with
−10,000 instead of −∞, which is the same to the last bit here: exp(−10,000) is 0.
"""

import json
import tempfile
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import OpenAIGPTConfig, OpenAIGPTLMHeadModel

from course_lib.models import GPT, GPT1, GPT1_SIZE, GPTConfig, KVCache, count_parameters

SIZES = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4}


def noisy(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    return noisy(OpenAIGPTLMHeadModel(OpenAIGPTConfig(**SIZES, n_positions=16)).eval())


@pytest.fixture
def ours(theirs, tmp_path):
    theirs.save_pretrained(tmp_path / "theirs")
    return GPT1.from_pretrained(tmp_path / "theirs").eval()


def difference(a, b):
    return (a - b).abs().max().item()


# ---- the network


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("length", [1, 5, 16])
def test_logits_and_hidden_states_are_theirs(ours, theirs, dtype, tolerance, length):
    ids = torch.randint(61, (3, length))
    assert difference(ours.to(dtype)(ids), theirs.to(dtype)(ids).logits) <= tolerance
    assert difference(ours.hidden(ids), theirs.transformer(ids).last_hidden_state) <= tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_gradients_are_theirs(ours, theirs, dtype, tolerance):
    ids = torch.randint(61, (3, 16))
    for logits in (ours.to(dtype)(ids), theirs.to(dtype)(ids).logits):
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
    renamed = {"tokens_embed.weight": "wte.weight", "positions_embed.weight": "wpe.weight"}
    names = [name for name, _ in theirs.transformer.named_parameters()]
    assert len(names) == 2 + 3 * 12
    for name in names:
        mine = ours.get_parameter(renamed.get(name, name)).grad
        assert difference(mine, theirs.transformer.get_parameter(name).grad) <= tolerance, name


@torch.inference_mode()
def test_greedy_tokens_with_a_cache_are_theirs_without(ours, theirs):
    ids = torch.randint(61, (4, 5))
    cache, new, again = KVCache(ours.double(), 4, 16), ids, ids
    while ids.shape[1] < 16:
        new = ours(new, cache)[:, -1:].argmax(-1)  # [B, T] -> [B, 1]
        ids = torch.cat([ids, new], dim=1)
        again = torch.cat([again, theirs.double()(again).logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(ids, again)


def test_a_block_is_torchs_encoder_layer_with_its_norms_last(ours):
    """Linear is (out, in) there; the mask says who may NOT look. With gradients, so no fast lane (erf GELU)."""
    block = ours.double().h[1]
    layer = nn.TransformerEncoderLayer(
        24, 4, 96, dropout=0, activation=nn.GELU("tanh"), norm_first=False, batch_first=True, dtype=torch.float64
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
    assert difference(block(x), layer(x, src_mask=hidden)) <= 1e-12


# ---- files


@torch.inference_mode()
@pytest.mark.parametrize("part", ["whole", "body", "shards"])
def test_their_files_open_with_and_without_prefix_and_in_shards(theirs, tmp_path, part):
    saved = theirs.transformer if part == "body" else theirs
    saved.save_pretrained(tmp_path, max_shard_size="20KB" if part == "shards" else "1GB")
    assert (len(list(tmp_path.glob("*.safetensors"))) > 2) == (part == "shards")
    model, ids = GPT1.from_pretrained(tmp_path), torch.randint(61, (3, 16))
    assert model.config == GPTConfig(**SIZES, n_ctx=16)
    assert difference(model.double()(ids), theirs.double()(ids).logits) <= 1e-12


@torch.inference_mode()
def test_our_file_opens_in_their_model(ours, tmp_path):
    ours.double().save_pretrained(tmp_path)
    again, report = OpenAIGPTLMHeadModel.from_pretrained(tmp_path, dtype=torch.float64, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids = torch.randint(61, (3, 16))
    assert difference(ours(ids), again.eval()(ids).logits) <= 1e-12
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "openai-gpt"


def test_another_activation_of_theirs_is_refused(tmp_path):
    OpenAIGPTLMHeadModel(OpenAIGPTConfig(**SIZES, n_positions=16, afn="relu")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"describes another network than GPT-1: \{'afn': 'relu'\}"):
        GPT1.from_pretrained(tmp_path)


def test_an_untied_model_of_theirs_is_refused(tmp_path):
    OpenAIGPTLMHeadModel(OpenAIGPTConfig(**SIZES, n_positions=16, tie_word_embeddings=False)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lm_head\.weight of its own: 61 of its 61 rows are not those of tokens_emb"):
        GPT1.from_pretrained(tmp_path)


def test_gpt1_and_gpt2_do_not_open_each_others_folders(ours, tmp_path):
    GPT(ours.config).save_pretrained(tmp_path / "gpt2")
    with pytest.raises(ValueError, match=r"another network than GPT-1: \{'model_type': 'gpt2'\}"):
        GPT1.from_pretrained(tmp_path / "gpt2")
    with pytest.raises(ValueError, match=r"another network than GPT-2: \{'model_type': 'openai-gpt'\}"):
        GPT.from_pretrained(tmp_path / "theirs")


@torch.inference_mode()
def test_gpt1_goes_both_ways_at_full_size():
    """Half a gigabyte each way; removed at once, where pytest would keep three runs of it."""
    ids = torch.randint(40478, (1, 8))
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        whole = GPT1(GPT1_SIZE).eval()
        assert sum(p.numel() for p in whole.parameters()) == 116_534_784
        whole.save_pretrained(Path(folder) / "ours")
        logits = whole(ids)
        del whole
        theirs = OpenAIGPTLMHeadModel.from_pretrained(Path(folder) / "ours").eval()
        assert difference(logits, theirs(ids).logits) <= 1e-4
        theirs.save_pretrained(Path(folder) / "theirs")
        del theirs
        again = GPT1.from_pretrained(Path(folder) / "theirs")
        assert again.config == GPT1_SIZE
        assert difference(logits, again(ids)) <= 1e-4


# ---- size


def test_their_gpt1_has_as_many_parameters():
    with torch.device("meta"):
        model = OpenAIGPTLMHeadModel(OpenAIGPTConfig())
    assert sum(p.numel() for p in model.parameters()) == count_parameters(GPT1_SIZE, final_norm=False) == 116_534_784
