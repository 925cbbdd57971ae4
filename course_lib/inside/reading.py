"""Reading the residual stream as if it were the end, and splitting a logit into who wrote it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.models import GPT
from course_lib.models.checks import check_ids

from .record import Record


@torch.no_grad()
def logit_lens(model: GPT, stream: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
    """Read the stream at any depth through the last LayerNorm and the unembedding (nostalgebraist 2020).

    At the last depth these are the model's logits.
    """
    return model.unembed(model.ln_f(stream))  # [*B, C] -> [*B, V]


@dataclass(frozen=True)
class Attribution:
    """Who wrote how much of a logit. All of it adds up to the logit: see `total`."""

    embedding: Float[Tensor, "B T"]
    heads: Float[Tensor, "L H B T"]
    mlps: Float[Tensor, "L B T"]
    biases: Float[Tensor, "B T"]  # attention's output biases and that of the last LayerNorm: the same for every text

    def total(self) -> Float[Tensor, "B T"]:
        """Add everything up."""
        return self.embedding + self.heads.sum((0, 1)) + self.mlps.sum(0) + self.biases


@torch.no_grad()
def attribution(
    model: GPT, record: Record, to: Int[Tensor, "B T"], against: Int[Tensor, "B T"] | None = None
) -> Attribution:
    """Split the logit of token `to` at every position, or its difference to that of `against`, among all that wrote.

    The last LayerNorm is linear once its division is held fixed at what it was (Elhage et al. 2021), so each part can
    be read alone and the parts add up. It is the direct way to the logits only: what a part did by way of later parts
    counts as theirs. Raises ValueError for an id outside the vocabulary.
    """
    direction = _embeddings(model, to) - (0 if against is None else _embeddings(model, against))  # [B, T, C]
    last = record.stream[-1]
    scale = (last.var(-1, correction=0, keepdim=True) + model.ln_f.eps).rsqrt()  # [B, T, 1]

    def read(x: Tensor) -> Tensor:
        """Read one part as the last LayerNorm and the unembedding do: [..., B, T, C] -> [..., B, T]."""
        return ((x - x.mean(-1, keepdim=True)) * scale * model.ln_f.weight * direction).sum(-1)

    bias = sum(block.attn.c_proj.bias for block in model.h)  # [C]
    return Attribution(
        embedding=read(record.stream[0]),
        heads=read(record.heads.transpose(1, 2)),  # [L, H, B, T, C] -> [L, H, B, T]
        mlps=read(record.mlps),
        biases=read(bias.expand_as(last)) + (direction * model.ln_f.bias).sum(-1),
    )


def _embeddings(model: GPT, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
    return model.wte.weight[check_ids(ids, model.config.vocab_size)]
