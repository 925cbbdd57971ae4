"""The town's model turned to its tasks, with many labels and few, and the same network from scratch beside it.

Jobs of the kind "tune" are runs; "beside" tells what a task is worth without any. A task's usual settings were changed
while runs were coming in, by validation accuracy and with test accuracy in view, on seeds that are used below as well.
What was given up is published, too: see `finetuning_tried`.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from course_lib import data, finetuning
from course_lib.finetuning import Encoded, Settings, Step, TaskModel, town_form
from course_lib.tokens import ENDOFTEXT
from course_lib.town import HELD_OUT, LABELS, Example, baselines
from course_lib.town import task as town_task
from course_lib.training.start import small_gpt

from .desk import Desk, Job
from .mechanism import Experiment, record_of
from .reading import Record, Results

SEEDS = range(5)
MAIN = ("classify", "similar_order", "entail", "choose")
CHANGES = [{"labels": n} for n in (50, 200, 500, 1000, 2000, 5000, 10_000)]
CHANGES += [{"lm_weight": 0.0}, {"lm_weight": 2.0}, {"frozen": 2}, {"frozen": 4, "new_tokens_learn": False}]
MORE_CHANGES = [{"lm_weight": 1.0}, {"frozen": 1}, {"frozen": 3}, {"frozen": 4}]  # of the task that is learned soonest
VALIDATION = HELD_OUT + 100_000  # where validation texts begin to be numbered


@dataclass(frozen=True)
class Headline:
    """How a task is usually learned: labels, least steps, the pre-trained model's rate, the new tokens' size at first.

    GPT-1's new tokens have 0.02: *classify* comes off its plateau sooner with that, the others with 0.1. `after` names
    a task that network and head have learned before, by its usual run: an intermediate task (Phang et al. 2018).
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
N_TEST = dict.fromkeys(HEADLINES, 500) | {"classify": 1000, "entail": 1000}


@dataclass(frozen=True)
class Recipe:
    """What all runs have in common. The new start token begins as a copy of end-of-text, the other two are drawn."""

    headlines: dict[str, Headline] = field(default_factory=lambda: HEADLINES)
    batch_size: int = 32  # this and the next five: as GPT-1's, but for the warm-up
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    lm_mean: str = "sequence"
    betas: tuple[float, float] = (0.9, 0.999)
    similar_lengths: int = 8
    dropout: float = 0.1  # of the head
    sweep: tuple[float, ...] = (1e-3, 3e-4, 3e-3)  # rates that the model from scratch may choose from, by seed 0
    labels_apart: int = 20_000  # the labels of seed s begin to be numbered at s times this
    n_test: dict[str, int] = field(default_factory=lambda: N_TEST)
    n_validation: int = 200
    look_every: int = 25  # steps
    enough: float = 0.995  # a run stops when it had this validation accuracy twice in a row
    pairs_to_fit: int = 100  # labelled examples for the thresholds of zero-shot scores
    n_samples: int = 3  # test examples of which usual runs remember what each row scored


