"""The runs of chapter 12: python -m course_lib.finetuning.runs. Every run is one record of results.json.

The town's model is turned to its tasks, with many labels and few, and the same network from scratch beside it. A run
that stands in the file is not run again: stop the command at any time, and call it again to go on.
"""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from course_lib.experiments.town_gpt import Recipe, town_model
from course_lib.models import GPT
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT, LABELS, Example, baselines
from course_lib.town import task as town_task
from course_lib.training import fastest_dtype

from .batches import Encoded, collate, encode_example, town_form
from .heads import TaskModel, at_extract, freeze, widen
from .records import RESULTS
from .tuning import Settings, accuracy, finetune
from .zero_shot import zero_shot

MODEL = Path(__file__).parents[1] / "data" / "town-gpt"

SEEDS = range(5)
SWEEP = (1e-3, 3e-4, 3e-3)  # learning rates that a model from scratch may choose from
SWEEP_SEED = 0
CURVE = (50, 200, 500, 1000, 2000, 5000, 10_000)
VALIDATION, N_VALIDATION = HELD_OUT + 100_000, 200
N_TEST = {"classify": 1000, "entail": 1000, "choose": 500}  # 500 for the others
LABELS_APART = 20_000  # the labels of seed s are numbered from s times this
LOOK_EVERY, ENOUGH = 25, 0.995  # a run stops when it had this validation accuracy twice in a row
WARMUP, SIMILAR_LENGTHS = 0.1, 8
PAIRS_TO_FIT = 100  # labelled examples for the thresholds of zero-shot scores


@dataclass(frozen=True)
class Headline:
    """How a task is learned: labels, least steps, the pre-trained model's rate, the size of the new tokens at first.

    They were changed while runs were coming in, by validation accuracy and with test accuracy in view, on seeds that
    are used below as well; what was given up stands under "tried" in results.json. GPT-1's new tokens have 0.02:
    *classify* comes off its plateau sooner with that, the others with 0.1.

    `after` names a task that the same network and head have learned before, by its usual run with its usual rate: an
    intermediate task (Phang et al. 2018).
    """

    labels: int
    steps: int
    lr: float
    new_tokens_std: float
    after: str | None = None


HEADLINES = {
    "classify": Headline(500, 100, 3e-4, 0.02),
    "similar_order": Headline(4000, 500, 3e-4, 0.1),
    "entail": Headline(8000, 1500, 3e-4, 0.1),
    "choose": Headline(2000, 189, 3e-4, 0.1),
    "similar_mirror": Headline(4000, 375, 3e-4, 0.1, "similar_order"),
    "similar_sizes": Headline(4000, 375, 3e-4, 0.1, "similar_order"),
    "similar_people": Headline(4000, 375, 3e-4, 0.1),
}
EXTRA = ("similar_mirror", "similar_sizes", "similar_people")


@dataclass(frozen=True)
class Run:
    """All that decides what comes out of one run, beside the code."""

    task: str
    labels: int
    start: str  # "pre-trained" or "scratch"
    seed: int
    lr: float
    steps: int
    lm_weight: float = 0.5
    frozen: int = 0
    new_tokens_learn: bool = True
    new_tokens_std: float = 0.02
    after: str | None = None

    @property
    def settings(self) -> Settings:
        """Whole epochs, at least `steps` steps of them; batches of 32 and all else as GPT-1's, but for the warm-up."""
        epochs = max(1, math.ceil(self.steps / math.ceil(self.labels / Settings.batch_size)))
        return Settings(
            lr=self.lr,
            epochs=epochs,
            warmup=WARMUP,
            lm_weight=self.lm_weight,
            similar_lengths=SIMILAR_LENGTHS,
            seed=self.seed,
        )


def headline(task: str, start: str, seed: int, lr: float | None = None, **changed: Any) -> Run:
    """The run of a task with its usual labels and steps."""
    h = HEADLINES[task]
    usual = {"task": task, "labels": h.labels, "start": start, "seed": seed, "lr": lr or h.lr, "steps": h.steps}
    return Run(**usual | {"new_tokens_std": h.new_tokens_std, "after": h.after} | changed)


