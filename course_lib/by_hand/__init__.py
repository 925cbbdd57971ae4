"""A GPT by hand: attention, layers and the whole decoder in NumPy, forward only. Imports no torch.

Read attention.py, then layers.py, then gpt.py. Shape letters: B batch, T time (positions), C channels (n_embd),
H heads, D head size, V vocabulary; Tq positions that ask, Tk positions that are looked at.
"""

from .attention import (
    attention,
    attention_weights,
    causal_mask,
    merge_heads,
    softmax,
    split_heads,
)
from .checkpoint import load_config, load_params
from .gpt import (
    attention_maps,
    embed,
    generate,
    gpt,
    residual_stream,
    sample,
    unembed,
)
from .layers import block, gelu, layer_norm, linear, mlp, queries_keys_values, self_attention

__all__ = [
    "attention",
    "attention_maps",
    "attention_weights",
    "block",
    "causal_mask",
    "embed",
    "gelu",
    "generate",
    "gpt",
    "layer_norm",
    "linear",
    "load_config",
    "load_params",
    "merge_heads",
    "mlp",
    "queries_keys_values",
    "residual_stream",
    "sample",
    "self_attention",
    "softmax",
    "split_heads",
    "unembed",
]
