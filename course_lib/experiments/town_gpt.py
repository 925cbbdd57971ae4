"""Train the small GPT that the whole course starts from, and others beside it: more seeds, fewer steps.

The recipe has three stages: many repeats in short rows, until the model copies; dense short stories and puzzles; then
the town as it is. On one core that multiplies in bfloat16 it takes half an hour. One model is kept, with copies that
were made on the way.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, train_bpe
from course_lib.town import HELD_OUT, document, documents
from course_lib.training import Batches, in_stages, muon_and_adamw, scores, text_rows, warmup_cosine
from course_lib.training.probes import N_HELD_OUT, look
from course_lib.training.start import small_gpt

from .desk import Desk, Job, save_weights
from .mechanism import Experiment
from .reading import Record, Results

EVERY = 50  # steps from one look at the model to the next
FIRST: Job = {"part": 1.0, "seed": 0}  # whose model is kept


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` rows of `length` tokens, drawn from one of the town's mixes."""

    mix: str
    length: int
    rows: int
    steps: int


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job.

    Learning rates are for the middle of the schedule.
    """

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
    judged: int = N_HELD_OUT  # documents from HELD_OUT on
    kept: tuple[int, ...] = (0, 100, 300, 350, 400, 450, 700, 750, 1400, 1700, 2500, 4050)  # multiples of EVERY

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

    def shortened(self, part: float) -> "Recipe":
        """Give the recipe with a part of each stage's steps."""
        stages = (replace(stage, steps=max(1, round(stage.steps * part))) for stage in self.stages)
        return replace(self, stages=tuple(stages))


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Three seeds of the whole run, then two runs of fewer steps."""
    yield from ({"part": 1.0, "seed": seed} for seed in range(3))
    yield from ({"part": part, "seed": 0} for part in (0.125, 0.25))


def town_tokens(recipe: Recipe) -> Tokenizer:
    """Learn the town's byte pairs from its first documents."""
    texts = [d.text for d in documents(recipe.tokenizer_documents)]
    return train_bpe(texts, recipe.vocab_size, [ENDOFTEXT])


def town_model(recipe: Recipe, seed: int) -> GPT:
    """Draw the first weights (`training.start.small_gpt`)."""
    return small_gpt(GPTConfig(recipe.vocab_size, recipe.n_ctx, recipe.n_embd, recipe.n_layer, recipe.n_head), seed)


def town_rows(recipe: Recipe, tokenizer: Tokenizer) -> Batches:
    """Number the batches of all stages, one stage after another; each stage has documents of its own mix."""

    def rows(stage: Stage) -> Batches:
        return text_rows(lambda number: document(number, stage.mix).text, tokenizer, stage.rows, stage.length)

    return in_stages([rows(stage) for stage in recipe.stages], [stage.steps for stage in recipe.stages])


def training_of(model: GPT, recipe: Recipe, tokenizer: Tokenizer) -> tuple[Batches, list, Callable[[int], float], int]:
    """Give what `training.train` is to be told: batches, optimisers, the factor on the learning rates, steps."""
    optimisers = muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr)
    schedule = {"warmup": recipe.warmup, "decay_from": recipe.decay_from, "least": recipe.least}
    factor = partial(warmup_cosine, n_steps=recipe.steps, **schedule)
    return town_rows(recipe, tokenizer), optimisers, factor, recipe.steps


def trained(recipe: Recipe, job: Job, desk: Desk, tokenizer: Tokenizer) -> tuple[GPT, list[Record]]:
    """Train one model, or take it from the desk, and say how it did on the way. Of the first, copies are made."""
    name, short = f"{job['part']}-{job['seed']}", recipe.shortened(job["part"])
    model = town_model(recipe, job["seed"])

    def seen(step: int) -> Record:
        if job == FIRST and step in recipe.kept:
            save_weights(desk.folder / "steps" / f"{step:05}.safetensors", model, torch.half)
        return {"step": step, "tokens": short.tokens_until(step)}

    def on_the_way(step: int, loss: float) -> Record:
        return seen(step) | {"train": round(loss, 4)} | look(model, tokenizer)

    first = desk.json(f"{name}-start", lambda: seen(0) | look(model, tokenizer))
    log = desk.train(name, model, *training_of(model, short, tokenizer), on_the_way, EVERY)
    return model, [first, *log]


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Compare loss and floor for each kind of document, at the end and on the way."""
    tokenizer = town_tokens(recipe)
    model, log = trained(recipe, job, desk, tokenizer)
    held_out = scores(model, documents(recipe.judged, HELD_OUT), tokenizer)
    losses = {kind: {name: round(n, 5) for name, n in asdict(s).items()} for kind, s in sorted(held_out.items())}
    return {"tokens": recipe.shortened(job["part"]).tokens, "losses": losses, "log": log}


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep the first model, its tokenizer and the copies (see `data.town_gpt`)."""
    tokenizer = town_tokens(recipe)
    trained(recipe, FIRST, desk, tokenizer)[0].save_pretrained(folder / "town-gpt")
    tokenizer.save(folder / "town-gpt" / "tokenizer.json")
    shutil.copytree(desk.folder / "steps", folder / "town-gpt" / "steps")


CHAPTERS = ("pretraining", "looking_inside", "autoencoding", "in_context")
EXPERIMENT = Experiment("town_gpt", CHAPTERS, Recipe(), jobs, measure, keep=keep, fastest=True)
