"""T5 in PyTorch (Raffel et al. 2020), version 1.0: an encoder that reads and a decoder that writes.

What differs from GPT-2: two stacks, of which the second also looks at what the first has made of the input; positions
are no vectors, but a number for each distance is added to the scores; the scores are not divided by √D; RMSNorm
(Zhang & Sennrich 2019) instead of LayerNorm; ReLU instead of GELU; and no biases anywhere. Version 1.1, which has a
gated GELU (Shazeer 2020) and an output of its own, is not built here.

Shape letters: B batch, T places of the input, S places of the target, C channels (n_embd), H heads, D head size,
V vocabulary.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from . import checkpoints
from .checks import check_at_least, check_ids


@dataclass(frozen=True)
class T5Config:
    """The sizes of a T5, and its two special ids. The defaults are T5-small's.

    `n_layer` counts the blocks of each of the two stacks. The heads need not add up to the width: n_head · d_head may
    be anything. `pad_id` fills rows up, and is what the decoder reads first; `end_id` ends a target.
    Raises ValueError for a size below 1, buckets that distances cannot share, or an id outside the vocabulary.
    """

    vocab_size: int = 32128
    n_embd: int = 512
    n_layer: int = 6
    n_head: int = 8
    d_head: int = 64
    d_ff: int = 2048
    n_buckets: int = 32
    max_distance: int = 128
    pad_id: int = 0
    end_id: int = 1

    def __post_init__(self) -> None:
        sizes = asdict(self)
        ids = {name: sizes.pop(name) for name in ("pad_id", "end_id")}
        check_at_least(1, **sizes)
        for name, number in ids.items():
            if not 0 <= number < self.vocab_size:
                raise ValueError(f"{name} is {number}: ids run from 0 to {self.vocab_size - 1}")
        if self.n_buckets % 4 or self.max_distance <= self.n_buckets // 2:
            raise ValueError(
                f"n_buckets is {self.n_buckets} and max_distance {self.max_distance}: the first must be a multiple of "
                "4 and the second more than half of it"
            )


T5_SIZES = {  # Raffel et al. 2020, section 3.7, with the sizes of the published files
    "t5-small": T5Config(),
    "t5-base": T5Config(n_embd=768, n_layer=12, n_head=12, d_ff=3072),
    "t5-large": T5Config(n_embd=1024, n_layer=24, n_head=16, d_ff=4096),
    "t5-3b": T5Config(n_embd=1024, n_layer=24, n_head=32, d_head=128, d_ff=16384),
    "t5-11b": T5Config(n_embd=1024, n_layer=24, n_head=128, d_head=128, d_ff=65536),
}

FILES = checkpoints.Files(
    kind="T5",
    loader="T5",
    hub={name: f"google-t5/{name}" for name in T5_SIZES},
    fixed={
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "feed_forward_proj": "relu",
        "layer_norm_epsilon": 1e-6,
        "tie_word_embeddings": True,
        "is_encoder_decoder": True,
        "dropout_rate": 0.0,
    },
    read={
        "model_type": ("t5",),
        "feed_forward_proj": ("relu",),
        "layer_norm_epsilon": (1e-6,),
        "tie_word_embeddings": (True,),
    },
    sizes={
        "vocab_size": ("vocab_size",),
        "n_embd": ("d_model",),
        "n_layer": ("num_layers", "num_decoder_layers"),
        "n_head": ("num_heads",),
        "d_head": ("d_kv",),
        "d_ff": ("d_ff",),
        "n_buckets": ("relative_attention_num_buckets",),
        "max_distance": ("relative_attention_max_distance",),
        "pad_id": ("pad_token_id", "decoder_start_token_id"),
        "end_id": ("eos_token_id",),
    },
    prefix="",
    repeated={
        f"{copy}.weight": "shared.weight" for copy in ("lm_head", "encoder.embed_tokens", "decoder.embed_tokens")
    },
    ignored=r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight",  # of old files; unused
)


def buckets(distances: Int[Tensor, "*B"], two_sided: bool, n_buckets: int = 32, max_distance: int = 128) -> Tensor:
    """Give each distance, a key's position minus the query's, the number of its bucket, in 0 … n_buckets − 1.

    Small distances have a bucket each; from half of the buckets on they grow like logarithms, and the last is for
    max_distance and all beyond. Two-sided, one half of the buckets is for keys behind the query, the other for those
    ahead; one-sided, keys ahead share bucket 0 (a causal mask hides them).
    """
    first = 0
    if two_sided:
        n_buckets //= 2
        first = n_buckets * (distances > 0).long()
        distances = -distances.abs()
    back = (-distances).clamp(min=0)
    exact = n_buckets // 2
    steps = (n_buckets - exact) / math.log(max_distance / exact)
    far = exact + (torch.log(back.clamp(min=1).float() / exact) * steps).long()
    return first + torch.where(back < exact, back, far.clamp(max=n_buckets - 1))


def shift_right(targets: Integer[Tensor, "B S"], pad_id: int) -> Int[Tensor, "B S"]:
    """Give what the decoder reads while it writes the targets: the pad id, then all of them but the last."""
    return F.pad(targets[:, :-1], (1, 0), value=pad_id)


class Attention(nn.Module):
    """Gather from a memory in n_head ways at once: from x itself, or (cross-attention) from what the encoder made."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.n_head, inner = config.n_head, config.n_head * config.d_head
        self.q = nn.Linear(config.n_embd, inner, bias=False)
        self.k = nn.Linear(config.n_embd, inner, bias=False)
        self.v = nn.Linear(config.n_embd, inner, bias=False)
        self.o = nn.Linear(inner, config.n_embd, bias=False)

    def forward(
        self, x: Float[Tensor, "B S C"], memory: Float[Tensor, "B T C"], bias: Float[Tensor, "B #H #S T"]
    ) -> Float[Tensor, "B S C"]:
        """Attend; `bias` is added to the scores, and is −∞ where nobody may look."""
        q, k, v = (
            layer(y).unflatten(-1, (self.n_head, -1)).transpose(1, 2)  # [B, T, C] -> [B, T, H·D] -> [B, H, T, D]
            for layer, y in ((self.q, x), (self.k, memory), (self.v, memory))
        )
        weights = (q @ k.mT + bias).softmax(-1)  # [B, H, S, T]; no 1/√D
        return self.o((weights @ v).transpose(1, 2).flatten(2))  # [B, H, S, D] -> [B, S, H·D] -> [B, S, C]


