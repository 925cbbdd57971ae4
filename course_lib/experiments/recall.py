"""How far does a trained memory reach? Transformer-XLs of one to three layers, and a GPT of three with the same window.

All read the same texts (`training.recall`). One model is kept, a Transformer-XL of three layers.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_lib.atomic import write_text
from course_lib.models import GPT, GPTConfig, TransformerXL, TransformerXLConfig
from course_lib.training import muon_and_adamw, warmup_cosine
from course_lib.training.recall import FURTHEST, SEGMENT, VOCABULARY, accuracy, recall_loss, rows
from course_lib.training.start import rescale

from .desk import Desk, Job, save_weights
from .mechanism import Experiment
from .reading import Record, Results

FIRST: Job = {"model": "transformer_xl", "n_layer": 3, "seed": 0}  # whose model is kept


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job."""

    n_embd: int = 64
    gpt_n_embd: int = 68  # so that the GPT, which has no matrix for distances, is not the smaller model
    n_head: int = 4
    mem_len: int = SEGMENT
    batch_size: int = 32
    steps: int = 600
    muon_lr: float = 0.004
    adam_lr: float = 0.004
    warmup: int = 50
    decay_from: float = 0.3
    judged: int = 500  # held-out texts for each distance


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Three seeds of each model."""
    for seed in range(3):
        yield from ({"model": "transformer_xl", "n_layer": n_layer, "seed": seed} for n_layer in (3, 2, 1))
    for seed in range(3):
        yield {"model": "gpt", "n_layer": 3, "seed": seed}


def new_model(kind: str, n_layer: int, seed: int, recipe: Recipe) -> nn.Module:
    """Start a "transformer_xl" or a "gpt", with block weights of 1/√n_embd, which suits so narrow a model."""
    torch.manual_seed(seed)
    if kind == "transformer_xl":
        sizes = (recipe.n_embd, n_layer, recipe.n_head, recipe.mem_len)
        model = TransformerXL(TransformerXLConfig(len(VOCABULARY), *sizes))
    else:
        window = SEGMENT + recipe.mem_len
        model = GPT(GPTConfig(len(VOCABULARY), window, recipe.gpt_n_embd, n_layer, recipe.n_head))
    rescale(model.h.parameters(), model.config.n_embd)
    return model


def trained(recipe: Recipe, job: Job, desk: Desk) -> nn.Module:
    """Train one model, or take it from the desk. Each seed has texts of its own."""
    kind, n_layer, seed = job["model"], job["n_layer"], job["seed"]
    model = new_model(kind, n_layer, seed, recipe)

    def batch(number: int) -> Tensor:
        return rows(recipe.batch_size, seed * recipe.steps + number)

    factor = partial(warmup_cosine, n_steps=recipe.steps, warmup=recipe.warmup, decay_from=recipe.decay_from)
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)
    desk.train(f"{kind}-{n_layer}-{seed}", model, batch, optimisers, factor, recipe.steps, loss=recall_loss)
    return model


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Ask for the name after 0, 1, … segments."""
    model = trained(recipe, job, desk)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "accuracy": [round(accuracy(model, distance, recipe.judged), 4) for distance in range(FURTHEST + 1)],
    }


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep the first model, for `data.recall_model`."""
    model = trained(recipe, FIRST, desk)
    save_weights(folder / "recall" / "model.safetensors", model)
    write_text(folder / "recall" / "config.json", json.dumps(asdict(model.config), indent=1) + "\n")


EXPERIMENT = Experiment("recall", ("recurrence",), Recipe(), jobs, measure, keep=keep)
