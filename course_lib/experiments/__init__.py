"""Every longer run that a chapter shows: a file for each, with its recipe and its measurement; what came out beside it.

`results("recall")` reads what was published. `python -m course_lib experiment list` names all of them, `run NAME` does
the jobs that are missing, in a folder outside the library, and `publish NAME` puts what came out into `results/`.
"""

from .desk import Desk, Job
from .mechanism import Experiment, find, names, publish, run
from .reading import Record, Results, Spread, results, spread

__all__ = [
    "Desk",
    "Experiment",
    "Job",
    "Record",
    "Results",
    "Spread",
    "find",
    "names",
    "publish",
    "results",
    "run",
    "spread",
]
