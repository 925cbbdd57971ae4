"""Muon: momentum, then the nearest orthogonal matrix to it (Jordan et al. 2024). For matrices inside the network.

torch.optim.Muon is the same, but works in bfloat16 whatever the hardware: on a CPU that has no bfloat16 its step takes
longer than forward and backward pass together, twenty times as long as this one.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def orthogonalise(update: Float[Tensor, "I O"]) -> Float[Tensor, "I O"]:
    """Push all singular values towards 1 by five Newton-Schulz steps, without an SVD: they end between 0.68 and 1.21.

    (Those below 0.003 of the matrix's norm need more steps.)

    Each step applies a·s + b·s³ + c·s⁵ to every singular value s; the constants are Jordan's, chosen for speed.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = update.T if update.shape[0] > update.shape[1] else update  # wide: the Gram matrix is the smaller one
    x = x / x.norm().clamp(min=1e-7)  # now no singular value exceeds 1
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if update.shape[0] > update.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for matrices alone.

    Steps are scaled to the size that AdamW's have (Liu et al. 2025, section 2.2): torch calls it match_rms_adamw.
    Raises ValueError for a parameter that is not a matrix.
    """

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.1
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for p in self.param_groups[0]["params"]:
            if p.ndim != 2:
                raise ValueError(f"Muon turns matrices, not a parameter of shape {tuple(p.shape)}: give that to AdamW")

    @torch.no_grad()
    def step(self) -> None:
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, group["lr"], group["momentum"], group["weight_decay"])

    def _move(self, p: Tensor, lr: float, momentum: float, weight_decay: float) -> None:
        mean = self.state[p].setdefault("momentum", torch.zeros_like(p))
        mean.lerp_(p.grad, 1 - momentum)
        update = orthogonalise(p.grad.lerp(mean, momentum))  # Nesterov: look one step ahead
        p.mul_(1 - lr * weight_decay).add_(update, alpha=-lr * 0.2 * max(p.shape) ** 0.5)
