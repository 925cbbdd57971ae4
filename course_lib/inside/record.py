"""What happens inside a GPT while it reads: the residual stream, who looks at whom, and what each part writes.

Layers and heads are counted from 0: layer l reads the stream at depth l, and head (l, h) is number h of layer l.
"""

import math
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.models import GPT


@dataclass(frozen=True)
class Record:
    """All that `run` has seen.

    To rounding, stream[l + 1] = stream[l] + heads[l].sum(1) + the bias of attention's output + mlps[l]. (Not in GPT-1,
    whose blocks normalise each sum.)
    """

    stream: Float[Tensor, "L1 B T C"]  # residual stream before each block, and after the last
    weights: Float[Tensor, "L B H T T"]  # attention weights: a row per query
    heads: Float[Tensor, "L B H T C"]  # what each head adds to the stream
    mlps: Float[Tensor, "L B T C"]  # what each MLP adds to it
    logits: Float[Tensor, "B T V"]


@torch.no_grad()
def run(model: GPT, ids: Int[Tensor, "B T"]) -> Record:
    """Let the model read, and write down what goes past. Its own `forward` does the work; hooks only look on.

    So it shows an ablated model as it is (see `ablate`). The weights alone are computed again, from the queries and
    keys that went past: PyTorch's attention does not tell them. Raises ValueError as the model does.
    """
    stream, qkv, heads, mlps = ({} for _ in range(4))  # layer -> what went past there
    with ExitStack() as hooks:
        for i, block in enumerate(model.h):
            for hook in (
                block.register_forward_pre_hook(lambda _, args, i=i: stream.update({i: args[0]})),
                block.attn.c_attn.register_forward_hook(lambda _, args, out, i=i: qkv.update({i: out})),
                block.attn.c_proj.register_forward_pre_hook(lambda _, args, i=i: heads.update({i: args[0]})),
                block.mlp.register_forward_hook(lambda _, args, out, i=i: mlps.update({i: out})),
            ):
                hooks.callback(hook.remove)
        last = model.ln_f.register_forward_pre_hook(lambda _, args: stream.update({len(model.h): args[0]}))
        hooks.callback(last.remove)
        logits = model(ids)
    return Record(
        stream=torch.stack(list(stream.values())),
        weights=torch.stack([attention_weights(x, model.config.n_head) for x in qkv.values()]),
        heads=torch.stack([head_writes(model, layer, z) for layer, z in heads.items()]),
        mlps=torch.stack(list(mlps.values())),
        logits=logits,
    )


def attention_weights(qkv: Float[Tensor, "B T C3"], n_head: int) -> Float[Tensor, "B H T T"]:
    """Turn queries and keys into the weights that PyTorch's attention keeps to itself."""
    q, k, _ = qkv.unflatten(-1, (3, n_head, -1)).permute(2, 0, 3, 1, 4)  # [B, T, 3C] -> 3 of [B, H, T, D]
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])  # [B, H, T, D] @ [B, H, D, T] -> [B, H, T, T]
    later = torch.ones_like(scores, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -math.inf).softmax(-1)


def head_writes(model: GPT, layer: int, z: Float[Tensor, "B T C"]) -> Float[Tensor, "B H T C"]:
    """Say what each head adds to the stream, from the heads' outputs side by side: W_O cut into rows of D."""
    n_head = model.config.n_head
    rows = model.h[layer].attn.c_proj.weight.unflatten(0, (n_head, -1))  # [C, C] -> [H, D, C]
    return z.unflatten(-1, (n_head, -1)).transpose(1, 2) @ rows  # [B, H, T, D] @ [H, D, C] -> [B, H, T, C]
