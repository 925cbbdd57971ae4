"""How large GPT-1, GPT-2, GPT-3 and BERT are, counted to the last parameter.

No model is built for it. With vocabulary V, n_ctx positions, width C and L blocks, the output tied to the embedding:

    V C + n_ctx C + L (12 C² + 13 C) + 2 C

The last term is the final LayerNorm, which GPT-1 does not have.
"""

from dataclasses import dataclass

from .bert import BERTConfig
from .gpt import GPTConfig

# bytes per number; float8 is torch.float8_e4m3fn or _e5m2
DTYPES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2, "float8": 1, "int8": 1}

# Radford et al. 2019, table 2, with the sizes of the published files
GPT2_SIZES = {
    "gpt2": GPTConfig(n_layer=12, n_embd=768, n_head=12),
    "gpt2-medium": GPTConfig(n_layer=24, n_embd=1024, n_head=16),
    "gpt2-large": GPTConfig(n_layer=36, n_embd=1280, n_head=20),
    "gpt2-xl": GPTConfig(n_layer=48, n_embd=1600, n_head=25),
}

# Radford et al. 2018 and its code: 40,000 merges and 478 symbols. It lacks the final LayerNorm: final_norm=False.
GPT1_SIZE = GPTConfig(vocab_size=40478, n_ctx=512, n_embd=768, n_layer=12, n_head=12)


# Devlin et al. 2019, section 3. The published 110M and 340M are with the pooler
BERT_SIZES = {
    "bert-base-uncased": BERTConfig(pooler=True),
    "bert-large-uncased": BERTConfig(n_layer=24, n_embd=1024, n_head=16, pooler=True),
}


@dataclass(frozen=True)
class PublishedRow:
    """A row of GPT-3's table of sizes (Brown et al. 2020, table 2.1), as printed.

    `batch_tokens` counts tokens. `vocab_size` and `n_ctx` stand in its text and are the same for all.
    """

    name: str
    claimed: float  # parameters
    n_layer: int
    n_embd: int
    n_head: int
    d_head: int
    batch_tokens: float
    learning_rate: float
    vocab_size: int = 50257
    n_ctx: int = 2048

    @property
    def contradicts_itself(self) -> bool:
        """Tell whether the heads do not add up to the width: n_head · d_head ≠ n_embd."""
        return self.n_head * self.d_head != self.n_embd


GPT3_ROWS = (
    PublishedRow("Small", 125e6, 12, 768, 12, 64, 0.5e6, 6e-4),
    PublishedRow("Medium", 350e6, 24, 1024, 16, 64, 0.5e6, 3e-4),
    PublishedRow("Large", 760e6, 24, 1536, 16, 96, 0.5e6, 2.5e-4),
    PublishedRow("XL", 1.3e9, 24, 2048, 24, 128, 1e6, 2e-4),
    PublishedRow("2.7B", 2.7e9, 32, 2560, 32, 80, 1e6, 1.6e-4),
    PublishedRow("6.7B", 6.7e9, 32, 4096, 32, 128, 2e6, 1.2e-4),
    PublishedRow("13B", 13e9, 40, 5140, 40, 128, 2e6, 1e-4),
    PublishedRow("175B", 175e9, 96, 12288, 96, 128, 3.2e6, 0.6e-4),
)


def parameter_table(config: GPTConfig | PublishedRow, final_norm: bool = True) -> dict[str, int]:
    """Count the parameters of each kind of module, summed over all blocks. The names are those of GPT-2's files.

    `final_norm=False` leaves out the last LayerNorm, for GPT-1. The number of heads changes nothing.
    """
    c, layers = config.n_embd, config.n_layer
    return {
        "wte": config.vocab_size * c,
        "wpe": config.n_ctx * c,
        "ln_1": layers * 2 * c,
        "attn.c_attn": layers * (c * 3 * c + 3 * c),
        "attn.c_proj": layers * (c * c + c),
        "ln_2": layers * 2 * c,
        "mlp.c_fc": layers * (c * 4 * c + 4 * c),
        "mlp.c_proj": layers * (4 * c * c + c),
        "ln_f": 2 * c if final_norm else 0,
    }


def count_parameters(config: GPTConfig | PublishedRow, final_norm: bool = True) -> int:
    """Count all parameters, exactly. `final_norm=False` leaves out the last LayerNorm, for GPT-1."""
    return sum(parameter_table(config, final_norm).values())


def weight_bytes(config: GPTConfig | PublishedRow, final_norm: bool = True) -> dict[str, int]:
    """Say how many bytes the weights alone take, for each type of number (no header, no buffers)."""
    return {dtype: size * count_parameters(config, final_norm) for dtype, size in DTYPES.items()}


def bert_parameter_table(config: BERTConfig) -> dict[str, int]:
    """Count a BERT's parameters of each kind of module, summed over all blocks, by our names.

    "head" and "bias" fill blanks; all the rest, with a pooler, is what published counts mean: 109,482,240 in base.
    """
    c, layers = config.n_embd, config.n_layer
    return {
        "wte": config.vocab_size * c,
        "wpe": config.n_ctx * c,
        "wse": config.n_segment * c,
        "ln_e": 2 * c,
        "attn": layers * 4 * (c * c + c),
        "ln_1": layers * 2 * c,
        "mlp": layers * (c * 4 * c + 4 * c + 4 * c * c + c),
        "ln_2": layers * 2 * c,
        "pooler": c * c + c if config.pooler else 0,
        "head": c * c + c + 2 * c,
        "bias": config.vocab_size,
    }


def count_bert_parameters(config: BERTConfig, head: bool = True) -> int:
    """Count all parameters of a BERT, exactly; `head=False` leaves out what fills blanks."""
    table = bert_parameter_table(config)
    return sum(table.values()) - (0 if head else table["head"] + table["bias"])
