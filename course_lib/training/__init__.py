"""Training: rows of tokens, the optimiser, the schedule, the loop, and the loss beside the entropy floor."""

from .batches import batches, fill_row
from .evaluation import Score, document_nats, scores
from .loop import optimisers, train, warmup_cosine
from .muon import Muon, orthogonalise

__all__ = [
    "Muon",
    "Score",
    "batches",
    "document_nats",
    "fill_row",
    "optimisers",
    "orthogonalise",
    "scores",
    "train",
    "warmup_cosine",
]
