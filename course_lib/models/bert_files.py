"""How Hugging Face stores a BERT: its names for our weights and sizes, and its settings."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import checkpoints
from .checkpoints import Files

BLOCK = {
    "attn.query": "attention.self.query",
    "attn.key": "attention.self.key",
    "attn.value": "attention.self.value",
    "attn.proj": "attention.output.dense",
    "ln_1": "attention.output.LayerNorm",
    "mlp.0": "intermediate.dense",
    "mlp.2": "output.dense",
    "ln_2": "output.LayerNorm",
}
AROUND = {
    "wte": "bert.embeddings.word_embeddings",
    "wpe": "bert.embeddings.position_embeddings",
    "wse": "bert.embeddings.token_type_embeddings",
    "ln_e": "bert.embeddings.LayerNorm",
    "head.0": "cls.predictions.transform.dense",
    "head.2": "cls.predictions.transform.LayerNorm",
    "": "cls.predictions",  # the bias of the output
    "pooler": "bert.pooler.dense",
}
ACTIVATIONS = {"tanh": ("gelu_new", "gelu_pytorch_tanh"), "erf": ("gelu",)}  # our GELUs -> their names

BERT_FILES = Files(
    kind="BERT",
    loader="BERT",
    hub={
        name: f"google-bert/{name}"
        for name in ("bert-base-uncased", "bert-large-uncased", "bert-base-cased", "bert-large-cased")
    },
    fixed={
        "architectures": ["BertForMaskedLM"],
        "model_type": "bert",
        "layer_norm_eps": 1e-12,
        "tie_word_embeddings": True,
        "attention_probs_dropout_prob": 0.0,
        "hidden_dropout_prob": 0.0,
        "pad_token_id": None,
    },
    read={
        "model_type": ("bert",),
        "hidden_act": ("gelu", "gelu_new", "gelu_pytorch_tanh"),
        "layer_norm_eps": (1e-12,),
        "position_embedding_type": ("absolute",),
        "is_decoder": (False,),
        "add_cross_attention": (False,),
    },
    sizes={
        "vocab_size": ("vocab_size",),
        "n_ctx": ("max_position_embeddings",),
        "n_embd": ("hidden_size",),
        "n_layer": ("num_hidden_layers",),
        "n_head": ("num_attention_heads",),
        "n_segment": ("type_vocab_size",),
        "n_inner": ("intermediate_size",),
    },
    prefix="",
    repeated={"cls.predictions.decoder.weight": "wte.weight", "cls.predictions.decoder.bias": "bias"},
    ignored=r"cls\.seq_relationship\..*|bert\.embeddings\.position_ids",  # next sentence; 0, 1, 2 …
)


def their_name(name: str) -> str:
    """Translate the name of one of our weights: h.3.ln_2.bias is bert.encoder.layer.3.output.LayerNorm.bias."""
    module, _, last = name.rpartition(".")
    if module.startswith("h."):
        _, layer, part = module.split(".", 2)
        return f"bert.encoder.layer.{layer}.{BLOCK[part]}.{last}"
    return f"{AROUND[module]}.{last}"


def files_of(names: Iterable[str], gelu: str = "tanh", old: bool = False) -> Files:
    """Describe the files of a BERT with these weights. In old files LayerNorm has a gamma and a beta."""
    theirs = {name: their_name(name) for name in names}
    if old:
        theirs = {
            ours: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            for ours, name in theirs.items()
        }
    return replace(BERT_FILES, names=theirs, fixed=BERT_FILES.fixed | {"hidden_act": ACTIVATIONS[gelu][0]})


def read_settings(folder: Path) -> dict[str, Any]:
    """Read all that a BERTConfig holds. Whether there is a pooler, only the weights say.

    Raises FileNotFoundError and ValueError as `checkpoints.read_sizes` does.
    """
    sizes = checkpoints.read_sizes(folder, BERT_FILES)
    if (n_inner := sizes.pop("n_inner")) != 4 * sizes["n_embd"]:
        raise ValueError(f"{folder} has an intermediate_size of {n_inner}: here it is 4 · {sizes['n_embd']}")
    activation = checkpoints.read_config(folder).get("hidden_act", "gelu")
    gelu = next(ours for ours, theirs in ACTIVATIONS.items() if activation in theirs)
    return sizes | {"gelu": gelu, "pooler": their_name("pooler.weight") in checkpoints.read_names(folder)}
