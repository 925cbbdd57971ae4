"""BERT in PyTorch (Devlin et al. 2019): a stack of encoders that fills blanks. Without dropout, as our GPT.

What differs from GPT-2: every position looks at all others; LayerNorm comes after each addition (post-LN), and once
over the embeddings instead of once at the end; a third embedding says which of two segments a token belongs to; and
before the output, which is tied here too, stands a small network of its own.

Shape letters: B batch, T time (positions), C channels (n_embd), H heads, D head size, V vocabulary.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoints
from .bert_files import BERT_FILES, files_of, read_settings
from .checks import check_at_least, check_heads

GELUS = {"tanh": "tanh", "erf": "none"}  # our names -> torch's


@dataclass(frozen=True)
class BERTConfig:
    """The sizes of a BERT; the defaults are BERT base's.

    `gelu` is "tanh", as in Google's code, or "erf", as in Hugging Face's. `pooler` says whether there is the layer
    that reads [CLS] for tasks about whole texts; filling blanks does without it.
    Raises ValueError for a size below 1, an n_embd that n_head does not divide, or another GELU.
    """

    vocab_size: int = 30522
    n_ctx: int = 512
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_segment: int = 2
    gelu: str = "tanh"
    pooler: bool = False

    def __post_init__(self) -> None:
        sizes = asdict(self)
        gelu, _ = sizes.pop("gelu"), sizes.pop("pooler")
        check_at_least(1, **sizes)
        check_heads(self.n_embd, self.n_head)
        if gelu not in GELUS:
            raise ValueError(f"gelu is {gelu!r}: choose one of {', '.join(GELUS)}")


class GELU(nn.GELU):
    """The GELU that the configuration names."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__(GELUS[config.gelu])


