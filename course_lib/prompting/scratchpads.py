"""Scratchpads: rows to learn from, a loss that looks at solutions alone, and what trained models do with a riddle."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.generation import generate
from course_lib.models import GPT
from course_lib.training import Batches
from course_lib.training.loop import Loss

from .riddles import RELATIONS, Riddle, RiddleTokens, first_mistake, majority, mislead, read_answer


def riddle_rows(riddles: Sequence[Riddle], tokens: RiddleTokens, way: str) -> Int[Tensor, "N T1"]:
    """Write question, solution and end of each riddle into a row; what is left of a row is filled with ends."""
    texts = [f"{r.question} {r.completion(way)}" for r in riddles]
    ids = [torch.tensor([*tokens.encode(text), tokens.end]) for text in texts]
    return nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=tokens.end)  # N of [t] -> [N, T + 1]


def row_batches(rows: Int[Tensor, "N T1"], batch_size: int, seed: int) -> Batches:
    """Draw batches of rows, numbered, each from its number and the seed alone."""

    def batch(number: int) -> Tensor:
        return rows[np.random.default_rng([seed, number]).integers(len(rows), size=batch_size)]  # [B, T + 1]

    return batch


def completion_targets(rows: Int[Tensor, "B T1"], tokens: RiddleTokens) -> Int[Tensor, "B T"]:
    """Give what is to be predicted at each place: the next token in a solution, −100 (no loss) everywhere else.

    A solution begins after the question mark and goes on to the first end, which belongs to it.
    """
    asked = (rows[:, :-1] == tokens.question_mark).cumsum(1) > 0  # [B, T]: the question is over
    ended = rows[:, :-1] == tokens.end  # [B, T]
    return rows[:, 1:].masked_fill(~asked | ended, -100)


def completion_loss(tokens: RiddleTokens) -> Loss:
    """Make the loss of `training.train` that looks at solutions alone, in nats per token of them."""

    def loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
        logits = model(rows[:, :-1])  # [B, T] -> [B, T, V]
        return F.cross_entropy(logits.flatten(0, 1).float(), completion_targets(rows, tokens).flatten())

    return loss


def solve(
    model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], started: Sequence[str] | None = None, **rules: Any
) -> list[str]:
    """Let a model write the solution of each riddle; `rules` are those of `generation.generate` (default: greedy).

    `started` holds the beginnings of the solutions, which are part of what comes back: the model goes on from there.
    Raises ValueError for a model with another vocabulary, no riddle at all, and a beginning that fills the context.
    """
    if len(tokens.vocabulary) != (size := model.config.vocab_size):
        raise ValueError(f"numbers as {tokens.numbers} make {len(tokens.vocabulary)} tokens, and the model has {size}")
    started = [""] * len(riddles) if started is None else started
    prompts = [tokens.encode(f"{r.question} {begun}") for r, begun in zip(riddles, started, strict=True)]
    longest, n_ctx = max(map(len, prompts), default=0), model.config.n_ctx
    if not 1 <= longest < n_ctx:
        raise ValueError(f"the longest of {len(prompts)} beginnings has {longest} tokens: give 1 to {n_ctx - 1}")
    rows = generate(model, prompts, n_ctx - longest, stop=tokens.end, **{"temperature": 0} | rules)
    asked = [len(tokens.encode(r.question)) for r in riddles]
    return [tokens.decode([i for i in row[n:].tolist() if i != tokens.end]) for n, row in zip(asked, rows)]


def examine(model: GPT, tokens: RiddleTokens, way: str, riddles: Sequence[Riddle]) -> dict[str, Any]:
    """Let the model solve riddles greedily: the share of right answers, and of each kind of first mistake.

    Only a scratchpad shows where a mistake was made; `lucky` counts right answers under a working that is wrong.
    """
    texts = solve(model, tokens, riddles)
    right = [read_answer(text) == r.answer for r, text in zip(riddles, texts)]
    report: dict[str, Any] = {"accuracy": sum(right) / len(right), "riddles": len(right)}
    by_relation = {relation: [ok for r, ok in zip(riddles, right) if r.relation == relation] for relation in RELATIONS}
    report["relations"] = {relation: round(sum(oks) / len(oks), 4) for relation, oks in by_relation.items() if oks}
    if way == "scratchpad":
        mistakes = [first_mistake(r, text) for r, text in zip(riddles, texts)]
        report["mistakes"] = dict(Counter(mistake for mistake in mistakes if mistake))
        report["lucky"] = sum(ok and mistake is not None for ok, mistake in zip(right, mistakes))
    return report


def sampled_answers(
    model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], n_samples: int, temperature: float | int, seed: int = 0
) -> list[list[int | None]]:
    """Let the model solve each riddle n_samples times at a temperature; give the answers, riddle by riddle."""
    generator = torch.Generator().manual_seed(seed)
    many = [riddle for riddle in riddles for _ in range(n_samples)]
    texts = solve(model, tokens, many, temperature=temperature, generator=generator)
    answers = [read_answer(text) for text in texts]
    return [answers[i : i + n_samples] for i in range(0, len(answers), n_samples)]


def vote_accuracy(
    answers: Sequence[Sequence[int | None]], riddles: Sequence[Riddle], k: int, draws: int = 20, seed: int = 0
) -> float:
    """Give the share of riddles that a majority of k answers gets right, on average over draws of k of the samples.

    Raises ValueError for more votes than there are samples, and where not each riddle has equally many.
    """
    if not riddles or len(answers) != len(riddles) or len({len(given) for given in answers}) > 1:
        raise ValueError(f"{len(riddles)} riddles, samples {[len(given) for given in answers]}: give each as many")
    n = len(answers[0])
    if not 1 <= k <= n:
        raise ValueError(f"{k} votes out of {n} samples: ask for 1 to {n}")
    rng = np.random.default_rng(seed)
    right = 0
    for _ in range(draws):
        for given, riddle in zip(answers, riddles):
            right += majority([given[i] for i in rng.permutation(n)[:k]]) == riddle.answer
    return right / (draws * len(riddles))


def believed(model: GPT, tokens: RiddleTokens, riddles: Sequence[Riddle], step: str, off: int) -> dict[str, Any]:
    """Put a wrong step into the working of each riddle that allows it, and count where the answer goes.

    "followed": to what the wrong step leads to. "right": to the right answer all the same. "other": elsewhere.
    """
    misled = []
    for riddle in riddles:
        with suppress(ValueError):
            misled.append((riddle, *mislead(riddle, step, off)))
    texts = solve(model, tokens, [riddle for riddle, _, _ in misled], [begun for _, begun, _ in misled])
    found: Counter[str] = Counter(followed=0, right=0, other=0)
    for text, (riddle, _, leads_to) in zip(texts, misled):
        answer = read_answer(text)
        found["followed" if answer == leads_to else "right" if answer == riddle.answer else "other"] += 1
    return {"step": step, "off": off, "riddles": len(misled), **found}


@torch.inference_mode()
def trace_solution(model: GPT, tokens: RiddleTokens, riddle: Riddle, k: int = 4) -> dict[str, Any]:
    """Let the model solve a riddle greedily, and keep at each token the k likeliest with their probabilities."""
    asked = tokens.encode(riddle.question)
    text = solve(model, tokens, [riddle])[0]
    written = [*tokens.encode(text), tokens.end]
    p = model(torch.tensor([[*asked, *written]]))[0, len(asked) - 1 : -1].softmax(-1)  # [T, V]
    best = p.topk(k)
    return {
        "question": [tokens.vocabulary[i] for i in asked],
        "written": [tokens.vocabulary[i] for i in written],
        "likeliest": [
            [[tokens.vocabulary[i], round(x, 4)] for i, x in zip(ids, values)]
            for ids, values in zip(best.indices.tolist(), best.values.tolist())
        ],
        "read": read_answer(text),
    }
