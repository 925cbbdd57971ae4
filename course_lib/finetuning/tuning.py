"""Fine-tuning as GPT-1 was fine-tuned: one task, a few epochs, two losses."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_lib.models.checks import check_at_least
from course_lib.training import adamw, similar_lengths, train

from .batches import Batch, Encoded, collate, epoch
from .heads import N_NEW, TaskModel, at_extract


def check_mean(mean: str) -> None:
    """Raise ValueError for an unknown way to average."""
    if mean not in ("sequence", "token"):
        raise ValueError(f"the mean is over {mean!r}: choose sequence (each first) or token (all alike)")


@dataclass(frozen=True)
class Settings:
    """What GPT-1's paper and code say (Radford et al. 2018, section 4.1). A small model wants a larger learning rate.

    `warmup` is a fraction of all steps. `lm_mean` says over what the language-modelling loss is averaged: each
    "sequence", then all of them (GPT-1's code), or over every "token" alike (transformers). GPT-1 also had dropout 0.1
    inside the model, which is the model's business here. Raises ValueError for numbers that make no sense.
    """

    lr: float = 6.25e-5
    batch_size: int = 32
    epochs: int = 3
    warmup: float = 0.002
    weight_decay: float = 0.01
    clip: float = 1.0
    lm_weight: float = 0.5
    lm_mean: str = "sequence"
    betas: tuple[float, float] = (0.9, 0.999)
    similar_lengths: int = 1  # so many batches at a time are sorted by length, to save padding
    seed: int = 0

    def __post_init__(self) -> None:
        check_at_least(1, batch_size=self.batch_size, epochs=self.epochs, similar_lengths=self.similar_lengths)
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup is {self.warmup}: it is a fraction of the steps, from 0 to below 1")
        if self.lm_weight < 0:
            raise ValueError(f"lm_weight is {self.lm_weight}: a negative one would make the language model worse")
        check_mean(self.lm_mean)

    def steps(self, n_examples: int) -> int:
        """Count the steps. The last batch of an epoch may be smaller (GPT-1's code leaves it out)."""
        return self.epochs * math.ceil(n_examples / self.batch_size)


@dataclass(frozen=True)
class Step:
    """One step: how many were taken with it, both losses in nats, and the share of its examples that were right."""

    step: int
    task_loss: float
    lm_loss: float
    accuracy: float


def finetune(
    task: TaskModel,
    examples: Sequence[Encoded],
    settings: Settings = Settings(),
    start: int = 0,
    optimisers: list[torch.optim.Optimizer] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Iterator[Step]:
    """Train on labelled examples, and yield what each step gave.

    A generator: the caller's loop may show progress (`tqdm(finetune(…), total=settings.steps(len(examples)))`), test,
    or stop. To go on with a run, give the `optimisers` it had and `start`, the steps it has taken: order and dropout
    come from the seed and the step alone. With `dtype` bfloat16 matrix products are taken in it.
    Raises ValueError for no examples or a label that the task does not have, FloatingPointError for a loss that is no
    number.
    """
    if not examples:
        raise ValueError("0 examples to train on: there must be at least 1")
    steps = settings.steps(len(examples))
    optimisers = finetune_optimisers(task, settings) if optimisers is None else optimisers
    loss = TwoLosses(settings, start)

    def factor(step: int) -> float:
        return warmup_linear(step, steps, settings.warmup)

    batch = every_batch(examples, settings)
    with hold_old_tokens(task, optimisers):
        for _ in train(task, batch, optimisers, factor, steps, start, clip=settings.clip, dtype=dtype, loss=loss):
            yield loss.last


class TwoLosses:
    """Task loss + lm_weight · language-modelling loss, as `training.train` takes it; `last` is what it gave last."""

    def __init__(self, settings: Settings, start: int = 0) -> None:
        self.settings, self.taken = settings, start

    def __call__(self, task: TaskModel, batch: Batch) -> Float[Tensor, ""]:
        """Take the losses of the next step, with dropout that is made from the seed and the step alone."""
        s = self.settings
        task.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed * 1_000_003 + self.taken)
            scores, task_loss, lm_loss = losses(task, batch, s.lm_weight, s.lm_mean)
        self.taken += 1
        right = (scores.argmax(-1) == batch.labels).double().mean()
        self.last = Step(self.taken, task_loss.item(), lm_loss.item(), right.item())
        return task_loss + s.lm_weight * lm_loss


@contextmanager
def hold_old_tokens(task: TaskModel, optimisers: list[torch.optim.Optimizer]) -> Iterator[None]:
    """While this lasts, only the new rows of the embedding learn, if `freeze` has said so.

    The other rows have no gradient, so that they do not count when gradients are clipped; and they are put back after
    each step, since weight decay moves what it is given whether there is a gradient or not.
    """
    if not task.only_new_tokens:
        yield
        return
    weight = task.model.wte.weight
    old = weight[:-N_NEW].detach().clone()

    def without_old(gradient: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(old), gradient[-N_NEW:]])

    @torch.no_grad()
    def put_back(*_: Any) -> None:
        weight[:-N_NEW] = old

    hooks = [weight.register_hook(without_old), *(o.register_step_post_hook(put_back) for o in optimisers)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def finetune_optimisers(task: TaskModel, settings: Settings) -> list[torch.optim.Optimizer]:
    """AdamW with GPT-1's numbers: decoupled weight decay for matrices, none for vectors."""
    return adamw(task, settings.lr, settings.weight_decay, settings.betas)


def warmup_linear(step: int, n_steps: int, warmup: float = 0.002) -> float:
    """Give the factor on the learning rate that GPT-1's code uses: up to `warmup` of all steps, then down to 0.

    Two quirks of that code are kept. The way up is multiplied by 1 − x as well, so that 1 is never reached; and step 0
    has factor 0: it moves nothing (unless warmup is 0).
    """
    x = step / n_steps
    return (x / warmup if x <= warmup and warmup else 1.0) * (1 - x)


def every_batch(examples: Sequence[Encoded], settings: Settings) -> Callable[[int], Batch]:
    """Number the batches of all epochs, one after another."""
    per_epoch = settings.steps(len(examples)) // settings.epochs

    @lru_cache(maxsize=1)
    def of_epoch(number: int) -> list[list[Encoded]]:
        return epoch(examples, settings.batch_size, settings.seed, number, settings.similar_lengths)

    def batch(number: int) -> Batch:
        this_epoch, place = divmod(number, per_epoch)
        return collate(of_epoch(this_epoch)[place])

    return batch


def losses(
    task: TaskModel, batch: Batch, lm_weight: float = 0.5, lm_mean: str = "sequence"
) -> tuple[Float[Tensor, "B N"], Float[Tensor, ""], Float[Tensor, ""]]:
    """Give the scores, the task's loss and the language-modelling loss, both in nats; 0 for the latter at weight 0."""
    hidden = task.hidden(batch.ids)  # [B, K, T] -> [B, K, T, C]
    scores = task.scores(at_extract(hidden, batch.extract))  # -> [B, K, C] -> [B, N]
    task_loss = classification_loss(scores.float(), batch.labels)
    if lm_weight == 0:
        return scores, task_loss, torch.zeros_like(task_loss)
    logits = hidden[:, :, :-1] @ task.model.wte.weight.T  # [B, K, T − 1, C] @ [C, V] -> [B, K, T − 1, V]
    lm_loss = language_loss(logits.float().flatten(0, 1), batch.ids.flatten(0, 1), batch.extract.flatten(), lm_mean)
    return scores, task_loss, lm_loss


def classification_loss(scores: Float[Tensor, "B N"], labels: Int[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the right labels, in nats. Raises ValueError for a label that has no score."""
    if (bad := labels[(labels < 0) | (labels >= scores.shape[1])]).numel():
        raise ValueError(f"label {bad[0].item()} is out of range: {scores.shape[1]} scores have labels from 0")
    return F.cross_entropy(scores, labels)


def language_loss(
    logits: Float[Tensor, "R T1 V"],
    ids: Int[Tensor, "R T"],
    extract: Int[Tensor, " R"],
    mean: str = "sequence",
) -> Float[Tensor, ""]:
    """Predict each token up to and with the extract token from those before it: nats per token, padding left out.

    Averaged over each sequence and then over sequences (GPT-1's code), or over all tokens (transformers).
    """
    check_mean(mean)
    is_text = torch.arange(1, ids.shape[1], device=ids.device) <= extract[:, None]  # [R, T1]
    nats = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none") * is_text  # [R, T1]
    if mean == "token":
        return nats.sum() / is_text.sum()
    return (nats.sum(1) / is_text.sum(1)).mean()  # [R] -> one number


@torch.no_grad()
def predict(
    task: TaskModel, examples: Sequence[Encoded], batch_size: int = 100, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "n N"]:
    """Score examples without dropout, in their order."""
    if not examples:
        raise ValueError("0 examples to score: there must be at least 1")
    was_training, device = task.training, task.head.weight.device
    task.eval()
    order, parts = [], []
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        for these in similar_lengths([example.length for example in examples], batch_size):
            batch = collate([examples[i] for i in these]).to(device)
            parts.append(task(batch.ids, batch.extract))
            order += these
    task.train(was_training)
    return torch.cat(parts)[torch.tensor(order).argsort().to(device)]


def accuracy(
    task: TaskModel, examples: Sequence[Encoded], batch_size: int = 100, dtype: torch.dtype = torch.float32
) -> float:
    """Give the share of examples whose highest score is the label's."""
    answers = predict(task, examples, batch_size, dtype).argmax(-1).tolist()
    return sum(answer == example.label for answer, example in zip(answers, examples)) / len(examples)