def usual(recipe: Recipe, task: str, start: str, seed: int, **changed: object) -> Job:
    """Name the usual run of a task, or one in which something is changed. `start` is "pre-trained" or "scratch"."""
    job = {"kind": "tune", "task": task, "start": start, "seed": seed} | asdict(recipe.headlines[task])
    return job | {"lm_weight": 0.5, "frozen": 0, "new_tokens_learn": True} | changed


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Yield the jobs, most wanted first. Learning rates from scratch follow from runs that are done by then."""
    yield from ({"kind": "beside", "task": task, "seed": 0} for task in recipe.headlines)
    for task in MAIN:
        yield from (usual(recipe, task, "pre-trained", seed) for seed in SEEDS)
        yield from swept(recipe, task)
        if rate := best_rate(recipe, results, task):
            yield from (usual(recipe, task, "scratch", seed, lr=rate) for seed in SEEDS[1:])
    for seeds in (SEEDS[:1], SEEDS[1:3]):
        yield from (job for task in MAIN for seed in seeds for job in changed(recipe, task, seed))
    half = recipe.headlines["entail"].steps // 2
    yield from (usual(recipe, "entail", "pre-trained", seed, steps=half) for seed in SEEDS)
    yield from (usual(recipe, task, "pre-trained", s) for task in ("similar_mirror", "similar_sizes") for s in SEEDS)
    yield from (usual(recipe, task, "pre-trained", 0, after=None) for task in recipe.headlines if task not in MAIN)
    yield usual(recipe, "similar_people", "pre-trained", 0, after="similar_order")
    harder = {"labels": 8000, "steps": 1000, "lr": 1e-3, "lm_weight": 2.0, "after": None}
    yield usual(recipe, "similar_mirror", "pre-trained", 0, **harder)


def changed(recipe: Recipe, task: str, seed: int) -> list[Job]:
    """Name the runs in which one thing is not as usual."""
    as_usual = usual(recipe, task, "pre-trained", seed)
    runs = [as_usual | change for change in CHANGES + (MORE_CHANGES if task == "classify" else [])]
    return [run for run in runs if run != as_usual]


def swept(recipe: Recipe, task: str) -> list[Job]:
    """Name the runs from scratch that try a learning rate."""
    return [usual(recipe, task, "scratch", 0, lr=lr) for lr in recipe.sweep]


def best_rate(recipe: Recipe, results: Results, task: str) -> float | None:
    """Give the rate from scratch with the best validation accuracy, then the lowest loss; None before all are tried."""
    done = [record_of(job, results) for job in swept(recipe, task)]
    return max(done, key=lambda r: (r["validation"], -r["trace"][-1]["task_loss"]))["lr"] if all(done) else None


def usual_runs(results: Results, task: str, start: str = "pre-trained") -> Results:
    """Find the usual runs of a task; those from scratch are of the rate that the sweep chose."""
    changed = {"lr": best_rate(Recipe(), results, task)} if start == "scratch" else {}
    found = [record_of(usual(Recipe(), task, start, seed, **changed), results) for seed in SEEDS]
    return replace(results, records=[record for record in found if record])


def settings(recipe: Recipe, job: Job) -> Settings:
    """Give the settings of a run: whole epochs, at least as many steps as the job says."""
    epochs = max(1, math.ceil(job["steps"] / math.ceil(job["labels"] / recipe.batch_size)))
    names = ("batch_size", "warmup", "weight_decay", "clip", "lm_mean", "betas", "similar_lengths")
    common = {name: getattr(recipe, name) for name in names}
    return Settings(lr=job["lr"], epochs=epochs, lm_weight=job["lm_weight"], seed=job["seed"], **common)


@dataclass(frozen=True)
class Start:
    """What a run begins with: the network with its three new tokens and its head, and examples in its format."""

    task: TaskModel
    train: list[Encoded]
    validation: list[Encoded]
    test: list[Encoded]


def begin(recipe: Recipe, job: Job, desk: Desk) -> Start:
    """Set a run up. Each seed has labels, new tokens, a head, an order and, from scratch, first weights of its own.

    Raises ValueError for an unknown start, and where the task that was learned before has another format.
    """
    name, model, tokenizer = job["task"], data.town_gpt(), data.town_tokenizer()
    if job["start"] == "scratch":
        model = small_gpt(model.config, job["seed"])
    elif job["start"] != "pre-trained":
        raise ValueError(f"a run cannot start from {job['start']!r}: choose pre-trained or scratch")
    special = finetuning.widen(model, job["new_tokens_std"], job["seed"], tokenizer.special_tokens[ENDOFTEXT])
    form, n_ctx = town_form(name), model.config.n_ctx
    task = TaskModel(model, form, len(LABELS[name]), recipe.dropout, job["seed"])
    if job["after"]:
        if town_form(job["after"]) != form:
            raise ValueError(f"a run of {name} cannot go on after {job['after']}: its head is for another format")
        task.load_state_dict(learned(recipe, usual(recipe, job["after"], job["start"], job["seed"]), desk).state_dict())
    finetuning.freeze(task, job["frozen"], job["new_tokens_learn"])

    def encoded(first: int, n: int) -> list[Encoded]:
        return [finetuning.encode_example(e, form, tokenizer, special, n_ctx) for e in examples(name, first, n)]

    labels = encoded(job["seed"] * recipe.labels_apart, job["labels"])
    return Start(task, labels, encoded(VALIDATION, recipe.n_validation), encoded(HELD_OUT, recipe.n_test[name]))


def examples(task: str, first: int, n: int) -> list[Example]:
    """Give the examples of a task from this number on."""
    return [town_task(task, number) for number in range(first, first + n)]


def learned(recipe: Recipe, job: Job, desk: Desk) -> TaskModel:
    """Give network and head after a run, from the desk or by doing it."""
    start = begin(recipe, job, desk)
    name = f"{job['task']}-{job['start']}-{job['seed']}"
    return desk.weights(name, start.task, lambda task: carry_out(recipe, job, start, desk))


def carry_out(recipe: Recipe, job: Job, start: Start, desk: Desk) -> list[Record]:
    """Do a run, until its validation accuracy was enough twice in a row or its steps are over; say what was seen."""
    how, trace, seen = settings(recipe, job), [], []
    steps = how.steps(job["labels"])
    run = finetuning.finetune(start.task, start.train, how, dtype=desk.dtype)
    for step in tqdm(run, total=steps, unit="step", leave=False):
        seen.append(step)
        if step.step % recipe.look_every == 0 or step.step == steps:
            validation = finetuning.accuracy(start.task, start.validation, dtype=desk.dtype)
            trace.append(seen_in(seen) | {"validation": round(validation, 4)})
            seen = []
            if len(trace) > 1 and all(row["validation"] >= recipe.enough for row in trace[-2:]):
                break
    return trace


def seen_in(steps: list[Step]) -> Record:
    """Give the number of the last of these steps, and the means of all."""
    means = {"train": "accuracy", "task_loss": "task_loss", "lm_loss": "lm_loss"}
    return {"step": steps[-1].step} | {
        name: round(sum(getattr(step, what) for step in steps) / len(steps), 4) for name, what in means.items()
    }


@sdpa_kernel(SDPBackend.MATH)  # rows are short: faster on a CPU than attention in blocks
def tune(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Do a run; tell its test accuracy, "before" its first step too if it comes after another task, and its trace."""
    start = begin(recipe, job, desk)

    def tested() -> float:
        return round(finetuning.accuracy(start.task, start.test, dtype=desk.dtype), 4)

    record = {"before": tested()} if job["after"] else {}
    trace = carry_out(recipe, job, start, desk)
    record |= {"accuracy": tested(), "validation": trace[-1]["validation"], "steps_taken": trace[-1]["step"]}
    record |= {"steps_planned": settings(recipe, job).steps(job["labels"]), "trace": trace}
    if job == usual(recipe, job["task"], "pre-trained", job["seed"]):
        numbers = range(HELD_OUT, HELD_OUT + recipe.n_samples)
        record["samples"] = [sample(start.task, job["task"], *both) for both in zip(numbers, start.test)]
    return record


