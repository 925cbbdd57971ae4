"""Training: rows of tokens, the optimisers, the schedule, the loop, and the loss beside the entropy floor."""

from .batches import Batches, by_length, fill_row, in_stages, shuffled, similar_lengths, text_rows, windows
from .evaluation import Score, document_nats, mean_loss, scores
from .loop import fastest_dtype, next_token_loss, train, warmup_cosine
from .muon import Muon, orthogonalise
from .optimisers import adamw, muon_and_adamw
from .probes import mood_accuracy, second_copy_loss
from .state import load_state, save_state

__all__ = [
    "Batches",
    "Muon",
    "Score",
    "adamw",
    "by_length",
    "document_nats",
    "fastest_dtype",
    "fill_row",
    "in_stages",
    "load_state",
    "mean_loss",
    "mood_accuracy",
    "muon_and_adamw",
    "next_token_loss",
    "orthogonalise",
    "save_state",
    "scores",
    "second_copy_loss",
    "shuffled",
    "similar_lengths",
    "text_rows",
    "train",
    "warmup_cosine",
    "windows",
]
