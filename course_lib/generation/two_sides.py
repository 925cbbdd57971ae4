"""GPT and BERT on the same texts: one blank to fill, a text to go on. python -m course_lib.generation.two_sides.

Filling is held to the exact posterior of the town's grammar, writing to whether the grammar has such a document at all.
"""

import json
import math
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from course_lib.models import BERT, GPT
from course_lib.tokens import Tokenizer
from course_lib.town import HELD_OUT, document, fill_blank, next_words, probability
from course_lib.training.blanks import Blank, among, blanks, candidates, fill, fill_by_trying, fill_from_left
from course_lib.training.town import sha256

from .masked import write_at_the_end, write_over_masks
from .text import stream_text

RESULTS = Path(__file__).parent / "two_sides.json"
FIRST_BLANK, FIRST_PROMPT = HELD_OUT + 5_000, HELD_OUT + 20_000  # training and its looks never see these documents
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


def compare_blanks(bert: BERT, gpt: GPT, tokenizer: Tokenizer, holes: list[Blank]) -> list[dict[str, Any]]:
    """Let BERT, GPT from the left, and GPT trying all words fill the same holes."""
    words = candidates(tokenizer)
    from_both = among(fill(bert, holes, tokenizer), words, tokenizer)  # [N, K]
    from_left = among(fill_from_left(gpt, holes, tokenizer), words, tokenizer)
    rows = []
    for i, hole in enumerate(tqdm(holes, unit="blank", mininterval=5, disable=None)):
        tried = fill_by_trying(gpt, hole, words, tokenizer)
        log_q = {"BERT": from_both[i], "GPT, left": from_left[i], "GPT, trying": tried}
        rows.append(_rounded(judge_blank(hole, log_q, words)))
    return rows


def prompt_and_rest(number: int, tokenizer: Tokenizer) -> tuple[str, int]:
    """Give the first sentence of a short story, and how many tokens come after it."""
    text = document(number, "short story").text
    first = text[: text.index(".") + 1]
    return first, len(tokenizer.encode(text[len(first) :]))


def compare_writing(bert: BERT, gpt: GPT, tokenizer: Tokenizer, n: int) -> dict[str, list[dict[str, Any]]]:
    """Let both go on from the same first sentences. BERT is told how long the true text was; GPT ends when it likes."""
    written: dict[str, list[dict[str, Any]]] = {}
    for number in tqdm(range(FIRST_PROMPT, FIRST_PROMPT + n), unit="prompt", mininterval=5, disable=None):
        prompt, n_new = prompt_and_rest(number, tokenizer)
        dice = torch.Generator().manual_seed(number)
        texts = {"GPT": prompt + "".join(stream_text(gpt, tokenizer, prompt, 100, generator=dice))}
        texts["BERT, at the end"] = write_at_the_end(bert, prompt, n_new, tokenizer, dice)
        for sweeps in SWEEPS:
            name = f"BERT, over masks, {sweeps} sweeps"
            texts[name] = write_over_masks(bert, prompt, n_new, tokenizer, sweeps, dice)
        for name, text in texts.items():
            written.setdefault(name, []).append({"text": text, "told": probability(text) > 0})
    return written


def compare(bert: BERT, gpt: GPT, tokenizer: Tokenizer, n_blanks: int, n_prompts: int) -> dict[str, Any]:
    """Compare both models at both tasks."""
    return {
        "torch": version("torch"),
        "first_blank": FIRST_BLANK,
        "first_prompt": FIRST_PROMPT,
        "blanks": compare_blanks(bert, gpt, tokenizer, blanks(n_blanks, FIRST_BLANK)),
        "writing": compare_writing(bert, gpt, tokenizer, n_prompts),
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _rounded(value) if isinstance(value, dict) else round(value, 4) if isinstance(value, float) else value
        for name, value in row.items()
    }


def on_lines(found: dict[str, Any]) -> str:
    """Give the results as JSON in which every blank, and every text that was written, is one line."""
    parts = []
    for name, value in found.items():
        rows = ",\n".join("  " + json.dumps(row) for row in value) if isinstance(value, list) else ""
        parts.append(f" {json.dumps(name)}: " + (f"[\n{rows}\n ]" if rows else json.dumps(value)))
    return "{\n" + ",\n".join(parts) + "\n}\n"


@click.command()
@click.option("--bert", "bert_folder", type=click.Path(path_type=Path), required=True, help="The town's BERT.")
@click.option("--gpt", "gpt_folder", type=click.Path(path_type=Path), required=True, help="The town's GPT.")
@click.option("--blanks", "n_blanks", default=300, show_default=True)
@click.option("--prompts", "n_prompts", default=100, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=RESULTS, show_default=True)
def main(bert_folder: Path, gpt_folder: Path, n_blanks: int, n_prompts: int, out: Path) -> None:
    """Compare the town's GPT and the town's BERT, and write what came out."""
    torch.set_num_threads(1)
    models = (BERT.from_pretrained(bert_folder).eval(), GPT.from_pretrained(gpt_folder).eval())
    found = compare(*models, Tokenizer.load(bert_folder / "tokenizer.json"), n_blanks, n_prompts)
    found["sha256"] = {
        name: sha256(folder / "model.safetensors") for name, folder in (("BERT", bert_folder), ("GPT", gpt_folder))
    }
    part = out.with_name(out.name + ".part")
    part.write_text(on_lines(found), encoding="utf-8")
    os.replace(part, out)


if __name__ == "__main__":
    main()
