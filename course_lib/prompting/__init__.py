"""Prompting: tasks put into the text that a model continues, and what it can do from them. No weight changes."""

from .best import best_accuracy, best_probabilities
from .calibration import answer_probabilities, calibrate
from .prompts import Form, Shot, draw_shots, few_shot, one_shot, zero_shot
from .puzzles import FORMS, SHOTS, Question, accuracy_by_shots, ask, questions
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
from .scoring import HOW, Encoder, accuracy, log_likelihoods, scores, token_counts
from .scratchpads import (
    believed,
    examine,
    sampled_answers,
    solve,
    trace_solution,
    vote_accuracy,
)

__all__ = [
    "FORMS",
    "HOW",
    "SHOTS",
    "STEPS",
    "THE_RIDDLE",
    "Encoder",
    "Form",
    "Question",
    "Riddle",
    "RiddleTokens",
    "Shot",
    "accuracy",
    "accuracy_by_shots",
    "all_riddles",
    "answer_probabilities",
    "ask",
    "believed",
    "best_accuracy",
    "best_probabilities",
    "calibrate",
    "draw_shots",
    "examine",
    "few_shot",
    "first_mistake",
    "log_likelihoods",
    "majority",
    "mislead",
    "one_shot",
    "questions",
    "read_answer",
    "sampled_answers",
    "scores",
    "solve",
    "split_riddles",
    "token_counts",
    "trace_solution",
    "vote_accuracy",
    "zero_shot",
]
