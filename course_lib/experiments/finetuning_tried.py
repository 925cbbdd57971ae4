"""Runs of fine-tuning with settings that were given up before those of `finetuning`: shown, so that nothing is hidden.

The plan is what was done; a run stops and is measured as in `finetuning`.
"""

from collections.abc import Iterator

from .desk import Job
from .finetuning import Recipe, measure, usual
from .mechanism import Experiment
from .reading import Results


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """Name the runs that there are, and no other."""
    for record in results:
        yield {name: record[name] for name in usual(recipe, record["task"], record["start"], record["seed"])}


EXPERIMENT = Experiment(
    "finetuning_tried", ("finetuning",), Recipe(), jobs, measure, models=("town-gpt",), fastest=True
)
