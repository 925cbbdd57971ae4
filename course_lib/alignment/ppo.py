"""Step 3, proximal policy optimisation on a language model (Schulman et al. 2017; Ziegler et al. 2019).

The details are those of the published lm-human-preferences, named where others differ. Every array [B, T] speaks of
the tokens that are predicted: entry t belongs to ids[:, t + 1], and `mask` is True where that token is the answer's.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.models.checks import check_finite

from .chat import masked_mean

Tokens = Float[Tensor, "B T"]
Mask = Bool[Tensor, "B T"]


def gae(rewards: Tokens, values: Tokens, mask: Mask, gamma: float = 1.0, lam: float = 0.95) -> tuple[Tokens, Tokens]:
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16): (advantages, returns).

        δ_t = r_t + γ V_{t+1} − V_t        A_t = δ_t + γ λ A_{t+1}        R_t = A_t + V_t

    After the last token of an answer there is nothing: V and A are 0 there. λ = 0 is one-step TD, λ = 1 is the Monte
    Carlo return less the value. Entries outside the mask are 0. ValueError for NaN and infinity inside.
    """
    if not (rewards.isfinite() | ~mask).all():
        raise ValueError(f"a reward is {rewards[mask & ~rewards.isfinite()][0].item()}: rewards must be finite numbers")
    check_finite(mask, values=values)
    check_finite(gamma=gamma, lam=lam)
    values = torch.where(mask, values, 0.0)
    advantages = torch.zeros_like(values)
    after_value = after_advantage = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * after_value - values[:, t]  # [B]
        advantages[:, t] = torch.where(mask[:, t], delta + gamma * lam * after_advantage, 0.0)
        after_value, after_advantage = values[:, t], advantages[:, t]
    return advantages, advantages + values


def whiten(x: Tokens, mask: Mask, shift_mean: bool = True) -> Tokens:
    """Scale to variance 1 over the mask, and to mean 0 (or leave the mean where it was: `shift_mean=False`).

    The variance is the biased one, divided by n, as in lm-human-preferences; trl divides by n − 1. Entries outside
    the mask are 0. Raises ValueError for NaN and infinity inside it.
    """
    check_finite(mask, x=x)
    mean = masked_mean(x, mask)
    variance = masked_mean((x - mean) ** 2, mask)
    white = (x - mean) * torch.rsqrt(variance + 1e-8)
    return torch.where(mask, white if shift_mean else white + mean, 0.0)


def token_rewards(scores: Float[Tensor, " B"], logp: Tokens, ref_logp: Tokens, mask: Mask, beta: float) -> Tokens:
    """r_t = −β (log π − log π_ref) at every token of the answer, and the score on top at its last one.

    Raises ValueError for NaN and infinity inside the mask.
    """
    check_finite(mask, logp=logp, ref_logp=ref_logp)
    check_finite(scores=scores, beta=beta)
    rewards = torch.where(mask, -beta * (logp - ref_logp), 0.0)
    last = (mask * torch.arange(mask.shape[1], device=mask.device)).max(1).values  # [B]
    return rewards.scatter_add(1, last[:, None], torch.where(mask.any(1), scores, 0.0)[:, None])


def ppo_loss(logp: Tokens, old_logp: Tokens, advantages: Tokens, mask: Mask, clip: float = 0.2) -> Float[Tensor, ""]:
    """The clipped surrogate's mean over the mask (Schulman et al. 2017, eq. 7, with the sign of a loss)."""
    return masked_mean(clipped_surrogate(logp, old_logp, advantages, mask, clip), mask)


def clipped_surrogate(
    logp: Tokens, old_logp: Tokens, advantages: Float[Tensor, "B _"], mask: Mask, clip: float = 0.2
) -> Tokens:
    """max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε)) with ρ = π/π_old, for every token.

    Raises FloatingPointError where a ratio inside the mask is no longer a finite number, ValueError for an advantage
    that is none.
    """
    check_finite(mask, advantages=advantages)
    check_finite(clip=clip)
    ratio = torch.where(mask, logp - old_logp, 0.0).exp()
    if not ratio.isfinite().all():
        raise FloatingPointError("a ratio π/π_old is not finite: lower the learning rate, or take fewer inner epochs")
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))


def value_loss(values: Tokens, old_values: Tokens, returns: Tokens, mask: Mask, clip: float = 0.2) -> Float[Tensor, ""]:
    """½ mean over the mask of max((V − R)², (V_clipped − R)²), where V_clipped stays within `clip` of the old value.

    Raises ValueError for NaN and infinity inside the mask.
    """
    check_finite(mask, values=values, old_values=old_values, returns=returns)
    check_finite(clip=clip)
    values, old_values, returns = (torch.where(mask, x, 0.0) for x in (values, old_values, returns))
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    return 0.5 * masked_mean(torch.maximum((values - returns) ** 2, (clipped - returns) ** 2), mask)


def kl_k1(logp: Tensor, ref_logp: Tensor, mask: Mask | None = None) -> Tensor:
    """log π − log π_ref: unbiased for KL(π ‖ π_ref) under samples of π, but single terms may be negative.

    Entries outside the mask, where there is one, are 0, and so are their gradients, whatever stands there. Raises
    ValueError for NaN and infinity inside it. All three estimators do so.
    """
    check_finite(mask, logp=logp, ref_logp=ref_logp)
    return logp - ref_logp if mask is None else torch.where(mask, logp - ref_logp, 0.0)


def kl_k2(logp: Tensor, ref_logp: Tensor, mask: Mask | None = None) -> Tensor:
    """½ (log π − log π_ref)²: never negative, but biased, and where π has moved far it may vary more than k1.

    Its gradient under samples of π is exactly that of KL(π ‖ π_ref).
    """
    return 0.5 * kl_k1(logp, ref_logp, mask) ** 2


def kl_k3(logp: Tensor, ref_logp: Tensor, mask: Mask | None = None) -> Tensor:
    """e^−d − 1 + d with d = log π − log π_ref: never negative and unbiased. With the sign of d turned it is not.

    Only its value is that of KL(π ‖ π_ref): its gradient under samples of π is that of KL(π_ref ‖ π). The mask is laid
    on before the exponential: masked afterwards, an infinity outside it has the gradient NaN.
    """
    log_ratio = -kl_k1(logp, ref_logp, mask)
    return log_ratio.expm1() - log_ratio


class AdaptiveKL:
    """After n episodes β *= 1 + clip(KL/target − 1, ±0.2) · n/horizon: it follows a target (Ziegler et al. 2019)."""

    def __init__(self, beta: float, target: float, horizon: int = 10_000) -> None:
        check_finite(beta=beta, target=target, horizon=horizon)
        if target <= 0 or horizon <= 0:
            raise ValueError(f"target is {target} and horizon {horizon}: both must be above 0")
        self.beta, self.target, self.horizon = beta, target, horizon

    def update(self, kl: float, n: int) -> float:
        """Take in the mean KL of n episodes; the new β. ValueError for a KL that is NaN or infinite."""
        check_finite(kl=kl)
        error = min(0.2, max(-0.2, kl / self.target - 1))
        self.beta *= 1 + error * n / self.horizon
        return self.beta
