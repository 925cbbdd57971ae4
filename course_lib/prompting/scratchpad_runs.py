"""Small GPTs learn the riddle of the brother's age, with and without a scratchpad.

python -m course_lib.prompting.scratchpad_runs --out FOLDER

Each run of the plan leaves one JSON file in the folder, and a run that has one is not repeated: stop and go on as you
like. All runs see the same riddles and the same number of tokens; a run whose rows are shorter takes more steps. When
the plan is done, `--collect` writes what the course reads: scratchpad_runs.json and the two models beside this file.
"""

import json
import math
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from tqdm import tqdm

from course_lib.experiments.desk import sha256
from course_lib.models import GPT, GPTConfig
from course_lib.training import Batches, fastest_dtype, muon_and_adamw, train, warmup_cosine

from .riddles import STEPS, THE_RIDDLE, Riddle, RiddleTokens, all_riddles, split_riddles
from .scratchpads import (
    KEPT,
    MODELS,
    RESULTS,
    believed,
    completion_loss,
    examine,
    riddle_rows,
    sampled_answers,
    small_model,
    trace_solution,
)

N_CTX = 48  # the longest solution in digits takes 39
N_ON_THE_WAY = 100  # riddles for a look while training
BUDGET = 3_000_000  # tokens that each run computes, padding included
N_VOTES, N_SAMPLES, TEMPERATURES = 100, 20, (1.0, 2.0)  # riddles, solutions of each


@dataclass(frozen=True)
class Run:
    """One model and its training: what it is to write, how numbers are cut, and for how many tokens.

    `tokens` counts every token that goes through the model in training. Raises ValueError for a way or a kind of
    numbers that does not exist (when its rows are made) and for fewer tokens than one batch has.
    """

    way: str
    numbers: str = "digits"
    seed: int = 0
    tokens: int = BUDGET
    n_train: int = 3000
    muon_lr: float = 0.03
    batch_size: int = 64
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 64
    warmup: int = 50
    decay_from: float = 0.3

    @property
    def name(self) -> str:
        """Name the run by what tells it from others."""
        size = f"layers{self.n_layer}-tokens{self.tokens}-riddles{self.n_train}-lr{self.muon_lr:g}"
        return f"{self.way}-{self.numbers}-{size}-seed{self.seed}"


def row_batches(rows: Int[Tensor, "N T1"], batch_size: int, seed: int) -> Batches:
    """Draw batches of rows, numbered, each from its number and the seed alone."""

    def batch(number: int) -> Tensor:
        return rows[np.random.default_rng([seed, number]).integers(len(rows), size=batch_size)]  # [B, T + 1]

    return batch


def new_model(run: Run) -> GPT:
    """Draw the weights that a run starts from; its seed alone decides them."""
    vocab_size = len(RiddleTokens(run.numbers).vocabulary)
    return small_model(GPTConfig(vocab_size, N_CTX, run.n_embd, run.n_layer, run.n_head), run.seed)


def train_run(run: Run, dtype: torch.dtype = torch.float32) -> tuple[GPT, list[dict[str, float | int]]]:
    """Train one model; also return its loss and its accuracy on the validation riddles, a few times on the way."""
    tokens, parts = RiddleTokens(run.numbers), split_riddles(run.n_train)
    rows = riddle_rows(parts.train, tokens, run.way)
    steps = n_steps(run, rows)
    model, log = new_model(run), []
    optimisers = muon_and_adamw(model, run.muon_lr, run.muon_lr / 5)

    def factor(step: int) -> float:
        return warmup_cosine(step, steps, run.warmup, run.decay_from, least=0.02)

    losses = train(
        model,
        row_batches(rows, run.batch_size, run.seed),
        optimisers,
        factor,
        steps,
        dtype=dtype,
        loss=completion_loss(tokens),
    )
    for step, loss in enumerate(tqdm(losses, total=steps, desc=run.name, mininterval=10), 1):
        if step % math.ceil(steps / 6) == 0 or step == steps:
            known = examine(model, tokens, run.way, parts.validation[:N_ON_THE_WAY])["accuracy"]
            log.append({"step": step, "loss": round(loss, 4), "validation": known})
    return model, log


def n_steps(run: Run, rows: Int[Tensor, "N T1"]) -> int:
    """Count the steps that the run's tokens allow. Raises ValueError where they do not fill one batch."""
    per_step = run.batch_size * (rows.shape[1] - 1)
    if run.tokens < per_step:
        raise ValueError(f"{run.tokens} tokens do not fill one batch of {per_step}")
    return run.tokens // per_step


