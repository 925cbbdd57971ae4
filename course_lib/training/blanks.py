"""Blanks: one word of a text is left out, and a model says which. The town knows how good one can be at that."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT, WORDS, document

from .batches import similar_lengths
from .evaluation import document_nats

WORD = re.compile(r"(?<= )\w+")  # with a space before it: one token, blank or not


@dataclass(frozen=True)
class Blank:
    """A text with a hole: what stands before it and after it, and the word that stood there. Spaces stay outside."""

    before: str
    word: str
    after: str
    kind: str

    def filled(self, word: str) -> str:
        """The whole text with this word in the hole."""
        return self.before + word + self.after


def blank(number: int) -> Blank:
    """Leave out one word of the document with this number, all its words but the first equally likely."""
    told = document(number)
    hole = Random(f"blank/full/{number}").choice(list(WORD.finditer(told.text)))
    return Blank(told.text[: hole.start()], hole.group(), told.text[hole.end() :], told.kind)


def blanks(n: int, first: int = HELD_OUT) -> list[Blank]:
    """Leave out one word of each of n documents that training never uses."""
    return [blank(number) for number in range(first, first + n)]


def blank_ids(hole: Blank, tokenizer: Tokenizer) -> list[int]:
    """Encode a text with a hole as BERT reads it: [CLS] before [MASK] after [SEP]."""
    special = tokenizer.special_tokens
    before, after = tokenizer.encode(hole.before.removesuffix(" ")), tokenizer.encode(hole.after)
    return [special["[CLS]"], *before, special["[MASK]"], *after, special["[SEP]"]]


@torch.no_grad()
def fill(model: nn.Module, holes: Sequence[Blank], tokenizer: Tokenizer, batch_size: int = 50) -> Float[Tensor, "N V"]:
    """Ask a BERT for the word in each hole: log q of every token, in nats."""
    pad, mask = (tokenizer.special_tokens[name] for name in ("[PAD]", "[MASK]"))
    rows = [torch.tensor(blank_ids(hole, tokenizer)) for hole in holes]
    log_q = torch.empty(len(rows), tokenizer.vocab_size)
    for these in similar_lengths([len(row) for row in rows], batch_size):
        ids = nn.utils.rnn.pad_sequence([rows[i] for i in these], batch_first=True, padding_value=pad)  # [B, T]
        hidden = model.hidden(ids, visible=(ids != pad)[:, None])  # [B, T] -> [B, T, C]
        log_q[these] = model.unembed(hidden[ids == mask]).float().log_softmax(-1)  # [B, C] -> [B, V]
    return log_q


def word_ids(words: Sequence[str], tokenizer: Tokenizer) -> list[int]:
    """Give the one token of each word, with its space. Raises ValueError for a word that takes several."""
    ids = []
    for word in words:
        these = tokenizer.encode(" " + word)
        if len(these) != 1:
            raise ValueError(f"{word!r} takes {len(these)} tokens: a blank is one token wide")
        ids += these
    return ids


def candidates(tokenizer: Tokenizer) -> list[str]:
    """List the words of the town that can stand in a blank: those that are one token, with their space."""
    return [word for word in WORDS if len(tokenizer.encode(" " + word)) == 1]


def among(log_q: Float[Tensor, "N V"], words: Sequence[str], tokenizer: Tokenizer) -> Float[Tensor, "N K"]:
    """Keep log q of these words alone, and let them share all the probability."""
    return log_q[:, word_ids(words, tokenizer)].log_softmax(-1)  # [N, V] -> [N, K]


@torch.no_grad()
def fill_from_left(
    model: nn.Module, holes: Sequence[Blank], tokenizer: Tokenizer, batch_size: int = 50
) -> Float[Tensor, "N V"]:
    """Ask a GPT for the word in each hole. It reads what stands before it, and nothing else: log q, in nats."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    rows = [torch.tensor([end, *tokenizer.encode(hole.before.removesuffix(" "))]) for hole in holes]
    log_q = torch.empty(len(rows), model.config.vocab_size)
    for these in similar_lengths([len(row) for row in rows], batch_size):
        last = torch.tensor([len(rows[i]) - 1 for i in these])  # padding is on the right, where none looks
        ids = nn.utils.rnn.pad_sequence([rows[i] for i in these], batch_first=True)  # [B, T]
        hidden = model.hidden(ids)[torch.arange(len(these)), last]  # [B, T] -> [B, T, C] -> [B, C]
        log_q[these] = model.unembed(hidden).float().log_softmax(-1)
    return log_q


def fill_by_trying(model: nn.Module, hole: Blank, words: Sequence[str], tokenizer: Tokenizer) -> Float[Tensor, "K"]:
    """Let a GPT read the whole text once for each word, and compare: log q(word | both sides), in nats.

    By Bayes' rule that is what a text's probability says about one of its words. It takes as many passes as words.
    """
    return (-document_nats(model, [hole.filled(word) for word in words], tokenizer)).log_softmax(-1)
