"""Transformer-XL in PyTorch (Dai et al. 2019): a decoder with relative positions that remembers earlier segments.

Conventions are those of the authors' code: LayerNorm after each sum, ReLU, u and v shared by all layers, embeddings
times √C, an output tied to them with a bias. Their adaptive softmax, for vocabularies of 268,000 words, is left out.

Shape letters: B batch, T time (positions of this segment), M positions in the memory, S = M + T, C channels (n_embd),
H heads, D head size, V vocabulary.
"""

import math
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from .checks import check_at_least, check_heads, check_ids


@dataclass(frozen=True)
class TransformerXLConfig:
    """The sizes of a Transformer-XL, and how many positions it remembers.

    The defaults are those of the authors' 12-layer model of enwik8, for all 256 bytes (theirs knows those that occur).
    There is no n_ctx: distances have no end. Raises ValueError for a size below 1 (a mem_len below 0), an n_embd that
    n_head does not divide, and an odd one, for which sines and cosines would not come in pairs.
    """

    vocab_size: int = 256
    n_embd: int = 512
    n_layer: int = 12
    n_head: int = 8
    mem_len: int = 512

    def __post_init__(self) -> None:
        sizes = asdict(self)
        check_at_least(0, mem_len=sizes.pop("mem_len"))
        check_at_least(1, **sizes)
        check_heads(self.n_embd, self.n_head)
        if self.n_embd % 2:
            raise ValueError(f"n_embd = {self.n_embd} is odd: half of the channels are sines, half are cosines")


class Memory:
    """What earlier segments left behind: the hidden states that went into each layer, the last mem_len of them.

    It starts empty, not with zeros: a zero vector would be one more position to look at. No gradient flows into it.
    Make one memory per batch of texts; `mem_len` may be longer or shorter than the model's own.
    Raises ValueError for a mem_len below 0, or a segment whose batch is not the one that it remembers.
    """

    def __init__(self, model: "TransformerXL", mem_len: int | None = None) -> None:
        self.mem_len = model.config.mem_len if mem_len is None else mem_len
        if self.mem_len < 0:
            raise ValueError(f"mem_len is {self.mem_len}: a memory of 0 positions is the shortest")
        self.states: list[Tensor | None] = [None] * model.config.n_layer  # each [B, M, C]

    @property
    def length(self) -> int:
        """Count the positions that it holds."""
        return 0 if self.states[0] is None else self.states[0].shape[1]

    def extend(self, layer: int, h: Float[Tensor, "B T C"]) -> Float[Tensor, "B S C"]:
        """Put this segment's states, on their way into `layer`, behind the remembered ones, and remember the last."""
        old = self.states[layer]
        if old is not None and len(old) != len(h):
            raise ValueError(f"the memory is of {len(old)} texts, the segment of {len(h)}: make a new Memory")
        context = h if old is None else torch.cat([old, h], dim=1)  # [B, M, C], [B, T, C] -> [B, S, C]
        self.states[layer] = context[:, max(0, context.shape[1] - self.mem_len) :].detach()
        return context


class RelativeAttention(nn.Module):
    """Attention to the memory and this segment, which asks how far away a key is, not where it stands."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.query, self.key, self.value, self.place, self.out = (
            nn.Linear(config.n_embd, config.n_embd, bias=False) for _ in range(5)
        )

    def forward(
        self,
        h: Float[Tensor, "B T C"],
        context: Float[Tensor, "B S C"],
        waves: Float[Tensor, "S C"],
        u: Float[Tensor, "H D"],
        v: Float[Tensor, "H D"],
    ) -> Float[Tensor, "B T C"]:
        """Queries from this segment; keys and values from the context, which is the memory and this segment."""
        q, k, values = self._heads(self.query(h)), self._heads(self.key(context)), self._heads(self.value(context))
        r = self._heads(self.place(waves))  # [S, C] -> [H, S, D]
        by_content = (q + u[:, None]) @ k.mT  # [B, H, T, D] @ [B, H, D, S] -> [B, H, T, S]
        by_distance = relative_shift((q + v[:, None]) @ r.mT)  # [B, H, T, D] @ [H, D, S] -> [B, H, T, S]
        scores = (by_content + by_distance) / math.sqrt(q.shape[-1])
        T, S = scores.shape[-2:]
        later = torch.ones(T, S, dtype=torch.bool, device=h.device).triu(S - T + 1)
        heads = scores.masked_fill(later, -math.inf).softmax(-1) @ values  # [B, H, T, S] @ [B, H, S, D]
        return self.out(heads.transpose(1, 2).flatten(2))  # [B, H, T, D] -> [B, T, C]

    def _heads(self, x: Float[Tensor, "*B N C"]) -> Float[Tensor, "*B H N D"]:
        return x.unflatten(-1, (self.n_head, -1)).transpose(-3, -2)  # [N, C] -> [N, H, D] -> [H, N, D]


class Block(nn.Module):
    """Attention, then two linear layers around a ReLU; each is added to its input, and the sum is normalised."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.attn = RelativeAttention(config)
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd)
        self.ln_2 = nn.LayerNorm(config.n_embd)

    def forward(
        self, h: Float[Tensor, "B T C"], context: Float[Tensor, "B S C"], *position: Float[Tensor, "..."]
    ) -> Float[Tensor, "B T C"]:
        """Move the hidden states of this segment one layer on; the memory is only looked at."""
        h = self.ln_1(h + self.attn(h, context, *position))  # [B, T, C] -> [B, T, C]
        return self.ln_2(h + self.c_proj(F.relu(self.c_fc(h))))  # [B, T, C] -> [B, T, 4C] -> [B, T, C]


