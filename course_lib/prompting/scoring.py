"""Asking a language model to choose: the log-likelihood of each answer after the prompt, in one of three forms."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.models import GPT
from course_lib.models.checks import check_finite
from course_lib.tokens import ENDOFTEXT

HOW = ("sum", "mean", "unconditional")
LOGITS = 2**25  # so many are held at a time: 128 MB in float32

Ids = tuple[int, ...]
Group = dict[tuple[Ids, Ids], list[tuple[int, int]]]


@runtime_checkable
class Encoder(Protocol):
    """What turns text into token ids: our `Tokenizer`, or tiktoken's `Encoding`."""

    def encode(self, text: str, *, allowed_special: Collection[str] = ()) -> list[int]:
        """Give the ids of a text."""
        ...


def scores(
    model: GPT,
    tokenizer: Encoder,
    prompts: Sequence[str],
    answers: Sequence[Sequence[str]],
    how: str = "sum",
    without: str = "",
) -> Float[Tensor, "N K"]:
    """Score the K answers of each of N prompts; the highest is the model's choice.

    - "sum": log p(answer | prompt), in nats. A longer answer pays for more tokens.
    - "mean": the same per token of the answer.
    - "unconditional": log p(answer | prompt) − log p(answer | without), for a prompt `without` the question: how much
      more likely the question makes the answer. Brown et al. (2020, section 2.4) use it for some tasks, with "Answer:".

    Raises ValueError as `log_likelihoods` does, and for an unknown `how`.
    """
    if how not in HOW:
        raise ValueError(f"how={how!r}: choose one of {', '.join(HOW)}")
    nats = log_likelihoods(model, tokenizer, prompts, answers)
    if how == "mean":
        return nats / token_counts(tokenizer, prompts, answers).to(nats)
    if how == "unconditional":
        return nats - log_likelihoods(model, tokenizer, [without] * len(prompts), answers)
    return nats


def accuracy(scores: Float[Tensor, "N K"], right: Sequence[int]) -> float:
    """Give the share of prompts whose right answer, by its number, has the highest score.

    Raises ValueError for another number of right answers than prompts, for one that is not among the K, and for a
    score that is NaN or infinite.
    """
    check_finite(scores=scores)
    if len(right) != len(scores):
        raise ValueError(f"{len(right)} right answers for {len(scores)} prompts")
    n_answers = scores.shape[1]
    if outside := [number for number in right if not 0 <= number < n_answers]:
        raise ValueError(f"right answer {outside[0]}: the {n_answers} answers have the numbers 0 to {n_answers - 1}")
    return (scores.argmax(1) == torch.tensor(list(right), device=scores.device)).double().mean().item()


@torch.no_grad()
def log_likelihoods(
    model: GPT, tokenizer: Encoder, prompts: Sequence[str], answers: Sequence[Sequence[str]]
) -> Float[Tensor, "N K"]:
    """Give log p(answer | prompt) in nats for K answers to each of N prompts, summed over the answer's tokens.

    An answer is text that follows the prompt directly, so it begins with its space. End-of-text stands before each
    prompt, as in training. Texts of different lengths share a batch, padded at the right, where no token looks; a text
    that several answers need is read once.
    Raises ValueError for fewer than two answers, an empty one, one whose first token would swallow the end of the
    prompt, a text longer than n_ctx, and a model whose numbers are NaN. Sums are taken in float32 at least.
    """
    groups: Group = defaultdict(list)
    for place, (start, answer) in enumerate(encoded(tokenizer, prompts, answers, model.config.n_ctx)):
        groups[start, answer[:-1]].append((place, answer[-1]))
    device = next(model.parameters()).device
    dtype = torch.promote_types(model.wte.weight.dtype, torch.float32)  # sums of half-precision numbers drift
    nats = torch.empty(sum(map(len, answers)), dtype=dtype, device=device)
    for batch in batches(groups, model.config.vocab_size):
        rows = [torch.tensor(start + middle) for start, middle in batch]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)  # [B, T]
        logits = model(ids)  # [B, T] -> [B, T, V]
        for (start, middle), row in zip(batch, logits):
            log_p = row[len(start) - 1 : len(start) + len(middle)].log_softmax(-1, dtype)  # [T, V] -> [n, V]
            shared = log_p[range(len(middle)), list(middle)].sum()
            places, last = map(list, zip(*groups[start, middle]))
            nats[places] = shared + log_p[-1, last]
    check_finite(log_likelihoods=nats)  # a model with broken weights says NaN
    return nats.view(len(prompts), -1)


def token_counts(tokenizer: Encoder, prompts: Sequence[str], answers: Sequence[Sequence[str]]) -> Int[Tensor, "N K"]:
    """Count the tokens of each answer. Raises ValueError as `log_likelihoods` does."""
    counts = [len(answer) for _, answer in encoded(tokenizer, prompts, answers)]
    return torch.tensor(counts).view(len(prompts), -1)


def encoded(
    tokenizer: Encoder, prompts: Sequence[str], answers: Sequence[Sequence[str]], n_ctx: int | None = None
) -> Iterator[tuple[Ids, Ids]]:
    """Give the ids of each prompt, end-of-text before it, and of each of its answers. Raises as `log_likelihoods`."""
    if not prompts or len(prompts) != len(answers):
        raise ValueError(f"{len(prompts)} prompts and {len(answers)} lists of answers: give one list for each prompt")
    if len(numbers := {len(each) for each in answers}) > 1 or min(numbers) < 2:
        raise ValueError(f"{sorted(numbers)} answers to choose from: give all prompts as many, two or more")
    for prompt, choices in zip(prompts, answers):
        start = tuple(tokenizer.encode(ENDOFTEXT + prompt, allowed_special="all"))
        for choice in choices:
            ids = tuple(tokenizer.encode(ENDOFTEXT + prompt + choice, allowed_special="all"))
            if ids[: len(start)] != start:
                raise ValueError(
                    f"the tokenizer joins the prompt's end, {prompt[-12:]!r}, with the answer {choice!r}: end the "
                    "prompt where a token ends, and let the answer begin with its space"
                )
            if len(ids) == len(start):
                raise ValueError(f"an answer is {choice!r}: it has no token to be scored")
            if n_ctx is not None and len(ids) - 1 > n_ctx:
                raise ValueError(
                    f"a prompt of {len(start)} tokens with the answer {choice!r} is {len(ids) - 1} tokens to read, and "
                    f"n_ctx is {n_ctx}: use fewer shots"
                )
            yield start, ids[len(start) :]


def batches(groups: Group, vocab_size: int) -> Iterator[list[tuple[Ids, Ids]]]:
    """Put texts of about one length together, so many that all their logits fit into memory."""
    batch: list[tuple[Ids, Ids]] = []
    for text in sorted(groups, key=lambda text: len(text[0]) + len(text[1])):
        length = len(text[0]) + len(text[1])
        if batch and (len(batch) + 1) * length * vocab_size > LOGITS:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch
