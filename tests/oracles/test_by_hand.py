"""The NumPy GPT against code that is not ours, in float64: torch's functions and modules, and transformers' GPT-2."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from course_lib import by_hand

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def largest_difference(ours, theirs):
    return np.abs(ours - theirs.detach().numpy()).max()


def shake(module, size=0.5):
    """Move every parameter: a LayerNorm with gain 1 and bias 0 would go untested."""
    with torch.no_grad():
        for p in module.parameters():
            p.add_(size * torch.randn_like(p))
    return module.eval()


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), seeds)
def test_attention_is_torchs(tq, tk, d, seed):
    """Convention of both: True means that the query may look. Scores are divided by the root of D."""
    q, k, v = random(2, tq, d, seed=seed), random(2, tk, d, seed=seed + 1), random(2, tk, d, seed=seed + 2)
    mask = random(tq, tk, seed=seed) > 0
    mask[:, 0] = True
    tensors = [torch.from_numpy(a) for a in (q, k, v)]
    theirs = F.scaled_dot_product_attention(*tensors, attn_mask=torch.from_numpy(mask))
    assert largest_difference(by_hand.attention(q, k, v, mask), theirs) <= 1e-14
    assert largest_difference(by_hand.attention(q, k, v), F.scaled_dot_product_attention(*tensors)) <= 1e-14


def test_causal_attention_is_torchs():
    q, k, v = random(3, 3, 7, 5)
    theirs = F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v)), is_causal=True)
    assert largest_difference(by_hand.attention(q, k, v, by_hand.causal_mask(7)), theirs) <= 1e-14


def test_self_attention_is_multihead_attention():
    """Convention there: a boolean mask is True where a query may NOT look, and weights are stored (out, in)."""
    oracle, x = shake(torch.nn.MultiheadAttention(12, 3, batch_first=True)), random(2, 7, 12)
    p = {
        "c_attn": {"weight": oracle.in_proj_weight.detach().numpy().T, "bias": oracle.in_proj_bias.detach().numpy()},
        "c_proj": _conv1d(oracle.out_proj),
    }
    hidden = torch.from_numpy(~by_hand.causal_mask(7))
    theirs, weights = oracle(*3 * [torch.from_numpy(x)], attn_mask=hidden, average_attn_weights=False)
    assert largest_difference(by_hand.self_attention(x, p, 3), theirs) <= 1e-13
    q, k, _ = by_hand.queries_keys_values(x, p, 3)
    assert largest_difference(by_hand.attention_weights(q, k, by_hand.causal_mask(7)), weights) <= 1e-14


def test_block_is_a_pre_norm_encoder_layer_with_a_causal_mask():
    """torch calls it an encoder layer; what makes a decoder of it is the mask (True: may NOT look)."""
    gelu = torch.nn.GELU(approximate="tanh")
    oracle = torch.nn.TransformerEncoderLayer(
        12, 3, 48, dropout=0, activation=gelu, batch_first=True, norm_first=True
    )
    shake(oracle)
    attn = oracle.self_attn
    p = {
        "ln_1": _arrays(oracle.norm1),
        "attn": {
            "c_attn": {"weight": attn.in_proj_weight.detach().numpy().T, "bias": attn.in_proj_bias.detach().numpy()},
            "c_proj": _conv1d(attn.out_proj),
        },
        "ln_2": _arrays(oracle.norm2),
        "mlp": {"c_fc": _conv1d(oracle.linear1), "c_proj": _conv1d(oracle.linear2)},
    }
    x = random(2, 7, 12)
    theirs = oracle(torch.from_numpy(x), src_mask=torch.from_numpy(~by_hand.causal_mask(7)))
    assert largest_difference(by_hand.block(x, p, 3), theirs) <= 1e-12


def test_layer_norm_is_torchs():
    """Convention of both: the biased variance (over C, not C - 1), eps inside the root."""
    x, weight, bias = random(4, 7, 12) * 1e-3, random(12), random(12, seed=1)  # small: eps must matter
    theirs = F.layer_norm(torch.from_numpy(x), (12,), torch.from_numpy(weight), torch.from_numpy(bias))
    assert largest_difference(by_hand.layer_norm(x, weight, bias), theirs) <= 1e-13


def test_gelu_is_torchs_tanh_form_and_not_its_erf_form():
    x = np.linspace(-8, 8, 2001)
    assert largest_difference(by_hand.gelu(x), F.gelu(torch.from_numpy(x), approximate="tanh")) <= 1e-14
    assert 1e-4 < largest_difference(by_hand.gelu(x), F.gelu(torch.from_numpy(x))) < 5e-4


def test_softmax_is_torchs_on_any_axis():
    x = 30 * random(3, 4, 5)
    for axis in (0, 1, 2, -1):
        assert largest_difference(by_hand.softmax(x, axis), torch.from_numpy(x).softmax(axis)) <= 1e-15


@pytest.fixture
def gpt2(tmp_path):
    """transformers' GPT-2 with random weights, and the folder that it saved itself into."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=61, n_positions=16, n_embd=24, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=0)
    model = shake(GPT2LMHeadModel(config), 0.3)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def test_gpt_is_transformers_gpt2(gpt2):
    model, folder = gpt2
    ids = np.random.default_rng(0).integers(61, size=(2, 16))
    params, n_head = by_hand.load_params(folder, np.float64), by_hand.load_config(folder)["n_head"]
    theirs = model(torch.from_numpy(ids), output_hidden_states=True)
    assert largest_difference(by_hand.gpt(ids, params, n_head), theirs.logits) <= 1e-12
    stream = by_hand.residual_stream(ids, params, n_head)
    for ours, hidden in zip(stream[:-1], theirs.hidden_states[:-1], strict=True):  # their last one: after ln_f
        assert largest_difference(ours, hidden) <= 1e-12


