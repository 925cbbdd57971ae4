"""Examples in rows of ids, and batches of them, padded on the right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.tokens import Tokenizer
from course_lib.town import LABELS, Example
from course_lib.training.batches import Tensors

from .formats import (
    SpecialTokens,
    format_classification,
    format_entailment,
    format_multiple_choice,
    format_similarity,
)

FORMS = ("classification", "entailment", "similarity", "multiple_choice")
PADDING = 0  # any id will do: nothing looks at what stands behind it


@dataclass(frozen=True)
class Encoded:
    """One example as the model reads it: K rows of ids, each ending in the extract token, and the label."""

    rows: tuple[tuple[int, ...], ...]
    label: int

    @property
    def length(self) -> int:
        """Count the tokens of the longest row."""
        return max(map(len, self.rows))


@dataclass(frozen=True)
class Batch(Tensors):
    """B examples of K rows, padded on the right to T tokens; `extract` is the place of each row's extract token."""

    ids: Int[Tensor, "B K T"]
    extract: Int[Tensor, "B K"]
    labels: Int[Tensor, " B"]


def check_form(form: str) -> str:
    """Give the format's name back. Raises ValueError for an unknown one."""
    if form not in FORMS:
        raise ValueError(f"no format called {form!r}: choose one of {', '.join(FORMS)}")
    return form


def town_form(task: str) -> str:
    """Say which of the four formats a task of the town takes. Raises ValueError for an unknown task."""
    if task not in LABELS:
        raise ValueError(f"no task called {task!r}: choose one of {', '.join(LABELS)}")
    if task.startswith("similar"):
        return "similarity"
    return {"classify": "classification", "entail": "entailment", "choose": "multiple_choice"}[task]


def encode_example(
    example: Example, form: str, tokenizer: Tokenizer, special: SpecialTokens, n_ctx: int, truncate: bool = False
) -> Encoded:
    """Bring an example of the town into one of the four formats.

    Each text begins with a space, as sentences inside a document do, so that every word is one token wherever it
    stands. Errors are those of the formats.
    """
    check_form(form)
    texts = [tokenizer.encode(" " + text) for text in example.texts]
    options = [tokenizer.encode(" " + option) for option in example.options]
    if form == "classification":
        rows = format_classification(*texts, special, n_ctx, truncate)
    elif form == "entailment":
        rows = format_entailment(*texts, special, n_ctx, truncate)
    elif form == "similarity":
        rows = format_similarity(*texts, special, n_ctx, truncate)
    else:
        rows = format_multiple_choice(*texts, [], options, special, n_ctx, truncate)
    return Encoded(tuple(map(tuple, rows)), example.label)


def collate(examples: Sequence[Encoded]) -> Batch:
    """Put examples into one batch, rows padded on the right.

    Raises ValueError for no examples, or for examples with different numbers of rows (candidates).
    """
    counts = sorted({len(example.rows) for example in examples})
    if len(counts) != 1:
        raise ValueError(f"a batch needs examples that all have as many rows: these {len(examples)} have {counts}")
    length = max(example.length for example in examples)
    ids = torch.full((len(examples), counts[0], length), PADDING)
    for i, example in enumerate(examples):
        for k, row in enumerate(example.rows):
            ids[i, k, : len(row)] = torch.tensor(row)
    extract = torch.tensor([[len(row) - 1 for row in example.rows] for example in examples])  # [B, K]
    return Batch(ids, extract, torch.tensor([example.label for example in examples]))


def epoch(
    examples: Sequence[Encoded], batch_size: int, seed: int, number: int, similar_lengths: int = 1
) -> list[list[Encoded]]:
    """Give the batches of one epoch: every example once, in an order made from the two numbers alone.

    `similar_lengths` batches at a time are sorted by length before they are cut, which saves padding.
    """
    dice = np.random.default_rng([seed, number])
    order, batches = dice.permutation(len(examples)), []
    for start in range(0, len(order), pool := batch_size * similar_lengths):
        these = order[start : start + pool]
        if similar_lengths > 1:
            these = sorted(these, key=lambda i: examples[i].length)
        batches += [these[i : i + batch_size] for i in range(0, len(these), batch_size)]
    turns = dice.permutation(len(batches)) if similar_lengths > 1 else range(len(batches))
    return [[examples[j] for j in batches[i]] for i in turns]
