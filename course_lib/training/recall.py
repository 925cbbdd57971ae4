"""How far does a trained memory reach? python -m course_lib.training.recall

A text of four segments says once who waits ("Hugo waits") and later asks ("Who ? Hugo"). All other words are drawn
evenly, so nothing else in the text tells the answer. Transformer-XLs of one to three layers read segment after segment.
A GPT of three layers reads, for each segment, all that one layer of theirs looks at: this segment and the one before.
Same texts for all. Results lie in recall.json beside this file, and one model in recall.safetensors.
"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import torch
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from course_lib.models import GPT, GPTConfig, Memory, TransformerXL, TransformerXLConfig
from course_lib.town import HELD_OUT, WORLD
from course_lib.town.dice import Dice

from .loop import train, warmup_cosine
from .optimisers import muon_and_adamw

FILLER = (*WORLD.objects, *WORLD.places, *WORLD.colours, *WORLD.sizes)
VOCABULARY = ("waits", "Who", "?", *WORLD.people, *FILLER)
WAITS, WHO, ASKED = range(3)
NAMES = slice(3, 3 + len(WORLD.people))
CHANCE = 1 / len(WORLD.people)
SEGMENT, SEGMENTS = 12, 4  # tokens; segments of a text that is trained on
FURTHEST = 4  # segments between name and question in the longest texts that a model is judged on
RESULTS, WEIGHTS = (Path(__file__).with_name(f"recall.{kind}") for kind in ("json", "safetensors"))


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the seed."""

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


def text(number: int, distance: int | None = None) -> list[int]:
    """Give the token ids of text `number`: "Hugo waits" in its first segment, "Who ? Hugo" `distance` segments on.

    Both stand anywhere in their segments. Without a distance it is drawn from 0 to SEGMENTS − 1. There are
    SEGMENT · SEGMENTS + 1 tokens, and a segment more for distance 4. Raises ValueError for any other distance.
    """
    if distance not in (None, *range(FURTHEST + 1)):
        raise ValueError(f"distance {distance}: choose one from 0 to {FURTHEST}")
    dice = Dice(f"recall/{distance}/{number}")
    away = dice.pick(range(SEGMENTS)) if distance is None else distance
    ids = [VOCABULARY.index(dice.pick(FILLER)) for _ in range(SEGMENT * max(SEGMENTS, away + 1) + 1)]
    said = dice.pick(range(SEGMENT - 1 if away else SEGMENT - 5))
    asked = dice.pick(range(SEGMENT * away + 1 if away else said + 3, SEGMENT * (away + 1) - 1))  # where "?" stands
    name = VOCABULARY.index(dice.pick(WORLD.people))
    ids[said : said + 2] = [name, WAITS]
    ids[asked - 1 : asked + 2] = [WHO, ASKED, name]
    return ids


def rows(batch_size: int, number: int, distance: int | None = None) -> Int[Tensor, "B T1"]:
    """Make batch `number`: texts batch_size · number and on."""
    return torch.tensor([text(batch_size * number + i, distance) for i in range(batch_size)])


def read(model: nn.Module, ids: Int[Tensor, "B T"], mem_len: int | None = None) -> Float[Tensor, "B T V"]:
    """Read texts segment by segment (logits): a Transformer-XL with its memory, or with one of `mem_len` positions.

    A GPT reads each segment together with the one before, as its window has room for two, and is asked about the later.
    """
    if isinstance(model, TransformerXL):
        memory = Memory(model, mem_len)
        return torch.cat([model(segment, memory) for segment in ids.split(SEGMENT, dim=1)], dim=1)
    starts = range(0, ids.shape[1], SEGMENT)
    windows = [model(ids[:, max(0, start + SEGMENT - model.config.n_ctx) : start + SEGMENT]) for start in starts]
    return torch.cat([window[:, -SEGMENT:] for window in windows], dim=1)


def recall_loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
    """Mean nats per token, and once more those of the answers alone, which would be lost among so much filler."""
    nats = F.cross_entropy(read(model, rows[:, :-1]).mT.float(), rows[:, 1:], reduction="none")  # [B, T]
    return nats.mean() + nats[rows[:, :-1] == ASKED].mean()