class MLP(nn.Module):
    """Two linear layers around a ReLU."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi = nn.Linear(config.n_embd, config.d_ff, bias=False)
        self.wo = nn.Linear(config.d_ff, config.n_embd, bias=False)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Think about each position alone."""
        return self.wo(self.wi(x).relu())  # [B, T, C] -> [B, T, d_ff] -> [B, T, C]


class Block(nn.Module):
    """Self-attention, in a decoder cross-attention, then the MLP, each after an RMSNorm and added to the stream."""

    def __init__(self, config: T5Config, decoder: bool) -> None:
        super().__init__()
        self.attn_norm, self.attn = norm(config), Attention(config)
        if decoder:
            self.cross_norm, self.cross = norm(config), Attention(config)
        self.mlp_norm, self.mlp = norm(config), MLP(config)

    def forward(
        self,
        x: Float[Tensor, "B S C"],
        bias: Float[Tensor, "B H S S"],
        memory: Float[Tensor, "B T C"] | None = None,
        memory_bias: Float[Tensor, "B 1 1 T"] | None = None,
    ) -> Float[Tensor, "B S C"]:
        """Move the residual stream one layer on."""
        y = self.attn_norm(x)
        x = x + self.attn(y, y, bias)
        if memory is not None:
            x = x + self.cross(self.cross_norm(x), memory, memory_bias)
        return x + self.mlp(self.mlp_norm(x))


def norm(config: T5Config) -> nn.RMSNorm:
    """Divide by the root of the mean square, times a learned gain; no mean is taken off, nothing is added."""
    return nn.RMSNorm(config.n_embd, eps=1e-6)


