"""The training loop: batches, gradients, a step; on one processor, on a GPU, or on several under torchrun."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Integer
from torch import Tensor, nn
from torch.nn import functional as F

from .ranks import add_up, rank_and_count

Loss = Callable[[nn.Module, Any], Tensor]  # model, batch -> one number


def next_token_loss(model: nn.Module, rows: Integer[Tensor, "B T1"]) -> Tensor:
    """Predict each token of each row from those before it: the mean cross-entropy in nats per token."""
    logits = model(rows[:, :-1])  # [B, T] -> [B, T, V]
    return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, 1:].flatten().long())  # [B·T, V], [B·T] -> one number


def train(
    model: nn.Module,
    batch: Callable[[int], Any],
    optimisers: list[torch.optim.Optimizer],
    schedule: Callable[[int], float],
    steps: int,
    start: int = 0,
    accumulate: int = 1,
    clip: float = 1.0,
    dtype: torch.dtype = torch.float32,
    loss: Loss = next_token_loss,
) -> Iterator[float]:
    """Take the steps start, start + 1, …, steps − 1, and yield the loss of each, in nats per token.

    A generator: the caller's own loop may print, evaluate, save or stop between two steps. Each step takes the mean
    gradient of `accumulate` batches, on each process where there are several: of all their targets, where a batch
    says how many it has (`n_targets`), since the mean of two means is another number; else each batch counts the same.
    `schedule(step)` is a factor on every learning rate; gradients are scaled down to a norm of `clip`. With `dtype`
    bfloat16 the matrix products are taken in it (`fastest_dtype` says whether that pays); weights stay in float32.
    `loss(model, batch(number))` is one number to make smaller; by default `next_token_loss`. A batch may then be
    whatever that function takes, if it has a `.to(device)`.
    Raises FloatingPointError when the loss is no longer a number.
    """
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])
    for step in range(start, steps):
        mean_loss = gradients(model, batch, step, accumulate, dtype, loss)
        if not math.isfinite(mean_loss):
            raise FloatingPointError(f"the loss at step {step} is {mean_loss}: lower the learning rate")
        nn.utils.clip_grad_norm_(model.parameters(), clip)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["initial_lr"] * schedule(step)
            optimiser.step()
        yield mean_loss


def gradients(
    model: nn.Module, batch: Callable[[int], Any], step: int, accumulate: int, dtype: torch.dtype, loss: Loss
) -> float:
    """Leave in the model the mean gradient of this step's batches, those of all processes; return their mean loss."""
    rank, n_ranks = rank_and_count()
    device = next(model.parameters()).device
    first = (step * n_ranks + rank) * accumulate
    batches = [batch(first + i).to(device) for i in range(accumulate)]
    counts = [float(getattr(rows, "n_targets", 1)) for rows in batches]
    all_counts, total = torch.tensor(sum(counts), device=device), torch.zeros((), device=device)
    add_up([all_counts])
    model.zero_grad()
    for rows, count in zip(batches, counts):
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            part = loss(model, rows) / (all_counts / count)
        part.backward()
        total += part.detach()
    add_up([total, *(p.grad for p in model.parameters() if p.grad is not None)])
    return total.item()


def warmup_cosine(step: int, n_steps: int, warmup: int, decay_from: float = 0.0, least: float = 0.0) -> float:
    """Give the factor on the learning rate: up in a line, then 1, then down along half a cosine wave to `least`.

    `decay_from` is the fraction of n_steps after which it goes down. At 0 that is at once, as for
    GPT-3 (whose rate stays at its least for the last 40 of 300 billion tokens).
    """
    if step < warmup:
        return (step + 1) / warmup
    start = max(warmup, decay_from * n_steps)
    done = min(1.0, max(0.0, (step - start) / max(1.0, n_steps - start)))
    return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2


def fastest_dtype(device: str = "cpu") -> torch.dtype:
    """Say in which numbers to multiply: bfloat16 where the hardware has instructions for it, else float32.

    bfloat16 has float32's range and three digits. A CPU without the instructions is slower in it than in float32.
    """
    has_it = torch.cuda.is_bf16_supported() if device.startswith("cuda") else torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if has_it else torch.float32