@torch.no_grad()
def accuracy(model: nn.Module, distance: int, n: int = Recipe.judged, mem_len: int | None = None) -> float:
    """Say how often the asked name is the likeliest of the names, in n held-out texts that ask so many segments on."""
    ids = torch.tensor([text(HELD_OUT + i, distance) for i in range(n)])  # [B, T + 1]
    asked = ids[:, :-1] == ASKED  # one in each text
    found = read(model, ids[:, :-1], mem_len)[asked][:, NAMES].argmax(-1)  # [B, T, V] -> [B]
    return (found + NAMES.start == ids[:, 1:][asked]).double().mean().item()


def new_model(kind: str, n_layer: int, seed: int, recipe: Recipe) -> nn.Module:
    """Start a "transformer_xl" or a "gpt", with block weights of 1/√n_embd, which suits so narrow a model."""
    torch.manual_seed(seed)
    if kind == "transformer_xl":
        model = TransformerXL(
            TransformerXLConfig(len(VOCABULARY), recipe.n_embd, n_layer, recipe.n_head, recipe.mem_len)
        )
    else:
        window = SEGMENT + recipe.mem_len
        model = GPT(GPTConfig(len(VOCABULARY), window, recipe.gpt_n_embd, n_layer, recipe.n_head))
    with torch.no_grad():
        for p in model.h.parameters():
            if p.ndim == 2:
                p.mul_(model.config.n_embd**-0.5 / 0.02)
    return model


def run(kind: str, n_layer: int, seed: int, recipe: Recipe, show: Callable = tqdm) -> tuple[nn.Module, dict]:
    """Train one model; return it and its row of the results."""
    model = new_model(kind, n_layer, seed, recipe)
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)

    def factor(step: int) -> float:
        return warmup_cosine(step, recipe.steps, recipe.warmup, recipe.decay_from)

    def batch(number: int) -> Tensor:
        return rows(recipe.batch_size, seed * recipe.steps + number)  # each seed has texts of its own

    losses = train(model, batch, optimisers, factor, recipe.steps, loss=recall_loss)
    for _ in show(losses, total=recipe.steps, desc=f"{kind} {n_layer} layers seed {seed}", mininterval=5):
        pass
    found = [round(accuracy(model, distance, recipe.judged), 4) for distance in range(FURTHEST + 1)]
    return model, {
        "model": kind,
        "n_layer": n_layer,
        "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "accuracy": found,
    }


def load_model() -> TransformerXL:
    """Load the Transformer-XL of three layers that is committed: seed 0 of the results."""
    model = new_model("transformer_xl", 3, 0, Recipe()).eval()
    model.load_state_dict(load_file(WEIGHTS))
    return model


def load_results() -> dict:
    """Read recall.json: the recipe, chance, and a row for each model with its accuracy at 0, 1, … segments."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


PLAN = [("transformer_xl", n_layer, seed) for seed in range(3) for n_layer in (3, 2, 1)]
PLAN += [("gpt", 3, seed) for seed in range(3)]


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS.parent, help="Folder of recall.json.")
@click.option("--steps", default=Recipe.steps, show_default=True)
def main(out: Path, steps: int) -> None:
    """Train all models of the plan that recall.json does not hold yet, and add a row for each."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    recipe, path = Recipe(steps=steps), out / RESULTS.name
    head = {
        "command": "python -m course_lib.training.recall",
        "recipe": asdict(recipe),
        "segment": SEGMENT,
        "segments": SEGMENTS,
        "tokens": recipe.steps * recipe.batch_size * SEGMENT * SEGMENTS,
        "chance": CHANCE,
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    runs = held.get("runs", []) if held.get("recipe") == head["recipe"] else []
    for kind, n_layer, seed in PLAN:
        if any((r["model"], r["n_layer"], r["seed"]) == (kind, n_layer, seed) for r in runs):
            continue
        model, row = run(kind, n_layer, seed, recipe)
        if (kind, n_layer, seed) == PLAN[0]:
            save_file({name: p.contiguous() for name, p in model.state_dict().items()}, out / WEIGHTS.name)
        runs.append(row)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(head | {"runs": runs}, indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)
        tqdm.write(json.dumps(row))


if __name__ == "__main__":
    main()
