"""Prompts with zero, one and a few shots (Brown et al. 2020): a description of the task, solved examples, a question.

Nothing here knows of a model. The same text goes to the town's GPT or to GPT-2.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shot:
    """One solved example."""

    question: str
    answer: str


@dataclass(frozen=True)
class Form:
    """How a task is written: the task, then for each example `before`, question, `between`, space, answer, `after`.

    >>> Form("Code:", " ", " =", ";").prompt("drum", [Shot("kite", "Hugo")])
    'Code: kite = Hugo; drum ='

    The space belongs to the answer, as it does in byte-pair tokens, so `between` must not end with one. `after` ends
    an answer: without it nothing would tell “ball” from the beginning of “ball pen”. Raises ValueError for either.
    """

    task: str = ""
    before: str = ""
    between: str = ":"
    after: str = "\n"

    def __post_init__(self) -> None:
        if not self.between or self.between[-1].isspace():
            raise ValueError(f"between={self.between!r} must end with a sign: the space after it belongs to the answer")
        if not self.after:
            raise ValueError("after='' leaves an answer without an end: give a sign or a new line")

    def answer(self, text: str, end: bool = True) -> str:
        """Write an answer as it follows a prompt: a space, its words, and what ends it unless `end` is False.

        Raises ValueError for an answer that is empty or begins with a space.
        """
        if not text or text[0].isspace():
            raise ValueError(f"the answer {text!r} must begin with a sign that can be seen")
        return f" {text}{self.after if end else ''}"

    def prompt(self, question: str, shots: Sequence[Shot] = ()) -> str:
        """Write the task, the shots with their answers, and the question, whose answer is to follow."""
        solved = "".join(self.before + s.question + self.between + self.answer(s.answer) for s in shots)
        return self.task + solved + self.before + question + self.between


def zero_shot(form: Form, question: str) -> str:
    """Write a prompt without examples. Raises ValueError where no words describe the task either."""
    if not form.task.strip():
        raise ValueError("a prompt without shots has nothing but its task to go by, and form.task is empty")
    return form.prompt(question)


def one_shot(form: Form, shot: Shot, question: str) -> str:
    """Write a prompt with one example."""
    return form.prompt(question, [shot])


def few_shot(form: Form, shots: Sequence[Shot], question: str) -> str:
    """Write a prompt with examples. Raises ValueError for fewer than two."""
    if len(shots) < 2:
        raise ValueError(f"{len(shots)} shots are not a few: see zero_shot and one_shot, or Form.prompt for any number")
    return form.prompt(question, shots)


def draw_shots(pool: Sequence[Shot], n: int, tested: Iterable[str], seed: int = 0) -> list[Shot]:
    """Draw n shots from a pool, without any that is tested.

    `tested` are the questions that the model is judged by. One that has been shown with its answer tests nothing, so
    a pool that holds any of them is refused. Raises ValueError for that, and for more shots than the pool has.
    """
    both = {shot.question.strip() for shot in pool} & {question.strip() for question in tested}
    if both:
        raise ValueError(
            f"{len(both)} of the pool's questions are tested as well, such as {min(both)!r}: keep the two apart"
        )
    if not 0 <= n <= len(pool):
        raise ValueError(f"{n} shots from a pool of {len(pool)}: draw between 0 and {len(pool)}")
    return random.Random(seed).sample(list(pool), n)
