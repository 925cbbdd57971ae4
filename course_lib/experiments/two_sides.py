"""GPT and BERT on the same texts: who fills blanks better, and who writes (`generation.two_sides`)?

Each document is a job of its own. Training, and the looks on its way, never saw them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from course_lib.data import town_bert, town_bert_tokenizer, town_gpt
from course_lib.generation.two_sides import compare_blanks, compare_writing
from course_lib.models import BERT, GPT
from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT
from course_lib.training.blanks import blank

from .desk import Desk, Job
from .mechanism import Experiment
from .reading import Record, Results


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, beside the code, the models and the job."""

    first_blank: int = HELD_OUT + 5_000  # the first document of which a word is left out
    blanks: int = 300
    first_prompt: int = HELD_OUT + 20_000  # the first short story whose first sentence is the prompt
    prompts: int = 100


def jobs(recipe: Recipe, results: Results) -> Iterator[Job]:
    """A blank in each of some documents, then the first sentences of others. A job's document is its seed."""
    for task, first, n in (
        ("fill", recipe.first_blank, recipe.blanks),
        ("write", recipe.first_prompt, recipe.prompts),
    ):
        yield from ({"task": task, "document": number} for number in range(first, first + n))


@cache
def both() -> tuple[BERT, GPT, Tokenizer]:
    """Load the two models, and the tokens of both."""
    return town_bert(), town_gpt(), town_bert_tokenizer()


def measure(recipe: Recipe, job: Job, desk: Desk) -> Record:
    """Let each way do one task on one document."""
    if job["task"] == "write":
        return compare_writing(*both(), job["document"])
    (row,) = compare_blanks(*both(), [blank(job["document"])])
    return rounded(row)


def rounded(row: dict[str, Any]) -> dict[str, Any]:
    """Keep four digits of each number, however deep it stands."""
    return {
        name: rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for name, value in row.items()
    }


EXPERIMENT = Experiment("two_sides", ("autoencoding",), Recipe(), jobs, measure, models=("town-bert", "town-gpt"))