def queue(results: "Results") -> Iterator[Run]:
    """Yield the runs, most wanted first. Learning rates from scratch follow from runs that are done by then."""
    main = ("similar_order", "entail", "choose")
    yield from pretrained(("classify",), SEEDS)
    yield from from_scratch(results, ("classify",))
    for task in main:
        yield from pretrained((task,), SEEDS)
    yield from (headline(task, "scratch", SWEEP_SEED, SWEEP[0]) for task in main)
    yield from (headline("classify", "pre-trained", s, lm_weight=w) for s in SEEDS[:3] for w in (0.0, 1.0, 2.0))
    yield from (
        headline("classify", "pre-trained", s, frozen=layers, new_tokens_learn=learn)
        for s in SEEDS[:3]
        for layers, learn in ((2, True), (4, True), (4, False), (1, True), (3, True))
    )
    yield from curve("classify", SEEDS[:3])
    yield from from_scratch(results, main)
    for seeds in (SEEDS[:1], SEEDS[1:3]):
        for task in main:
            yield from curve(task, seeds)
            yield from (headline(task, "pre-trained", s, lm_weight=w) for s in seeds for w in (0.0, 2.0))
            yield from (
                headline(task, "pre-trained", s, frozen=layers, new_tokens_learn=learn)
                for s in seeds
                for layers, learn in ((2, True), (4, False))
            )
    yield from pretrained(("similar_mirror", "similar_sizes"), SEEDS)
    yield headline("similar_mirror", "pre-trained", 0, 1e-3, labels=8000, steps=1000, lm_weight=2.0, after=None)
    yield from (headline(task, "pre-trained", 0, after=None) for task in EXTRA)
    yield headline("similar_people", "pre-trained", 0, after="similar_order")
    yield from from_scratch(results, ("similar_mirror",))


def pretrained(tasks: Sequence[str], seeds: Sequence[int]) -> Iterator[Run]:
    """Yield the usual runs of these tasks, seed by seed."""
    return (headline(task, "pre-trained", seed) for seed in seeds for task in tasks)


def from_scratch(results: "Results", tasks: Sequence[str]) -> Iterator[Run]:
    """Yield, for each task, one run at every rate, then the other seeds at the rate that was best."""
    for task in tasks:
        yield from (headline(task, "scratch", SWEEP_SEED, lr) for lr in SWEEP)
        yield from (headline(task, "scratch", seed, results.best_rate(task)) for seed in SEEDS)


def curve(task: str, seeds: Sequence[int]) -> Iterator[Run]:
    """Yield the pre-trained runs over the number of labels, at the same least number of steps."""
    return (headline(task, "pre-trained", seed, labels=labels) for seed in seeds for labels in CURVE)


class Results:
    """The file of results: read when it is there, written anew after every run."""

    def __init__(self, path: Path = RESULTS) -> None:
        self.path = path
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.recipe: dict[str, Any] = held.get("recipe", {})
        self.beside: dict[str, dict[str, float]] = held.get("beside", {})  # majority, words, pairs of words, zero-shot
        self.samples: dict[str, list[dict[str, Any]]] = held.get("samples", {})
        self.runs: list[dict[str, Any]] = held.get("runs", [])
        self.tried: list[dict[str, Any]] = held.get("tried", [])  # with settings that were given up

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        """All records with these values, in the order of their seeds: `find(task="choose", start="scratch")`."""
        return sorted((r for r in self.runs if all(r[k] == v for k, v in wanted.items())), key=lambda r: r["seed"])

    def headline(self, task: str, start: str) -> list[dict[str, Any]]:
        """The records of a task with its usual labels; from scratch, those with the rate that the sweep chose."""
        lr = HEADLINES[task].lr if start == "pre-trained" else self.best_rate(task)
        return [r for seed in SEEDS for r in self.find(**asdict(headline(task, start, seed, lr)))]

    def summary(self, task: str) -> dict[str, Any]:
        """What stands in a table: labels, all test accuracies of both kinds of run, and what stands beside them."""
        swept = self.swept(task)
        rows = {"labels": HEADLINES[task].labels} | self.beside.get(task, {})
        rows["pre-trained"] = [r["accuracy"] for r in self.headline(task, "pre-trained")]
        rows["scratch"] = [r["accuracy"] for r in self.headline(task, "scratch")] if swept else []
        return rows | ({"rate from scratch": self.best_rate(task)} if swept else {})

    def swept(self, task: str) -> list[dict[str, Any]]:
        """The runs from scratch that try a learning rate."""
        return [r for lr in SWEEP for r in self.find(**asdict(headline(task, "scratch", SWEEP_SEED, lr)))]

    def keep_best(self, samples: list[dict[str, Any]]) -> None:
        """Keep the samples of a task's best usual run."""
        task = samples[0]["task"]
        if samples[0]["accuracy"] > self.samples.get(task, [{}])[0].get("accuracy", -1.0):
            self.samples[task] = samples

    def best_rate(self, task: str) -> float:
        """The learning rate of the sweep from scratch with the best validation accuracy, then the lowest loss."""
        done = self.swept(task)
        if not done:
            raise ValueError(f"no run of {task} from scratch is in {self.path.name}: its rates were not swept")
        return max(done, key=lambda r: (r["validation"], -r["trace"][-1]["task_loss"]))["lr"]

    def save(self) -> None:
        """Write the file in one move; a run is one line."""
        headlines = {task: self.summary(task) for task in HEADLINES}
        head = {"recipe": self.recipe, "headline": headlines, "beside": self.beside, "samples": self.samples}
        text = json.dumps(head, indent=1)[:-2]
        for name, records in (("runs", self.runs), ("tried", self.tried)):
            text += f',\n "{name}": [\n' + ",\n".join("  " + json.dumps(record) for record in records) + "\n ]"
        text += "\n}\n"
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(text, encoding="utf-8")
        os.replace(part, self.path)


