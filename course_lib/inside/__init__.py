"""Looking inside a GPT: what happens while it reads, how to score its heads, and how to take parts of it away."""

from .ablation import ablate, cut, mean_outputs
from .built import copying_gpt
from .reading import Attribution, attribution, logit_lens
from .record import Record, run
from .scores import attention_to, induction_scores, induction_targets, previous_token_scores, repeated

__all__ = [
    "Attribution",
    "Record",
    "ablate",
    "attention_to",
    "attribution",
    "copying_gpt",
    "cut",
    "induction_scores",
    "induction_targets",
    "logit_lens",
    "mean_outputs",
    "previous_token_scores",
    "repeated",
    "run",
]
