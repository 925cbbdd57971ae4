"""The loop of PPO: answers are sampled, scored, and made likelier or unlikelier, over and over."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.models import GPT
from course_lib.models.checks import check_at_least, check_finite
from course_lib.training import Batches, fastest_dtype, load_state, next_token_loss, save_state

from .chat import Batch, Chat, log_probs, masked_mean
from .ppo import AdaptiveKL, gae, kl_k1, ppo_loss, token_rewards, value_loss, whiten
from .preferences import sample_answers
from .reward import RewardModel

Reward = Callable[[Sequence[str], Sequence[Sequence[int]]], Float[Tensor, " B"]]  # prompts, answers -> scores
Losses = Callable[[Float[Tensor, "B T"], Int[Tensor, " B"]], dict[str, Tensor]]  # log p of rows, which -> losses


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
        check_at_least(1, batch_size=self.batch_size, minibatches=self.minibatches, inner_epochs=self.inner_epochs)
        check_at_least(1, max_new_tokens=self.max_new_tokens)
        if self.batch_size % self.minibatches:
            raise ValueError(f"a batch of {self.batch_size} cannot be cut into {self.minibatches} equal minibatches")
        if not 0 <= self.seed < 2**40:
            raise ValueError(f"seed is {self.seed}: it must be 0 or more, and below 2**40")
        given = {name: value for name, value in vars(self).items() if name != "dtype" and value is not None}
        check_finite(**given)
        if self.temperature <= 0:
            raise ValueError(f"temperature is {self.temperature}: PPO needs samples, so it must be above 0")
        for name in ("clip", "value_clip", "max_norm", "target_kl", "decay_over"):
            if given.get(name, 1) <= 0:
                raise ValueError(f"{name} is {given[name]}: it must be above 0")
        check_at_least(0, lr=self.lr, value_lr=self.value_lr, ptx=self.ptx)  # beta may be negative: a control
        for name in ("gamma", "lam"):
            if not 0 <= given[name] <= 1:
                raise ValueError(f"{name} is {given[name]}: it must lie between 0 and 1")
        if not self.dtype.is_floating_point:
            raise ValueError(f"dtype is {self.dtype}: choose torch.float32 or torch.bfloat16")


@dataclass(frozen=True)
class Rollout:
    """Answers that the policy gave, and all that was known about them when they were given."""

    prompts: list[str]
    answers: list[list[int]]
    batch: Batch
    mask: Bool[Tensor, "B T"]
    logp: Float[Tensor, "B T"]
    ref_logp: Float[Tensor, "B T"]
    values: Float[Tensor, "B T"] | None  # what the value function said, where there is one
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
    value_loss: float | None
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
    check_finite(unfinished=unfinished)

    @torch.no_grad()
    def score(prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> Tensor:
        batch = chat.batch([chat.prompt(p) for p in prompts], answers)
        with autocast(batch.ids.device, dtype or torch.float32):
            scores = model(batch).float()
        ended = torch.tensor([chat.end_id in answer for answer in answers])
        return torch.where(ended, scores, unfinished)

    return score


class Loop:
    """A policy on its way from the reference towards more reward: what PPO and GRPO share. They say what the loss is.

    `policy` is changed, `reference` never is. `value`, a value function, learns beside it, where a method needs one.
    `prompts(number)` gives prompt after prompt: iteration i takes batch_size of them.
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
        self.reference, self.value = copy.deepcopy(policy).requires_grad_(False), value
        self.trained: list[nn.Module] = [policy] if value is None else [policy, value]
        self.optimisers = [
            torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
            for model, lr in zip(self.trained, (s.lr, s.value_lr))
        ]
        self.controller = AdaptiveKL(s.beta, s.target_kl) if s.target_kl else None
        self.beta, self.done = s.beta, 0

    def losses(self, rollout: Rollout) -> Losses:
        """Say what is to become smaller: a function of log p of some rows of the rollout, and of which rows they are.

        It is asked for before the first gradient step on the rollout, and gives its losses by name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no losses")

    def step(self) -> Iteration:
        """Take one iteration: sample, score, say what is to become smaller, improve."""
        rollout = self.roll_out()
        self.set_rates()
        report = self.report(rollout, *self.improve(rollout, self.losses(rollout)))
        if self.controller:
            self.beta = self.controller.update(report.kl, self.settings.batch_size)
        self.done += 1
        return report

    def roll_out(self) -> Rollout:
        """Answer this iteration's prompts, and read the answers once with all models."""
        s = self.settings
        first = self.done * s.batch_size
        prompts = [self.prompts(number) for number in range(first, first + s.batch_size)]
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.done)
        answers = sample_answers(self.policy, self.chat, prompts, s.max_new_tokens, s.temperature, generator)
        scores = torch.as_tensor(self.reward(prompts, answers)).float()
        if scores.shape != (len(answers),):
            raise ValueError(f"rewards of shape {list(scores.shape)} for {len(answers)} answers: give one to each")
        if not scores.isfinite().all():
            at = int((~scores.isfinite()).nonzero()[0])
            answer = self.chat.read(answers[at])[0]
            raise ValueError(f"the reward of {answer!r} is {scores[at].item()}: it must be a finite number")
        batch = self.chat.batch([self.chat.prompt(p) for p in prompts], answers)
        with torch.no_grad(), autocast(batch.ids.device, s.dtype):
            logp, ref_logp = (self.log_probs(model, batch) for model in (self.policy, self.reference))
            values = None if self.value is None else self.value.values(batch.ids[:, :-1])
        mask = batch.answer[:, 1:]
        return Rollout(prompts, answers, batch, mask, logp, ref_logp, values, scores)

    def log_probs(self, model: GPT, batch: Batch) -> Float[Tensor, "B T"]:
        """log p of every token after the first, at the temperature that answers are sampled with."""
        return log_probs(model(batch.ids[:, :-1]) / self.settings.temperature, batch.ids[:, 1:])

    def set_rates(self) -> None:
        """Give the optimisers this iteration's learning rates."""
        over = self.settings.decay_over
        factor = max(0.0, 1 - self.done / over) if over else 1.0
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = optimiser.defaults["lr"] * factor

    def improve(self, rollout: Rollout, losses: Losses) -> tuple[dict[str, float], float]:
        """Pass over the answers inner_epochs times; the losses and the share of clipped ratios at the last step."""
        s = self.settings
        # the seed of the rollout's draws, too: a seed of its own would change every recorded run
        generator = torch.Generator().manual_seed(s.seed * 1_000_003 + self.done)
        number = self.done * s.inner_epochs * s.minibatches  # of the gradient steps before this iteration
        for _ in range(s.inner_epochs):
            for rows in torch.randperm(s.batch_size, generator=generator).chunk(s.minibatches):
                found = self.gradient_step(rollout, losses, rows, number)
                number += 1
        return found

    def gradient_step(
        self, rollout: Rollout, losses: Losses, rows: Tensor, number: int
    ) -> tuple[dict[str, float], float]:
        """Change what is trained a little, by these rows of the rollout."""
        s = self.settings
        batch = Batch(rollout.batch.ids[rows], rollout.batch.answer[rows])
        with autocast(batch.ids.device, s.dtype):
            logp = self.log_probs(self.policy, batch)
            found = losses(logp, rows)
            total = sum(found.values())
            if s.ptx:
                total = total + s.ptx * next_token_loss(self.policy, self.pretraining(number))
        if not total.isfinite():
            raise FloatingPointError(f"the loss is {total.item()}: lower the learning rate, or take fewer inner epochs")
        total.backward()
        for model, optimiser in zip(self.trained, self.optimisers):
            nn.utils.clip_grad_norm_(model.parameters(), s.max_norm)
            optimiser.step()
            optimiser.zero_grad()
        outside = (kl_k1(logp, rollout.logp[rows], rollout.mask[rows]).exp() - 1).abs() > s.clip
        clipped = masked_mean(outside.float(), rollout.mask[rows]).item()
        return {name: loss.item() for name, loss in found.items()}, clipped

    def report(self, rollout: Rollout, losses: dict[str, float], clipped: float) -> Iteration:
        """Put the iteration into numbers."""
        kl = kl_k1(rollout.logp, rollout.ref_logp, rollout.mask).sum(1).mean().item()
        read = [self.chat.read(answer) for answer in rollout.answers]
        return Iteration(
            number=self.done,
            score=rollout.scores.mean().item(),
            kl=kl,
            length=rollout.mask.sum(1).float().mean().item(),
            finished=sum(ended for _, ended in read) / len(read),
            beta=self.beta,
            clipped=clipped,
            policy_loss=losses["policy"],
            value_loss=losses.get("value"),
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
        held = {"policy": self.policy, "value": self.value, "reference": self.reference}
        return nn.ModuleDict({name: model for name, model in held.items() if model is not None})


class PPO(Loop):
    """Proximal policy optimisation: rewards per token, and a value function that says what was to be expected.

    `value` is a copy of a reward model whose unit starts at 0 again; without one it starts from the policy. All else
    is `Loop`'s.
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
        value = RewardModel(policy) if value is None else copy.deepcopy(value)
        nn.init.zeros_(value.score.weight)
        nn.init.zeros_(value.score.bias)
        super().__init__(policy, chat, reward, prompts, settings, value, pretraining)

    def advantages(self, rollout: Rollout) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B T"]]:
        """Say how much better each token was than expected, whitened, and what the value function should say."""
        s, mask = self.settings, rollout.mask
        rewards = token_rewards(rollout.scores, rollout.logp, rollout.ref_logp, mask, self.beta)
        if s.whiten_rewards:
            rewards = whiten(rewards, mask, shift_mean=False)
        advantages, returns = gae(rewards, rollout.values, mask, s.gamma, s.lam)
        return whiten(advantages, mask), returns

    def losses(self, rollout: Rollout) -> Losses:
        """`ppo_loss` of the policy, `value_loss` of the value function."""
        s, (advantages, returns) = self.settings, self.advantages(rollout)

        def of_rows(logp: Tensor, rows: Tensor) -> dict[str, Tensor]:
            old_logp, old_values, mask = (x[rows] for x in (rollout.logp, rollout.values, rollout.mask))
            values = self.value.values(rollout.batch.ids[rows, :-1])
            return {
                "policy": ppo_loss(logp, old_logp, advantages[rows], mask, s.clip),
                "value": value_loss(values, old_values, returns[rows], mask, s.value_clip),
            }

        return of_rows


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Multiply in `dtype`; in float32 nothing changes."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)
