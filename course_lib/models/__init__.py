"""Models in PyTorch: GPT-2 and GPT-1, and Transformer-XL."""

from .cache import KVCache
from .gpt import GPT, GPTConfig
from .gpt1 import GPT1
from .sizes import (
    DTYPES,
    GPT1_SIZE,
    GPT2_SIZES,
    GPT3_ROWS,
    PublishedRow,
    count_parameters,
    parameter_table,
    weight_bytes,
)
from .transformer_xl import Memory, TransformerXL, TransformerXLConfig

__all__ = [
    "DTYPES",
    "GPT",
    "GPT1",
    "GPT1_SIZE",
    "GPT2_SIZES",
    "GPT3_ROWS",
    "GPTConfig",
    "KVCache",
    "Memory",
    "PublishedRow",
    "TransformerXL",
    "TransformerXLConfig",
    "count_parameters",
    "parameter_table",
    "weight_bytes",
]
