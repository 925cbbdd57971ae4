"""Small GPTs learn the riddle of the brother's age, with and without a scratchpad.

python -m course_lib.prompting.scratchpad_runs --out FOLDER

Each run of the plan leaves one JSON file in the folder, and a run that has one is not repeated: stop and go on as you
like. All runs see the same riddles and the same number of tokens; a run whose rows are shorter takes more steps. When
the plan is done, `--collect` writes what the course reads: scratchpad_runs.json and the two models beside this file.
"""

import json
import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from course_lib.generation import generate
from course_lib.models import GPT, GPTConfig
from course_lib.training import Batches, fastest_dtype, muon_and_adamw, train, warmup_cosine
from course_lib.training.loop import Loss
from course_lib.training.town import sha256, waves

from .riddles import (
    RELATIONS,
    STEPS,
    THE_RIDDLE,
    Riddle,
    RiddleTokens,
    all_riddles,
    first_mistake,
    majority,
    mislead,
    read_answer,
    split_riddles,
)

HERE = Path(__file__).parent
RESULTS = HERE / "scratchpad_runs.json"
MODELS = HERE / "riddle-gpt"
N_CTX = 48  # the longest solution in digits takes 39
N_ON_THE_WAY = 100  # riddles for a look while training
BUDGET = 3_000_000  # tokens that each run computes, padding included
N_VOTES, N_SAMPLES, TEMPERATURES = 100, 20, (0.5, 1.0)  # riddles, solutions of each


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
        return f"{self.way}-{self.numbers}-tokens{self.tokens}-riddles{self.n_train}-lr{self.muon_lr:g}-seed{self.seed}"


def riddle_rows(riddles: Sequence[Riddle], tokens: RiddleTokens, way: str) -> Int[Tensor, "N T1"]:
    """Write question, solution and end of each riddle into a row; what is left of a row is filled with ends."""
    texts = [f"{r.question} {r.completion(way)}" for r in riddles]
    ids = [torch.tensor([*tokens.encode(text), tokens.end]) for text in texts]
    return nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=tokens.end)  # N of [t] -> [N, T + 1]


def completion_targets(rows: Int[Tensor, "B T1"], tokens: RiddleTokens) -> Int[Tensor, "B T"]:
    """Give what is to be predicted at each place: the next token in a solution, −100 (no loss) everywhere else.

    A solution begins after the question mark and goes on to the first end, which belongs to it.
    """
    asked = (rows[:, :-1] == tokens.question_mark).cumsum(1) > 0  # [B, T]: the question is over
    ended = rows[:, :-1] == tokens.end  # [B, T]
    return rows[:, 1:].masked_fill(~asked | ended, -100)


def completion_loss(tokens: RiddleTokens) -> Loss:
    """Make the loss of `training.train` that looks at solutions alone, in nats per token of them."""

    def loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
        logits = model(rows[:, :-1])  # [B, T] -> [B, T, V]
        return F.cross_entropy(logits.flatten(0, 1).float(), completion_targets(rows, tokens).flatten())

    return loss


def row_batches(rows: Int[Tensor, "N T1"], batch_size: int, seed: int) -> Batches:
    """Draw batches of rows, numbered, each from its number and the seed alone."""

    def batch(number: int) -> Tensor:
        return rows[np.random.default_rng([seed, number]).integers(len(rows), size=batch_size)]  # [B, T + 1]

    return batch


def new_model(run: Run) -> GPT:
    """Draw the weights that a run starts from, as large as those of the town's model (`training.town.town_model`)."""
    torch.manual_seed(run.seed)
    vocab_size = len(RiddleTokens(run.numbers).vocabulary)
    model = GPT(GPTConfig(vocab_size, N_CTX, run.n_embd, run.n_layer, run.n_head))
    with torch.no_grad():
        for p in model.h.parameters():
            if p.ndim == 2:
                p.mul_(run.n_embd**-0.5 / 0.02)
        model.wte.weight.mul_(2.5)
        model.wpe.weight.copy_(0.07 * waves(N_CTX, run.n_embd))
    return model


