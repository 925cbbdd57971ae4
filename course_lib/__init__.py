"""The library of Inside GPT, a course on how GPT works. Every chapter stands on it."""

__version__ = "0.1.0"
