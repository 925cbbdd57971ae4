"""Small GPTs learn the riddle of the brother's age, with and without a scratchpad; then some are looked at closer.

All see the same riddles and the same number of tokens: where rows are shorter, there are more steps. Two models are
kept, one of each way, numbers as digits.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course_lib.models import GPT, GPTConfig
from course_lib.prompting.riddles import STEPS, THE_RIDDLE, Riddle, RiddleTokens, all_riddles, split_riddles
from course_lib.prompting.scratchpads import (
    believed,
    completion_loss,
    examine,
    riddle_rows,
    row_batches,
    sampled_answers,
    trace_solution,
)
from course_lib.training import muon_and_adamw, warmup_cosine
from course_lib.training.start import small_gpt

from .desk import Desk, Job, fingerprint
from .mechanism import Experiment
from .reading import Record, Results

N_CTX = 48  # the longest solution in digits takes 39
SHOWN = (THE_RIDDLE, Riddle("a third of", 42, 97), Riddle("twice", 37, 58), Riddle("half", 70, 86))  # all held out
WAYS = ("scratchpad", "answer")


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job. `tokens` counts those that a run computes."""

    tokens: int = 3_000_000  # padding included
    n_train: int = 3000
    muon_lr: float = 0.03
    other_rates: tuple[float, ...] = (0.015, 0.0075, 0.06)
    batch_size: int = 64
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 64
    warmup: int = 50
    decay_from: float = 0.3
    on_the_way: int = 100  # riddles for a look while training
    voted: int = 100  # riddles that are solved `samples` times at each temperature
    samples: int = 20
    temperatures: tuple[float, ...] = (1.0, 2.0)
    off: int = 2  # years by which a step is made wrong


def learn(recipe: Recipe, way: str, numbers: str = "digits", seed: int = 0, **other: int | float) -> Job:
    """Name the job of training one model; `other` may change its tokens, muon_lr and n_layer."""
    usual = {"tokens": recipe.tokens, "muon_lr": recipe.muon_lr, "n_layer": recipe.n_layer}
    return {"kind": "learn", "way": way, "numbers": numbers, "seed": seed} | usual | other


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Every arm with one seed before any arm has two, then other settings, then the closer looks."""
    fewer = same_steps(recipe)
    for seed in range(3):
        yield from (learn(recipe, way, numbers, seed) for numbers in ("digits", "whole") for way in WAYS)
        yield learn(recipe, "answer", seed=seed, tokens=fewer)
    rates = [{"muon_lr": rate} for rate in recipe.other_rates]
    yield from (learn(recipe, "scratchpad", numbers, **rate) for rate in rates for numbers in ("digits", "whole"))
    yield from (learn(recipe, "scratchpad", seed=seed, **rates[0]) for seed in (1, 2))
    yield from (learn(recipe, way, seed=seed, n_layer=1) for seed in range(3) for way in WAYS)
    yield from (learn(recipe, "answer", numbers, **rate) for rate in rates for numbers in ("digits", "whole"))
    yield from (learn(recipe, way, "reversed", seed) for seed in range(3) for way in WAYS)
    yield from (learn(recipe, "dots", seed=seed) for seed in range(3))
    for model in [{"n_layer": n_layer, "seed": seed} for n_layer in (2, 1) for seed in range(3)]:
        yield {"kind": "vote"} | model
        yield from ({"kind": "mislead", "step": step} | model for step in STEPS[:-1])
    yield from ({"kind": "trace", "way": way, "numbers": n, "seed": 0} for n in ("digits", "whole") for way in WAYS)


def same_steps(recipe: Recipe) -> int:
    """Count the tokens of an answer-only run that takes as many steps as a scratchpad's."""
    tokens, (riddle, *_) = RiddleTokens(), all_riddles()
    long, short = (riddle_rows([riddle], tokens, way).shape[1] - 1 for way in WAYS)
    return recipe.tokens * short // long


def n_steps(recipe: Recipe, n_tokens: int, row_length: int) -> int:
    """Count the steps that so many tokens allow. Raises ValueError where they do not fill one batch."""
    per_step = recipe.batch_size * row_length
    if n_tokens < per_step:
        raise ValueError(f"{n_tokens} tokens do not fill one batch of {per_step}")
    return n_tokens // per_step