def test_attention_maps_are_transformers(gpt2):
    model, folder = gpt2
    model.set_attn_implementation("eager")
    ids = list(range(9))
    theirs = model(torch.tensor([ids]), output_attentions=True).attentions
    maps = by_hand.attention_maps(ids, by_hand.load_params(folder, np.float64), 4)
    for ours, weights in zip(maps, theirs, strict=True):
        assert largest_difference(ours, weights[0]) <= 1e-12


def test_greedy_tokens_are_transformers(gpt2):
    model, folder = gpt2
    theirs = model.generate(
        torch.tensor([[5, 3]]), max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    ours = by_hand.generate([5, 3], by_hand.load_params(folder, np.float64), 4, n=12, temperature=0)
    assert ours == theirs[0].tolist()


@settings(deadline=None)
@given(seeds)
def test_attention_has_the_gradient_that_autograd_finds(seed):
    """Central differences of our attention against torch's derivative of its own, in a random direction."""
    q, k, v = (random(5, 4, seed=seed + i) for i in range(3))
    directions, h = [random(5, 4, seed=seed + 3 + i) for i in range(3)], 1e-5
    mask = by_hand.causal_mask(5)
    up, down = (
        by_hand.attention(*(a + sign * h * d for a, d in zip((q, k, v), directions)), mask) for sign in (1, -1)
    )
    _, slope = torch.func.jvp(
        lambda *qkv: F.scaled_dot_product_attention(*qkv, attn_mask=torch.from_numpy(mask)),
        tuple(map(torch.from_numpy, (q, k, v))),
        tuple(map(torch.from_numpy, directions)),
    )
    assert largest_difference((up - down) / (2 * h), slope) <= 1e-6


def _conv1d(linear):
    """nn.Linear stores (out, in); GPT-2's files store (in, out)."""
    return {"weight": linear.weight.detach().numpy().T, "bias": linear.bias.detach().numpy()}


def _arrays(module):
    return {name: p.detach().numpy() for name, p in module.named_parameters()}
