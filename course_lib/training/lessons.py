"""What the town's T5 is taught, batch by batch: spans of documents in stages, then lessons, the tasks as text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT, document

from .batches import in_stages
from .text_to_text import PAD, PaddedPairs, Pair, corrupted_pair, pair_batches, salient_ids, task_pair


@dataclass(frozen=True)
class Stage:
    """So many steps on batches of `rows` documents, of whose tokens the share `density` is taken away.

    The documents are of these mixes or kinds, in turn. With `salient`, it is the share of places, colours and moods.
    """

    mixes: tuple[str, ...]
    rows: int
    density: float
    steps: int
    salient: bool = False


@dataclass(frozen=True)
class Lesson:
    """So many labelled examples of each task, from number `first` on, seen so often; all weights move.

    Seen once they come by their numbers, else in a new order each time. With `gap_every` 5, every fifth text is a
    document with gaps; 0 means none. The rate stays up for the fraction `decay_from` of the steps.
    """

    labels: dict[str, int]
    first: int = 0
    epochs: int = 2
    gap_every: int = 5
    rows: int = 32
    muon_lr: float = 0.0015
    adam_lr: float = 0.005
    warmup: int = 50
    decay_from: float = 0.5

    @property
    def steps(self) -> int:
        """Count the steps: those of the labels, and those of the documents with gaps on top."""
        seen, every = self.epochs * sum(self.labels.values()), self.gap_every
        return (seen * every // (every - 1) if every else seen) // self.rows


def span_batches(stages: Sequence[Stage], tokenizer: Tokenizer, seed: int = 0) -> Callable[[int], PaddedPairs]:
    """Number the batches of all stages, one stage after another. The document's number decides which spans go."""
    salient, pad_id = salient_ids(tokenizer), tokenizer.special_tokens[PAD]

    def pair_of(stage: Stage) -> Callable[[int], Pair]:
        return lambda i: corrupted_pair(
            document(i // len(stage.mixes), stage.mixes[i % len(stage.mixes)]).text,
            tokenizer,
            stage.density,
            np.random.default_rng([seed, i]),
            salient if stage.salient else (),
        )

    batches = [pair_batches(pair_of(stage), stage.rows, pad_id) for stage in stages]
    return in_stages(batches, [stage.steps for stage in stages])


def lesson_batches(lesson: Lesson, tokenizer: Tokenizer, seed: int = 0) -> Callable[[int], PaddedPairs]:
    """Number the batches of a lesson: all tasks in one bowl, and documents with gaps among them."""
    examples = [(name, lesson.first + i) for name, n in lesson.labels.items() for i in range(n)]
    rng = np.random.default_rng([seed, 1])
    order = np.concatenate([rng.permutation(len(examples)) for _ in range(lesson.epochs)])
    if lesson.epochs == 1:
        order = np.argsort([number for _, number in examples], kind="stable")

    def pair(i: int) -> Pair:
        gaps_before, place = divmod(i, lesson.gap_every) if lesson.gap_every else (0, 0)
        at = i - gaps_before
        if (lesson.gap_every and place == lesson.gap_every - 1) or at >= len(order):
            number = lesson.first + i
            return corrupted_pair(document(number).text, tokenizer, 0.15, np.random.default_rng([seed, number]))
        return task_pair(*examples[order[at]], tokenizer)

    return pair_batches(pair, lesson.rows, tokenizer.special_tokens[PAD])


def held_out_pairs(name: str, n: int, tokenizer: Tokenizer, first: int = HELD_OUT) -> list[Pair]:
    """Give n examples of a task that training never uses, or of "spans", documents with gaps of 15 %."""
    if name != "spans":
        return [task_pair(name, first + i, tokenizer) for i in range(n)]
    return [
        corrupted_pair(document(first + i).text, tokenizer, 0.15, np.random.default_rng([first, i])) for i in range(n)
    ]
