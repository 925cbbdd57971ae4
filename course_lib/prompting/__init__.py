"""Prompts, and what a model can do from them."""

from .riddles import (
    STEPS,
    THE_RIDDLE,
    Riddle,
    RiddleTokens,
    all_riddles,
    first_mistake,
    majority,
    mislead,
    read_answer,
    split_riddles,
)
from .scratchpads import (
    believed,
    examine,
    riddle_model,
    sampled_answers,
    scratchpad_results,
    solve,
    trace_solution,
    vote_accuracy,
)

__all__ = [
    "STEPS",
    "THE_RIDDLE",
    "Riddle",
    "RiddleTokens",
    "all_riddles",
    "believed",
    "examine",
    "first_mistake",
    "majority",
    "mislead",
    "read_answer",
    "riddle_model",
    "sampled_answers",
    "scratchpad_results",
    "solve",
    "split_riddles",
    "trace_solution",
    "vote_accuracy",
]
