"""Models in PyTorch. So far: GPT-2."""

from .gpt import GPT, GPTConfig

__all__ = ["GPT", "GPTConfig"]
