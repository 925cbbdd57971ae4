"""What we see inside against transformers' GPT2LMHeadModel with random weights, and torch's MultiheadAttention.

Eager attention, because only that tells its weights. Their hidden_states hold the embedding and the output of every
block but the last, and then the last *after* the final LayerNorm: hidden_states[-1] is not the residual stream.
Heads are ablated there by zeroing their rows of W_O in a copy of the weights.
"""

import copy

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from course_lib import inside
from course_lib.models import GPT, GPTConfig

SIZES = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4}


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    config = GPT2Config(
        **SIZES, n_positions=16, bos_token_id=None, eos_token_id=None, pad_token_id=0, attn_implementation="eager"
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # LayerNorm's gains and biases too
    return model.double()


@pytest.fixture
def ours(theirs):
    model = GPT(GPTConfig(**SIZES, n_ctx=16)).eval().double()
    model.load_state_dict(theirs.transformer.state_dict())
    return model


@pytest.fixture
def ids():
    return torch.randint(61, (3, 16), generator=torch.Generator().manual_seed(0))


def difference(a, b):
    assert a.shape == b.shape
    return (a - b).abs().max().item()


@torch.no_grad()
def test_attention_stream_and_logits_are_theirs(ours, theirs, ids):
    record = inside.run(ours, ids)
    out = theirs(ids, output_attentions=True, output_hidden_states=True)
    assert difference(record.weights, torch.stack(out.attentions)) <= 1e-12
    assert difference(record.stream[:-1], torch.stack(out.hidden_states[:-1])) <= 1e-12
    assert difference(ours.ln_f(record.stream[-1]), out.hidden_states[-1]) <= 1e-12
    assert difference(record.logits, out.logits) <= 1e-12


@torch.no_grad()
def test_the_lens_is_their_head_on_their_hidden_states(ours, theirs, ids):
    lens = inside.logit_lens(ours, inside.run(ours, ids).stream)
    states = theirs(ids, output_hidden_states=True).hidden_states
    for depth in range(3):
        assert difference(lens[depth], theirs.lm_head(theirs.transformer.ln_f(states[depth]))) <= 1e-12
    assert difference(lens[3], theirs.lm_head(states[3])) <= 1e-12  # which has passed ln_f already


@torch.no_grad()
def test_what_the_parts_write_is_theirs(ours, theirs, ids):
    """Their attention and MLP modules' outputs, by hooks on their model."""
    attention, mlps = [], []
    for block in theirs.transformer.h:
        block.attn.register_forward_hook(lambda _, args, out: attention.append(out[0]))
        block.mlp.register_forward_hook(lambda _, args, out: mlps.append(out))
    logits = theirs(ids).logits
    record = inside.run(ours, ids)
    bias = torch.stack([block.attn.c_proj.bias for block in ours.h])[:, None, None]  # [L, 1, 1, C]
    assert difference(record.heads.sum(2) + bias, torch.stack(attention)) <= 1e-12
    assert difference(record.mlps, torch.stack(mlps)) <= 1e-12
    right = logits.gather(-1, ids[..., None])[..., 0]
    assert difference(inside.attribution(ours, record, ids).total(), right) <= 1e-12


@torch.no_grad()
def test_an_ablated_model_is_theirs_without_those_rows(ours, theirs, ids):
    heads = [(0, 2), (1, 0), (1, 3)]
    pruned = copy.deepcopy(theirs)
    for layer, head in heads:
        pruned.transformer.h[layer].attn.c_proj.weight[6 * head : 6 * (head + 1)] = 0  # Conv1D is (in, out)
    with inside.ablate(ours, heads):
        assert difference(ours(ids), pruned(ids).logits) <= 1e-12
        out = pruned(ids, output_attentions=True)
        assert difference(inside.run(ours, ids).weights, torch.stack(out.attentions)) <= 1e-12
    assert difference(ours(ids), theirs(ids).logits) <= 1e-12


@torch.no_grad()
def test_attention_weights_are_those_of_multihead_attention(ours, ids):
    """Linear is (out, in) there; its mask is True where one may NOT look."""
    record, hidden = inside.run(ours, ids), torch.ones(16, 16, dtype=torch.bool).triu(1)
    for layer, block in enumerate(ours.h):
        layer_of_torch = nn.MultiheadAttention(24, 4, batch_first=True, dtype=torch.float64).eval()
        layer_of_torch.in_proj_weight.copy_(block.attn.c_attn.weight.T)
        layer_of_torch.in_proj_bias.copy_(block.attn.c_attn.bias)
        x = block.ln_1(record.stream[layer])
        _, weights = layer_of_torch(x, x, x, attn_mask=hidden, need_weights=True, average_attn_weights=False)
        assert difference(record.weights[layer], weights) <= 1e-12
