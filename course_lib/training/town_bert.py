"""Train the town's small BERT: python -m course_lib.training.town_bert --out FOLDER.

The town, its tokens, the optimisers and the schedule are those of the town's GPT; the objective is another. Each row is
one document, [CLS] … [SEP], and rows of like length make a batch, so that there is little padding. The stages choose
more than BERT's 15 % of the tokens, since a small model learns more from each text then (Wettig et al. 2023).
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import click
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from course_lib.models import BERT, BERTConfig
from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT, documents

from . import town
from .blanks import blanks, fill, word_ids
from .loop import fastest_dtype, train, warmup_cosine
from .masking import NOT_ASKED, SPECIAL_TOKENS, MaskedRows, choose_each, corrupt, masked_loss
from .optimisers import muon_and_adamw
from .probes import N_HELD_OUT
from .state import save_state

GROUP = 16  # batches that are cut from one lot of documents, sorted by length


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` documents of a mix, of whose tokens `share` are chosen."""

    mix: str
    rows: int
    share: float
    steps: int


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code. Learning rates are for the middle of the schedule."""

    stages: tuple[Stage, ...] = (
        Stage("repeats", 48, 0.35, 700),
        Stage("short", 48, 0.35, 300),
        Stage("repeat", 48, 0.35, 500),
        Stage("full", 32, 0.25, 400),
        Stage("repeats", 48, 0.3, 400),
        Stage("full", 32, 0.25, 1000),
    )
    n_ctx: int = 160
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    muon_lr: float = 0.004
    adam_lr: float = 0.001
    warmup: int = 50
    horizon: int = 3800  # where the cosine would end
    decay_from: float = 0.65  # of the horizon
    least: float = 0.02
    cooldown: int = 400  # the last steps, in which the rate falls in a line to 0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Count the steps of all stages."""
        return sum(stage.steps for stage in self.stages)


def bert_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """Add BERT's four special tokens to a tokenizer, behind all others, so that no id changes."""
    return Tokenizer(tokenizer.merges, [*tokenizer.special_tokens, *SPECIAL_TOKENS], tokenizer.byte_order)


def framed(text: str, tokenizer: Tokenizer) -> list[int]:
    """Encode a text as BERT reads it: [CLS] text [SEP]."""
    special = tokenizer.special_tokens
    return [special["[CLS]"], *tokenizer.encode(text), special["[SEP]"]]


def document_rows(tokenizer: Tokenizer, stage: Stage) -> Callable[[int], list[list[int]]]:
    """Number the batches of a stage: each has documents of its own, all of like length."""

    @lru_cache(maxsize=1)
    def lot(number: int) -> list[list[int]]:
        n = GROUP * stage.rows
        return sorted((framed(d.text, tokenizer) for d in documents(n, number * n, stage.mix)), key=len)

    def rows(number: int) -> list[list[int]]:
        place = number * 5 % GROUP  # short and long ones in turn; 5 and 16 have no common factor
        return lot(number // GROUP)[place * stage.rows : (place + 1) * stage.rows]

    return rows


def masked_batches(recipe: Recipe, tokenizer: Tokenizer) -> Callable[[int], MaskedRows]:
    """Number the batches of all stages, one stage after another. What is chosen in each hangs on its number alone."""
    rows = [document_rows(tokenizer, stage) for stage in recipe.stages]
    ends = list(accumulate(stage.steps for stage in recipe.stages))

    def batch(number: int) -> MaskedRows:
        i = next(i for i, end in enumerate(ends) if number < end)
        stage = recipe.stages[i]
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + number)
        return hide(rows[i](number - ends[i] + stage.steps), tokenizer, stage.share, generator)

    return batch


def hide(rows: list[list[int]], tokenizer: Tokenizer, share: float, generator: torch.Generator) -> MaskedRows:
    """Pad the rows to one length, choose, and corrupt."""
    pad, mask = (tokenizer.special_tokens[name] for name in ("[PAD]", "[MASK]"))
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad)  # [B, T]
    chosen = choose_each(ids, tokenizer.special_tokens.values(), share, generator)
    inputs = corrupt(ids, chosen, mask, tokenizer.vocab_size, generator)
    return MaskedRows(inputs, ids.masked_fill(~chosen, NOT_ASKED), ids != pad)


def bert_model(recipe: Recipe, tokenizer: Tokenizer) -> BERT:
    """Start as the town's GPT does: matrices of 1/√n_embd, and positions as waves, not much smaller than the words."""
    torch.manual_seed(recipe.seed)
    sizes = (tokenizer.vocab_size, recipe.n_ctx, recipe.n_embd, recipe.n_layer, recipe.n_head)
    model = BERT(BERTConfig(*sizes))
    with torch.no_grad():
        for p in [*model.h.parameters(), *model.head.parameters()]:
            if p.ndim == 2:
                p.mul_(recipe.n_embd**-0.5 / 0.02)
        model.wte.weight.mul_(2.5)
        model.wpe.weight.copy_(0.07 * town.waves(recipe.n_ctx, recipe.n_embd))
    return model


