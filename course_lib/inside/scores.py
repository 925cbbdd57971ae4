"""How much a head looks where a head of its kind should: at the token before, or at what came next the last time."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

Weights = Float[Tensor, "L B H T T"]


def induction_scores(weights: Weights, ids: Int[Tensor, "B T"]) -> Float[Tensor, "L H"]:
    """Mean attention from a token that came before to the token that followed it there (Olsson et al. 2022).

    `weights` are usually those of the same ids. Given those of other texts, they say how much of a score is a matter of
    place alone. Raises ValueError where no token comes twice.
    """
    return attention_to(weights, induction_targets(ids))


def previous_token_scores(weights: Weights) -> Float[Tensor, "L H"]:
    """Mean attention from each token to the one before it."""
    n_rows, n_tokens = weights.shape[1], weights.shape[-1]
    targets = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=weights.device).tril(-1).triu(-1)
    return attention_to(weights, targets.expand(n_rows, -1, -1))


def induction_targets(ids: Int[Tensor, "B T"]) -> Bool[Tensor, "B T T"]:
    """Mark where an induction head at t should look: the places whose left neighbour is the token at t."""
    same = (ids[:, :, None] == ids[:, None, :]).tril(-1)  # [B, T, T]: the token at t stood at s < t
    return F.pad(same[..., :-1], (1, 0))  # look one place to the right of s


def attention_to(weights: Weights, targets: Bool[Tensor, "B T T"]) -> Float[Tensor, "L H"]:
    """Add up what each query gives to its targets; the mean over all queries that have any, for each head.

    Raises ValueError where none has.
    """
    has = targets.any(-1)  # [B, T]
    if not has.any():
        raise ValueError(f"none of the {has.numel()} tokens has a target to look at: does any token come twice?")
    given = (weights * targets[:, None]).sum(-1)  # [L, B, H, T, T] -> [L, B, H, T]
    return given.transpose(1, 2)[..., has].mean(-1)  # [L, H, B, T] -> [L, H, N] -> [L, H]


def repeated(
    tokens: Sequence[int], rows: int, length: int, start: Sequence[int], generator: torch.Generator | None = None
) -> Int[Tensor, "B T"]:
    """Make rows that begin with `start`, go on with `length` different random tokens, and end with the same again.

    T = len(start) + 2 length. Raises ValueError where there are not so many different tokens.
    """
    different = torch.tensor(sorted(set(tokens)))  # [n]
    if not 1 <= length <= len(different):
        raise ValueError(f"length={length}: {len(different)} different tokens make rows of 1 to {len(different)}")
    order = torch.rand(rows, len(different), generator=generator).argsort(1)[:, :length]  # [B, n] -> [B, length]
    once = different[order]  # [B, length]
    return torch.cat([torch.tensor(list(start), dtype=torch.long).expand(rows, -1), once, once], dim=1)