def new_model(recipe: Recipe, job: Job) -> GPT:
    """Draw the weights that a run starts from; its seed alone decides them."""
    sizes = (recipe.n_embd, job["n_layer"], recipe.n_head)
    return small_gpt(GPTConfig(len(RiddleTokens(job["numbers"]).vocabulary), N_CTX, *sizes), job["seed"])


def trained(recipe: Recipe, job: Job, desk: Desk) -> tuple[GPT, list[Record]]:
    """Train one model; also give its loss and its accuracy on validation riddles, a few times on the way.

    Its weights are rounded to float16: what is examined is what is kept.
    """
    tokens, parts = RiddleTokens(job["numbers"]), split_riddles(recipe.n_train)
    rows, model = riddle_rows(parts.train, tokens, job["way"]), new_model(recipe, job)
    steps = n_steps(recipe, job["tokens"], rows.shape[1] - 1)

    def look(step: int, loss: float) -> Record:
        known = examine(model, tokens, job["way"], parts.validation[: recipe.on_the_way])["accuracy"]
        return {"loss": round(loss, 4), "validation": known}

    batch = row_batches(rows, recipe.batch_size, job["seed"])
    optimisers = muon_and_adamw(model, job["muon_lr"], job["muon_lr"] / 5)
    factor = partial(warmup_cosine, n_steps=steps, warmup=recipe.warmup, decay_from=recipe.decay_from, least=0.02)
    every, loss = math.ceil(steps / 6), completion_loss(tokens)
    log = desk.train(fingerprint(job), model, batch, optimisers, factor, steps, look, every, loss=loss)
    return model.eval().half().float(), log


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Do what kind of job this is."""
    return KINDS[job["kind"]](recipe, job, desk)


def examined(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Train a model and let it solve the riddles of all parts."""
    model, log = trained(recipe, job, desk)
    tokens, way, parts = RiddleTokens(job["numbers"]), job["way"], split_riddles(recipe.n_train)
    return {
        "log": log,
        "validation": examine(model, tokens, way, parts.validation)["accuracy"],
        "new problems": examine(model, tokens, way, parts.problems),
        "new numbers": examine(model, tokens, way, parts.numbers),
    }


def voted(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Let a model with a scratchpad solve riddles with new numbers greedily, and many times at each temperature."""
    model, tokens = closer(recipe, job, desk)
    riddles = split_riddles(recipe.n_train).numbers[: recipe.voted]
    answers = {str(t): sampled_answers(model, tokens, riddles, recipe.samples, t) for t in recipe.temperatures}
    return {"greedy": examine(model, tokens, "scratchpad", riddles)["accuracy"], "answers": answers}


def misled(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Put a wrong step into a scratchpad, and count where the answers go."""
    model, tokens = closer(recipe, job, desk)
    found = believed(model, tokens, split_riddles(recipe.n_train).problems, job["step"], recipe.off)
    return {name: value for name, value in found.items() if name not in job}


def traced(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Keep what a model writes for a few riddles, and how likely each token was."""
    model, _ = trained(recipe, learn(recipe, job["way"], job["numbers"]), desk)
    return {"riddles": [trace_solution(model, RiddleTokens(job["numbers"]), riddle) for riddle in SHOWN]}


def closer(recipe: Recipe, job: Job, desk: Desk) -> tuple[GPT, RiddleTokens]:
    """Give the model with a scratchpad of this job's seed and number of blocks, and its tokens."""
    model, _ = trained(recipe, learn(recipe, "scratchpad", seed=job["seed"], n_layer=job["n_layer"]), desk)
    return model, RiddleTokens("digits")


KINDS = {"learn": examined, "vote": voted, "mislead": misled, "trace": traced}


def keep(recipe: Recipe, desk: Desk, folder: Path) -> None:
    """Keep a model of each way in float16, for `data.riddle_gpt`."""
    for way in WAYS:
        model, _ = trained(recipe, learn(recipe, way), desk)
        model.half().save_pretrained(folder / "riddle-gpt" / way)


EXPERIMENT = Experiment("scratchpads", ("chain_of_thought",), Recipe(), jobs, measure, keep=keep, fastest=True)