@torch.no_grad()
def sample(model: TaskModel, task: str, number: int, encoded: Encoded) -> Record:
    """Tell an example, and the scores that each of its rows gives.

    The rows of a similarity add up to its scores: each has half of the bias.
    """
    batch = finetuning.collate([encoded])
    states = finetuning.at_extract(model.eval().hidden(batch.ids), batch.extract)[0]  # [K, C]
    share = 1 / len(states) if model.form == "similarity" else 1
    rows = states @ model.head.weight.T + share * model.head.bias  # [K, C] -> [K, N]
    scores = [[round(score, 4) for score in row] for row in rows.tolist()]
    return {"number": number, **asdict(town_task(task, number)), "rows": scores}


def beside(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Say what a task is worth without fine-tuning, on the same test: the commonest label, words, pairs, zero-shot."""
    task, model, tokenizer = job["task"], data.town_gpt(), data.town_tokenizer()
    test, train = examples(task, HELD_OUT, recipe.n_test[task]), examples(task, 0, recipe.headlines[task].labels)
    scores = {
        "majority": baselines.majority(train, test),
        "words": baselines.bag_of_words(train, test),
        "pairs of words": baselines.bigrams(train, test),
        "zero-shot": finetuning.zero_shot(model, tokenizer, task, test, examples(task, 0, recipe.pairs_to_fit)),
    }
    return {name: round(score, 4) for name, score in scores.items()}


KINDS = {"tune": tune, "beside": beside}


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Do a job of either kind."""
    return KINDS[job["kind"]](recipe, job, desk)


EXPERIMENT = Experiment(
    "finetuning", ("finetuning", "text_to_text"), Recipe(), jobs, measure, models=("town-gpt",), fastest=True
)
