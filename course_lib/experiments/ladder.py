"""A ladder of model sizes, all trained by one recipe: what do models of each size do with prompts?

The recipe is the town's with 1,200 steps instead of 4,050: the whole first stage, without which no model learns to
copy, and short second and third ones. The models stay where the run lies.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import torch

from course_lib.data import town_tokenizer
from course_lib.models import count_parameters
from course_lib.prompting.puzzles import SHOTS, accuracy_by_shots
from course_lib.training import second_copy_loss, train

from . import town_gpt
from .desk import Desk, Job, sha256
from .mechanism import Experiment
from .reading import Record, Results
from .town_gpt import Stage, town_model, training_of

SIZES = ((2, 32), (1, 64), (2, 64), (4, 64), (1, 128), (3, 96), (2, 128), (3, 128), (4, 128))  # n_layer, n_embd
STAGES = (Stage("repeats", 48, 32, 450), Stage("short", 80, 32, 600), Stage("full", 160, 16, 150))
TOWN = replace(town_gpt.Recipe(), stages=STAGES, decay_from=0.5, kept=())


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job. The town's recipe takes its sizes from the job."""

    town: town_gpt.Recipe = TOWN
    d_head: int = 32  # of all models
    questions: dict[str, int] = field(default_factory=lambda: {"code book": 200, "hidden rule": 200, "game": 50})
    shots: tuple[int, ...] = SHOTS  # there are so many questions for each number of shots

    def for_size(self, n_layer: int, n_embd: int) -> town_gpt.Recipe:
        """Give the town's recipe for a model of this size."""
        return replace(self.town, n_layer=n_layer, n_embd=n_embd, n_head=n_embd // self.d_head)


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """All sizes with one seed, then with the next."""
    for seed in range(3):
        yield from ({"n_layer": n_layer, "n_embd": n_embd, "seed": seed} for n_layer, n_embd in SIZES)


def first_losses(recipe: town_gpt.Recipe, seed: int, dtype: torch.dtype) -> list[float]:
    """Give the losses of the first three steps, in nats per token: by them a run can be told again."""
    model = town_model(recipe, seed)
    losses = train(model, *training_of(model, recipe, town_tokenizer()), dtype=dtype)
    return [round(loss, 4) for loss in islice(losses, 3)]


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Say how large a model is, how its training began, and what it can do with prompts."""
    this, tokenizer = recipe.for_size(job["n_layer"], job["n_embd"]), town_tokenizer()
    name = f"{this.n_layer}x{this.n_embd}-{job['seed']}"
    model = town_model(this, job["seed"])
    desk.train(name, model, *training_of(model, this, tokenizer))
    model.eval()
    found = {kind: accuracy_by_shots(model, tokenizer, kind, n, recipe.shots) for kind, n in recipe.questions.items()}
    return {
        "n_head": this.n_head,
        "parameters": count_parameters(model.config),
        "tokens": this.tokens,
        "first_losses": first_losses(this, job["seed"], desk.dtype),
        "second_copy": round(second_copy_loss(model, tokenizer), 4),  # nats per token, of random words
        "accuracy": {kind: [round(share, 4) for share in curve] for kind, curve in found.items()},
        "sha256": sha256(desk.folder / f"{name}.safetensors"),
    }


EXPERIMENT = Experiment("ladder", ("in_context",), Recipe(), jobs, measure, fastest=True)