@dataclass(frozen=True)
class Start:
    """What a run begins with: the network, its three new tokens, and the examples in its format."""

    task: TaskModel
    train: list[Encoded]
    validation: list[Encoded]
    test: list[Encoded]


def begin(run: Run, folder: Path = MODEL) -> Start:
    """Set a run up. Each seed has labels, new tokens, a head, an order and, from scratch, first weights of its own.

    A run `after` another task takes its weights, the head's too, from the usual run of that task, which is done first.
    Raises ValueError for an unknown start, or where that task has another format.
    """
    tokenizer, model = Tokenizer.load(folder / "tokenizer.json"), GPT.from_pretrained(folder)
    if run.start == "scratch":
        model = town_model(Recipe(), run.seed)
    elif run.start != "pre-trained":
        raise ValueError(f"a run cannot start from {run.start!r}: choose pre-trained or scratch")
    special, form = widen(model, run.new_tokens_std, run.seed, tokenizer.special_tokens[ENDOFTEXT]), town_form(run.task)
    task = TaskModel(model, form, len(LABELS[run.task]), seed=run.seed)
    if run.after:
        if town_form(run.after) != form:
            raise ValueError(f"a run of {run.task} cannot go on after {run.after}: its head is for another format")
        task.load_state_dict(learned(run.after, run.start, run.seed, folder))
    freeze(task, run.frozen, run.new_tokens_learn)

    def encoded(first: int, n: int) -> list[Encoded]:
        n_ctx = model.config.n_ctx
        return [encode_example(e, form, tokenizer, special, n_ctx) for e in examples(run.task, first, n)]

    return Start(
        task,
        encoded(run.seed * LABELS_APART, run.labels),
        encoded(VALIDATION, N_VALIDATION),
        encoded(HELD_OUT, N_TEST.get(run.task, 500)),
    )


@cache
def learned(task: str, start: str, seed: int, folder: Path) -> dict[str, torch.Tensor]:
    """Do the usual run of a task; return the weights of network and head."""
    run = headline(task, start, seed)
    done = begin(run, folder)
    carry_out(run, done, fastest_dtype())
    return done.task.state_dict()


def examples(task: str, first: int, n: int) -> list[Example]:
    """The examples of a task from this number on."""
    return [town_task(task, number) for number in range(first, first + n)]


@sdpa_kernel(SDPBackend.MATH)  # rows are short: faster on a CPU than attention in blocks
def carry_out(run: Run, start: Start, dtype: torch.dtype) -> dict[str, Any]:
    """Do one run; return its settings, its test accuracy, and its losses and accuracies on the way.

    Of a run after another task the record also tells the test accuracy "before" its first step.

    It stops when the validation accuracy was ENOUGH twice in a row, or with its last step.
    """
    started, settings, trace, seen = time.process_time(), run.settings, [], []
    before = {"before": round(accuracy(start.task, start.test, dtype=dtype), 4)} if run.after else {}
    n_steps = settings.steps(run.labels)
    bar = tqdm(finetune(start.task, start.train, settings, dtype=dtype), total=n_steps, unit="step", leave=False)
    for step in bar:
        seen.append(step)
        if step.step % LOOK_EVERY == 0 or step.step == n_steps:
            trace.append(
                {
                    "step": step.step,
                    "train": round(sum(s.accuracy for s in seen) / len(seen), 4),
                    "task_loss": round(sum(s.task_loss for s in seen) / len(seen), 4),
                    "lm_loss": round(sum(s.lm_loss for s in seen) / len(seen), 4),
                    "validation": round(accuracy(start.task, start.validation, dtype=dtype), 4),
                }
            )
            seen = []
            bar.set_postfix(validation=trace[-1]["validation"])
            if all(row["validation"] >= ENOUGH for row in trace[-2:]) and len(trace) > 1:
                break
    outcome = {
        "accuracy": round(accuracy(start.task, start.test, dtype=dtype), 4),
        "validation": trace[-1]["validation"],
        "steps_taken": trace[-1]["step"],
        "steps_planned": n_steps,
        "cpu_seconds": round(time.process_time() - started),
        "trace": trace,
    }
    return asdict(run) | before | outcome


