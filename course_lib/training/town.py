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
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, train_bpe
from course_lib.town import WORLD, document, documents

from .batches import batches
from .evaluation import scores
from .loop import optimisers, train, warmup_cosine


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
        Stage("short", 80, 48, 700),
        Stage("full", 160, 32, 1900),
    )
    n_ctx: int = 160  # the longest document of the town, and room for a prompt around it
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    vocab_size: int = 493  # every word of the town, with its space, has become one token
    tokenizer_documents: int = 20_000
    muon_lr: float = 0.003
    adam_lr: float = 0.001
    warmup: int = 50
    decay_from: float = 0.4
    least: float = 0.02
    seed: int = 0
    kept: tuple[int, ...] = (0, 100, 200, 300, 400, 500, 700, 900, 1150, 1500, 2000, 3050)  # copies after these steps

    @property
    def steps(self) -> int:
        """Count the steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def tokens(self) -> int:
        """Count the tokens that are predicted in training, all stages together."""
        return sum(stage.steps * stage.rows * stage.length for stage in self.stages)


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
        yield from batches(texts, tokenizer, stage.steps, stage.rows, stage.length)


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


def train_town(out: Path, recipe: Recipe, evaluate_every: int = 100) -> GPT:
    """Train as the recipe says and write the folder: model, config, tokenizer, copies, the recipe with its results."""
    started, tokenizer, model = time.perf_counter(), town_tokens(recipe), town_model(recipe)
    steps = train(
        model,
        town_rows(recipe, tokenizer),
        optimisers(model, recipe.muon_lr, recipe.adam_lr),
        lambda step: warmup_cosine(step, recipe.steps, recipe.warmup, recipe.decay_from, recipe.least),
    )
    log = [look(model, tokenizer, recipe, 0)]
    keep(out, model, recipe, 0)
    for step, loss in enumerate(tqdm(steps, total=recipe.steps, unit="step", mininterval=5), start=1):
        keep(out, model, recipe, step)
        if step % evaluate_every == 0 or step == recipe.steps:
            log.append(look(model, tokenizer, recipe, step) | {"train": round(loss, 4)})
            tqdm.write(", ".join(f"{name} {value}" for name, value in log[-1].items()))
    save(out, model, tokenizer, recipe, log, time.perf_counter() - started)
    return model


def look(model: GPT, tokenizer: Tokenizer, recipe: Recipe, step: int) -> dict[str, float]:
    """Measure the model on the way: tokens seen, held-out loss of each kind over its floor, and the two probes."""
    held_out = scores(model, documents(200, HELD_OUT + N_HELD_OUT), tokenizer)
    row = {"step": step, "tokens": tokens_until(recipe, step), "loss": held_out["all"].loss}
    row |= {f"{kind} / floor": score.loss / score.floor for kind, score in held_out.items()}
    row |= {"second copy": second_copy_loss(model, tokenizer), "moods": mood_accuracy(model, tokenizer)}
    return {name: round(value, 4) for name, value in row.items()}


def tokens_until(recipe: Recipe, step: int) -> int:
    """Count the tokens that were trained on in the first `step` steps."""
    total = 0
    for stage in recipe.stages:
        total += min(step, stage.steps) * stage.rows * stage.length
        step = max(0, step - stage.steps)
    return total


@torch.no_grad()
def second_copy_loss(model: GPT, tokenizer: Tokenizer, n: int = 60) -> float:
    """Mean nats per token where a row of random words comes for the second time, its first word left out.

    Only looking back helps there: a model that cannot copy needs as much as for the first copy.
    """
    nats = []
    for ids in held_out_ids(tokenizer, "repeat", n):
        start = next(i for i, token in enumerate(ids) if token in ids[:i])  # the second copy begins
        length = start - ids.index(ids[start])
        losses = F.cross_entropy(model(torch.tensor([ids[:-1]]))[0], torch.tensor(ids[1:]), reduction="none")  # [T]
        nats += losses[start : start + length - 1].tolist()
    return sum(nats) / len(nats)


@torch.no_grad()
def mood_accuracy(model: GPT, tokenizer: Tokenizer, n: int = 150) -> float:
    """Give the share of moods of which the model knows whether they are good or bad, that is, who obeyed.

    A model that does not compare what was wanted with what was done is right half of the time.
    """
    good, bad = ([tokenizer.encode(" " + word)[0] for word in words] for words in (WORLD.happy, WORLD.sad))
    right = []
    for ids in held_out_ids(tokenizer, "short story", n):
        (place,) = (i for i, token in enumerate(ids) if token in good + bad)
        p = model(torch.tensor([ids[:place]]))[0, -1].softmax(-1)  # [V]
        right.append((p[good].sum() > p[bad].sum()).item() == (ids[place] in good))
    return sum(right) / len(right)


def held_out_ids(tokenizer: Tokenizer, kind: str, n: int) -> list[list[int]]:
    """Give the ids of n documents of one kind that are never trained on, each with end-of-text before it."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    return [[end, *tokenizer.encode(d.text)] for d in documents(n, HELD_OUT, kind)]


def keep(out: Path, model: GPT, recipe: Recipe, step: int) -> None:
    """Write a copy in float16 after the steps that the recipe names: half the bytes, for looking at alone."""
    if step in recipe.kept:
        (out / "steps").mkdir(parents=True, exist_ok=True)
        copy = {name: weight.half() for name, weight in model.state_dict().items()}
        save_file(copy, out / "steps" / f"{step:05}.safetensors")


def save(out: Path, model: GPT, tokenizer: Tokenizer, recipe: Recipe, log: list[dict], seconds: float) -> None:
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


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.training.town", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=float, default=1.0, help="fraction of the steps, for a quick try (default 1)")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stages = tuple(replace(stage, steps=max(1, round(stage.steps * args.part))) for stage in Recipe.stages)
    train_town(args.out, Recipe(stages=stages, seed=args.seed))


if __name__ == "__main__":
    main()