def look(model: BERT, tokenizer: Tokenizer, n: int = 400) -> dict[str, float]:
    """Measure a model on the way: how surprised it is by the word in a blank, and how often its first guess is right.

    For all kinds of text together, and for each. One word is left out of each of n documents.
    """
    holes = blanks(n, HELD_OUT + N_HELD_OUT)
    log_q = fill(model, holes, tokenizer)  # [N, V]
    right = torch.tensor(word_ids([hole.word for hole in holes], tokenizer))  # [N]
    nats, hits = -log_q.gather(1, right[:, None])[:, 0], (log_q.argmax(-1) == right).float()
    row = {"loss": nats.mean().item(), "accuracy": hits.mean().item()}
    for kind in sorted({hole.kind for hole in holes}):
        row[kind] = nats[[hole.kind == kind for hole in holes]].mean().item()
    return {name: round(value, 4) for name, value in row.items()}


def train_town_bert(out: Path, recipe: Recipe, evaluate_every: int = 100, dtype: torch.dtype = torch.float32) -> BERT:
    """Train as the recipe says and write the folder: model, config, tokenizer, the recipe with its results.

    Interrupted, it goes on from the last evaluation when it is called again with the same folder and recipe.
    """
    tokenizer = bert_tokens(town.town_tokens(town.Recipe()))
    model = bert_model(recipe, tokenizer)
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)
    log, seconds = town.resume(out / town.STATE, model, optimisers, recipe)
    if not log:
        log.append({"step": 0} | look(model, tokenizer))
    started, start = time.perf_counter() - seconds, log[-1]["step"]

    def factor(step: int) -> float:
        cosine = warmup_cosine(step, recipe.horizon, recipe.warmup, recipe.decay_from, recipe.least)
        return cosine * min(1.0, (recipe.steps - step) / recipe.cooldown)

    batch = masked_batches(recipe, tokenizer)
    losses = train(model, batch, optimisers, factor, recipe.steps, start, dtype=dtype, loss=masked_loss)
    bar = tqdm(losses, total=recipe.steps, initial=start, unit="step", mininterval=5)
    with sdpa_kernel(SDPBackend.MATH):  # in bfloat16 on a CPU, torch's fused attention is twice as slow backwards
        for step, loss in enumerate(bar, start + 1):
            if step % evaluate_every == 0 or step == recipe.steps:
                row = {"step": step, "train": round(loss, 4)} | look(model, tokenizer)
                log.append(row)
                tqdm.write(", ".join(f"{name} {value}" for name, value in row.items()))
                seconds = time.perf_counter() - started
                save_state(out / town.STATE, model, optimisers, step, recipe=asdict(recipe), log=log, seconds=seconds)
    save(out, model, tokenizer, recipe, log, seconds, dtype)
    (out / town.STATE).unlink(missing_ok=True)
    return model


def save(
    out: Path, model: BERT, tokenizer: Tokenizer, recipe: Recipe, log: list[dict], seconds: float, dtype: torch.dtype
) -> None:
    """Write the model and all about it. recipe.json holds the log and the sha256 of every other file."""
    model.save_pretrained(out)
    tokenizer.save(out / "tokenizer.json")
    report = {
        "command": f"python -m course_lib.training.town_bert --seed {recipe.seed}",
        "recipe": asdict(recipe),
        "seconds": round(seconds),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "look": {"first_document": HELD_OUT + N_HELD_OUT, "unit": "nats per blank, one blank per document"},
        "log": log,
        "sha256": {name: town.sha256(out / name) for name in ("model.safetensors", "tokenizer.json")},
    }
    part = out / "recipe.json.part"
    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    os.replace(part, out / "recipe.json")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained model.")
@click.option("--seed", default=0, show_default=True)
@click.option("--part", default=1.0, show_default=True, help="Fraction of the steps, for a quick try.")
@click.option("--threads", default=1, show_default=True)
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
def main(out: Path, seed: int, part: float, threads: int, dtype: str) -> None:
    """Train the town's small BERT."""
    torch.set_num_threads(threads)
    stages = tuple(replace(stage, steps=max(1, round(stage.steps * part))) for stage in Recipe.stages)
    precision = fastest_dtype() if dtype == "auto" else getattr(torch, dtype)
    train_town_bert(out, Recipe(stages=stages, seed=seed), dtype=precision)


if __name__ == "__main__":
    main()