def solve(
    model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], started: Sequence[str] | None = None, **rules: Any
) -> list[str]:
    """Let a model write the solution of each riddle; `rules` are those of `generation.generate` (default: greedy).

    `started` holds the beginnings of the solutions, which are part of what comes back: the model goes on from there.
    """
    started = [""] * len(riddles) if started is None else started
    prompts = [tokens.encode(f"{r.question} {begun}") for r, begun in zip(riddles, started, strict=True)]
    most = N_CTX - max(map(len, prompts))
    rows = generate(model, prompts, most, stop=tokens.end, **{"temperature": 0} | rules)
    asked = [len(tokens.encode(r.question)) for r in riddles]
    return [tokens.decode([i for i in row[n:].tolist() if i != tokens.end]) for n, row in zip(asked, rows)]


def examine(model: GPT, tokens: RiddleTokens, way: str, riddles: Sequence[Riddle]) -> dict[str, Any]:
    """Let the model solve riddles greedily: the share of right answers, and of each kind of first mistake.

    Only a scratchpad shows where a mistake was made; `lucky` counts right answers under a working that is wrong.
    """
    texts = solve(model, tokens, riddles)
    right = [read_answer(text) == r.answer for r, text in zip(riddles, texts)]
    report: dict[str, Any] = {"accuracy": sum(right) / len(right), "riddles": len(right)}
    by_relation = {relation: [ok for r, ok in zip(riddles, right) if r.relation == relation] for relation in RELATIONS}
    report["relations"] = {relation: round(sum(oks) / len(oks), 4) for relation, oks in by_relation.items() if oks}
    if way == "scratchpad":
        mistakes = [first_mistake(r, text) for r, text in zip(riddles, texts)]
        report["mistakes"] = dict(Counter(mistake for mistake in mistakes if mistake))
        report["lucky"] = sum(ok and mistake is not None for ok, mistake in zip(right, mistakes))
    return report


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
    """Write a file in one move."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    os.replace(part, path)


def sampled_answers(
    model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], n_samples: int, temperature: float | int, seed: int = 0
) -> list[list[int | None]]:
    """Let the model solve each riddle n_samples times at a temperature; give the answers, riddle by riddle."""
    generator = torch.Generator().manual_seed(seed)
    many = [riddle for riddle in riddles for _ in range(n_samples)]
    texts = solve(model, tokens, many, temperature=temperature, generator=generator)
    answers = [read_answer(text) for text in texts]
    return [answers[i : i + n_samples] for i in range(0, len(answers), n_samples)]


def vote_accuracy(
    answers: Sequence[Sequence[int | None]], riddles: Sequence[Riddle], k: int, draws: int = 20, seed: int = 0
) -> float:
    """Give the share of riddles that a majority of k answers gets right, on average over draws of k of the samples.

    Raises ValueError for more votes than there are samples.
    """
    n = len(answers[0])
    if not 1 <= k <= n:
        raise ValueError(f"{k} votes out of {n} samples: ask for 1 to {n}")
    rng = np.random.default_rng(seed)
    right = 0
    for _ in range(draws):
        for given, riddle in zip(answers, riddles, strict=True):
            right += majority([given[i] for i in rng.permutation(n)[:k]]) == riddle.answer
    return right / (draws * len(riddles))


def believed(model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], step: str, off: int) -> dict[str, Any]:
    """Put a wrong step into the working of each riddle that allows it, and count where the answer goes.

    "followed": to what the wrong step leads to. "right": to the right answer all the same. "other": elsewhere.
    """
    misled = []
    for riddle in riddles:
        with suppress(ValueError):
            misled.append((riddle, *mislead(riddle, step, off)))
    texts = solve(model, tokens, [riddle for riddle, _, _ in misled], [begun for _, begun, _ in misled])
    found: Counter[str] = Counter(followed=0, right=0, other=0)
    for text, (riddle, _, leads_to) in zip(texts, misled):
        answer = read_answer(text)
        found["followed" if answer == leads_to else "right" if answer == riddle.answer else "other"] += 1
    return {"step": step, "off": off, "riddles": len(misled), **found}


@torch.inference_mode()
def trace_solution(model: GPT, tokens: RiddleTokens, riddle: Riddle, k: int = 4) -> dict[str, Any]:
    """Let the model solve a riddle greedily, and keep at each token the k likeliest with their probabilities."""
    asked = tokens.encode(riddle.question)
    written = tokens.encode(solve(model, tokens, [riddle])[0])
    p = model(torch.tensor([[*asked, *written]]))[0, len(asked) - 1 : -1].softmax(-1)  # [T, V]
    best = p.topk(k)
    return {
        "question": [tokens.vocabulary[i] for i in asked],
        "written": [tokens.vocabulary[i] for i in written],
        "likeliest": [
            [[tokens.vocabulary[i], round(x, 4)] for i, x in zip(ids, values)]
            for ids, values in zip(best.indices.tolist(), best.values.tolist())
        ],
        "answer": riddle.answer,
    }


def riddle_model(way: str = "scratchpad") -> tuple[GPT, RiddleTokens]:
    """Load one of the two models that come with the library: "scratchpad" or "answer". Both write numbers as digits.

    Raises ValueError for another way.
    """
    if way not in KEPT:
        raise ValueError(f"way is {way!r}: there are models for {', '.join(KEPT)}")
    return GPT.from_pretrained(MODELS / way).eval(), RiddleTokens("digits")


def scratchpad_results() -> dict[str, Any]:
    """Read what the runs found, and the recipe of each: the content of scratchpad_runs.json."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