class Stack(nn.Module):
    """The encoder, or the decoder: blocks that share one table of numbers per head and bucket of distances."""

    def __init__(self, config: T5Config, decoder: bool) -> None:
        super().__init__()
        self.config, self.decoder = config, decoder
        self.distance_bias = nn.Embedding(config.n_buckets, config.n_head)  # in the files it is the first block's
        self.block = nn.ModuleList(Block(config, decoder) for _ in range(config.n_layer))
        self.final_norm = norm(config)

    def forward(
        self,
        x: Float[Tensor, "B S C"],
        hidden: Bool[Tensor, "B S"] | None = None,
        memory: Float[Tensor, "B T C"] | None = None,
        memory_hidden: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B S C"]:
        """Run all blocks. Nobody looks at `hidden` places, nor, in a decoder, ahead."""
        bias = self.scores_by_distance(x.shape[1]).expand(len(x), -1, -1, -1)  # [B, H, S, S]
        if hidden is not None:
            bias = bias.masked_fill(hidden[:, None, None], -math.inf)
        memory_bias = None
        if memory is not None:  # distances count in self-attention alone
            memory_bias = memory.new_zeros(len(x), 1, 1, memory.shape[1])
            memory_bias = memory_bias.masked_fill(memory_hidden[:, None, None], -math.inf)
        for block in self.block:
            x = block(x, bias, memory, memory_bias)
        return self.final_norm(x)

    def scores_by_distance(self, n: int) -> Float[Tensor, "1 H S S"]:
        """Give what is added to the scores of n queries and keys; −∞ for keys ahead of a decoder's query."""
        place = torch.arange(n, device=self.distance_bias.weight.device)
        distances = place - place[:, None]  # [S, S]: key minus query
        numbers = buckets(distances, not self.decoder, self.config.n_buckets, self.config.max_distance)
        bias = self.distance_bias(numbers).permute(2, 0, 1)[None]  # [S, S] -> [S, S, H] -> [1, H, S, S]
        return bias.masked_fill(distances > 0, -math.inf) if self.decoder else bias


class T5(nn.Module):
    """T5: one embedding for encoder, decoder and output; every task is a text to read and a text to write."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.n_embd)
        self.encoder, self.decoder = Stack(config, decoder=False), Stack(config, decoder=True)
        self._initialise()

    def forward(self, ids: Integer[Tensor, "B T"], targets: Integer[Tensor, "B S"]) -> Float[Tensor, "B S V"]:
        """Score every token as the next one of the target, at each of its places: the decoder sees those before it.

        Padding in `ids` is seen by nobody. Raises ValueError for an id outside the vocabulary, or a row of padding.
        """
        return self.decode(shift_right(targets.long(), self.config.pad_id), self.encode(ids), ids)

    def encode(self, ids: Integer[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        """Read the input, every place in the light of all others. Raises as `forward` does."""
        padding = ids.long() == self.config.pad_id
        if padding.all(-1).any():
            row = padding.all(-1).nonzero()[0].item()
            raise ValueError(f"row {row} of the input is nothing but padding (id {self.config.pad_id})")
        return self.encoder(self.embed(ids), padding)  # [B, T] -> [B, T, C]

    def decode(
        self, written: Integer[Tensor, "B S"], memory: Float[Tensor, "B T C"], ids: Integer[Tensor, "B T"]
    ) -> Float[Tensor, "B S V"]:
        """Score what comes after each token of `written`, which begins with pad_id, given the input as encoded."""
        x = self.decoder(self.embed(written), None, memory, ids.long() == self.config.pad_id)  # [B, S, C]
        return x * self.config.n_embd**-0.5 @ self.shared.weight.T  # [B, S, C] @ [C, V] -> [B, S, V]

    def embed(self, ids: Integer[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        """Look tokens up. Nothing says where they stand."""
        return self.shared(check_ids(ids, self.config.vocab_size))

    @torch.no_grad()
    def generate(self, ids: Integer[Tensor, "B T"], max_new_tokens: int) -> Int[Tensor, "B S"]:
        """Write the likeliest token again and again, until every row has written end_id or max_new_tokens.

        Rows that have ended are filled up with pad_id. The input is read once; what was written is read again for each
        token, as answers are short. Raises as `forward` does, and for max_new_tokens below 1.
        """
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {max_new_tokens}: it must be at least 1")
        pad, end = self.config.pad_id, self.config.end_id
        memory = self.encode(ids)
        written = torch.full((len(ids), 1), pad, device=ids.device)
        ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        while written.shape[1] <= max_new_tokens and not ended.all():
            new = self.decode(written, memory, ids)[:, -1].argmax(-1).masked_fill(ended, pad)  # [B, S, V] -> [B]
            written = torch.cat([written, new[:, None]], dim=1)
            ended |= new == end
        return written[:, 1:]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and model.safetensors, which transformers' T5ForConditionalGeneration opens too."""
        weights = {name_in_files(name): weight for name, weight in self.state_dict().items()}
        checkpoints.write(folder, asdict(self.config), weights, FILES)

    @classmethod
    def from_pretrained(
        cls, name_or_folder: str | Path, dtype: torch.dtype | None = torch.float32, download: bool = True
    ) -> "T5":
        """Open "t5-small" … "t5-11b", another model of the Hub, or a folder like theirs. See `GPT.from_pretrained`.

        Raises FileNotFoundError where there is no such model, ValueError where its names, shapes or settings are not
        those of T5 1.0 (version 1.1, Flan-T5 and mT5 are other networks).
        """
        folder = checkpoints.find(name_or_folder, download, FILES)
        with checkpoints.NamesAndShapes():  # no numbers, no memory
            model = cls(T5Config(**checkpoints.read_sizes(folder, FILES)))
        names = {name_in_files(name): name for name in model.state_dict()}
        shapes = {theirs: model.state_dict()[ours].shape for theirs, ours in names.items()}
        weights = checkpoints.read_weights(folder, shapes, dtype, FILES)
        model.load_state_dict({names[theirs]: weight for theirs, weight in weights.items()}, assign=True)
        return model

    def _initialise(self) -> None:
        """Draw weights as T5's code does: so that scores start near 1 without a 1/√D, from queries that are small."""
        n, d, ff = self.config.n_embd, self.config.d_head, self.config.d_ff
        stds = {"q": (n * d) ** -0.5, "o": (self.config.n_head * d) ** -0.5, "wo": ff**-0.5, "shared": 1.0}
        for name, p in self.named_parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=stds.get(name.split(".")[-2], n**-0.5))


