"""Train the town's small T5, first on spans, then on all tasks: python -m course_lib.training.town_t5 --out FOLDER.

Pre-training takes spans out of the town's documents. Then one model learns classification, entailment, similarity and
choice by writing the answers, and goes on filling gaps: one kind of example, one loss. RESULTS keeps what each lesson
gave, and what was known on the way.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path

import click
import numpy as np
import torch
from tqdm import tqdm

from course_lib.models import T5, T5Config
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT, document

from . import town
from .loop import fastest_dtype, train, warmup_cosine
from .muon import Muon
from .probes import N_HELD_OUT
from .state import load_state, save_state
from .text_to_text import (
    PAD,
    RESULTS,
    PaddedPairs,
    Pair,
    corrupted_pair,
    padded,
    pair_batches,
    salient_ids,
    share_right,
    t5_tokens,
    task_pair,
    text_to_text_loss,
)

N_EXAMPLES = 500  # of each task, to judge a model by
FIRST_GLANCE, N_GLANCE = HELD_OUT + 50_000, 60  # other examples of each task, to look at a model on the way
PROGRESS = "runs.json"  # what the runs gave so far, in the folder of a run that has not ended
COMMAND = "make town-t5"  # which runs python -m course_lib.training.town_t5 --out course_lib/data/town-t5
TASKS = ("classify", "entail", "similar_order", "choose")


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` documents, of whose tokens the share `density` is taken away.

    The documents are of these mixes or kinds, in turn. With `salient`, it is the share of places, colours and moods.
    """

    mixes: tuple[str, ...]
    rows: int
    density: float
    steps: int
    salient: bool = False


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out of pre-training, beside the code.

    More is taken away than T5's 15 %, as for the town's BERT: a short run learns more from each text then. The
    documents are stories and their retellings; puzzles teach nothing that the tasks ask for. After random spans come
    salient ones: a word that says who obeyed is seldom taken by chance while all that it follows from is still there.
    The learning rate falls as if the run went on to step `least_at`; lessons go on from there at a lower one.
    """

    stages: tuple[Stage, ...] = (
        Stage(("short story", "retelling"), 48, 0.3, 1500),
        Stage(("short story", "retelling", "story", "long retelling"), 48, 0.3, 500),
        Stage(("short story", "retelling", "short story", "story"), 64, 0.25, 750, salient=True),
    )
    n_embd: int = 128
    n_layer: int = 3
    n_head: int = 4
    d_ff: int = 256
    muon_lr: float = 0.003
    adam_lr: float = 0.01  # embeddings start at 1, twenty times as large as the GPT's
    warmup: int = 50
    decay_from: float = 0.5  # a fraction of least_at
    least: float = 0.05
    least_at: int = 3500
    seed: int = 0

    @property
    def steps(self) -> int:
        """Count the steps of all stages."""
        return sum(stage.steps for stage in self.stages)


@dataclass(frozen=True)
class Lesson:
    """So many labelled examples of each task, from number `first` on, seen so often; all weights move.

    Seen once they come by their numbers, else in a new order each time. With `gap_every` 5, every fifth text is a
    document with gaps; 0 means none. The rate stays up for the fraction `decay_from` of the steps.
    """

    labels: dict[str, int]
    first: int = 0
    epochs: int = 2
    gap_every: int = 5
    rows: int = 32
    muon_lr: float = 0.0015
    adam_lr: float = 0.005
    warmup: int = 50
    decay_from: float = 0.5

    @property
    def steps(self) -> int:
        """Count the steps: those of the labels, and those of the documents with gaps on top."""
        seen, every = self.epochs * sum(self.labels.values()), self.gap_every
        return (seen * every // (every - 1) if every else seen) // self.rows


# Entailment is learned last. After the first lesson the model tells true from false, and never says "unknown": that a
# place or a colour is told of the other object it does not look up. The second lesson is about that alone, and costs
# the other tasks. The third is for all of them once more; similarity comes back last, and has most of the fourth.
LESSONS = (
    Lesson({"classify": 2000, "entail": 12_000, "similar_order": 3000, "choose": 3000}),
    Lesson({"entail": 18_400}, first=100_000, epochs=1, gap_every=0, muon_lr=0.003, warmup=20, decay_from=0.87),
    Lesson(dict.fromkeys(TASKS, 5000), first=200_000, epochs=1),
    Lesson({"classify": 2000, "entail": 3000, "similar_order": 6000, "choose": 1000}, first=300_000),
)


@dataclass(frozen=True)
class Run:
    """One model that is taught: pre-trained or not. The seed is that of the order of examples, and of fresh weights."""

    lessons: tuple[Lesson, ...] = LESSONS
    pretrained: bool = True
    seed: int = 0

    @property
    def name(self) -> str:
        """Give the run a name in RESULTS."""
        kind = "pre-trained" if self.pretrained else "from scratch"
        return f"{kind}, {len(self.lessons)} lesson{'s' * (len(self.lessons) > 1)}, seed {self.seed}"


RUNS = (Run(), Run(pretrained=False))


def t5_model(recipe: Recipe, tokenizer: Tokenizer) -> T5:
    """Build the model, with fresh weights."""
    torch.manual_seed(recipe.seed)
    special = tokenizer.special_tokens
    return T5(
        T5Config(
            vocab_size=tokenizer.vocab_size,
            n_embd=recipe.n_embd,
            n_layer=recipe.n_layer,
            n_head=recipe.n_head,
            d_head=recipe.n_embd // recipe.n_head,
            d_ff=recipe.d_ff,
            pad_id=special[PAD],
            end_id=special[ENDOFTEXT],
        )
    )


def optimisers_of(model: T5, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for embeddings, distance tables and gains."""
    matrices = {name: p for name, p in model.named_parameters() if ".block." in name and p.ndim == 2}
    others = [p for name, p in model.named_parameters() if name not in matrices]
    adam = torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    return [Muon(matrices.values(), lr=muon_lr), adam]


