"""Alignment: supervised fine-tuning, a reward model from rankings, PPO, and what came after."""

from .after import GRPO, best_of_n, best_of_n_kl, dpo, dpo_loss, group_advantages, grpo_loss, sequence_log_prob
from .chat import Batch, Chat, log_probs, masked_mean
from .ppo import AdaptiveKL, gae, kl_k1, kl_k2, kl_k3, ppo_loss, token_rewards, value_loss, whiten
from .preferences import Comparison, compare, ranked_pairs, sample_answers
from .records import alignment_results, find, town_reward, town_sft, unaligned
from .reward import (
    Calibration,
    RewardModel,
    calibration,
    fit_reward,
    pair_accuracy,
    pair_margins,
    ranked_batch,
    ranking_loss,
    reward_loss,
    rewards_of,
)
from .sft import mask_by_padding_id, pack, response_loss, sft
from .trainer import PPO, Iteration, Rollout, Settings, learned_reward

__all__ = [
    "GRPO",
    "PPO",
    "AdaptiveKL",
    "Batch",
    "Calibration",
    "Chat",
    "Comparison",
    "Iteration",
    "RewardModel",
    "Rollout",
    "Settings",
    "alignment_results",
    "best_of_n",
    "best_of_n_kl",
    "calibration",
    "compare",
    "dpo",
    "dpo_loss",
    "find",
    "fit_reward",
    "gae",
    "group_advantages",
    "grpo_loss",
    "kl_k1",
    "kl_k2",
    "kl_k3",
    "learned_reward",
    "log_probs",
    "mask_by_padding_id",
    "masked_mean",
    "pack",
    "pair_accuracy",
    "pair_margins",
    "ppo_loss",
    "ranked_batch",
    "ranked_pairs",
    "ranking_loss",
    "response_loss",
    "reward_loss",
    "rewards_of",
    "sample_answers",
    "sequence_log_prob",
    "sft",
    "token_rewards",
    "town_reward",
    "town_sft",
    "unaligned",
    "value_loss",
    "whiten",
]
