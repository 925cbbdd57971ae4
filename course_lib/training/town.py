"""Train the small GPT that the whole course starts from: python -m course_lib.training.town --out FOLDER.

The recipe has three stages. Many repeats first, in short rows, until the model copies; short stories next, until it
knows who did what; then the town as it is. On one core it takes about a quarter of an hour.
"""

import argparse
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from tqdm import tqdm

from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, train_bpe
from course_lib.town import document, documents

from .batches import batches
from .evaluation import scores
from .loop import optimisers, train, warmup_cosine


@dataclass(frozen=True)
class Stage:
    """So many steps on rows of `length` tokens, drawn from one of the town's mixes."""

    mix: str
    length: int
    steps: int


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code. Learning rates are for the middle of the schedule."""

    stages: tuple[Stage, ...] = (Stage("repeats", 48, 600), Stage("short", 64, 450), Stage("full", 160, 1400))
    n_ctx: int = 160  # the longest document of the town, and room for a prompt around it
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    vocab_size: int = 493  # every word of the town, with its space, has become one token
    tokenizer_documents: int = 20_000
    batch_size: int = 32
    muon_lr: float = 0.009
    adam_lr: float = 0.002
    warmup: int = 50
    decay_from: float = 0.4
    least: float = 0.02
    seed: int = 0


HELD_OUT = 10_000_000  # the number of the first document that is never trained on
N_HELD_OUT = 1_000


def town_tokens(recipe: Recipe) -> Tokenizer:
    """Learn the town's byte pairs from its first documents."""
    texts = [d.text for d in documents(recipe.tokenizer_documents)]
    return train_bpe(texts, recipe.vocab_size, [ENDOFTEXT])


def town_rows(recipe: Recipe, tokenizer: Tokenizer) -> Iterator[Int[Tensor, "B T1"]]:
    """Yield the batches of all stages, one after another, from documents 0, 1, 2, … of each stage's mix."""
    for stage in recipe.stages:
        texts = (document(number, stage.mix).text for number in count())
        yield from batches(texts, tokenizer, stage.steps, recipe.batch_size, stage.length)


def town_model(recipe: Recipe) -> GPT:
    """Start small: weights of 1/√fan_in instead of GPT-2's 0.02, which suits a width of 2,500, and positions as waves.

    Positions are still learned; sines and cosines (Vaswani et al. 2017, section 3.5) are only where they start.
    """
    torch.manual_seed(recipe.seed)
    model = GPT(GPTConfig(recipe.vocab_size, recipe.n_ctx, recipe.n_embd, recipe.n_layer, recipe.n_head))
    with torch.no_grad():
        for p in model.h.parameters():
            if p.ndim == 2:
                p.mul_(recipe.n_embd**-0.5 / 0.02)
        model.wte.weight.mul_(2.5)
        model.wpe.weight.copy_(0.07 * waves(recipe.n_ctx, recipe.n_embd))
    return model


def waves(n_ctx: int, n_embd: int) -> Tensor:
    """Give each position sines and cosines of wavelengths from 2π to 2,000π positions: [n_ctx, n_embd]."""
    angle = torch.arange(n_ctx)[:, None] * torch.exp(-math.log(1000) * torch.arange(0, n_embd, 2) / n_embd)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # [n_ctx, C/2, 2] -> [n_ctx, C]


def train_town(out: Path, recipe: Recipe, evaluate_every: int = 200) -> GPT:
    """Train as the recipe says and write the folder: model, config, tokenizer, and the recipe with its results."""
    started, tokenizer, model = time.perf_counter(), town_tokens(recipe), town_model(recipe)
    n_steps, log = sum(stage.steps for stage in recipe.stages), []
    steps = train(
        model,
        town_rows(recipe, tokenizer),
        optimisers(model, recipe.muon_lr, recipe.adam_lr),
        lambda step: warmup_cosine(step, n_steps, recipe.warmup, recipe.decay_from, recipe.least),
    )
    for step, loss in enumerate(tqdm(steps, total=n_steps, unit="step", mininterval=5), start=1):
        if step % evaluate_every == 0 or step == n_steps:
            held_out = scores(model, documents(200, HELD_OUT + N_HELD_OUT), tokenizer)
            log.append({"step": step, "train": loss, "held_out": held_out["all"].loss})
            tqdm.write(f"{step} " + ", ".join(f"{k} {s.loss:.3f}/{s.floor:.3f}" for k, s in held_out.items()))
    save(out, model, tokenizer, recipe, log, time.perf_counter() - started)
    return model


def save(out: Path, model: GPT, tokenizer: Tokenizer, recipe: Recipe, log: list[dict], seconds: float) -> None:
    """Write the four files. recipe.json holds the sha256 of the two that can go stale, and the losses per kind."""
    model.save_pretrained(out)
    tokenizer.save(out / "tokenizer.json")
    held_out = scores(model, documents(N_HELD_OUT, HELD_OUT), tokenizer)
    report = {
        "command": "python -m course_lib.training.town",
        "recipe": asdict(recipe),
        "tokens": sum(recipe.batch_size * s.length * s.steps for s in recipe.stages),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "held_out": {"first_document": HELD_OUT, "documents": N_HELD_OUT, "unit": "nats per token"},
        "losses": {kind: {k: round(v, 5) for k, v in asdict(s).items()} for kind, s in held_out.items()},
        "log": [{k: round(v, 5) for k, v in entry.items()} for entry in log],
        "sha256": {name: sha256(out / name) for name in ("model.safetensors", "tokenizer.json")},
    }
    part = out / "recipe.json.part"
    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    os.replace(part, out / "recipe.json")


def sha256(path: Path) -> str:
    """Give the fingerprint of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.training.town", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=float, default=1.0, help="fraction of the steps, for a quick try (default 1)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stages = tuple(Stage(s.mix, s.length, max(1, round(s.steps * args.part))) for s in Recipe.stages)
    train_town(args.out, Recipe(stages=stages, seed=args.seed))


if __name__ == "__main__":
    main()
