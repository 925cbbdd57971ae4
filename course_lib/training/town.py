"""Train the small GPT that the whole course starts from: python -m course_lib.training.town --out FOLDER.

The recipe has three stages: many repeats in short rows, until the model copies; dense short stories and puzzles; then
the town as it is. On one core that multiplies in bfloat16 it takes half an hour.
"""

import hashlib
import json
import math
import os
import time
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, train_bpe
from course_lib.town import HELD_OUT, document, documents

from .batches import Batches, text_rows
from .evaluation import scores
from .loop import fastest_dtype, train, warmup_cosine
from .optimisers import muon_and_adamw
from .probes import N_HELD_OUT, look
from .state import load_state, save_state


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` rows of `length` tokens, drawn from one of the town's mixes."""

    mix: str
    length: int
    rows: int
    steps: int


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code. Learning rates are for the middle of the schedule."""

    stages: tuple[Stage, ...] = (
        Stage("repeats", 48, 32, 450),
        Stage("short", 80, 48, 1000),
        Stage("full", 160, 32, 2600),
    )
    n_ctx: int = 160  # the longest document of the town, and room for a prompt around it
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    vocab_size: int = 493  # every word of the town, with its space, has become one token
    tokenizer_documents: int = 20_000
    muon_lr: float = 0.002
    adam_lr: float = 0.001
    warmup: int = 50
    decay_from: float = 0.3
    least: float = 0.02
    seed: int = 0
    kept: tuple[int, ...] = (0, 100, 300, 350, 400, 450, 700, 750, 1400, 1700, 2500, 4050)  # copies after these steps

    @property
    def steps(self) -> int:
        """Count the steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def tokens(self) -> int:
        """Count the tokens that are predicted in training, all stages together."""
        return self.tokens_until(self.steps)

    def tokens_until(self, step: int) -> int:
        """Count the tokens that are predicted in the first `step` steps."""
        total = 0
        for stage in self.stages:
            total += min(step, stage.steps) * stage.rows * stage.length
            step = max(0, step - stage.steps)
        return total


STATE = "run.pt"  # of a run that is under way


def town_tokens(recipe: Recipe) -> Tokenizer:
    """Learn the town's byte pairs from its first documents."""
    texts = [d.text for d in documents(recipe.tokenizer_documents)]
    return train_bpe(texts, recipe.vocab_size, [ENDOFTEXT])


def town_rows(recipe: Recipe, tokenizer: Tokenizer) -> Batches:
    """Number the batches of all stages, one stage after another; each stage has documents of its own mix."""
    batches = [
        text_rows(lambda number, mix=stage.mix: document(number, mix).text, tokenizer, stage.rows, stage.length)
        for stage in recipe.stages
    ]
    ends = list(accumulate(stage.steps for stage in recipe.stages))

    def batch(number: int) -> Tensor:
        i = next(i for i, end in enumerate(ends) if number < end)
        return batches[i](number - ends[i] + recipe.stages[i].steps)

    return batch


def town_model(recipe: Recipe) -> GPT:
    """Start with weights of 1/√n_embd instead of GPT-2's 0.02, which suits a width of 2,500, and positions as waves.

    Token embeddings start at 0.05; output projections are divided by √(2 n_layer) as in GPT.

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
    """Give each position sines and cosines of wavelengths from 2π to nearly 2,000π positions: [n_ctx, n_embd]."""
    angle = torch.arange(n_ctx)[:, None] * torch.exp(-math.log(1000) * torch.arange(0, n_embd, 2) / n_embd)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # [n_ctx, C/2, 2] -> [n_ctx, C]


def train_town(out: Path, recipe: Recipe, evaluate_every: int = 50, dtype: torch.dtype = torch.float32) -> GPT:
    """Train as the recipe says and write the folder: model, config, tokenizer, copies, the recipe with its results.

    Interrupted, it goes on from the last evaluation when it is called again with the same folder and recipe.
    """
    tokenizer, model = town_tokens(recipe), town_model(recipe)
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)
    log, seconds = resume(out / STATE, model, optimisers, recipe)
    if not log:
        log.append({"step": 0, "tokens": 0} | look(model, tokenizer))
        keep(out, model, recipe, 0)
    started, start = time.perf_counter() - seconds, log[-1]["step"]

    def factor(step: int) -> float:
        return warmup_cosine(step, recipe.steps, recipe.warmup, recipe.decay_from, recipe.least)

    losses = train(model, town_rows(recipe, tokenizer), optimisers, factor, recipe.steps, start, dtype=dtype)
    bar = tqdm(losses, total=recipe.steps, initial=start, unit="step", mininterval=5)
    for step, loss in enumerate(bar, start + 1):
        keep(out, model, recipe, step)
        if step % evaluate_every == 0 or step == recipe.steps:
            row = {"step": step, "tokens": recipe.tokens_until(step), "train": round(loss, 4)} | look(model, tokenizer)
            log.append(row)
            tqdm.write(", ".join(f"{name} {value}" for name, value in row.items()))
            seconds = time.perf_counter() - started
            save_state(out / STATE, model, optimisers, step, recipe=asdict(recipe), log=log, seconds=seconds)
    save(out, model, tokenizer, recipe, log, seconds, dtype)
    (out / STATE).unlink(missing_ok=True)
    return model


def resume(path: Path, model: nn.Module, optimisers: list, recipe: Any) -> tuple[list[dict], float]:
    """Put a run back to where it was interrupted; return its log (empty for a new run) and the seconds it took."""
    if not path.exists():
        return [], 0.0
    held = load_state(path, model, optimisers)
    if held["recipe"] != asdict(recipe):
        raise ValueError(f"{path} is of a run with another recipe, {held['recipe']}: remove it, or name another folder")
    return held["log"], held["seconds"]


def keep(out: Path, model: GPT, recipe: Recipe, step: int) -> None:
    """Write a copy in float16 after the steps that the recipe names: half the bytes, for looking at alone."""
    if step in recipe.kept:
        (out / "steps").mkdir(parents=True, exist_ok=True)
        copy = {name: weight.half() for name, weight in model.state_dict().items()}
        save_file(copy, out / "steps" / f"{step:05}.safetensors")


def save(
    out: Path, model: GPT, tokenizer: Tokenizer, recipe: Recipe, log: list[dict], seconds: float, dtype: torch.dtype
) -> None:
    """Write the model and all about it. recipe.json holds the losses per kind and the sha256 of every other file."""
    model.save_pretrained(out)
    tokenizer.save(out / "tokenizer.json")
    held_out = scores(model, documents(N_HELD_OUT, HELD_OUT), tokenizer)
    files = [out / "model.safetensors", out / "tokenizer.json", *sorted((out / "steps").glob("*.safetensors"))]
    report = {
        "command": f"python -m course_lib.training.town --seed {recipe.seed}",
        "recipe": asdict(recipe),
        "tokens": recipe.tokens,
        "seconds": round(seconds),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "held_out": {"first_document": HELD_OUT, "documents": N_HELD_OUT, "unit": "nats per token"},
        "losses": {kind: {k: round(v, 5) for k, v in asdict(s).items()} for kind, s in sorted(held_out.items())},
        "log": log,
        "sha256": {file.relative_to(out).as_posix(): sha256(file) for file in files},
    }
    part = out / "recipe.json.part"
    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    os.replace(part, out / "recipe.json")


def sha256(path: Path) -> str:
    """Give the fingerprint of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained model.")
@click.option("--seed", default=0, show_default=True)
@click.option("--part", default=1.0, show_default=True, help="Fraction of the steps, for a quick try.")
@click.option("--threads", default=1, show_default=True)
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
def main(out: Path, seed: int, part: float, threads: int, dtype: str) -> None:
    """Train the small GPT that the whole course starts from."""
    torch.set_num_threads(threads)
    stages = tuple(replace(stage, steps=max(1, round(stage.steps * part))) for stage in Recipe.stages)
    precision = fastest_dtype() if dtype == "auto" else getattr(torch, dtype)
    train_town(out, Recipe(stages=stages, seed=seed), dtype=precision)


if __name__ == "__main__":
    main()
