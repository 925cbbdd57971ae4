"""Masked language modelling (Devlin et al. 2019): choose some tokens, hide most of those, predict all of those.

A chosen token becomes [MASK] in 80 % of cases, any token in 10 %, and stays as it is in 10 %. Both published ways to
choose are here: Google's, a fixed number per text, and that of Hugging Face's collator, a coin for each token. Below
stand the batches that the town's BERT is trained on.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.tokens import Tokenizer
from course_lib.town import document

from .batches import Tensors, by_length, in_stages

SPECIAL_TOKENS = ("[PAD]", "[CLS]", "[SEP]", "[MASK]")
NOT_ASKED = -100  # the target of a position that was not chosen: cross_entropy leaves it out


@dataclass(frozen=True)
class MaskedRows(Tensors):
    """Rows for one step: what the model reads, what it is asked for (or NOT_ASKED), and where no padding is."""

    inputs: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    real: Bool[Tensor, "B T"]

    @property
    def n_targets(self) -> int:
        """How many tokens are asked for: what the batch weighs beside others."""
        return int((self.targets != NOT_ASKED).sum())


def choose_each(
    ids: Int[Tensor, "B T"],
    special: Collection[int],
    share: float = 0.15,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "B T"]:
    """Throw a coin for each token: it is chosen with probability `share`, a special one never.

    So says DataCollatorForLanguageModeling: new coins at every pass, and a short text may go without any.
    """
    check_share(share)
    return (torch.rand(ids.shape, generator=generator) < share) & ~one_of(ids, special)


def choose_exactly(
    ids: Int[Tensor, "B T"],
    special: Collection[int],
    pad: int,
    share: float = 0.15,
    most: int = 20,
    generator: torch.Generator | None = None,
) -> Bool[Tensor, "B T"]:
    """Choose min(most, max(1, round(share · length))) tokens of each row, all sets equally likely, no special one.

    So says Google's create_pretraining_data.py. [CLS] and [SEP] count for the length, padding does not. (Google draws
    once and writes files that have each text ten times. Python's round sends halves to the even number.)
    """
    check_share(share)
    length = (ids != pad).sum(-1).tolist()  # [B]
    n = torch.tensor([min(most, max(1, round(share * one))) for one in length])  # [B]
    lots = torch.rand(ids.shape, generator=generator).masked_fill(one_of(ids, special), 2.0)
    rank = lots.argsort(-1).argsort(-1)  # [B, T]: 0 for the smallest lot of each row; special tokens come last
    return (rank < n[:, None]) & (lots < 2)


def corrupt(
    ids: Int[Tensor, "B T"],
    chosen: Bool[Tensor, "B T"],
    mask: int,
    vocab_size: int,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "B T"]:
    """Replace 80 % of the chosen tokens by `mask`, 10 % by any token of the vocabulary, and leave 10 % alone."""
    die = torch.rand(ids.shape, generator=generator)  # [B, T]
    anything = torch.randint(vocab_size, ids.shape, generator=generator)  # [B, T], special tokens too, as in both codes
    replaced = torch.where(die < 0.8, mask, torch.where(die < 0.9, anything, ids))
    return torch.where(chosen, replaced, ids)  # [B, T]


def masked_loss(model: nn.Module, rows: MaskedRows) -> Tensor:
    """Predict the chosen tokens, and those alone: the mean cross-entropy in nats per chosen token.

    Only chosen positions go through the output layer, which is the dearest. Raises ValueError if none was chosen.
    """
    chosen = rows.targets != NOT_ASKED  # [B, T]
    if not chosen.any():
        raise ValueError(f"no token was chosen in rows of shape {list(chosen.shape)}: choose more, or take more rows")
    hidden = model.hidden(rows.inputs, visible=rows.real[:, None])[chosen]  # [B, T] -> [B, T, C] -> [N, C]
    return F.cross_entropy(model.unembed(hidden).float(), rows.targets[chosen])  # [N, V], [N] -> one number


def one_of(ids: Int[Tensor, "B T"], special: Collection[int]) -> Bool[Tensor, "B T"]:
    """Say where a special token stands."""
    return torch.isin(ids, torch.tensor(sorted(special), dtype=ids.dtype))


def check_share(share: float) -> None:
    """Raise ValueError for a share of tokens that is not between 0 and 1."""
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} of the tokens cannot be chosen: it lies above 0 and is at most 1")


def bert_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """Add BERT's four special tokens to a tokenizer, behind all others, so that no id changes."""
    return Tokenizer(tokenizer.merges, [*tokenizer.special_tokens, *SPECIAL_TOKENS], tokenizer.byte_order)


def framed(text: str, tokenizer: Tokenizer) -> list[int]:
    """Encode a text as BERT reads it: [CLS] text [SEP]."""
    special = tokenizer.special_tokens
    return [special["[CLS]"], *tokenizer.encode(text), special["[SEP]"]]


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` documents of a mix, of whose tokens `share` are chosen."""

    mix: str
    rows: int
    share: float
    steps: int


def document_rows(tokenizer: Tokenizer, stage: Stage) -> Callable[[int], list[list[int]]]:
    """Number the batches of a stage: each has documents of its own, all of like length."""
    return by_length(lambda number: framed(document(number, stage.mix).text, tokenizer), stage.rows)


def masked_batches(stages: Sequence[Stage], tokenizer: Tokenizer, seed: int = 0) -> Callable[[int], MaskedRows]:
    """Number the batches of all stages, one stage after another. What is chosen in each hangs on its number alone."""
    steps = [stage.steps for stage in stages]
    rows = in_stages([document_rows(tokenizer, stage) for stage in stages], steps)
    share = in_stages([lambda _, share=stage.share: share for stage in stages], steps)

    def batch(number: int) -> MaskedRows:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
        return hide(rows(number), tokenizer, share(number), generator)

    return batch


def hide(rows: list[list[int]], tokenizer: Tokenizer, share: float, generator: torch.Generator) -> MaskedRows:
    """Pad the rows to one length, choose, and corrupt."""
    pad, mask = (tokenizer.special_tokens[name] for name in ("[PAD]", "[MASK]"))
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad)  # [B, T]
    chosen = choose_each(ids, tokenizer.special_tokens.values(), share, generator)
    inputs = corrupt(ids, chosen, mask, tokenizer.vocab_size, generator)
    return MaskedRows(inputs, ids.masked_fill(~chosen, NOT_ASKED), ids != pad)