def span_batches(recipe: Recipe, tokenizer: Tokenizer) -> Callable[[int], PaddedPairs]:
    """Number the batches of all stages, one stage after another. The document's number decides which spans go."""

    salient = salient_ids(tokenizer)

    def pair_of(stage: Stage) -> Callable[[int], Pair]:
        return lambda i: corrupted_pair(
            document(i // len(stage.mixes), stage.mixes[i % len(stage.mixes)]).text,
            tokenizer,
            stage.density,
            np.random.default_rng([recipe.seed, i]),
            salient if stage.salient else (),
        )

    pad_id = tokenizer.special_tokens[PAD]
    batches = [pair_batches(pair_of(stage), stage.rows, pad_id) for stage in recipe.stages]
    ends = list(accumulate(stage.steps for stage in recipe.stages))

    def batch(number: int) -> PaddedPairs:
        i = next(i for i, end in enumerate(ends) if number < end)
        return batches[i](number - ends[i] + recipe.stages[i].steps)

    return batch


def lesson_batches(lesson: Lesson, tokenizer: Tokenizer, seed: int = 0) -> Callable[[int], PaddedPairs]:
    """Number the batches of a lesson: all tasks in one bowl, and documents with gaps among them."""
    examples = [(name, lesson.first + i) for name, n in lesson.labels.items() for i in range(n)]
    rng = np.random.default_rng([seed, 1])
    order = np.concatenate([rng.permutation(len(examples)) for _ in range(lesson.epochs)])
    if lesson.epochs == 1:
        order = np.argsort([number for _, number in examples], kind="stable")

    def pair(i: int) -> Pair:
        gaps_before, place = divmod(i, lesson.gap_every) if lesson.gap_every else (0, 0)
        at = i - gaps_before
        if (lesson.gap_every and place == lesson.gap_every - 1) or at >= len(order):
            number = lesson.first + i
            return corrupted_pair(document(number).text, tokenizer, 0.15, np.random.default_rng([seed, number]))
        return task_pair(*examples[order[at]], tokenizer)

    return pair_batches(pair, lesson.rows, tokenizer.special_tokens[PAD])


def held_out_pairs(name: str, n: int, tokenizer: Tokenizer, first: int = HELD_OUT) -> list[Pair]:
    """Give n examples of a task that training never uses, or of "spans", documents with gaps of 15 %."""
    if name != "spans":
        return [task_pair(name, first + i, tokenizer) for i in range(n)]
    return [
        corrupted_pair(document(first + i).text, tokenizer, 0.15, np.random.default_rng([first, i])) for i in range(n)
    ]


@torch.no_grad()
def look(model: T5, tokenizer: Tokenizer, n: int = 192) -> dict[str, float]:
    """Measure pre-training on the way: nats per target token of documents with gaps, and the share of right tokens."""
    batch = padded(held_out_pairs("spans", n, tokenizer, HELD_OUT + N_HELD_OUT), model.config.pad_id)
    logits, asked = model(batch.ids, batch.targets), batch.targets != model.config.pad_id
    hits = (logits.argmax(-1) == batch.targets)[asked].double().mean().item()
    return {"held out": round(text_to_text_loss(model, batch).item(), 4), "tokens right": round(hits, 4)}


def pretrain(
    out: Path, recipe: Recipe, tokenizer: Tokenizer, every: int = 125, dtype: torch.dtype = torch.float32
) -> tuple[T5, list[dict]]:
    """Pre-train, or go on where an earlier call was interrupted; return the model and the log."""
    model = t5_model(recipe, tokenizer)
    optimisers = optimisers_of(model, recipe.muon_lr, recipe.adam_lr)
    log, seconds = town.resume(out / town.STATE, model, optimisers, recipe)
    started, start = time.process_time() - seconds, log[-1]["step"] if log else 0

    def factor(step: int) -> float:
        return warmup_cosine(step, recipe.least_at, recipe.warmup, recipe.decay_from, recipe.least)

    batch = span_batches(recipe, tokenizer)
    losses = train(model, batch, optimisers, factor, recipe.steps, start, dtype=dtype, loss=text_to_text_loss)
    for step, loss in enumerate(tqdm(losses, total=recipe.steps, initial=start, unit="step", mininterval=5), start + 1):
        if step % every == 0 or step == recipe.steps:
            log.append({"step": step, "train": round(loss, 4)} | look(model, tokenizer))
            tqdm.write(str(log[-1]))
            seconds = time.process_time() - started
            save_state(out / town.STATE, model, optimisers, step, recipe=asdict(recipe), log=log, seconds=seconds)
    return model, [*log, {"cpu_seconds": round(seconds)}]


def teach(
    path: Path,
    model: T5,
    lesson: Lesson,
    tokenizer: Tokenizer,
    seed: int = 0,
    every: int = 125,
    dtype: torch.dtype = torch.float32,
) -> tuple[list[dict], float]:
    """Train a model on a lesson, or go on where an earlier call with this file was interrupted.

    Return what it knew on the way, of other examples than `judge` asks for, and the CPU's seconds.
    """
    optimisers = optimisers_of(model, lesson.muon_lr, lesson.adam_lr)
    log, seconds = resume(path, model, optimisers, lesson)
    started, start = time.process_time() - seconds, log[-1]["step"] if log else 0

    def factor(step: int) -> float:
        return warmup_cosine(step, lesson.steps, lesson.warmup, lesson.decay_from, 0.02)

    batch = lesson_batches(lesson, tokenizer, seed)
    losses = train(model, batch, optimisers, factor, lesson.steps, start, dtype=dtype, loss=text_to_text_loss)
    bar = tqdm(losses, total=lesson.steps, initial=start, unit="step", mininterval=5, desc=path.stem)
    for step, loss in enumerate(bar, start + 1):
        if step % every == 0 or step == lesson.steps:
            right = {name: round(share, 4) for name, share in judge(model, tokenizer, N_GLANCE, FIRST_GLANCE).items()}
            log.append({"step": step, "train": round(loss, 4), "right": right})
            tqdm.write(str(log[-1]))
            seconds = time.process_time() - started
            save_state(path, model, optimisers, step, lesson=asdict(lesson), log=log, seconds=seconds)
    return log, seconds


def resume(path: Path, model: T5, optimisers: list, lesson: Lesson) -> tuple[list[dict], float]:
    """Put a lesson back to where it was interrupted; return its log (empty for a new one) and the seconds it took."""
    if not path.exists():
        return [], 0.0
    held = load_state(path, model, optimisers)
    if held["lesson"] != asdict(lesson):
        raise ValueError(f"{path} is of another lesson, {held['lesson']}: remove it, or name another folder")
    return held["log"], held["seconds"]


def judge(model: T5, tokenizer: Tokenizer, n: int = N_EXAMPLES, first: int = HELD_OUT) -> dict[str, float]:
    """Give the share of held-out examples of each task whose answer the model writes exactly, by greedy decoding."""
    return {name: share_right(model, held_out_pairs(name, n, tokenizer, first)) for name in TASKS}


def run_all(out: Path, recipe: Recipe, runs: Sequence[Run], dtype: torch.dtype) -> None:
    """Make all runs, or go on where an earlier call was interrupted. The first run's model is kept in `out`.

    RESULTS is written after each run; what only an interrupted call needs is removed at the end.
    """
    tokenizer, progress = t5_tokens(town.town_tokens(town.Recipe())), out / PROGRESS
    found = {
        "command": COMMAND,
        "examples": N_EXAMPLES,
        "first_example": HELD_OUT,
        "glance": {"examples": N_GLANCE, "first_example": FIRST_GLANCE},
        "recipe": json.loads(json.dumps(asdict(recipe))),
        "torch": torch.__version__,
        "runs": {},
    }
    if progress.exists():
        held = json.loads(progress.read_text("utf8"))
        if held["recipe"] != found["recipe"]:
            raise ValueError(f"{progress} is of a run with another recipe, {held['recipe']}: name another folder")
        found = held
    for run in runs:
        if run.name in found["runs"]:
            continue
        model = t5_model(replace(recipe, seed=recipe.seed + run.seed), tokenizer)
        if run.pretrained:
            model, log = pretrain(out, recipe, tokenizer, dtype=dtype)
        found["runs"][run.name] = rows = [taught(out, model, run, i, tokenizer, dtype) for i in range(len(run.lessons))]
        if run == runs[0]:
            found["checkpoint"] = save(out, model, tokenizer, recipe, rows, log, dtype)
        write_json(progress, found)
        write_json(RESULTS, found)
    for path in (progress, out / town.STATE, *out.glob("*, lesson *")):
        path.unlink(missing_ok=True)


def taught(out: Path, model: T5, run: Run, i: int, tokenizer: Tokenizer, dtype: torch.dtype) -> dict:
    """Teach lesson i of a run and judge the model then, once; the last lesson's as it will be stored, in float16."""
    lesson, path = run.lessons[i], out / f"{run.name}, lesson {i + 1}.pt"
    log, seconds = teach(path, model, lesson, tokenizer, run.seed, dtype=dtype)
    if i == len(run.lessons) - 1:
        model.half().float()
    judged = path.with_suffix(".json")
    if not judged.exists():
        write_json(judged, judge(model, tokenizer))
    right = json.loads(judged.read_text("utf8"))
    tqdm.write(f"{path.stem}: {right}")
    return asdict(lesson) | {"steps": lesson.steps, "cpu_seconds": round(seconds), "right": right, "log": log}


def save(
    out: Path, model: T5, tokenizer: Tokenizer, recipe: Recipe, lessons: list[dict], log: list[dict], dtype: torch.dtype
) -> str:
    """Write the model in float16, and all about it; return the sha256 of the weights."""
    model.half().save_pretrained(out)
    tokenizer.save(out / "tokenizer.json")
    files = {name: town.sha256(out / name) for name in ("model.safetensors", "tokenizer.json")}
    report = {
        "command": COMMAND,
        "recipe": asdict(recipe),
        "lessons": lessons,
        "dtype": str(dtype).removeprefix("torch."),
        "stored": "float16",
        "torch": torch.__version__,
        "look": {"first_document": HELD_OUT + N_HELD_OUT, "unit": "nats per token of the target"},
        "log": log,
        "sha256": files,
    }
    write_json(out / "recipe.json", report)
    return files["model.safetensors"]


def write_json(path: Path, content: dict) -> None:
    """Write a file in one move."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained model.")
@click.option("--part", default=1.0, show_default=True, help="Fraction of the pre-training steps, for a quick try.")
@click.option("--threads", default=1, show_default=True)
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
def main(out: Path, part: float, threads: int, dtype: str) -> None:
    """Train the town's small T5, and measure it."""
    torch.set_num_threads(threads)
    stages = tuple(replace(stage, steps=max(1, round(stage.steps * part))) for stage in Recipe.stages)
    precision = fastest_dtype() if dtype == "auto" else getattr(torch, dtype)
    run_all(out, Recipe(stages=stages), RUNS, precision)


if __name__ == "__main__":
    main()
