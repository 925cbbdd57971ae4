"""Train the town's small T5, first on spans, then on all tasks; and one that has the same lessons from scratch.

Pre-training takes spans out of the town's documents. Then one model learns classification, entailment, similarity and
choice by writing the answers, and goes on filling gaps: one kind of example, one loss. Each lesson is a job, which goes
on from the model of the one before. The pre-trained model is kept as it is after the last lesson.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from course_lib.data import town_tokenizer
from course_lib.models import T5, T5Config
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT
from course_lib.training import muon_and_adamw, warmup_cosine
from course_lib.training.lessons import Lesson, Stage, held_out_pairs, lesson_batches, span_batches
from course_lib.training.probes import N_HELD_OUT
from course_lib.training.text_to_text import PAD, padded, share_right, t5_tokens, text_to_text_loss

from .desk import Desk, Job
from .mechanism import Experiment
from .reading import Record, Results

FIRST_GLANCE = HELD_OUT + 50_000  # the first of the examples that measure a model on the way
EVERY = 125  # steps from one look to the next
TASKS = ("classify", "entail", "similar_order", "choose")

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
class Recipe:
    """All that decides what comes out, beside the code and the job.

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
    lessons: tuple[Lesson, ...] = LESSONS
    judged: int = 500  # examples of each task from HELD_OUT on, after each lesson
    glanced: int = 60  # from FIRST_GLANCE on, on the way

    @property
    def steps(self) -> int:
        """Count the steps of pre-training."""
        return sum(stage.steps for stage in self.stages)


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Pre-training, and the lessons after it; then the same lessons for a model with fresh weights."""
    yield {"pretrained": True, "lesson": 0, "seed": 0}  # lesson 0 is pre-training itself
    for pretrained in (True, False):
        yield from ({"pretrained": pretrained, "lesson": i + 1, "seed": 0} for i in range(len(recipe.lessons)))


def t5_model(recipe: Recipe, tokenizer: Tokenizer, seed: int) -> T5:
    """Build the model, with fresh weights."""
    torch.manual_seed(seed)
    sizes = (recipe.n_embd, recipe.n_layer, recipe.n_head, recipe.n_embd // recipe.n_head, recipe.d_ff)
    ids = {"pad_id": tokenizer.special_tokens[PAD], "end_id": tokenizer.special_tokens[ENDOFTEXT]}
    return T5(T5Config(tokenizer.vocab_size, *sizes, **ids))


@torch.no_grad()
def look(model: T5, tokenizer: Tokenizer, n: int = 192) -> Record:
    """Measure pre-training on the way: nats per target token of documents with gaps, and the share of right tokens."""
    batch = padded(held_out_pairs("spans", n, tokenizer, HELD_OUT + N_HELD_OUT), model.config.pad_id)
    logits, asked = model(batch.ids, batch.targets), batch.targets != model.config.pad_id
    hits = (logits.argmax(-1) == batch.targets)[asked].double().mean().item()
    return {"held out": round(text_to_text_loss(model, batch).item(), 4), "tokens right": round(hits, 4)}


def judge(model: T5, tokenizer: Tokenizer, n: int, first: int = HELD_OUT) -> dict[str, float]:
    """Give the share of held-out examples of each task whose answer the model writes exactly, by greedy decoding."""
    return {name: share_right(model, held_out_pairs(name, n, tokenizer, first)) for name in TASKS}


def pretrain(recipe: Recipe, model: T5, seed: int, desk: Desk, tokenizer: Tokenizer) -> list[Record]:
    """Train a model on spans, or take it from the desk; say how it did on the way."""

    def on_the_way(step: int, loss: float) -> Record:
        return {"train": round(loss, 4)} | look(model, tokenizer)

    schedule = {"warmup": recipe.warmup, "decay_from": recipe.decay_from, "least": recipe.least}
    factor = partial(warmup_cosine, n_steps=recipe.least_at, **schedule)
    batch, optimisers = (
        span_batches(recipe.stages, tokenizer, seed),
        muon_and_adamw(model, recipe.muon_lr, recipe.adam_lr),
    )
    arguments = (batch, optimisers, factor, recipe.steps, on_the_way, EVERY)
    return desk.train(f"spans-{seed}", model, *arguments, loss=text_to_text_loss)


def taught(recipe: Recipe, job: Job, desk: Desk, tokenizer: Tokenizer) -> tuple[T5, list[Record]]:
    """Give the model after a lesson, taught now or taken from the desk, and how it did on the way.

    After the last lesson it is as it will be stored, in float16.
    """
    number, seed = job["lesson"], job["seed"]
    if number == 0:
        model = t5_model(recipe, tokenizer, seed)
        return model, pretrain(recipe, model, seed, desk, tokenizer) if job["pretrained"] else []
    model, _ = taught(recipe, job | {"lesson": number - 1}, desk, tokenizer)
    lesson = recipe.lessons[number - 1]

    def on_the_way(step: int, loss: float) -> Record:
        right = judge(model, tokenizer, recipe.glanced, FIRST_GLANCE)
        return {"train": round(loss, 4), "right": {name: round(share, 4) for name, share in right.items()}}

    name = f"{'pretrained' if job['pretrained'] else 'scratch'}-{seed}-lesson-{number}"
    factor = partial(
        warmup_cosine, n_steps=lesson.steps, warmup=lesson.warmup, decay_from=lesson.decay_from, least=0.02
    )
    batch, optimisers = lesson_batches(lesson, tokenizer, seed), muon_and_adamw(model, lesson.muon_lr, lesson.adam_lr)
    arguments = (batch, optimisers, factor, lesson.steps, on_the_way, EVERY)
    log = desk.train(name, model, *arguments, loss=text_to_text_loss)
    return (model.half().float() if number == len(recipe.lessons) else model), log


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Judge a model after a lesson; of pre-training, say only how it went."""
    tokenizer = t5_tokens(town_tokenizer())
    model, log = taught(recipe, job, desk, tokenizer)
    return ({"right": judge(model, tokenizer, recipe.judged)} if job["lesson"] else {}) | {"log": log}


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep the pre-trained model after its last lesson, in float16 (see `data.town_t5`)."""
    tokenizer, last = t5_tokens(town_tokenizer()), {"pretrained": True, "lesson": len(recipe.lessons), "seed": 0}
    taught(recipe, last, desk, tokenizer)[0].half().save_pretrained(folder / "town-t5")
    tokenizer.save(folder / "town-t5" / "tokenizer.json")


EXPERIMENT = Experiment("town_t5", ("text_to_text",), Recipe(), jobs, measure, keep=keep, fastest=True)