ARMS = (("scratchpad", "digits"), ("answer", "digits"), ("scratchpad", "whole"), ("answer", "whole"))
RATES = (0.015, 0.06)  # other learning rates, half and twice the one of all runs
KEPT = {"scratchpad": Run("scratchpad"), "answer": Run("answer")}  # the models that are committed
SHOWN = (THE_RIDDLE, Riddle("a third of", 27, 64), Riddle("twice", 17, 45), Riddle("half", 54, 67))


def plan() -> list[Run]:
    """List the runs, the most needed first: every arm with one seed before any arm has two, other settings last."""
    runs = []
    for seed in range(3):
        runs += [Run(way, numbers, seed) for way, numbers in ARMS] + [Run("answer", "digits", seed, same_steps())]
    runs += [Run("dots", "digits", seed) for seed in range(3)]
    runs += [Run("answer", "digits", tokens=3 * BUDGET)]
    runs += [Run(way, numbers, muon_lr=rate) for way, numbers in ARMS for rate in RATES]
    return runs + [Run(way, "reversed") for way in ("scratchpad", "answer")]


def same_steps() -> int:
    """Count the tokens of an answer-only run that takes as many steps as a scratchpad's."""
    tokens, (riddle, *_) = RiddleTokens(), all_riddles()
    long, short = (riddle_rows([riddle], tokens, way).shape[1] - 1 for way in ("scratchpad", "answer"))
    return BUDGET * short // long


def collect(out: Path, reports: list[dict[str, Any]]) -> None:
    """Look closer at the models that were trained, and write what the course reads: the results and two models."""
    runs = [Run(**report["run"]) for report in reports]
    models = {run.name: GPT.from_pretrained(out / run.name).eval() for run in tqdm(runs, desc="models")}
    held_out = split_riddles().problems
    votes, wrong_steps, traces = [], [], []
    for run in tqdm(runs, desc="a closer look"):
        model, tokens = models[run.name], RiddleTokens(run.numbers)
        if run.way == "scratchpad":
            answers = {str(t): sampled_answers(model, tokens, held_out[:N_VOTES], N_SAMPLES, t) for t in TEMPERATURES}
            votes.append({"run": run.name, "answers": answers})
            wrong_steps += [{"run": run.name, **believed(model, tokens, held_out, step, 2)} for step in STEPS[:-1]]
        if run.seed == 0 and run.tokens == BUDGET:
            shown = [trace_solution(model, tokens, riddle) for riddle in SHOWN]
            traces.append({"way": run.way, "numbers": run.numbers, "riddles": shown})
    for way, run in KEPT.items():
        models[run.name].half().save_pretrained(MODELS / way)
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