def conduct(run: Run, out: Path, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Train and examine one model, and leave its report and its weights in a folder; or read the report that is there.

    The report comes last and in one move: a run that was interrupted has none, and is done again.
    """
    place = out / f"{run.name}.json"
    if place.exists():
        return json.loads(place.read_text(encoding="utf-8"))
    started = time.process_time()
    model, log = train_run(run, dtype)
    seconds = time.process_time() - started
    tokens, parts = RiddleTokens(run.numbers), split_riddles(run.n_train)
    model.eval().half().save_pretrained(out / run.name)
    model = model.float()  # what is examined is what is kept
    report = {"run": asdict(run), "seconds": round(seconds), "dtype": str(dtype).removeprefix("torch."), "log": log}
    report["validation"] = examine(model, tokens, run.way, parts.validation)["accuracy"]
    report["problems"] = examine(model, tokens, run.way, parts.problems)
    report["numbers"] = examine(model, tokens, run.way, parts.numbers)
    write_json(place, report)
    return report


def write_json(path: Path, value: Any) -> None:
    """Write a file in one move, a line for each list of plain values."""
    part = path.with_name(path.name + ".part")
    text = re.sub(r"\[([^\[\]{}]*)\]", lambda found: f"[{' '.join(found[1].split())}]", json.dumps(value, indent=1))
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


RATES = (0.015, 0.0075, 0.06)  # other learning rates, beside the one of all runs
SHOWN = (THE_RIDDLE, Riddle("a third of", 42, 97), Riddle("twice", 37, 58), Riddle("half", 70, 86))  # all held out


def plan() -> list[Run]:
    """List the runs, the most needed first: every arm with one seed before any arm has two, other settings last."""
    runs = []
    for seed in range(3):
        runs += [Run(way, numbers, seed) for numbers in ("digits", "whole") for way in KEPT]
        runs += [Run("answer", "digits", seed, same_steps())]
    runs += [Run("scratchpad", numbers, muon_lr=rate) for rate in RATES for numbers in ("digits", "whole")]
    runs += [Run("scratchpad", "digits", seed, muon_lr=RATES[0]) for seed in (1, 2)]
    runs += [Run(way, "digits", seed, n_layer=1) for seed in range(3) for way in KEPT]
    runs += [Run("answer", numbers, muon_lr=rate) for rate in RATES for numbers in ("digits", "whole")]
    runs += [Run(way, "reversed", seed) for seed in range(3) for way in KEPT]
    return runs + [Run("dots", "digits", seed) for seed in range(3)]


def same_steps() -> int:
    """Count the tokens of an answer-only run that takes as many steps as a scratchpad's."""
    tokens, (riddle, *_) = RiddleTokens(), all_riddles()
    long, short = (riddle_rows([riddle], tokens, way).shape[1] - 1 for way in ("scratchpad", "answer"))
    return BUDGET * short // long


def collect(out: Path, reports: list[dict[str, Any]]) -> None:
    """Look closer at the models that were trained, and write what the course reads: the results and two models."""
    runs = [Run(**report["run"]) for report in reports]
    models = {run.name: GPT.from_pretrained(out / run.name).eval() for run in tqdm(runs, desc="models")}
    parts = split_riddles()
    voted = parts.numbers[:N_VOTES]
    votes, wrong_steps, traces = [], [], []
    for run in tqdm(runs, desc="a closer look"):
        model, tokens = models[run.name], RiddleTokens(run.numbers)
        if run in [Run("scratchpad", seed=seed, n_layer=n) for seed in range(3) for n in (1, 2)]:
            answers = {str(t): sampled_answers(model, tokens, voted, N_SAMPLES, t) for t in TEMPERATURES}
            greedy = examine(model, tokens, run.way, voted)["accuracy"]
            votes.append({"run": run.name, "n_layer": run.n_layer, "greedy": greedy, "answers": answers})
            wrong_steps += [{"run": run.name, **believed(model, tokens, parts.problems, s, 2)} for s in STEPS[:-1]]
        if run in [Run(way, numbers) for way in KEPT for numbers in ("digits", "whole")]:
            shown = [trace_solution(model, tokens, riddle) for riddle in SHOWN]
            traces.append({"way": run.way, "numbers": run.numbers, "riddles": shown})
    for way in KEPT:
        models[Run(way).name].half().save_pretrained(MODELS / way)
    write_json(
        RESULTS,
        {
            "command": "python -m course_lib.prompting.scratchpad_runs --out FOLDER --collect",
            "torch": torch.__version__,
            "runs": reports,
            "votes": votes,
            "misled": wrong_steps,
            "traces": traces,
            "sha256": {way: sha256(MODELS / way / "model.safetensors") for way in KEPT},
        },
    )


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for reports and weights.")
@click.option("--collect", "collecting", is_flag=True, help="Write the course's files from the runs that are there.")
@click.option("--threads", default=1, show_default=True)
def main(out: Path, collecting: bool, threads: int) -> None:
    """Train the plan's models, or go on with it; then write what the course reads."""
    torch.set_num_threads(threads)
    out.mkdir(parents=True, exist_ok=True)
    if collecting:
        done = [run for run in plan() if (out / f"{run.name}.json").exists()]
        collect(out, [conduct(run, out) for run in done])
        return
    for run in plan():
        report = conduct(run, out, fastest_dtype())
        tqdm.write(f"{run.name}: {report['problems']['accuracy']:.3f}, numbers {report['numbers']['accuracy']:.3f}")


if __name__ == "__main__":
    main()