@torch.no_grad()
def samples(start: Start, run: Run, accuracy: float, n: int = 3) -> list[dict[str, Any]]:
    """Keep the first n test examples, and the scores that each of their rows gives in this run.

    The rows of a similarity add up to its scores: each has half of the bias.
    """
    head, kept = start.task.head, []
    start.task.eval()
    for number, (encoded, example) in enumerate(zip(start.test, examples(run.task, HELD_OUT, n)), HELD_OUT):
        batch = collate([encoded])
        states = at_extract(start.task.hidden(batch.ids), batch.extract)[0]  # [K, C]
        share = 1 / len(states) if start.task.form == "similarity" else 1
        rows = states @ head.weight.T + share * head.bias  # [K, C] -> [K, N]
        scores = [[round(score, 4) for score in row] for row in rows.tolist()]
        whose = {"task": run.task, "seed": run.seed, "accuracy": accuracy}
        kept.append(whose | {"number": number, **asdict(example), "rows": scores})
    return kept


def beside(task: str, folder: Path = MODEL) -> dict[str, float]:
    """What the task is worth without fine-tuning, on the same test: the commonest label, words, pairs, zero-shot."""
    model, tokenizer = GPT.from_pretrained(folder).eval(), Tokenizer.load(folder / "tokenizer.json")
    test = examples(task, HELD_OUT, N_TEST.get(task, 500))
    train = examples(task, 0, HEADLINES[task].labels)
    fit = examples(task, 0, PAIRS_TO_FIT)
    scores = {
        "majority": baselines.majority(train, test),
        "words": baselines.bag_of_words(train, test),
        "pairs of words": baselines.bigrams(train, test),
        "zero-shot": zero_shot(model, tokenizer, task, test, fit),
    }
    return {name: round(score, 4) for name, score in scores.items()}


def recipe(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Say what all runs have in common, with the fingerprint of the model that they start from."""
    settings = asdict(Settings(warmup=WARMUP, similar_lengths=SIMILAR_LENGTHS))
    return {
        "command": "python -m course_lib.finetuning.runs",
        "model": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
        "settings": {k: v for k, v in settings.items() if k not in ("lr", "epochs", "lm_weight", "seed")},
        "dropout of the head": 0.1,
        "new tokens": "delimiter and extract are drawn with new_tokens_std, start is a copy of end-of-text",
        "headlines": {task: asdict(h) for task, h in HEADLINES.items()},
        "labels": f"those of seed s are the examples from s x {LABELS_APART:,} on",
        "test": {"first": HELD_OUT, "examples": {task: N_TEST.get(task, 500) for task in HEADLINES}},
        "validation": {"first": VALIDATION, "examples": N_VALIDATION, "every": LOOK_EVERY, "enough": ENOUGH},
        "sweep from scratch": {"rates": SWEEP, "seed": SWEEP_SEED, "chosen by": "validation accuracy"},
        "examples to fit thresholds on": PAIRS_TO_FIT,
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default="beside this module")
@click.option("--model", type=click.Path(path_type=Path, exists=True), default=MODEL, show_default="the town's")
@click.option("--most", type=int, default=None, help="Stop after so many new runs.")
@click.option("--only", help="Do this one run, given as JSON, print its record, and leave the file alone.")
@click.option("--threads", default=1, show_default=True)
def main(out: Path, model: Path, most: int | None, only: str | None, threads: int) -> None:
    """Do the runs of chapter 12 that the file of results lacks."""
    torch.set_num_threads(threads)
    dtype, results = fastest_dtype(), Results(out)
    if only:
        run = Run(**json.loads(only))
        click.echo(json.dumps(carry_out(run, begin(run, model), dtype)))
        return
    if results.runs and results.recipe["model"] != recipe(model, dtype)["model"]:
        raise click.ClickException(f"{out} holds runs of another model: name another file")
    results.recipe = json.loads(json.dumps(recipe(model, dtype)))
    for task in HEADLINES:
        if task not in results.beside:
            results.beside[task] = beside(task, model)
            results.save()
    for n, run in enumerate(to_do(results)):
        if n == most:
            break
        start = begin(run, model)
        results.runs.append(carry_out(run, start, dtype))
        if run == headline(run.task, "pre-trained", run.seed):
            results.keep_best(samples(start, run, results.runs[-1]["accuracy"]))
        results.save()
        done = results.runs[-1]
        outcome = f"{done['accuracy']:.3f} after {done['steps_taken']} steps, {done['cpu_seconds']} s"
        tqdm.write(f"{' '.join(map(str, asdict(run).values()))}: {outcome}")


def to_do(results: Results) -> Iterator[Run]:
    """Yield the runs of the queue that the file lacks; what is done on the way counts."""
    for run in queue(results):
        if not results.find(**asdict(run)):
            yield run


if __name__ == "__main__":
    main()
