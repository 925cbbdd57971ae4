"""A whole GPT-2, forward only (Radford et al. 2019), and sampling from it.

`params` is the nested dict that `load_params` makes: wte, wpe, h (a list of blocks) and ln_f.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer

from .attention import attention_weights, causal_mask, softmax
from .layers import block, layer_norm, queries_keys_values

Array = np.ndarray
Ids = Sequence[int] | Integer[Array, "*B T"]


def gpt(ids: Ids, params: dict, n_head: int) -> Float[Array, "*B T V"]:
    """Score every token of the vocabulary as the next one, at every position. The logits come before the softmax.

    Raises ValueError for no ids, more than n_ctx, or an id outside the vocabulary; TypeError for ids that are not
    whole numbers.
    """
    x = embed(ids, params)  # [*B, T] -> [*B, T, C]
    for p in params["h"]:
        x = block(x, p, n_head)  # [*B, T, C] -> [*B, T, C]
    return unembed(x, params)  # [*B, T, C] -> [*B, T, V]


def embed(ids: Ids, params: dict) -> Float[Array, "*B T C"]:
    """Start the residual stream: what the token is, plus where it stands. Raises as `gpt` does."""
    wte, wpe = params["wte"]["weight"], params["wpe"]["weight"]  # [V, C], [n_ctx, C]
    ids = _checked(ids, len(wte), len(wpe))
    return wte[ids] + wpe[: ids.shape[-1]]  # [*B, T] -> [*B, T, C]


def unembed(x: Float[Array, "*B T C"], params: dict) -> Float[Array, "*B T V"]:
    """Compare each position with every token's embedding: the output layer is the input layer, transposed.

    It may be asked of any depth of the residual stream, not only of the last.
    """
    return layer_norm(x, **params["ln_f"]) @ params["wte"]["weight"].T  # [*B, T, C] @ [C, V] -> [*B, T, V]


def residual_stream(ids: Ids, params: dict, n_head: int) -> list[Float[Array, "*B T C"]]:
    """Keep the residual stream at every depth: after the embedding, then after each block (n_layer + 1 arrays)."""
    stream = [embed(ids, params)]  # [*B, T] -> [*B, T, C]
    for p in params["h"]:
        stream.append(block(stream[-1], p, n_head))  # [*B, T, C] -> [*B, T, C]
    return stream


def attention_maps(ids: Ids, params: dict, n_head: int) -> list[Float[Array, "*B H T T"]]:
    """Show who looks at whom: the attention weights of every head, layer by layer (n_layer arrays)."""
    maps = []
    for x, p in zip(residual_stream(ids, params, n_head), params["h"]):
        q, k, _ = queries_keys_values(layer_norm(x, **p["ln_1"]), p["attn"], n_head)  # 3 of [*B, H, T, D]
        maps.append(attention_weights(q, k, causal_mask(x.shape[-2])))  # -> [*B, H, T, T]
    return maps


def sample(logits: Float[Array, "V"], temperature: int | float = 1.0, rng: np.random.Generator | None = None) -> int:
    """Draw one token id from softmax(logits / temperature). A temperature of 0 takes the largest logit.

    Raises ValueError for a negative temperature.
    """
    if not temperature >= 0:
        raise ValueError(f"temperature is {temperature}: use 0 for the likeliest token, more than 0 to sample")
    if temperature == 0:
        return int(logits.argmax())  # [V] -> one id
    lead = logits.astype(np.float64) - logits.max()  # at most 0, so that a tiny temperature does not overflow
    p = softmax(lead / temperature)  # [V]
    return int((rng or np.random.default_rng()).choice(len(p), p=p))  # [V] -> one id


def generate(
    ids: Sequence[int] | Integer[Array, "T"],
    params: dict,
    n_head: int,
    n: int,
    temperature: int | float = 1.0,
    rng: np.random.Generator | None = None,
    stop: int | None = None,
) -> list[int]:
    """Continue `ids` by at most n sampled tokens, and return prompt and continuation.

    Generation ends early at the token `stop`, which is kept. Everything is computed anew for each token.
    Raises ValueError when prompt and n tokens together exceed n_ctx, and as `gpt` and `sample` do.
    """
    ids, n_ctx = [int(i) for i in ids], len(params["wpe"]["weight"])
    if len(ids) + n > n_ctx:
        raise ValueError(f"{len(ids)} tokens of prompt and {n} new ones exceed n_ctx = {n_ctx}")
    for _ in range(n):
        ids.append(sample(gpt(ids, params, n_head)[-1], temperature, rng))  # [T] -> [T, V] -> [V] -> one id
        if ids[-1] == stop:
            break
    return ids


def _checked(ids: Ids, n_vocab: int, n_ctx: int) -> Integer[Array, "*B T"]:
    ids = np.asarray(ids)
    if not ids.size:
        raise ValueError("no ids: a GPT needs at least one token to start from")
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"ids must be whole numbers, not {ids.dtype}")
    if ids.shape[-1] > n_ctx:
        raise ValueError(f"{ids.shape[-1]} tokens exceed n_ctx = {n_ctx}: cut them, for instance ids[-{n_ctx}:]")
    if (bad := ids[(ids < 0) | (ids >= n_vocab)]).size:
        raise ValueError(f"token id {bad[0]} is not in the vocabulary: ids run from 0 to {n_vocab - 1}")
    return ids
