"""GPT and BERT on the same texts: one blank to fill, a text to go on.

Filling is held to the exact posterior of the town's grammar, writing to whether the grammar has such a document at all.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from course_lib.models import BERT, GPT
from course_lib.tokens import Tokenizer
from course_lib.town import document, fill_blank, next_words, probability
from course_lib.training.blanks import Blank, among, candidates, fill, fill_by_trying, fill_from_left

from .masked import write_at_the_end, write_over_masks
from .text import stream_text

SWEEPS = (0, 1, 4)


def judge_blank(hole: Blank, log_q: dict[str, torch.Tensor], words: list[str]) -> dict[str, Any]:
    """Say how well a hole was filled: for the grammar ("exact", and from the left alone) and for each model.

    "nats" is −log q of the word that stood there, "right" whether it was the first guess, "kl" how many nats on average
    are lost by trusting q where the exact posterior p is true: Σ p log(p / q).
    """
    exact = fill_blank(hole.before, hole.after)
    left = next_words(hole.before)
    row: dict[str, Any] = {"kind": hole.kind, "word": hole.word, "words possible": len(exact)}
    for name, p in (("exact", exact), ("exact, left", left)):
        row[name] = {"nats": -math.log(p[hole.word]), "right": max(p, key=p.__getitem__) == hole.word}
    row["exact"]["best"] = max(exact.values())
    row["exact, left"]["best"] = max(left.values())
    for name, q in log_q.items():
        kl = sum(p * (math.log(p) - q[words.index(word)].item()) for word, p in exact.items())
        right = words[int(q.argmax())] == hole.word
        row[name] = {"nats": -q[words.index(hole.word)].item(), "right": right, "kl": kl}
    return row


def compare_blanks(bert: BERT, gpt: GPT, tokenizer: Tokenizer, holes: Sequence[Blank]) -> list[dict[str, Any]]:
    """Let BERT, GPT from the left, and GPT trying all words fill the same holes."""
    words = candidates(tokenizer)
    from_both = among(fill(bert, holes, tokenizer), words, tokenizer)  # [N, K]
    from_left = among(fill_from_left(gpt, holes, tokenizer), words, tokenizer)
    rows = []
    for i, hole in enumerate(holes):
        tried = fill_by_trying(gpt, hole, words, tokenizer)
        rows.append(judge_blank(hole, {"BERT": from_both[i], "GPT, left": from_left[i], "GPT, trying": tried}, words))
    return rows


def prompt_and_rest(number: int, tokenizer: Tokenizer) -> tuple[str, int]:
    """Give the first sentence of a short story, and how many tokens come after it."""
    text = document(number, "short story").text
    first = text[: text.index(".") + 1]
    return first, len(tokenizer.encode(text[len(first) :]))


def compare_writing(bert: BERT, gpt: GPT, tokenizer: Tokenizer, number: int) -> dict[str, dict[str, Any]]:
    """Let both go on from the first sentence of one short story, each way: the text, and whether the town tells it.

    BERT is told how long the true text was; GPT ends when it likes.
    """
    prompt, n_new = prompt_and_rest(number, tokenizer)
    dice = torch.Generator().manual_seed(number)
    texts = {"GPT": prompt + "".join(stream_text(gpt, tokenizer, prompt, 100, generator=dice))}
    texts["BERT, at the end"] = write_at_the_end(bert, prompt, n_new, tokenizer, dice)
    for sweeps in SWEEPS:
        texts[f"BERT, over masks, {sweeps} sweeps"] = write_over_masks(bert, prompt, n_new, tokenizer, sweeps, dice)
    return {way: {"text": text, "told": probability(text) > 0} for way, text in texts.items()}
