"""Writing text with a GPT: how the next token is chosen, decoding with a KV cache, text that streams."""

from .decode import Context, generate, stream
from .layout import lay_out
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
    "lay_out",
    "load",
    "penalise_repetition",
    "sample",
    "scale_by_temperature",
    "stream",
    "stream_text",
]
