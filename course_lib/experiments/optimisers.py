"""Which learning rate suits which optimiser: the town's model on the first stage of its recipe.

The same start and the same batches for all; after the warm-up the rate stays. What came out: the loss at the end, the
mean of the last steps, and on the way the loss on second copies.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.data import town_tokenizer
from course_lib.training import adamw, muon_and_adamw, second_copy_loss, train

from . import town_gpt
from .desk import Desk, Job
from .mechanism import Experiment
from .reading import Record, Results

TOWN = town_gpt.Recipe()
OPTIMISERS = {"AdamW": adamw, "Muon": lambda model, lr: muon_and_adamw(model, lr, lr / 2)}


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code and the job."""

    town: town_gpt.Recipe = TOWN
    adamw: tuple[float, ...] = (0.00025, 0.0005, 0.001, 0.002, 0.004)  # learning rates
    muon: tuple[float, ...] = (0.001, 0.002, 0.004, 0.008)
    every: int = 50  # steps from one look at second copies to the next
    last: int = 20  # steps whose mean loss is the loss at the end

    @property
    def steps(self) -> int:
        """Count the steps of the first stage."""
        return self.town.stages[0].steps


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Each optimiser with each of its learning rates."""
    for optimiser, rates in (("AdamW", recipe.adamw), ("Muon", recipe.muon)):
        yield from ({"optimiser": optimiser, "lr": lr, "seed": 0} for lr in rates)


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Train one model. That takes minutes, and nothing is kept."""
    tokenizer, losses, second = town_tokenizer(), [], []
    model, batch = town_gpt.town_model(recipe.town, job["seed"]), town_gpt.town_rows(recipe.town, tokenizer)
    optimisers = OPTIMISERS[job["optimiser"]](model, job["lr"])

    def warmup(step: int) -> float:
        return min(1.0, (step + 1) / recipe.town.warmup)

    for loss in train(model, batch, optimisers, warmup, recipe.steps, dtype=desk.dtype):
        losses.append(loss)
        if len(losses) % recipe.every == 0:
            second.append(round(second_copy_loss(model, tokenizer), 3))
    end = losses[-recipe.last :]
    return {"loss": round(sum(end) / len(end), 3), "second copy": second}


EXPERIMENT = Experiment("optimisers", ("pretraining",), Recipe(), jobs, measure)
