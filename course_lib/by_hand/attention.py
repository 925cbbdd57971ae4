"""Scaled dot-product attention, the causal mask, and heads (Vaswani et al. 2017, section 3.2)."""

import math

import numpy as np
from jaxtyping import Bool, Float, Shaped


def softmax(x: Float[np.ndarray, "*S"], axis: int = -1) -> Float[np.ndarray, "*S"]:
    """Turn scores into weights along `axis`: positive, with sum 1, and the same after adding a constant to all.

    The largest score is taken off first, so that exp never overflows. A score of -inf gets a weight of exactly 0;
    a row with nothing but -inf has no softmax and gives nan.
    """
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def causal_mask(t: int) -> Bool[np.ndarray, "{t} {t}"]:
    """Say who may look at whom: True where position i may see position j, that is, where j <= i."""
    return np.tri(t, dtype=bool)


def attention_weights(
    q: Float[np.ndarray, "*B Tq D"],
    k: Float[np.ndarray, "*B Tk D"],
    mask: Shaped[np.ndarray, "..."] | None = None,
) -> Float[np.ndarray, "*B Tq Tk"]:
    """Compare each query with each key: softmax(q kᵀ / √D). Each row of weights sums to 1.

    `mask` is boolean and broadcasts to [*B, Tq, Tk]. True means "may look", as in torch's
    scaled_dot_product_attention; nn.MultiheadAttention means the opposite. What is masked scores -inf, so its
    weight is exactly 0. (A large negative number is not enough: -10,000 outweighs a visible score of -15,000.)

    Raises TypeError for a mask that is not boolean, ValueError for one whose shape does not fit or that leaves
    a query with nothing to look at.
    """
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])  # [*B, Tq, D] @ [*B, D, Tk] -> [*B, Tq, Tk]
    if mask is not None:
        _check_mask(mask, scores.shape)
        scores = np.where(mask, scores, -np.inf)  # [*B, Tq, Tk]
    return softmax(scores)  # [*B, Tq, Tk]


def attention(
    q: Float[np.ndarray, "*B Tq D"],
    k: Float[np.ndarray, "*B Tk D"],
    v: Float[np.ndarray, "*B Tk Dv"],
    mask: Shaped[np.ndarray, "..."] | None = None,
) -> Float[np.ndarray, "*B Tq Dv"]:
    """Give each query a weighted average of the values (Vaswani et al. 2017, equation 1).

    The weights and the errors are those of `attention_weights`.
    """
    return attention_weights(q, k, mask) @ v  # [*B, Tq, Tk] @ [*B, Tk, Dv] -> [*B, Tq, Dv]


def split_heads(x: Float[np.ndarray, "*B T C"], n_head: int) -> Float[np.ndarray, "*B {n_head} T D"]:
    """Cut the channels into n_head equal pieces, one per head: head h gets channels h·D to (h+1)·D, D = C / n_head.

    Raises ValueError when n_head does not divide C.
    """
    *batch, t, c = x.shape
    if n_head < 1 or c % n_head:
        raise ValueError(f"{c} channels cannot be cut into {n_head} equal heads: n_head must divide n_embd")
    return x.reshape(*batch, t, n_head, c // n_head).swapaxes(-2, -3)  # [*B, T, C] -> [*B, H, T, D]


def merge_heads(x: Float[np.ndarray, "*B H T D"]) -> Float[np.ndarray, "*B T C"]:
    """Lay the heads' channels side by side again: the inverse of `split_heads`."""
    *batch, h, t, d = x.shape
    return x.swapaxes(-2, -3).reshape(*batch, t, h * d)  # [*B, H, T, D] -> [*B, T, C]


def _check_mask(mask: np.ndarray, shape: tuple[int, ...]) -> None:
    if mask.dtype != bool:
        raise TypeError(f"the mask holds {mask.dtype}, not bool: True where a query may look, False where not")
    if mask.ndim > len(shape) or any(m not in (1, s) for m, s in zip(mask.shape[::-1], shape[::-1])):
        raise ValueError(f"a mask of shape {mask.shape} does not broadcast to the scores' shape {shape}")
    blind = ~mask.any(axis=-1)
    if blind.any():
        where = [int(i) for i in np.argwhere(blind)[0]]
        raise ValueError(f"row {where} of the mask hides every key: each query must see at least one")
