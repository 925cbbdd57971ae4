"""The PPO loop: answers are sampled, scored, and made likelier or unlikelier, over and over."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_lib.models import GPT
from course_lib.training import Batches, fastest_dtype, load_state, next_token_loss, save_state

from .chat import Batch, Chat, log_probs, masked_mean
from .ppo import AdaptiveKL, gae, kl_k1, ppo_loss, token_rewards, value_loss, whiten
from .preferences import sample_answers
from .reward import RewardModel

Reward = Callable[[Sequence[str], Sequence[Sequence[int]]], Float[Tensor, " B"]]  # prompts, answers -> scores


@dataclass(frozen=True)
class Settings:
    """What can be chosen. The defaults suit the town; where InstructGPT's are published they stand beside."""

    batch_size: int = 48  # answers per iteration (512)
    minibatches: int = 2  # gradient steps per pass over them (8)
    inner_epochs: int = 2  # passes over the same answers (1)
    lr: float = 3e-4  # of the policy (9e-6)
    value_lr: float = 1e-3
    decay_over: int | None = None  # if given, both rates fall in a line to 0 over so many iterations
    beta: float = 0.1  # price of a nat of KL (0.02)
    target_kl: float | None = None  # if given, beta follows it
    clip: float = 0.2  # (0.2)
    value_clip: float = 0.2
    gamma: float = 1.0  # (1: no discount)
    lam: float = 0.95  # (not published)
    max_norm: float = 1.0
    max_new_tokens: int = 48
    temperature: float = 1.0  # (1)
    unfinished: float = -1.0  # the score of an answer without an end token, whatever it says
    whiten_rewards: bool = False  # lm-human-preferences does; InstructGPT does not say
    ptx: float = 0.0  # weight of the pre-training loss (27.8, summed otherwise)
    seed: int = 0
    dtype: torch.dtype = field(default_factory=fastest_dtype)

    def __post_init__(self) -> None:
        for name in ("batch_size", "minibatches", "inner_epochs", "max_new_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.batch_size % self.minibatches:
            raise ValueError(f"a batch of {self.batch_size} cannot be cut into {self.minibatches} equal minibatches")
        if self.temperature <= 0:
            raise ValueError(f"temperature is {self.temperature}: PPO needs samples, so it must be above 0")


@dataclass(frozen=True)
class Rollout:
    """Answers that the policy gave, and all that was known about them when they were given."""

    prompts: list[str]
    answers: list[list[int]]
    batch: Batch
    mask: Bool[Tensor, "B T"]
    logp: Float[Tensor, "B T"]
    ref_logp: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"]
    scores: Float[Tensor, " B"]


@dataclass(frozen=True)
class Iteration:
    """What one iteration looked like: means over its answers, before the policy changed."""

    number: int
    score: float  # the reward model's, without the price of KL
    kl: float  # nats per answer, k1
    length: float  # tokens per answer
    finished: float  # share of answers with an end token
    beta: float
    clipped: float  # share of tokens whose ratio was outside 1 ± ε at the last gradient step
    policy_loss: float
    value_loss: float
    prompt: str
    answer: str

    def line(self) -> str:
        """One line of a log."""
        return (
            f"{self.number:4d}  score {self.score:6.2f}  KL {self.kl:6.2f}  length {self.length:4.1f}  "
            f"ended {self.finished:4.0%}  clipped {self.clipped:4.0%}  {self.prompt} → {self.answer}"
        )


def learned_reward(
    model: RewardModel, chat: Chat, unfinished: float = -1.0, dtype: torch.dtype | None = None
) -> Reward:
    """A reward model as a reward: its number for each answer, a fixed one for answers that never end."""

    @torch.no_grad()
    def score(prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> Tensor:
        batch = chat.batch([chat.prompt(p) for p in prompts], answers)
        with autocast(batch.ids.device, dtype or torch.float32):
            scores = model(batch).float()
        ended = torch.tensor([chat.end_id in answer for answer in answers])
        return torch.where(ended, scores, unfinished)

    return score


class PPO:
    """A policy on its way from the reference towards more reward.

    `policy` is changed, `reference` never is. `value` is a copy of a reward model whose unit starts at 0 again; without
    one it starts from the policy. `prompts(number)` gives prompt after prompt: iteration i takes batch_size of them.
    Everything random depends on `settings.seed` and the iteration's number alone, so that a run which was saved and
    loaded goes on as if it had never stopped.
    """

    def __init__(
        self,
        policy: GPT,
        chat: Chat,
        reward: Reward,
        prompts: Callable[[int], str],
        settings: Settings | None = None,
        value: RewardModel | None = None,
        pretraining: Batches | None = None,
    ) -> None:
        self.settings = s = settings or Settings()
        if s.ptx and pretraining is None:
            raise ValueError(f"ptx is {s.ptx}, but there are no pre-training batches to take the loss of")
        self.policy, self.chat, self.reward, self.prompts, self.pretraining = policy, chat, reward, prompts, pretraining
        self.reference = copy.deepcopy(policy).requires_grad_(False)
        self.value = copy.deepcopy(value) if value is not None else RewardModel(policy)
        nn.init.zeros_(self.value.score.weight)
        nn.init.zeros_(self.value.score.bias)
        self.optimisers = [
            torch.optim.AdamW(policy.parameters(), lr=s.lr, betas=(0.9, 0.95), weight_decay=0.0),
            torch.optim.AdamW(self.value.parameters(), lr=s.value_lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        self.controller = AdaptiveKL(s.beta, s.target_kl) if s.target_kl else None
        self.beta, self.done = s.beta, 0

    def step(self) -> Iteration:
        """Take one iteration: sample, score, estimate advantages, improve policy and value function."""
        rollout = self.roll_out()
        self.set_rates()
        losses = self.improve(rollout, *self.advantages(rollout))
        report = self.report(rollout, *losses)
        if self.controller:
            self.beta = self.controller.update(report.kl, self.settings.batch_size)
        self.done += 1
        return report

    def roll_out(self) -> Rollout:
        """Answer this iteration's prompts, and read the answers once with policy, reference and value function."""
        s = self.settings
        first = self.done * s.batch_size
        prompts = [self.prompts(number) for number in range(first, first + s.batch_size)]
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.done)
        answers = sample_answers(self.policy, self.chat, prompts, s.max_new_tokens, s.temperature, generator)
        scores = self.reward(prompts, answers).float()
        if not scores.isfinite().all():
            at = int((~scores.isfinite()).nonzero()[0])
            answer = self.chat.read(answers[at])[0]
            raise ValueError(f"the reward of {answer!r} is {scores[at].item()}: it must be a finite number")
        batch = self.chat.batch([self.chat.prompt(p) for p in prompts], answers)
        with torch.no_grad(), autocast(batch.ids.device, s.dtype):
            logp, ref_logp = (self.log_probs(model, batch) for model in (self.policy, self.reference))
            values = self.value.values(batch.ids[:, :-1])
        mask = batch.answer[:, 1:]
        return Rollout(prompts, answers, batch, mask, logp, ref_logp, values, scores)

    def log_probs(self, model: GPT, batch: Batch) -> Float[Tensor, "B T"]:
        """log p of every token after the first, at the temperature that answers are sampled with."""
        return log_probs(model(batch.ids[:, :-1]) / self.settings.temperature, batch.ids[:, 1:])

    def advantages(self, rollout: Rollout) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
        """Say how much better each token was than expected, whitened, and what the value function should say."""
        s, mask = self.settings, rollout.mask
        rewards = token_rewards(rollout.scores, rollout.logp, rollout.ref_logp, mask, self.beta)
        if s.whiten_rewards:
            rewards = whiten(rewards, mask, shift_mean=False)
        advantages, returns = gae(rewards, rollout.values, mask, s.gamma, s.lam)
        return whiten(advantages, mask), returns

    def set_rates(self) -> None:
        """Give the optimisers this iteration's learning rates."""
        s = self.settings
        factor = max(0.0, 1 - self.done / s.decay_over) if s.decay_over else 1.0
        for optimiser, rate in zip(self.optimisers, (s.lr, s.value_lr)):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def improve(self, rollout: Rollout, advantages: Tensor, returns: Tensor) -> tuple[float, float, float]:
        """Pass over the answers inner_epochs times; (policy loss, value loss, share of clipped ratios) at the end."""
        s = self.settings
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.done)
        for _ in range(s.inner_epochs):
            for rows in torch.randperm(s.batch_size, generator=generator).chunk(s.minibatches):
                losses = self.gradient_step(rollout, advantages, returns, rows)
        return losses

    def gradient_step(
        self, rollout: Rollout, advantages: Tensor, returns: Tensor, rows: Tensor
    ) -> tuple[float, float, float]:
        """Change policy and value function a little, by these rows of the rollout."""
        s, mask = self.settings, rollout.mask[rows]
        batch = Batch(rollout.batch.ids[rows], rollout.batch.answer[rows])
        with autocast(batch.ids.device, s.dtype):
            logp = self.log_probs(self.policy, batch)
            policy_loss = self.policy_loss(logp, rollout, advantages, rows)
            loss_of_values = self.value_loss(batch, rollout, returns, rows)
            total = policy_loss + loss_of_values
            if s.ptx:
                total = total + s.ptx * next_token_loss(self.policy, self.pretraining(self.done))
        total.backward()
        for model, optimiser in zip((self.policy, self.value), self.optimisers):
            nn.utils.clip_grad_norm_(model.parameters(), s.max_norm)
            optimiser.step()
            optimiser.zero_grad()
        outside = ((logp - rollout.logp[rows]).exp() - 1).abs() > s.clip
        return policy_loss.item(), loss_of_values.item(), masked_mean(outside.float(), mask).item()

    def policy_loss(self, logp: Tensor, rollout: Rollout, advantages: Tensor, rows: Tensor) -> Tensor:
        """`ppo_loss` of these rows."""
        return ppo_loss(logp, rollout.logp[rows], advantages[rows], rollout.mask[rows], self.settings.clip)

    def value_loss(self, batch: Batch, rollout: Rollout, returns: Tensor, rows: Tensor) -> Tensor:
        """`value_loss` of these rows."""
        values = self.value.values(batch.ids[:, :-1])
        return value_loss(values, rollout.values[rows], returns[rows], rollout.mask[rows], self.settings.value_clip)

    def report(self, rollout: Rollout, policy_loss: float, loss_of_values: float, clipped: float) -> Iteration:
        """Put the iteration into numbers."""
        kl = torch.where(rollout.mask, kl_k1(rollout.logp, rollout.ref_logp), 0.0).sum(1).mean().item()
        read = [self.chat.read(answer) for answer in rollout.answers]
        return Iteration(
            number=self.done,
            score=rollout.scores.mean().item(),
            kl=kl,
            length=rollout.mask.sum(1).float().mean().item(),
            finished=sum(ended for _, ended in read) / len(read),
            beta=self.beta,
            clipped=clipped,
            policy_loss=policy_loss,
            value_loss=loss_of_values,
            prompt=rollout.prompts[0],
            answer=read[0][0],
        )

    def save(self, path: Path) -> None:
        """Write all that the run needs to go on."""
        save_state(path, self.models(), self.optimisers, self.done, beta=self.beta)

    def load(self, path: Path) -> None:
        """Go on from a file that `save` wrote. Errors as in `training.load_state`."""
        held = load_state(path, self.models(), self.optimisers)
        self.done, self.beta = held["step"], held["beta"]
        if self.controller:
            self.controller.beta = self.beta

    def models(self) -> nn.ModuleDict:
        """All that has weights, the reference included."""
        return nn.ModuleDict({"policy": self.policy, "value": self.value, "reference": self.reference})


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Multiply in `dtype`; in float32 nothing changes."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
