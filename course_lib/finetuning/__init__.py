"""Fine-tuning as in GPT-1: four input formats, three new tokens, one new linear layer, two losses."""

from .batches import FORMS, Batch, Encoded, collate, encode_example, epoch, town_form
from .formats import (
    SpecialTokens,
    format_classification,
    format_entailment,
    format_multiple_choice,
    format_similarity,
)
from .heads import TaskModel, at_extract, freeze, widen
from .tuning import (
    Settings,
    Step,
    accuracy,
    classification_loss,
    finetune,
    finetune_optimisers,
    language_loss,
    losses,
    predict,
    warmup_linear,
)
from .zero_shot import Thresholds, continuation_nats, fit_thresholds, surprises, zero_shot

__all__ = [
    "FORMS",
    "Batch",
    "Encoded",
    "Settings",
    "SpecialTokens",
    "Step",
    "TaskModel",
    "Thresholds",
    "accuracy",
    "at_extract",
    "classification_loss",
    "collate",
    "continuation_nats",
    "encode_example",
    "epoch",
    "finetune",
    "finetune_optimisers",
    "fit_thresholds",
    "format_classification",
    "format_entailment",
    "format_multiple_choice",
    "format_similarity",
    "freeze",
    "language_loss",
    "losses",
    "predict",
    "surprises",
    "town_form",
    "warmup_linear",
    "widen",
    "zero_shot",
]