class TransformerXL(nn.Module):
    """Token embeddings and a stack of blocks that share u, v and the memory; positions only ever as distances."""

    def __init__(self, config: TransformerXLConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.u, self.v = (nn.Parameter(torch.empty(config.n_head, config.n_embd // config.n_head)) for _ in range(2))
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids: Integer[Tensor, "B T"], memory: Memory | None = None) -> Float[Tensor, "B T V"]:
        """Score every token of the vocabulary as the next one, at every position of this segment (logits).

        With a memory, `ids` are the tokens that come after those it remembers, and it will remember these too.
        Raises ValueError for an id outside the vocabulary, or a memory of another batch.
        """
        return F.linear(self.hidden(ids, memory), self.wte.weight, self.bias)  # [B, T, C] @ [C, V] + [V] -> [B, T, V]

    def hidden(self, ids: Integer[Tensor, "B T"], memory: Memory | None = None) -> Float[Tensor, "B T C"]:
        """Give the hidden states after all layers. In each layer those of the *layer below* are what is remembered."""
        h = self.wte(check_ids(ids, self.config.vocab_size)) * math.sqrt(self.config.n_embd)  # [B, T] -> [B, T, C]
        n_keys = ids.shape[1] + (0 if memory is None else memory.length)
        waves = distance_waves(n_keys, self.config.n_embd).to(h)  # [S, C]
        for layer, block in enumerate(self.h):
            context = h if memory is None else memory.extend(layer, h)  # [B, T, C] -> [B, S, C]
            h = block(h, context, waves, self.u, self.v)  # [B, T, C] -> [B, T, C]
        return h


def distance_waves(n_keys: int, n_embd: int) -> Float[Tensor, "S C"]:
    """Describe the distances n_keys − 1, …, 1, 0, a row each: C/2 sines, then their cosines, in float64.

    Wavelengths run from 2π to nearly 20,000π (Vaswani et al. 2017, section 3.5, who let sines and cosines alternate).
    """
    distance = torch.arange(n_keys - 1, -1, -1, dtype=torch.float64)
    frequency = 10_000 ** -(torch.arange(0, n_embd, 2, dtype=torch.float64) / n_embd)
    angle = torch.outer(distance, frequency)  # [S], [C/2] -> [S, C/2]
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def relative_shift(x: Float[Tensor, "*B T S"]) -> Float[Tensor, "*B T S"]:
    """Move row i of each matrix T − 1 − i places to the left, without a loop (Dai et al. 2019, appendix B).

    Columns stand for distances S − 1, …, 0 before, and for keys 0, …, S − 1 after. A zero is put before each row; read
    in rows of T instead of S + 1, all numbers then stand where they belong. What comes in at the right lies in the
    future and is to be masked.
    """
    T, S = x.shape[-2:]
    padded = F.pad(x, (1, 0))  # [*B, T, S] -> [*B, T, S + 1]
    return padded.flatten(-2).unflatten(-1, (S + 1, T))[..., 1:, :].reshape(x.shape)


def visible(n_tokens: int, segment: int, mem_len: int) -> Bool[Tensor, "T T"]:
    """Say whom each token of a text looks at in one layer: row i, column j. The text is cut into segments.

    That is itself and what came before it in its segment, and the last mem_len tokens before the segment.
    Raises ValueError for a segment below 1 or a mem_len below 0.
    """
    if segment < 1 or mem_len < 0:
        raise ValueError(f"segment = {segment}, mem_len = {mem_len}: at least 1 and 0")
    token = torch.arange(n_tokens)
    first = token // segment * segment - mem_len
    return (first[:, None] <= token) & (token <= token[:, None])  # [T, 1], [T] -> [T, T]


def reach(n_tokens: int, segment: int, mem_len: int, n_layer: int) -> Bool[Tensor, "T T"]:
    """Say whose influence each output of a Transformer-XL *can* hold: one step of `visible` in each layer.

    What a state in the memory has seen in its own time travels with it. Raises ValueError as `visible` does.
    """
    step = visible(n_tokens, segment, mem_len).double()
    seen = torch.eye(n_tokens, dtype=torch.float64)
    for _ in range(n_layer):
        seen = (step @ seen).clamp(max=1)  # who sees somebody who has seen you
    return seen > 0
