"""What the labeler says: rankings of several answers to one prompt, and the pairs that a ranking holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import torch
from torch import nn

from course_lib.generation import generate
from course_lib.town import Labeler

from .chat import Chat


@dataclass(frozen=True)
class Comparison:
    """One prompt, K answers to it as ids, and the rank that the labeler gave to each: 0 is best, ties share a rank."""

    prompt: str
    answers: tuple[tuple[int, ...], ...]
    ranks: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.answers) < 2:
            raise ValueError(f"K = {len(self.answers)} answers to {self.prompt!r}: a comparison needs at least two")
        if len(self.answers) != len(self.ranks):
            raise ValueError(f"{len(self.answers)} answers and {len(self.ranks)} ranks: give one rank to each answer")


def ranked_pairs(ranks: Sequence[int]) -> list[tuple[int, int]]:
    """All pairs (better, worse) of a ranking, as indices: C(K, 2) of them, less one for each tie.

    >>> ranked_pairs([1, 0, 1])
    [(1, 0), (1, 2)]
    """
    return [(i, j) for i, j in permutations(range(len(ranks)), 2) if ranks[i] < ranks[j]]


@torch.no_grad()
def sample_answers(
    model: nn.Module,
    chat: Chat,
    prompts: Sequence[str],
    max_new_tokens: int = 48,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    rows: Sequence[Sequence[int]] | None = None,
) -> list[list[int]]:
    """Let the model answer each prompt once; the answers' ids, with the end token where the model wrote it.

    `rows` are prompts that are ids already; then the template is not used.
    """
    rows = [chat.prompt(prompt) for prompt in prompts] if rows is None else rows
    longest, n_ctx = max(map(len, rows)), model.config.n_ctx
    if longest >= n_ctx:
        raise ValueError(f"a prompt of {longest} tokens leaves no room for an answer in n_ctx = {n_ctx}")
    n_new = min(max_new_tokens, n_ctx - longest)
    written = generate(model, rows, n_new, temperature=temperature, stop=chat.end_id, generator=generator)
    return [text[len(row) :].tolist() for row, text in zip(rows, written)]


def compare(
    model: nn.Module,
    chat: Chat,
    labeler: Labeler,
    prompts: Iterable[str],
    k: int = 6,
    generator: torch.Generator | None = None,
    max_new_tokens: int = 48,
) -> list[Comparison]:
    """Sample K answers to each prompt and let the labeler rank them, unfinished ones as they stand."""
    if k < 2:
        raise ValueError(f"k is {k}: a ranking needs at least two answers (InstructGPT: 4 to 9)")
    prompts = list(prompts)
    repeated = [prompt for prompt in prompts for _ in range(k)]
    answers = sample_answers(model, chat, repeated, max_new_tokens, generator=generator)
    groups = [answers[i * k : (i + 1) * k] for i in range(len(prompts))]
    return [
        Comparison(prompt, tuple(map(tuple, group)), tuple(labeler.rank(prompt, [readable(chat, a) for a in group])))
        for prompt, group in zip(prompts, groups)
    ]


def ranked_again(chat: Chat, labeler: Labeler, comparison: Comparison) -> Comparison:
    """The same answers, ranked by another labeler."""
    texts = [readable(chat, answer) for answer in comparison.answers]
    return replace(comparison, ranks=tuple(labeler.rank(comparison.prompt, texts)))


def readable(chat: Chat, answer: Sequence[int]) -> str:
    """The text of an answer as a labeler sees it: what never ended ends in the middle of a sentence."""
    text, finished = chat.read(answer)
    return text if finished else text.rstrip(" .") + " …"
