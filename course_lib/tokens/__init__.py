"""Byte-pair encoding from scratch, its bridge to tiktoken, and GPT-2's own vocabulary."""

from .characters import character_tokenizer
from .gpt2 import (
    ENDOFTEXT,
    GPT1_MERGES,
    GPT1_SYMBOLS,
    GPT1_VOCAB_SIZE,
    GPT2_BYTES,
    GPT2_MERGES,
    GPT2_VOCAB_SIZE,
    encoder_json,
    gpt2_encoding,
    gpt2_merges,
    gpt2_tokenizer,
    vocab_bpe,
)
from .merging import apply_merges, count_pairs, merge
from .splitting import PATTERN, split
from .steps import Node, merge_steps, merge_tree
from .tokenizer import Tokenizer
from .training import train_bpe, train_bpe_naive

__all__ = [
    "ENDOFTEXT",
    "GPT1_MERGES",
    "GPT1_SYMBOLS",
    "GPT1_VOCAB_SIZE",
    "GPT2_BYTES",
    "GPT2_MERGES",
    "GPT2_VOCAB_SIZE",
    "PATTERN",
    "Node",
    "Tokenizer",
    "apply_merges",
    "character_tokenizer",
    "count_pairs",
    "encoder_json",
    "gpt2_encoding",
    "gpt2_merges",
    "gpt2_tokenizer",
    "merge",
    "merge_steps",
    "merge_tree",
    "split",
    "train_bpe",
    "train_bpe_naive",
    "vocab_bpe",
]
