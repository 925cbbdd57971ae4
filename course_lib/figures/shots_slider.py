"""A movable figure: a prompt that grows shot by shot, and what a model expects after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets as t

from .checks import Numbers, index, probabilities
from .twin import AskingWidget


@dataclass(frozen=True)
class GrowingPrompt:
    """A prompt with S shots that can be given one after another, and K answers.

    `task`, each of `shots` and `query` are pieces of text that follow each other. `probabilities` `[S + 1, K]` are the
    model's for the answers after 0, 1, …, S shots; they may sum to less than 1. `best` `[S + 1, K]` are those of a
    reader who knows all that can be known, and None where nobody knows. `right` is the number of the right answer.
    """

    name: str
    task: str
    shots: Sequence[str]
    query: str
    answers: Sequence[str]
    probabilities: Numbers
    best: Numbers | None = None
    right: int | None = None


class ShotsSlider(AskingWidget):
    """Slide from no shot to many, and see the prompt and the probabilities of its answers.

    A page without a kernel shows the `prompts` that it was given. With a kernel the reader may type lines of their own,
    and `ask` makes a prompt of them, or raises a ValueError whose words are shown. `prompt` and `shots` follow the
    reader. Raises ValueError for shapes that do not fit and for probabilities that cannot be.
    """

    label = "A prompt that grows, and its answers"
    prompts = t.List(t.Dict()).tag(sync=True)
    prompt = t.Int(0, min=0).tag(sync=True)
    shots = t.Int(0, min=0).tag(sync=True)
    asked = t.Unicode().tag(sync=True)  # the lines that the reader typed

    def __init__(
        self,
        prompts: Sequence[GrowingPrompt],
        ask: Callable[[str], GrowingPrompt] | None = None,
        *,
        prompt: int = 0,
        shots: int = 0,
    ) -> None:
        index("prompt", prompt, prompts)
        if not 0 <= shots <= len(prompts[prompt].shots):
            raise ValueError(f"shots={shots}: this prompt has {len(prompts[prompt].shots)}")
        self._n_given = len(prompts)
        super().__init__(ask, prompts=[_plain(each) for each in prompts], prompt=prompt, shots=shots)

    def _answer(self, ask: Callable[[str], GrowingPrompt], asked: str) -> dict[str, Any]:
        prompt = _plain(ask(asked))
        prompts = [*self.prompts[: self._n_given], prompt]
        return {"prompts": prompts, "prompt": self._n_given, "shots": len(prompt["shots"])}


def _plain(prompt: GrowingPrompt) -> dict:
    """Check a prompt and pack it, probabilities in ten-thousandths."""
    rows, columns = len(prompt.shots) + 1, len(prompt.answers)
    if prompt.right is not None and not 0 <= prompt.right < columns:
        raise ValueError(f"right={prompt.right}: there are {columns} answers")
    best = None if prompt.best is None else _shares("best", prompt.best, rows, columns)
    return {
        "name": prompt.name,
        "task": prompt.task,
        "shots": list(prompt.shots),
        "query": prompt.query,
        "answers": list(prompt.answers),
        "probabilities": _shares("probabilities", prompt.probabilities, rows, columns),
        "best": best,
        "right": prompt.right,
    }


def _shares(name: str, numbers: Numbers, rows: int, columns: int) -> list[list[int]]:
    return np.round(10_000 * probabilities(name, numbers, rows, columns)).astype(int).tolist()
