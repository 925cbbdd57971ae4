"""What came after PPO, on the same preferences: best-of-n, DPO and GRPO."""

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models import GPT
from course_lib.models.checks import check_finite
from course_lib.training import adamw, fastest_dtype, train, warmup_cosine

from .chat import Batch, Chat, log_probs
from .ppo import Mask, Tokens, clipped_surrogate, kl_k3
from .preferences import Comparison
from .reward import Ranked, comparison_batches, reward_loss
from .trainer import Loop, Losses, Reward, Rollout, Settings


def best_of_n(answers: Sequence[Sequence[int]], scores: Float[Tensor, " N"]) -> Sequence[int]:
    """The answer with the highest score (Stiennon et al. 2020). No weight is changed. ValueError for a NaN score."""
    if len(answers) != len(scores) or not answers:
        raise ValueError(f"{len(answers)} answers and {len(scores)} scores: give one score to each, at least one")
    check_finite(scores=scores)
    return answers[int(scores.argmax())]


def best_of_n_kl(n: int) -> float:
    """KL(best of n ‖ one sample) ≤ ln n − (n − 1)/n nats; equal where no two answers have the same score."""
    if n < 1:
        raise ValueError(f"n is {n}: draw at least one answer")
    return math.log(n) - (n - 1) / n


def best_of_n_probabilities(p: Float[Tensor, " N"], scores: Float[Tensor, " N"], n: int) -> Float[Tensor, " N"]:
    """How likely each answer is to be the best of n draws from p; of equal scores the first one drawn is taken.

    Answers with one score are chosen together with probability F(s)^n − F(s−)^n, F(s) being the chance that a draw
    scores at most s, and share it as p does. ValueError for n = 0 and for probabilities that do not sum to 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}: draw at least one answer")
    check_finite(p=p, scores=scores)
    if p.min() < 0 or abs(p.sum().item() - 1) > 1e-4:
        raise ValueError(f"the probabilities begin at {p.min().item():.4g} and sum to {p.sum().item():.6g}, not to 1")
    below = torch.where(scores[None] < scores[:, None], p, 0.0).sum(1)
    tied = torch.where(scores[None] == scores[:, None], p, 0.0).sum(1)
    return torch.where(p > 0, ((below + tied) ** n - below**n) * p / tied.clamp(min=1e-30), 0.0)


def sequence_log_prob(model: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
    """log p of each whole answer, end token included, given its prompt."""
    logp = log_probs(model(batch.ids[:, :-1]), batch.ids[:, 1:])  # [B, T - 1]
    return torch.where(batch.answer[:, 1:], logp, 0.0).sum(1)


def dpo_loss(
    better: Float[Tensor, " B"],
    worse: Float[Tensor, " B"],
    ref_better: Float[Tensor, " B"],
    ref_worse: Float[Tensor, " B"],
    beta: float = 0.1,
) -> Float[Tensor, ""]:
    """Direct preference optimisation (Rafailov et al. 2023, eq. 7), from the log-probabilities of whole answers.

    −log σ(β [(log π − log π_ref)(better) − (log π − log π_ref)(worse)]): the reward loss with the reward that
    would make π the optimum under KL, β log π/π_ref. Raises ValueError for NaN and infinity.
    """
    check_finite(better=better, worse=worse, ref_better=ref_better, ref_worse=ref_worse, beta=beta)
    if beta <= 0:
        raise ValueError(f"beta is {beta}: it must be above 0")
    return -F.logsigmoid(beta * ((better - ref_better) - (worse - ref_worse))).mean()


def dpo(
    model: GPT,
    reference: GPT,
    chat: Chat,
    comparisons: Sequence[Comparison],
    beta: float = 0.1,
    epochs: int = 1,
    batch_size: int = 8,
    lr: float = 3e-4,
    seed: int = 0,
    dtype: torch.dtype | None = None,
) -> Iterator[float]:
    """Fit the policy itself to the rankings, and yield the loss of each step; no reward model, no sampling.

    It is the reward model's loss, of the rewards β log π/π_ref that the policy implies: all pairs of a ranking at once.
    """
    check_finite(beta=beta)
    if beta <= 0:
        raise ValueError(f"beta is {beta}: it must be above 0")

    def loss(policy: nn.Module, batch: Ranked) -> Tensor:
        with torch.no_grad():
            ref = sequence_log_prob(reference, batch.rows)
        implied = beta * (sequence_log_prob(policy, batch.rows) - ref)  # [B K]
        return reward_loss(implied.view(batch.ranks.shape), batch.ranks)

    steps = epochs * (len(comparisons) // batch_size)
    return train(
        model,
        comparison_batches(chat, comparisons, batch_size, seed),
        adamw(model, lr, weight_decay=0.0),
        lambda step: warmup_cosine(step, steps, warmup=max(1, steps // 20)),
        steps,
        dtype=dtype or fastest_dtype(),
        loss=loss,
    )


def group_advantages(scores: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Each answer's score, less the mean of its group of K answers to one prompt, over the group's standard deviation.

    GRPO (Shao et al. 2024): the group takes the place of a value function. The deviation is the unbiased one; where
    all K scores are the same the group teaches nothing and gets 0.
    """
    if scores.shape[1] < 2:
        raise ValueError(f"K = {scores.shape[1]} answer per prompt: a group needs at least two")
    check_finite(scores=scores)
    centred = scores - scores.mean(1, keepdim=True)
    return centred / (scores.std(1, keepdim=True) + 1e-4)


