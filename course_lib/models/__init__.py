"""Models in PyTorch: GPT-2 and GPT-1, BERT, Transformer-XL and T5."""

from .bert import BERT, BERTConfig
from .cache import KVCache
from .gpt import GPT, GPTConfig
from .gpt1 import GPT1
from .sizes import (
    BERT_SIZES,
    DTYPES,
    GPT1_SIZE,
    GPT2_SIZES,
    GPT3_ROWS,
    PublishedRow,
    bert_parameter_table,
    count_bert_parameters,
    count_parameters,
    parameter_table,
    weight_bytes,
)
from .t5 import T5, T5_SIZES, T5Config, count_t5_parameters
from .transformer_xl import Memory, TransformerXL, TransformerXLConfig

__all__ = [
    "BERT",
    "BERT_SIZES",
    "DTYPES",
    "GPT",
    "GPT1",
    "GPT1_SIZE",
    "GPT2_SIZES",
    "GPT3_ROWS",
    "T5",
    "T5_SIZES",
    "BERTConfig",
    "GPTConfig",
    "KVCache",
    "Memory",
    "PublishedRow",
    "T5Config",
    "TransformerXL",
    "TransformerXLConfig",
    "bert_parameter_table",
    "count_bert_parameters",
    "count_parameters",
    "count_t5_parameters",
    "parameter_table",
    "weight_bytes",
]