class SelfAttention(nn.Module):
    """Each position gathers from all that it may look at, on both sides, in n_head ways at once."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.query = nn.Linear(config.n_embd, config.n_embd)
        self.key = nn.Linear(config.n_embd, config.n_embd)
        self.value = nn.Linear(config.n_embd, config.n_embd)
        self.proj = nn.Linear(config.n_embd, config.n_embd)

    def forward(
        self, x: Float[Tensor, "B T C"], visible: Bool[Tensor, "#B #T T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """Attend, all heads at once."""
        q, k, v = (
            layer(x).unflatten(-1, (self.n_head, -1)).transpose(1, 2)  # [B, T, C] -> [B, T, H, D] -> [B, H, T, D]
            for layer in (self.query, self.key, self.value)
        )
        mask = None if visible is None else visible[:, None]  # [B, T, T] -> [B, 1, T, T]: the same for all heads
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # 3 of [B, H, T, D] -> [B, H, T, D]
        return self.proj(heads.transpose(1, 2).flatten(2))  # [B, H, T, D] -> [B, T, C]


class Block(nn.Module):
    """Attention, then the MLP; each is added to its input, and LayerNorm comes after the sum."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.attn = SelfAttention(config)
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=1e-12)
        self.mlp = nn.Sequential(
            nn.Linear(config.n_embd, 4 * config.n_embd), GELU(config), nn.Linear(4 * config.n_embd, config.n_embd)
        )
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=1e-12)

    def forward(
        self, x: Float[Tensor, "B T C"], visible: Bool[Tensor, "#B #T T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """Move one layer on."""
        x = self.ln_1(x + self.attn(x, visible))  # [B, T, C] -> [B, T, C]
        return self.ln_2(x + self.mlp(x))  # [B, T, C] -> [B, T, 4C] -> [B, T, C]


class BERT(nn.Module):
    """BERT: three embeddings and a LayerNorm, a stack of blocks, the masked-LM head, an output tied to the words."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.n_ctx, config.n_embd)
        self.wse = nn.Embedding(config.n_segment, config.n_embd)
        self.ln_e = nn.LayerNorm(config.n_embd, eps=1e-12)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.head = nn.Sequential(
            nn.Linear(config.n_embd, config.n_embd), GELU(config), nn.LayerNorm(config.n_embd, eps=1e-12)
        )
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.pooler = nn.Linear(config.n_embd, config.n_embd) if config.pooler else None
        self._initialise()

    def forward(
        self,
        ids: Integer[Tensor, "B T"],
        segments: Integer[Tensor, "B T"] | None = None,
        visible: Bool[Tensor, "#B #T T"] | None = None,
    ) -> Float[Tensor, "B T V"]:
        """Score every token of the vocabulary for each position itself, not for the one after it (logits).

        `segments` says to which segment each token belongs, all to the first if it is None. `visible[b, i, j]` says
        whether position i may look at position j, everywhere if it is None; for texts with padding it is
        `(ids != pad)[:, None]`. Raises ValueError for more than n_ctx positions, an unknown id or segment.
        """
        return self.unembed(self.hidden(ids, segments, visible))  # [B, T] -> [B, T, C] -> [B, T, V]

    def hidden(
        self,
        ids: Integer[Tensor, "B T"],
        segments: Integer[Tensor, "B T"] | None = None,
        visible: Bool[Tensor, "#B #T T"] | None = None,
    ) -> Float[Tensor, "B T C"]:
        """Give the last hidden states, what each position has become after all blocks."""
        x = self.embed(ids, segments)  # [B, T] -> [B, T, C]
        for block in self.h:
            x = block(x, visible)  # [B, T, C] -> [B, T, C]
        return x

    def embed(
        self, ids: Integer[Tensor, "B T"], segments: Integer[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T C"]:
        """Add up what the token is, where it stands, and in which segment; then LayerNorm. Raises as `forward` does."""
        if ids.shape[1] > self.config.n_ctx:
            raise ValueError(f"{ids.shape[1]} tokens exceed n_ctx = {self.config.n_ctx}")
        segments = torch.zeros_like(ids) if segments is None else segments
        ids, segments = ids.long(), segments.long()
        for name, numbers, table in (("token id", ids, self.wte), ("segment", segments, self.wse)):
            if (bad := numbers[(numbers < 0) | (numbers >= len(table.weight))]).numel():
                raise ValueError(f"there is no {name} {bad[0].item()}: they run from 0 to {len(table.weight) - 1}")
        return self.ln_e(self.wte(ids) + self.wpe.weight[: ids.shape[1]] + self.wse(segments))  # [B, T] -> [B, T, C]

    def unembed(self, x: Float[Tensor, "*B C"]) -> Float[Tensor, "*B V"]:
        """Turn hidden states once more, and compare them with the embedding of every token."""
        return self.head(x) @ self.wte.weight.T + self.bias  # [*B, C] -> [*B, C] @ [C, V] + [V] -> [*B, V]

    def pool(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B C"]:
        """Summarise a text, from the last hidden state of its first token, [CLS].

        Raises ValueError for a BERT that was made without a pooler.
        """
        if self.pooler is None:
            raise ValueError("this BERT has no pooler: make it with BERTConfig(pooler=True)")
        return self.pooler(x[:, 0]).tanh()  # [B, T, C] -> [B, C]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, which transformers' BertForMaskedLM opens too."""
        weights = self.state_dict()
        sizes = {name: size for name, size in asdict(self.config).items() if name not in ("gelu", "pooler")}
        sizes["n_inner"] = 4 * self.config.n_embd
        checkpoints.write(folder, sizes, weights, files_of(weights, self.config.gelu))

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | Path, dtype: torch.dtype | None = torch.float32, download: bool = True
    ) -> "BERT":
        """Open "bert-base-uncased", "bert-large-uncased", their cased sisters, another BERT of the Hub, or a folder.

        `dtype`, `download` and errors are those of `GPT.from_pretrained`. The folder holds a masked-LM head, and
        perhaps a pooler; the head for next sentences is left out.
        """
        folder = checkpoints.find(name_or_folder, download, BERT_FILES)
        with checkpoints.NamesAndShapes():  # no numbers, no memory
            model = cls(BERTConfig(**read_settings(folder)))
        shapes = {name: weight.shape for name, weight in model.state_dict().items()}
        old = any(name.endswith("LayerNorm.gamma") for name in checkpoints.read_names(folder))
        files = files_of(shapes, model.config.gelu, old)
        model.load_state_dict(checkpoints.read_weights(folder, shapes, dtype, files), assign=True)
        return model

    def _initialise(self) -> None:
        """Draw all matrices from N(0, 0.02), as Hugging Face does (Google draws again what lies beyond 0.04)."""
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)
