"""The layers of GPT-2. Each takes its parameters as a dict that is named as GPT-2's own files name them.

Every function keeps the dtype that it is given: float32 stays float32. That is why constants come from `math`:
a Python float adapts to the array, but np.sqrt(2) is a float64 scalar and would turn all that it touches into float64.
"""

import math

import numpy as np
from jaxtyping import Float

from .attention import attention, causal_mask, merge_heads, split_heads

Array = np.ndarray


def linear(
    x: Float[Array, "*B T I"], weight: Float[Array, "I O"], bias: Float[Array, "O"]
) -> Float[Array, "*B T O"]:
    """Mix the channels: x W + b. The weight is stored (in, out) as in GPT-2's files; torch's nn.Linear is (out, in)."""
    return x @ weight + bias  # [*B, T, I] @ [I, O] -> [*B, T, O]


def layer_norm(
    x: Float[Array, "*B C"], weight: Float[Array, "C"], bias: Float[Array, "C"], eps: float = 1e-5
) -> Float[Array, "*B C"]:
    """Give each position's channels mean 0 and variance 1, then a learned gain and shift (Ba et al. 2016).

    The variance divides by C, not C - 1, and eps stands inside the square root.
    """
    mean = x.mean(axis=-1, keepdims=True)  # [*B, C] -> [*B, 1]
    variance = x.var(axis=-1, keepdims=True)  # [*B, C] -> [*B, 1]
    return (x - mean) / np.sqrt(variance + eps) * weight + bias  # [*B, C]


def gelu(x: Float[Array, "*S"]) -> Float[Array, "*S"]:
    """Let large inputs through and hold small ones back, smoothly: GELU's tanh form (Hendrycks and Gimpel 2016).

    GPT-2 uses this form, not the exact one with erf; they differ by up to 5e-4.
    """
    cube = x * x * x  # x**3 goes through a general power, and is many times slower
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * cube)))  # [*S]


def mlp(x: Float[Array, "*B T C"], p: dict) -> Float[Array, "*B T C"]:
    """Think about each position alone: widen to 4C, bend, narrow again. `p` holds c_fc and c_proj."""
    hidden = gelu(linear(x, **p["c_fc"]))  # [*B, T, C] -> [*B, T, 4C]
    return linear(hidden, **p["c_proj"])  # [*B, T, 4C] -> [*B, T, C]


def queries_keys_values(x: Float[Array, "*B T C"], p: dict, n_head: int) -> list[Float[Array, "*B H T D"]]:
    """Compute q, k and v of every head by one matrix product, as GPT-2 does. `p` holds c_attn: [C, 3C]."""
    qkv = np.split(linear(x, **p["c_attn"]), 3, axis=-1)  # [*B, T, C] -> [*B, T, 3C] -> 3 of [*B, T, C]
    return [split_heads(part, n_head) for part in qkv]  # 3 of [*B, T, C] -> 3 of [*B, H, T, D]


def self_attention(x: Float[Array, "*B T C"], p: dict, n_head: int) -> Float[Array, "*B T C"]:
    """Let each position gather from itself and those before it, in n_head ways at once. `p`: c_attn and c_proj."""
    q, k, v = queries_keys_values(x, p, n_head)  # [*B, T, C] -> 3 of [*B, H, T, D]
    heads = attention(q, k, v, causal_mask(x.shape[-2]))  # 3 of [*B, H, T, D] -> [*B, H, T, D]
    return linear(merge_heads(heads), **p["c_proj"])  # [*B, H, T, D] -> [*B, T, C]


def block(x: Float[Array, "*B T C"], p: dict, n_head: int) -> Float[Array, "*B T C"]:
    """Add to the residual stream what attention finds, then what the MLP makes of it.

    LayerNorm comes before each (GPT-2; Radford et al. 2019, section 2.3), not after as in GPT-1.
    `p` holds ln_1, attn, ln_2 and mlp.
    """
    x = x + self_attention(layer_norm(x, **p["ln_1"]), p["attn"], n_head)  # [*B, T, C] -> [*B, T, C]
    return x + mlp(layer_norm(x, **p["ln_2"]), p["mlp"])  # [*B, T, C] -> [*B, T, C]
