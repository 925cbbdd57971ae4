"""GPT-2 in PyTorch (Radford et al. 2019), with the parameter names and the storage of Hugging Face's checkpoints.

Shape letters: B batch, T time (positions), C channels (n_embd), H heads, D head size, V vocabulary.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoints
from .cache import KVCache
from .checks import check_at_least, check_heads, check_ids


@dataclass(frozen=True)
class GPTConfig:
    """The five sizes of a GPT. The defaults are GPT-2 small's.

    Raises ValueError for a size below 1, or an n_embd that n_head does not divide.
    """

    vocab_size: int = 50257
    n_ctx: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12

    def __post_init__(self) -> None:
        check_at_least(1, **asdict(self))
        check_heads(self.n_embd, self.n_head)


class Conv1D(nn.Module):
    """A linear layer whose weight is stored (in, out), as in GPT-2's files; nn.Linear stores (out, in)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        """Mix the channels: x W + b."""
        return F.linear(x, self.weight.T, self.bias)  # [*B, I] @ [I, O] + [O] -> [*B, O]


class CausalSelfAttention(nn.Module):
    """Each position gathers from itself and those before it, in n_head ways at once."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer  # which page of the cache is this one's
        self.n_head = config.n_head
        self.c_attn = Conv1D(config.n_embd, 3 * config.n_embd)
        self.c_proj = Conv1D(config.n_embd, config.n_embd)

    def forward(self, x: Float[Tensor, "B T C"], cache: KVCache | None = None) -> Float[Tensor, "B T C"]:
        """Attend, all heads at once, and to what the cache remembers of earlier tokens."""
        qkv = self.c_attn(x).unflatten(-1, (3, self.n_head, -1))  # [B, T, C] -> [B, T, 3C] -> [B, T, 3, H, D]
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # 3 of [B, H, T, D]
        if cache is None:
            heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # 3 of [B, H, T, D] -> [B, H, T, D]
        else:
            k, v, mask = cache.extend(self.layer, k, v)  # [B, H, T, D] -> [B, H, S, D]: S tokens so far
            heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.c_proj(heads.transpose(1, 2).flatten(2))  # [B, H, T, D] -> [B, T, C]


class MLP(nn.Module):
    """Two linear layers around a GELU: widen to 4C, bend, narrow again."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = Conv1D(config.n_embd, 4 * config.n_embd)
        self.c_proj = Conv1D(4 * config.n_embd, config.n_embd)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Think about each position alone."""
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))  # [B, T, C] -> [B, T, 4C] -> [B, T, C]


class Block(nn.Module):
    """Attention, then the MLP, each after a LayerNorm and added to the residual stream."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = CausalSelfAttention(config, layer)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = MLP(config)

    def forward(self, x: Float[Tensor, "B T C"], cache: KVCache | None = None) -> Float[Tensor, "B T C"]:
        """Move the residual stream one layer on."""
        x = x + self.attn(self.ln_1(x), cache)  # [B, T, C] -> [B, T, C]
        return x + self.mlp(self.ln_2(x))  # [B, T, C] -> [B, T, C]


class GPT(nn.Module):
    """GPT-2: token and position embeddings, a stack of blocks, a last LayerNorm, an output tied to the embedding."""

    block, last_norm, files = Block, nn.LayerNorm, checkpoints.GPT2  # GPT-1 has others

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_ctx, config.n_embd)
        self.h = nn.ModuleList(self.block(config, layer) for layer in range(config.n_layer))
        self.ln_f = self.last_norm(config.n_embd)
        self._initialise()

    def forward(self, ids: Integer[Tensor, "B T"], cache: KVCache | None = None) -> Float[Tensor, "B T V"]:
        """Score every token of the vocabulary as the next one, at every position (logits).

        With a cache, `ids` are the tokens that come after those it remembers, and it will remember these too.
        Raises ValueError for more than n_ctx positions or an id outside the vocabulary.
        """
        return self.unembed(self.hidden(ids, cache))  # [B, T] -> [B, T, C] -> [B, T, V]

    def hidden(self, ids: Integer[Tensor, "B T"], cache: KVCache | None = None) -> Float[Tensor, "B T C"]:
        """Give the last hidden states: the residual stream after all blocks and the last LayerNorm."""
        x = self.embed(ids, cache)  # [B, T] -> [B, T, C]
        for block in self.h:
            x = block(x, cache)  # [B, T, C] -> [B, T, C]
        if cache is not None:
            cache.length += ids.shape[1]
        return self.ln_f(x)  # [B, T, C] -> [B, T, C]

    def unembed(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """Compare hidden states with the embedding of every token: the output is tied to the input."""
        return x @ self.wte.weight.T  # [*B, C] @ [C, V] -> [*B, V]

    def embed(self, ids: Integer[Tensor, "B T"], cache: KVCache | None = None) -> Float[Tensor, "B T C"]:
        """Start the residual stream: what the token is, plus where it stands. Raises as `forward` does."""
        n_positions = ids.shape[1] + (0 if cache is None else cache.length)
        if n_positions > self.config.n_ctx:
            raise ValueError(f"{n_positions} tokens exceed n_ctx = {self.config.n_ctx}")
        ids = check_ids(ids, self.config.vocab_size)
        where = self.wpe.weight[:n_positions] if cache is None else self.wpe(cache.positions(ids.shape[1]))
        return self.wte(ids) + where  # [B, T] -> [B, T, C], [T, C] or [B, T, C] -> [B, T, C]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, which transformers' GPT2LMHeadModel opens too.

        Interrupted at any moment, it leaves no half-written file and no mixture of two models.
        """
        checkpoints.write(folder, asdict(self.config), self.state_dict(), self.files)

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | Path, dtype: torch.dtype | None = torch.float32, download: bool = True
    ) -> "GPT":
        """Open "gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", another model of the Hub, or a folder like theirs.

        Weights stay in the file until they are changed, or converted (`dtype=None` keeps the file's).
        `download=False` looks only at what this machine has. Raises FileNotFoundError where there is no such model,
        ValueError where its names, shapes or settings are not GPT-2's.
        """
        folder = checkpoints.find(name_or_folder, download, cls.files)
        with checkpoints.NamesAndShapes():  # no numbers, no memory
            model = cls(GPTConfig(**checkpoints.read_sizes(folder, cls.files)))
        shapes = {name: weight.shape for name, weight in model.state_dict().items()}
        model.load_state_dict(checkpoints.read_weights(folder, shapes, dtype, cls.files), assign=True)
        return model

    def _initialise(self) -> None:
        """Draw weights from N(0, 0.02), and from N(0, 0.02 / √(2 n_layer)) where a layer adds to the residual stream.

        GPT-2's paper asks for 1/√N with N residual layers; this is the common reading of it (two per block).
        """
        for name, p in self.named_parameters():
            if p.ndim == 2:
                scale = math.sqrt(2 * self.config.n_layer) if name.endswith("c_proj.weight") else 1
                nn.init.normal_(p, std=0.02 / scale)
