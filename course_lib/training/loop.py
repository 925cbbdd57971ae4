"""The training loop, its optimisers and its schedule."""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

from .muon import Muon


def train(
    model: nn.Module,
    rows: Iterable[Int[Tensor, "B T1"]],
    optimisers: list[torch.optim.Optimizer],
    schedule: Callable[[int], float],
    clip: float = 1.0,
) -> Iterator[float]:
    """Take one step per batch of rows and yield its loss, in nats per token.

    A generator: the caller's own loop may print, evaluate, save or stop between two steps. `schedule(step)` is a
    factor on every learning rate; gradients are scaled down to a norm of `clip`. Raises FloatingPointError when
    the loss is no longer a number.
    """
    rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in optimisers]
    for step, batch in enumerate(rows):
        loss = next_token_loss(model, batch)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss at step {step} is {loss.item()}: lower the learning rate")
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        for optimiser, lrs in zip(optimisers, rates):
            for group, lr in zip(optimiser.param_groups, lrs):
                group["lr"] = lr * schedule(step)
            optimiser.step()
        yield loss.item()


def next_token_loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
    """Predict each token of each row from those before it: the mean cross-entropy in nats per token."""
    logits = model(rows[:, :-1])  # [B, T] -> [B, T, V]
    return F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())  # [B·T, V], [B·T] -> one number


def optimisers(model: nn.Module, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, LayerNorms and biases."""
    matrices = [p for name, p in model.named_parameters() if name.startswith("h.") and p.ndim == 2]
    others = [p for name, p in model.named_parameters() if not (name.startswith("h.") and p.ndim == 2)]
    adam = torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    return [Muon(matrices, lr=muon_lr), adam]


def warmup_cosine(step: int, n_steps: int, warmup: int, decay_from: float = 0.0, least: float = 0.0) -> float:
    """Give the factor on the learning rate: up in a line, then 1, then down along half a cosine wave to `least`.

    `decay_from` is the fraction of n_steps after which it goes down. At 0 that is at once (GPT-3's schedule).
    """
    if step < warmup:
        return (step + 1) / warmup
    start = max(warmup, decay_from * n_steps)
    done = min(1.0, max(0.0, (step - start) / (n_steps - start)))
    return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2
