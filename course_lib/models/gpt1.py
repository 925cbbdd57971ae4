"""GPT-1 in PyTorch (Radford et al. 2018): GPT-2's parts in another order, and its published sizes.

Attention, MLP, embeddings and the tied output are GPT-2's, from `gpt`. Two things differ. LayerNorm comes after each
sum instead of before each part (post-LN), so the last block ends with one and no other follows; and every weight starts
from the same N(0, 0.02). The files have other names for the two embeddings: see `checkpoints.GPT1`.
"""

from jaxtyping import Float
from torch import Tensor, nn

from . import checkpoints
from .cache import KVCache
from .gpt import GPT, MLP, CausalSelfAttention, GPTConfig


class PostNormBlock(nn.Module):
    """Attention, then the MLP, each added to its input, and the sum normalised: nothing flows past a LayerNorm."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.attn = CausalSelfAttention(config, layer)
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)

    def forward(self, x: Float[Tensor, "B T C"], cache: KVCache | None = None) -> Float[Tensor, "B T C"]:
        """Move one layer on."""
        x = self.ln_1(x + self.attn(x, cache))  # [B, T, C] -> [B, T, C]
        return self.ln_2(x + self.mlp(x))  # [B, T, C] -> [B, T, C]


class GPT1(GPT):
    """GPT-1. `GPT1(GPT1_SIZE)` has 116,534,784 parameters; what takes a GPT takes it too.

    `from_pretrained` opens "openai-gpt" or a folder like it, and raises as GPT's does; transformers'
    OpenAIGPTLMHeadModel opens what `save_pretrained` writes.
    """

    block, last_norm, files = PostNormBlock, nn.Identity, checkpoints.GPT1

    def _initialise(self) -> None:
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)