def grpo_loss(
    logp: Tokens,
    old_logp: Tokens,
    ref_logp: Tokens,
    advantages: Float[Tensor, " B"],
    mask: Mask,
    beta: float = 0.04,
    clip: float = 0.2,
) -> Float[Tensor, ""]:
    """The clipped surrogate with one advantage per answer, and β k3 in the loss instead of in the reward.

    Shao et al. average within each answer first and then over answers; here, too. While π is still π_old, the price
    has, token by token, the gradient of KL(π_ref ‖ π), not that of KL(π ‖ π_ref), which PPO's price has: see `kl_k3`.
    What stands outside the mask has no part in the loss or its gradient. Raises ValueError for NaN and infinity inside.
    """
    check_finite(beta=beta)
    per_token = clipped_surrogate(logp, old_logp, advantages[:, None], mask, clip) + beta * kl_k3(logp, ref_logp, mask)
    per_answer = torch.where(mask, per_token, 0.0).sum(1) / mask.sum(1).clamp(min=1)  # [B, T] -> [B]
    return per_answer.mean()


class GRPO(Loop):
    """PPO's loop with groups of `k` answers to each prompt in the place of rewards per token and of a value function.

    An iteration takes batch_size / k prompts. The price of KL, settings.beta, stands in the loss. ValueError for a
    batch that cannot be cut into groups of k, and for k below 2.
    """

    def __init__(
        self,
        policy: GPT,
        chat: Chat,
        reward: Reward,
        prompts: Callable[[int], str],
        settings: Settings | None = None,
        k: int = 8,
    ) -> None:
        super().__init__(policy, chat, reward, lambda number: prompts(number // k), settings)
        if k < 2 or self.settings.batch_size % k:
            raise ValueError(f"{self.settings.batch_size} answers cannot be cut into groups of {k}, at least 2 each")
        self.k = k

    def losses(self, rollout: Rollout) -> Losses:
        """`grpo_loss`: each answer is compared with its group."""
        advantages = group_advantages(rollout.scores.view(-1, self.k)).flatten()  # [B, K] -> [B K]

        def of_rows(logp: Tensor, rows: Tensor) -> dict[str, Tensor]:
            old, ref, mask = (x[rows] for x in (rollout.logp, rollout.ref_logp, rollout.mask))
            return {"policy": grpo_loss(logp, old, ref, advantages[rows], mask, self.beta, self.settings.clip)}

        return of_rows
