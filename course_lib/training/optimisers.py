"""Which parameters go to which optimiser."""

import torch
from torch import nn

from .muon import Muon


def adamw(
    model: nn.Module, lr: float, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.95)
) -> list[torch.optim.Optimizer]:
    """AdamW (Loshchilov & Hutter 2019) with the usual two groups: weight decay for matrices, none for vectors.

    Vectors are the biases, and LayerNorm's gains, which decay would pull to 0. The numbers are GPT-3's (Brown et al.
    2020, appendix B).
    """
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)]


def muon_and_adamw(model: nn.Module, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW without decay for all else: embeddings, LayerNorms, biases.

    Blocks are named "h.0" and on, or as in T5 "encoder.block.0" and on.
    """
    matrices = {n: p for n, p in model.named_parameters() if p.ndim == 2 and (n.startswith("h.") or ".block." in n)}
    others = [p for n, p in model.named_parameters() if n not in matrices]
    adam = torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    return [Muon(matrices.values(), lr=muon_lr), adam]
