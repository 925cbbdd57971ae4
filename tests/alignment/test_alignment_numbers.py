"""What is no number is refused at the door, and what stands outside the mask has no part in any gradient."""

import math

import pytest
import torch

from course_lib import alignment
from course_lib.alignment import PPO, AdaptiveKL, Settings
from tests.alignment.toy import Letters, tiny_gpt

NAN, INF = math.nan, math.inf
MASK = torch.tensor([[True, False]])
FINE = torch.tensor([[-1.0, -1.0]])
FLOATS = ("lr", "value_lr", "beta", "target_kl", "clip", "gamma", "lam", "max_norm", "temperature", "ptx")


def gradient(loss, *garbage):
    """The gradient at log p = −1 inside the mask, and at each piece of garbage outside it."""
    found = []
    for outside in garbage:
        logp = torch.tensor([[-1.0, outside]], requires_grad=True)
        loss(logp).backward()
        found.append(logp.grad.tolist()[0])
    return found


@pytest.mark.parametrize(
    "loss",
    [
        lambda logp: alignment.grpo_loss(logp, FINE, FINE, torch.ones(1), MASK),
        lambda logp: alignment.grpo_loss(logp, FINE, torch.tensor([[-1.0, 500.0]]), torch.ones(1), MASK),
        lambda logp: alignment.ppo_loss(logp, FINE, torch.tensor([[1.0, NAN]]), MASK),
        lambda logp: alignment.value_loss(logp, FINE, torch.tensor([[-2.0, NAN]]), MASK),
        lambda logp: alignment.kl_k3(logp, torch.tensor([[-2.0, -1.0]]), MASK).sum(),
        lambda logp: alignment.kl_k2(logp, torch.tensor([[-2.0, -1.0]]), MASK).sum(),
        lambda logp: alignment.kl_k1(logp, torch.tensor([[-2.0, -1.0]]), MASK).sum(),
    ],
)
def test_garbage_outside_the_mask_has_no_gradient_and_changes_none(loss):
    found = gradient(loss, -1.0, -100.0, -300.0, NAN, -INF, INF)
    assert all(one == found[0] for one in found)
    assert found[0][0] != 0
    assert found[0][1] == 0


def test_the_estimators_of_kl_are_the_same_with_a_mask():
    logp, ref = torch.randn(3, 5), torch.randn(3, 5)
    mask = torch.rand(3, 5) < 0.5
    for estimator in (alignment.kl_k1, alignment.kl_k2, alignment.kl_k3):
        assert torch.equal(estimator(logp, ref, mask), torch.where(mask, estimator(logp, ref), 0.0))


def one(value):
    return torch.tensor([[value, 0.0]])


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: alignment.best_of_n([[1], [2]], torch.tensor([x, 1.0])), "scores"),
        (lambda x: alignment.best_of_n_probabilities(torch.tensor([x, 1.0]), torch.ones(2), 2), "p"),
        (lambda x: alignment.best_of_n_probabilities(torch.tensor([0.0, 1.0]), torch.tensor([x, 1.0]), 2), "scores"),
        (lambda x: alignment.group_advantages(one(x)), "scores"),
        (lambda x: alignment.dpo_loss(*torch.tensor([x, 0.0, 0.0, 0.0]).split(1)), "better"),
        (lambda x: alignment.dpo_loss(*torch.zeros(4).split(1), beta=x), "beta"),
        (lambda x: alignment.grpo_loss(FINE, FINE, FINE, torch.tensor([x]), MASK), "advantages"),
        (lambda x: alignment.grpo_loss(FINE, FINE, one(x), torch.ones(1), MASK), "ref_logp"),
        (lambda x: alignment.grpo_loss(FINE, FINE, FINE, torch.ones(1), MASK, beta=x), "beta"),
        (lambda x: alignment.ppo_loss(FINE, FINE, one(x), MASK), "advantages"),
        (lambda x: alignment.ppo_loss(FINE, FINE, FINE, MASK, clip=x), "clip"),
        (lambda x: alignment.value_loss(one(x), FINE, FINE, MASK), "values"),
        (lambda x: alignment.value_loss(FINE, FINE, one(x), MASK), "returns"),
        (lambda x: alignment.gae(FINE, one(x), MASK), "values"),
        (lambda x: alignment.gae(FINE, FINE, MASK, gamma=x), "gamma"),
        (lambda x: alignment.gae(FINE, FINE, MASK, lam=x), "lam"),
        (lambda x: alignment.whiten(one(x), MASK), "x"),
        (lambda x: alignment.token_rewards(torch.tensor([x]), FINE, FINE, MASK, 0.1), "scores"),
        (lambda x: alignment.token_rewards(torch.ones(1), one(x), FINE, MASK, 0.1), "logp"),
        (lambda x: alignment.token_rewards(torch.ones(1), FINE, FINE, MASK, x), "beta"),
        (lambda x: alignment.kl_k3(one(x), FINE), "logp"),
        (lambda x: AdaptiveKL(0.1, target=x), "target"),
        (lambda x: AdaptiveKL(0.1, target=1.0).update(x, 8), "kl"),
        *((lambda x, name=name: Settings(**{name: x}), name) for name in FLOATS),
    ],
)
def test_what_is_no_number_is_refused_with_its_name(call, name, bad):
    with pytest.raises(ValueError, match=rf"\b{name} is {bad}"):
        call(bad)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr": -1e-3}, "lr is -0.001"),
        ({"value_lr": -1.0}, "value_lr is -1.0"),
        ({"clip": 0.0}, "clip is 0.0"),
        ({"value_clip": -0.2}, "value_clip is -0.2"),
        ({"max_norm": 0.0}, "max_norm is 0.0"),
        ({"target_kl": 0.0}, "target_kl is 0.0"),
        ({"decay_over": 0}, "decay_over is 0"),
        ({"gamma": 1.5}, "gamma is 1.5"),
        ({"lam": -0.5}, "lam is -0.5"),
        ({"ptx": -1.0}, "ptx is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**70}, "seed is 1180591620717411303424"),
        ({"dtype": torch.int64}, "dtype is torch.int64"),
    ],
)
def test_settings_that_no_run_can_use(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


@pytest.mark.parametrize("given", [torch.tensor(1.0), torch.ones(1), torch.ones(8, 1), torch.ones(7)])
def test_rewards_are_one_number_for_each_answer(given):
    settings = Settings(batch_size=8, max_new_tokens=2, dtype=torch.float32)
    run = PPO(tiny_gpt(), Letters(), lambda prompts, answers: given, lambda n: "x", settings)
    with pytest.raises(ValueError, match=r"rewards of shape .* for 8 answers"):
        run.step()


def test_float64_stays_and_half_precision_is_summed_in_float32():
    logits, ids = torch.randn(1, 4, 9), torch.randint(9, (1, 4))
    assert alignment.log_probs(logits.double(), ids).dtype == torch.float64
    half = alignment.log_probs(logits.bfloat16(), ids.to(torch.uint16))
    assert torch.equal(half, alignment.log_probs(logits.bfloat16().float(), ids))