def name_in_files(name: str) -> str:
    """Give the name under which Hugging Face's files hold a weight of ours."""
    stack, _, rest = name.partition(".")
    parts = ("attn", "mlp") if stack == "encoder" else ("attn", "cross", "mlp")
    theirs = {"attn": "SelfAttention", "cross": "EncDecAttention", "mlp": "DenseReluDense"}
    rest = rest.replace("distance_bias", "block.0.attn.relative_attention_bias")
    rest = rest.replace("final_norm", "final_layer_norm")
    for i, part in enumerate(parts):
        rest = rest.replace(f".{part}_norm.", f".layer.{i}.layer_norm.")
        rest = rest.replace(f".{part}.", f".layer.{i}.{theirs[part]}.")
    return f"{stack}.{rest}"


def count_t5_parameters(config: T5Config) -> int:
    """Count all parameters, exactly: V C + two tables + L (12 C H D + 4 C d_ff + 5 C) + 2 C.

    A decoder's block has two attentions of four matrices, an encoder's one; each has an MLP of two, and a gain of C
    numbers for each of its parts.
    """
    c, inner = config.n_embd, config.n_head * config.d_head
    blocks = config.n_layer * (12 * c * inner + 4 * c * config.d_ff + 5 * c)
    return config.vocab_size * c + 2 * config.n_buckets * config.n_head + blocks + 2 * c
