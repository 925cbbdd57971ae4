"""Against trl 1.12.0 and torchrl 0.14.1. They are large: `make oracles` installs them, without it these are skipped."""

import math
import os
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from course_lib import data
from course_lib.alignment import Chat, gae, ppo_loss, reward_loss, whiten

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
torchrl = pytest.importorskip("torchrl", reason="torchrl is not installed: run `make oracles`")
trl = pytest.importorskip("trl", reason="trl is not installed: run `make oracles`")


def test_gae_is_torchrls():
    """Convention: torchrl's `done` marks the last step, [*, T, 1]."""
    from torchrl.objectives.value.functional import generalized_advantage_estimate

    torch.manual_seed(0)
    rewards, values = torch.randn(4, 9, dtype=torch.float64), torch.randn(4, 9, dtype=torch.float64)
    done = torch.zeros(4, 9, 1, dtype=torch.bool)
    done[:, -1] = True
    after = torch.cat([values[:, 1:], values.new_zeros(4, 1)], 1)
    theirs, targets = generalized_advantage_estimate(
        0.9, 0.8, values[..., None], after[..., None], rewards[..., None], done, done
    )
    ours, returns = gae(rewards, values, torch.ones(4, 9, dtype=torch.bool), 0.9, 0.8)
    assert torch.allclose(ours, theirs[..., 0], atol=1e-6)
    assert torch.allclose(returns, targets[..., 0], atol=1e-6)


def test_the_clipped_loss_is_torchrls():
    """Convention: torchrl clips in log space between log(1 − ε) and log(1 + ε), and averages over all entries."""
    from tensordict import TensorDict
    from tensordict.nn import TensorDictModule
    from torchrl.modules import ProbabilisticActor
    from torchrl.objectives import ClipPPOLoss

    torch.manual_seed(1)
    logits, actions = torch.randn(40, 5), torch.randint(5, (40,))
    old = torch.randn(40, 5).log_softmax(-1).gather(1, actions[:, None])[:, 0]
    advantages = torch.randn(40)
    table = TensorDictModule(lambda x: x, in_keys=["observation"], out_keys=["logits"])
    actor = ProbabilisticActor(table, in_keys=["logits"], distribution_class=torch.distributions.Categorical)
    loss = ClipPPOLoss(actor, None, clip_epsilon=0.2, entropy_bonus=False, critic_coeff=None)
    data = TensorDict(
        {"observation": logits, "action": actions, "action_log_prob": old, "advantage": advantages[:, None]}, [40]
    )
    theirs = loss(data)["loss_objective"]
    logp = logits.log_softmax(-1).gather(1, actions[:, None])[:, 0]
    ours = ppo_loss(logp[None], old[None], advantages[None], torch.ones(1, 40, dtype=torch.bool))
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)


def test_whitening_is_trls_up_to_the_variance():
    """Convention: trl divides by n − 1, lm-human-preferences and we by n."""
    from trl.experimental.ppo.ppo_trainer import masked_whiten

    torch.manual_seed(2)
    x, mask = torch.randn(5, 7, dtype=torch.float64), torch.rand(5, 7) < 0.7
    n = mask.sum().item()
    theirs = masked_whiten(x, mask)[mask]
    assert torch.allclose(whiten(x, mask)[mask] * math.sqrt((n - 1) / n), theirs, atol=1e-7)


def test_what_comes_after_the_end_token_is_cut_as_trl_cuts_it():
    from trl.experimental.ppo.ppo_trainer import truncate_response

    chat = Chat(data.town_tokenizer(), 493)
    end, ids = chat.end_id, torch.tensor([[5, 6, chat.end_id, 7, 8], [1, 2, 3, 4, 5]])
    cut = truncate_response(end, -1, ids)
    for row, theirs in zip(ids.tolist(), cut.tolist()):
        text, finished = chat.read(row)
        kept = [i for i in theirs if i not in (-1, end)]
        assert text == chat.tokenizer.decode(kept).removeprefix(" ")
        assert finished == (end in theirs)


def test_the_loss_of_a_pair_is_trls():
    """trl's RewardTrainer.compute_loss on a model that gives these rewards: first all chosen, then all rejected."""
    torch.manual_seed(3)
    rewards = torch.randn(6, 2, dtype=torch.float64)
    same = SimpleNamespace(gather_for_metrics=lambda x: x, gather=lambda x: x)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=False),
        args=SimpleNamespace(center_rewards_coefficient=None),
        accelerator=same,
        _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0,
    )
    inputs = {"logits": torch.cat([rewards[:, 0], rewards[:, 1]])[:, None]}
    theirs = trl.RewardTrainer.compute_loss(trainer, lambda logits, use_cache: SimpleNamespace(logits=logits), inputs)
    assert reward_loss(rewards, torch.tensor([[0, 1]]).expand(6, 2)).item() == pytest.approx(theirs.item(), abs=1e-15)
