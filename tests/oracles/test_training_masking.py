"""Our coins against those of transformers' DataCollatorForLanguageModeling: the same rates, token by token.

It chooses each token with probability 0.15, and special tokens never; a random token comes from the whole vocabulary,
special tokens too. Rates are compared with four standard errors of their difference.
"""

import math

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from course_lib.training.masking import NOT_ASKED, choose_each, corrupt

NAMES = ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
V, MASK = 20, 3


@pytest.fixture(scope="module")
def both():
    """Many rows [CLS] … [SEP] [PAD], corrupted by them and by us: (ids, theirs, their labels, ours, our labels)."""
    words = {name: i for i, name in enumerate([*NAMES, "[UNK]", *(f"w{i}" for i in range(V - 5))])}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="[UNK]")),
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        unk_token="[UNK]",
    )
    assert len(tokenizer) == V
    ids = torch.randint(5, V, (3000, 40), generator=torch.Generator().manual_seed(0))
    ids[:, 0], ids[:, 30], ids[:, 31:] = 1, 2, 0
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15, seed=0)
    theirs = collator([{"input_ids": row} for row in ids])
    generator = torch.Generator().manual_seed(1)
    chosen = choose_each(ids, range(5), generator=generator)
    ours = corrupt(ids, chosen, MASK, V, generator)
    return ids, theirs["input_ids"], theirs["labels"], ours, ids.masked_fill(~chosen, NOT_ASKED)


def rates(ids, inputs, labels):
    """(name, share, out of how many)."""
    chosen, ordinary = labels != -100, ids >= 5
    n = chosen.sum().item()
    other = chosen & (inputs != MASK) & (inputs != ids)
    yield "chosen", chosen[ordinary].float().mean().item(), ordinary.sum().item()
    yield "masked", (inputs[chosen] == MASK).float().mean().item(), n
    yield "another token", other.sum().item() / n, n
    yield "unchanged", (inputs[chosen] == ids[chosen]).float().mean().item(), n
    yield "[MASK] of all", (inputs == MASK)[ordinary].float().mean().item(), ordinary.sum().item()
    for token in (0, 1, 4, 5, V - 1):  # what a random token may be
        yield f"token {token}", (inputs[other] == token).float().mean().item(), other.sum().item()


def test_rates_are_theirs(both):
    ids, theirs, their_labels, ours, our_labels = both
    for (name, a, n), (_, b, m) in zip(rates(ids, theirs, their_labels), rates(ids, ours, our_labels), strict=True):
        p = (a * n + b * m) / (n + m)
        assert abs(a - b) <= 4 * math.sqrt(p * (1 - p) * (1 / n + 1 / m)), (name, a, b)


def test_special_tokens_are_left_alone_by_both(both):
    ids, theirs, their_labels, ours, our_labels = both
    for inputs, labels in ((theirs, their_labels), (ours, our_labels)):
        assert (labels[ids < 5] == -100).all()
        assert torch.equal(inputs[ids < 5], ids[ids < 5])
        assert torch.equal(inputs[labels == -100], ids[labels == -100])
