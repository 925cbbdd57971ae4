"""Text in, text out: a model with its tokenizer, and what it writes, piece by piece."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from course_lib.models import GPT
from course_lib.tokens import ENDOFTEXT, GPT2_VOCAB_SIZE, Tokenizer, gpt2_tokenizer

from .decode import stream
from .layout import lay_out


def load(name_or_folder: str | Path, dtype: torch.dtype = torch.float32) -> tuple[GPT, Tokenizer]:
    """Open a model and the tokenizer that belongs to it: the folder's tokenizer.json, or GPT-2's own vocabulary.

    The model's weights are laid out for writing, in `dtype`. GPT-2's vocabulary is taken for a model of 50,257 tokens
    whose folder holds no tokenizer of ours (transformers' tokenizer.json is another format). Raises as
    `GPT.from_pretrained` does, FileNotFoundError where there is no tokenizer, ValueError where it does not fit.
    """
    model = lay_out(GPT.from_pretrained(name_or_folder).eval().to(dtype))
    path = Path(name_or_folder) / "tokenizer.json"
    if model.config.vocab_size == GPT2_VOCAB_SIZE and not _is_ours(path):
        tokenizer = gpt2_tokenizer()
    elif path.is_file():
        tokenizer = Tokenizer.load(path)
    else:
        raise FileNotFoundError(f"there is no {path}: the model's {model.config.vocab_size} tokens cannot be named")
    if tokenizer.vocab_size != model.config.vocab_size:
        raise ValueError(
            f"{path} has {tokenizer.vocab_size} tokens, the model {model.config.vocab_size}: they are no pair"
        )
    return model, tokenizer


def stream_text(
    model: GPT, tokenizer: Tokenizer, prompt: str, max_new_tokens: int, bare: bool = False, **options: Any
) -> Iterator[str]:
    """Yield the text that the model writes after the prompt, piece by piece; a piece is whole characters, never half.

    The end-of-text token goes before the prompt, as it did before every text in training (`bare` leaves it out), and
    it is where writing stops, unless `stop` says otherwise; no stop token is part of the text. `options` and errors
    are those of `generate`. Bytes that are no UTF-8 become U+FFFD.
    """
    end = tokenizer.special_tokens.get(ENDOFTEXT)
    ids = tokenizer.encode(prompt, allowed_special="all")
    if end is not None and not bare and ids[:1] != [end]:
        ids = [end, *ids]
    stop = options.pop("stop", () if end is None else end)
    return _whole_characters(tokenizer, stream(model, ids, max_new_tokens, stop=stop, **options), stop)


def _whole_characters(tokenizer: Tokenizer, ids: Iterator[int], stop: object) -> Iterator[str]:
    stop = {stop} if isinstance(stop, int) else set(stop)
    characters = codecs.getincrementaldecoder("utf-8")("replace")  # holds the bytes of half a character back
    for i in ids:
        if i not in stop and (piece := characters.decode(tokenizer.token_bytes(i))):
            yield piece
    if rest := characters.decode(b"", final=True):
        yield rest


def _is_ours(path: Path) -> bool:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(fields, dict) and str(fields.get("format", "")).startswith("inside-gpt")
