"""The committed results of *Fine-tuning*."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


def results() -> dict[str, Any]:
    """Read what `python -m course_lib.finetuning.runs` wrote.

    "headline": for each task its labels, the test accuracies of all seeds ("pre-trained", "scratch"), and what it is
    worth without fine-tuning ("majority", "words", "pairs of words", "zero-shot"). "runs": a record for every run, with
    its settings and its "trace"; "tried": the same of runs with settings that were given up. "samples": for each task a
    few test examples and the scores of their rows. "recipe": what all runs have in common.
    """
    return json.loads(RESULTS.read_text(encoding="utf-8"))
