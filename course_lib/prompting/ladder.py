"""A ladder of model sizes, all trained by one recipe: python -m course_lib.prompting.ladder --out FOLDER.

The recipe is the town's (`course_lib.training.town`) with 1,200 steps instead of 4,050: the whole first stage, without
which no model learns to copy, and short second and third ones. What the models do with prompts goes into
`ladder.json`, with the recipe. The models stay in FOLDER, and an interrupted run goes on where it was: a model that
stands in the file is not trained again.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from course_lib.models import GPT, count_parameters
from course_lib.tokens import Tokenizer
from course_lib.training import fastest_dtype, muon_and_adamw, train, warmup_cosine
from course_lib.training.probes import second_copy_loss
from course_lib.training.town import Recipe, Stage, town_model, town_rows, town_tokens

from .puzzles import SHOTS, accuracy_by_shots

STAGES = (Stage("repeats", 48, 32, 450), Stage("short", 80, 32, 600), Stage("full", 160, 16, 150))
SIZES = ((2, 32), (1, 64), (2, 64), (4, 64), (1, 128), (3, 96), (2, 128), (3, 128), (4, 128))  # n_layer, n_embd
MODELS = tuple((*size, seed) for seed in range(3) for size in SIZES)
D_HEAD = 32  # of all of them
N = {"code book": 200, "hidden rule": 200, "game": 50}  # questions for each number of shots
RESULTS = Path(__file__).with_name("ladder.json")


def results() -> dict:
    """Read the committed results: the recipe, and for each model its size, seed and accuracy by kind and shots."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def recipe(n_layer: int, n_embd: int, seed: int) -> Recipe:
    """Give the shortened recipe of the town for a model of this size."""
    n_head = n_embd // D_HEAD
    return Recipe(STAGES, n_layer=n_layer, n_embd=n_embd, n_head=n_head, seed=seed, decay_from=0.5, kept=())


def training(model: GPT, recipe: Recipe, tokenizer: Tokenizer, dtype: torch.dtype) -> Iterator[float]:
    """Train a model by its recipe, and yield the loss of each step."""
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)

    def factor(step: int) -> float:
        return warmup_cosine(step, recipe.steps, recipe.warmup, recipe.decay_from, recipe.least)

    return train(model, town_rows(recipe, tokenizer), optimisers, factor, recipe.steps, dtype=dtype)


def trained(path: Path, recipe: Recipe, tokenizer: Tokenizer, dtype: torch.dtype) -> GPT:
    """Give the model of a recipe: from its file, or trained and written there."""
    model = town_model(recipe)
    if path.exists():
        model.load_state_dict(load_file(path))
        return model.eval()
    for _ in tqdm(training(model, recipe, tokenizer, dtype), path.stem, total=recipe.steps, mininterval=5):
        pass
    part = path.with_suffix(".part")
    save_file(model.state_dict(), part)
    os.replace(part, path)
    return model.eval()


def measured(model: GPT, recipe: Recipe, tokenizer: Tokenizer, dtype: torch.dtype) -> dict:
    """Say how large a model is, how its training began, and what it can do with prompts."""
    beginning = training(town_model(recipe), recipe, tokenizer, dtype)
    curves = {kind: accuracy_by_shots(model, tokenizer, kind, n) for kind, n in N.items()}
    return {
        "n_layer": recipe.n_layer,
        "n_embd": recipe.n_embd,
        "n_head": recipe.n_head,
        "seed": recipe.seed,
        "parameters": count_parameters(model.config),
        "first_losses": [round(next(beginning), 4) for _ in range(3)],
        "second_copy": round(second_copy_loss(model, tokenizer), 4),  # nats per token, of random words
        "accuracy": {kind: [round(share, 4) for share in curve] for kind, curve in curves.items()},
    }


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained models.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, show_default="ladder.json")
def main(out: Path, results: Path) -> None:
    """Train models of several sizes by one recipe, and measure what they do with prompts."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    dtype, tokenizer = fastest_dtype(), town_tokens(Recipe())
    rows = measured_before(results, report([], dtype))
    for n_layer, n_embd, seed in MODELS:
        if (n_layer, n_embd, seed) in rows:
            continue
        this, started = recipe(n_layer, n_embd, seed), time.process_time()
        path = out / f"{n_layer}x{n_embd}-{seed}.safetensors"
        model = trained(path, this, tokenizer, dtype)
        print(f"{path.stem}: {time.process_time() - started:.0f} s of one core")
        row = measured(model, this, tokenizer, dtype)
        rows[n_layer, n_embd, seed] = row | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        write(results, report([rows[key] for key in MODELS if key in rows], dtype))


def measured_before(path: Path, new: dict) -> dict[tuple[int, int, int], dict]:
    """Read the rows that stand in the file. Raises ClickException where they were made by another recipe."""
    if not path.exists():
        return {}
    old = json.loads(path.read_text(encoding="utf-8"))
    for name in ("recipe", "dtype", "questions", "shots"):
        if old[name] != new[name]:
            raise click.ClickException(f"{path} has {name} {old[name]}, this run {new[name]}: name another --results")
    return {(row["n_layer"], row["n_embd"], row["seed"]): row for row in old["models"]}


def report(rows: list[dict], dtype: torch.dtype) -> dict:
    """Put what has been measured beside all that it was measured with."""
    own = ("n_layer", "n_embd", "n_head", "seed", "kept")  # of each model
    common = {name: value for name, value in asdict(recipe(*MODELS[0])).items() if name not in own}
    found = {
        "command": "python -m course_lib.prompting.ladder",
        "recipe": common,
        "tokens": recipe(*MODELS[0]).tokens,
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "questions": N,
        "shots": list(SHOTS),
        "models": rows,
    }
    return json.loads(json.dumps(found))  # tuples are lists in a file


def write(path: Path, found: dict) -> None:
    """Write the file in one move."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    main()
