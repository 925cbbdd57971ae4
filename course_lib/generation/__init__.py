"""Writing text with a GPT: the rules by which the next token is chosen, and decoding with a KV cache."""

from .decode import Context, generate, stream
from .samplers import (
    Sampler,
    keep_nucleus,
    keep_nucleus_openai,
    keep_top_k,
    penalise_repetition,
    sample,
    scale_by_temperature,
)
from .text import load, stream_text

__all__ = [
    "Context",
    "Sampler",
    "generate",
    "keep_nucleus",
    "keep_nucleus_openai",
    "keep_top_k",
    "load",
    "penalise_repetition",
    "sample",
    "scale_by_temperature",
    "stream",
    "stream_text",
]
