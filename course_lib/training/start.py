"""First weights for models as narrow as ours: GPT-2's, rescaled, and positions that begin as waves."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from course_lib.models import GPT, GPTConfig


def small_gpt(config: GPTConfig, seed: int) -> GPT:
    """Draw a GPT's first weights for a width of 64 to 128: those of `GPT`, made larger, and positions as waves.

    Token embeddings start at 0.05; output projections are divided by √(2 n_layer) as in GPT. Positions are still
    learned; sines and cosines (Vaswani et al. 2017, section 3.5) are only where they start.
    """
    torch.manual_seed(seed)
    model = GPT(config)
    rescale(model.h.parameters(), config.n_embd)
    start_embeddings(model.wte, model.wpe)
    return model


@torch.no_grad()
def rescale(parameters: Iterable[nn.Parameter], n_embd: int) -> None:
    """Turn matrices drawn with GPT-2's deviation of 0.02, which suits a width of 2,500, into such of 1/√n_embd."""
    for p in parameters:
        if p.ndim == 2:
            p.mul_(n_embd**-0.5 / 0.02)


@torch.no_grad()
def start_embeddings(tokens: nn.Embedding, positions: nn.Embedding) -> None:
    """Make token embeddings larger, from 0.02 to 0.05, and positions waves that are not much smaller."""
    tokens.weight.mul_(2.5)
    positions.weight.copy_(0.07 * waves(*positions.weight.shape))


def waves(n_ctx: int, n_embd: int) -> Tensor:
    """Give each position sines and cosines of wavelengths from 2π to nearly 2,000π positions: [n_ctx, n_embd]."""
    angle = torch.arange(n_ctx)[:, None] * torch.exp(-math.log(1000) * torch.arange(0, n_embd, 2) / n_embd)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # [n_ctx, C/2, 2] -> [n_ctx, C]
