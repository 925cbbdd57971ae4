"""Step 2, the reward model: a GPT with one number for its output, fitted to rankings (Ouyang et al. 2022, §3.5)."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models import GPT
from course_lib.training import adamw, fastest_dtype, shuffled, train, warmup_cosine
from course_lib.training.batches import Tensors

from .chat import Batch, Chat
from .preferences import Comparison, ranked_pairs


class RewardModel(nn.Module):
    """A copy of a GPT whose last hidden state is read by one linear unit: one number per position.

    An answer's reward is the number at its last token. The unit starts at 0: every answer is worth the same.
    """

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.gpt = copy.deepcopy(model)
        self.score = nn.Linear(model.config.n_embd, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def values(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T"]:
        """One number for every position: what a value function needs."""
        return self.score(self.gpt.hidden(ids)).squeeze(-1).float()  # [B, T] -> [B, T, C] -> [B, T, 1] -> [B, T]

    def forward(self, batch: Batch) -> Float[Tensor, " B"]:
        """The reward of each row's answer, read at its last token (never at position −1, which may be padding)."""
        return self.values(batch.ids).gather(1, batch.last[:, None]).squeeze(1)  # [B, T] -> [B, 1] -> [B]

    @torch.no_grad()
    def centre(self, batch: Batch) -> None:
        """Shift the scale so that these answers, the demonstrations, are worth 0 on average. Differences stay."""
        self.score.bias -= self(batch).mean()


def reward_loss(rewards: Float[Tensor, "B K"], ranks: Int[Tensor, "B K"]) -> Float[Tensor, ""]:
    """−log σ(r_better − r_worse), the mean over the pairs of each ranking, then over rankings.

    Rank 0 is best. Without ties a ranking has C(K, 2) pairs; tied pairs say nothing and are left out. A ranking in
    which everything is tied is left out as a whole; where nothing is left the loss is 0, and so is its gradient.
    Raises ValueError for K = 1 and for rewards that are no numbers.
    """
    if rewards.shape[1] < 2:
        raise ValueError(f"K = {rewards.shape[1]} answer per ranking: there is no pair to compare")
    if not rewards.isfinite().all():
        raise ValueError(f"a reward is {rewards[~rewards.isfinite()][0].item()}: rewards must be finite numbers")
    margins = rewards[:, :, None] - rewards[:, None, :]  # [B, K, K]: how much i is above j
    better = ranks[:, :, None] < ranks[:, None, :]  # [B, K, K]: was i ranked above j?
    per_pair = torch.where(better, -F.logsigmoid(margins), 0.0)
    n_pairs = better.sum((1, 2))  # [B]
    per_ranking = per_pair.sum((1, 2)) / n_pairs.clamp(min=1)  # [B]
    return per_ranking.sum() / (n_pairs > 0).sum().clamp(min=1)


@dataclass(frozen=True)
class Ranked(Tensors):
    """Rankings as one batch: the K answers to each prompt stand in K neighbouring rows."""

    rows: Batch
    ranks: Int[Tensor, "B K"]


def ranked_batch(chat: Chat, comparisons: Sequence[Comparison]) -> Ranked:
    """Comparisons of the same K as one batch. ValueError where K differs."""
    if len({len(c.answers) for c in comparisons}) != 1:
        raise ValueError(f"K differs: {sorted({len(c.answers) for c in comparisons})}; batch comparisons of one K")
    prompts = [chat.prompt(c.prompt) for c in comparisons for _ in c.answers]
    answers = [a for c in comparisons for a in c.answers]
    return Ranked(chat.batch(prompts, answers), torch.tensor([c.ranks for c in comparisons]))


def ranking_loss(model: RewardModel, batch: Ranked) -> Float[Tensor, ""]:
    """`reward_loss` of the model's own rewards: all answers to a prompt in one batch, each read once."""
    return reward_loss(model(batch.rows).view(batch.ranks.shape), batch.ranks)


def comparison_batches(
    chat: Chat, comparisons: Sequence[Comparison], batch_size: int, seed: int = 0
) -> Callable[[int], Ranked]:
    """Numbered batches of comparisons, each epoch in an order of its own. ValueError for fewer than one batch."""
    batches = shuffled(comparisons, batch_size, seed, "comparisons")
    return lambda number: ranked_batch(chat, batches(number))


def fit_reward(
    model: RewardModel,
    chat: Chat,
    comparisons: Sequence[Comparison],
    epochs: int = 2,
    batch_size: int = 8,
    lr: float = 5e-4,
    seed: int = 0,
    dtype: torch.dtype | None = None,
) -> Iterator[float]:
    """Fit the model to the rankings, and yield the loss of each step (InstructGPT: one epoch, lr 9e-6, 64 prompts)."""
    steps = epochs * (len(comparisons) // batch_size)
    return train(
        model,
        comparison_batches(chat, comparisons, batch_size, seed),
        adamw(model, lr, weight_decay=0.01),
        lambda step: warmup_cosine(step, steps, warmup=max(1, steps // 50)),
        steps,
        dtype=dtype or fastest_dtype(),
        loss=ranking_loss,
    )


@torch.no_grad()
def rewards_of(model: RewardModel, chat: Chat, comparisons: Sequence[Comparison]) -> list[list[float]]:
    """The model's reward for every answer of every comparison."""
    out = []
    for c in comparisons:
        out.append(model(ranked_batch(chat, [c]).rows).tolist())
    return out


def pair_accuracy(rewards: Sequence[Sequence[float]], ranks: Sequence[Sequence[int]]) -> float:
    """The share of pairs (ties left out) that the rewards put in the labeler's order. NaN where there is no pair.

    Equal rewards put a pair in no order: that counts as wrong. Raises ValueError for rewards that are no numbers.
    """
    right = [margin > 0 for margin in pair_margins(rewards, ranks)]
    return sum(right) / len(right) if right else float("nan")


def pair_margins(rewards: Sequence[Sequence[float]], ranks: Sequence[Sequence[int]]) -> list[float]:
    """r_better − r_worse for each pair of each ranking, ties left out. ValueError for rewards that are no numbers."""
    if bad := [r for row in rewards for r in row if not math.isfinite(r)]:
        raise ValueError(f"a reward is {bad[0]}: rewards must be finite numbers")
    return [row[i] - row[j] for row, rank in zip(rewards, ranks, strict=True) for i, j in ranked_pairs(rank)]


@dataclass(frozen=True)
class Calibration:
    """Pairs of which the model was about equally sure: how sure on average, how often it was right, how many."""

    predicted: float
    right: float
    pairs: int


def calibration(rewards: Sequence[Sequence[float]], ranks: Sequence[Sequence[int]], bins: int = 5) -> list[Calibration]:
    """Is the model as often right as it says? Pairs in bins of equal width by σ(|margin|), from ½ to 1; empty ones out.

    σ(|r_i − r_j|) is the probability that the model gives to its own order of a pair. Where both rewards are equal it
    has none, and is half right. Raises ValueError for rewards that are no numbers, and without any bin.
    """
    if bins < 1:
        raise ValueError(f"bins is {bins}: at least one is needed")
    binned: list[list[tuple[float, float]]] = [[] for _ in range(bins)]
    for margin in pair_margins(rewards, ranks):
        sure = 1 / (1 + math.exp(-min(abs(margin), 700.0)))
        right = 0.5 if margin == 0 else float(margin > 0)
        binned[min(int((2 * sure - 1) * bins), bins - 1)].append((sure, right))
    return [Calibration(*(sum(column) / len(found) for column in zip(*found)), len(found)) for found in binned if found]
