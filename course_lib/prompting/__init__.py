"""Prompts, and what a model can do from them."""
