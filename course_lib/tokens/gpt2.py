"""GPT-2's own vocabulary, without a network where it can be found, and the two files that it was published as."""

import hashlib
import importlib.util
import json
import os
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING

from .alphabet import write_bytes
from .splitting import PATTERN
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    import tiktoken

ENDOFTEXT = "<|endoftext|>"
GPT2_BYTES, GPT2_MERGES = 256, 50_000
GPT2_VOCAB_SIZE = GPT2_BYTES + GPT2_MERGES + 1  # 50,257: the one is <|endoftext|>
# GPT-1 starts from characters: 238, each alone and at the end of a word ("</w>"), then "<unk>" and a new line.
GPT1_MERGES, GPT1_SYMBOLS = 40_000, 478
GPT1_VOCAB_SIZE = GPT1_MERGES + GPT1_SYMBOLS  # 40,478

RANKS_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"  # as tiktoken asks of r50k_base
RANKS_URL = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken"
HOW_TO_GET = (
    "GPT-2's vocabulary is not on this computer. Any one of these brings it: "
    "`pip install --no-deps openai-whisper==20250625` (it carries the file); a network (tiktoken downloads it); "
    "a copy of r50k_base.tiktoken, named as gpt2_encoding(path)"
)


def gpt2_encoding(path: str | os.PathLike | None = None) -> "tiktoken.Encoding":
    """GPT-2's tokenizer as tiktoken has it, from the first of: `path`, TIKTOKEN_CACHE_DIR, the file that the
    package openai-whisper carries, a download.

    FileNotFoundError that says how to get it where there is none; ValueError where a file's sha256 is wrong.
    """
    import tiktoken

    return tiktoken.Encoding(
        "gpt2",
        pat_str=PATTERN,
        mergeable_ranks=gpt2_ranks(path),
        special_tokens={ENDOFTEXT: GPT2_VOCAB_SIZE - 1},
        explicit_n_vocab=GPT2_VOCAB_SIZE,
    )


def gpt2_tokenizer(path: str | os.PathLike | None = None) -> Tokenizer:
    """GPT-2's vocabulary in our own `Tokenizer`: the same ids by our encoder. Finds the file as `gpt2_encoding`."""
    return Tokenizer.from_ranks(gpt2_ranks(path), [ENDOFTEXT])


def gpt2_merges() -> list[tuple[bytes, bytes]]:
    """GPT-2's 50,000 merges in order. Finds the file as `gpt2_encoding`."""
    return gpt2_tokenizer().merges


def gpt2_ranks(path: str | os.PathLike | None = None) -> dict[bytes, int]:
    """GPT-2's 50,256 tokens with their ids, all but <|endoftext|>. Finds the file as `gpt2_encoding`."""
    file = Path(path) if path is not None else _cached_file() or _packaged_file()
    return _read_ranks(file) if file else _download_ranks()


def vocab_bpe(tokenizer: Tokenizer) -> bytes:
    """The merges in the form of GPT-2's vocab.bpe: for GPT-2's own tokenizer the very same bytes."""
    lines = (f"{write_bytes(left)} {write_bytes(right)}\n" for left, right in tokenizer.merges)
    return ("#version: 0.2\n" + "".join(lines)).encode("utf-8")


def encoder_json(tokenizer: Tokenizer) -> bytes:
    """The ids in the form of GPT-2's encoder.json: for GPT-2's own tokenizer the very same bytes."""
    n_ordinary = tokenizer.vocab_size - len(tokenizer.special_tokens)
    ids = {write_bytes(tokenizer.token_bytes(i)): i for i in range(n_ordinary)}
    return json.dumps(ids | tokenizer.special_tokens).encode("utf-8")


def _cached_file() -> Path | None:
    """r50k_base in tiktoken's own cache, where TIKTOKEN_CACHE_DIR names one: a file called by its address's hash."""
    folder = os.environ.get("TIKTOKEN_CACHE_DIR")
    file = Path(folder or ".") / hashlib.sha1(RANKS_URL.encode()).hexdigest()
    return file if folder and file.is_file() else None


def _packaged_file() -> Path | None:
    """The asset of openai-whisper, found without importing it. (Another package is called whisper, too.)"""
    spec = importlib.util.find_spec("whisper")
    folders = spec.submodule_search_locations or [] if spec else []
    files = [Path(folder) / "assets" / "gpt2.tiktoken" for folder in folders]
    return next((file for file in files if file.is_file()), None)


def _read_ranks(file: Path) -> dict[bytes, int]:
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}. {HOW_TO_GET}")
    data = file.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != RANKS_SHA256:
        raise ValueError(f"{file} is not GPT-2's vocabulary: its sha256 is {sha256}, not {RANKS_SHA256}")
    lines = (line.split() for line in data.splitlines())
    return {b64decode(token): int(rank) for token, rank in lines}


def _download_ranks() -> dict[bytes, int]:
    """What tiktoken downloads (or has downloaded before); it checks the sha256 of both files."""
    import tiktoken

    try:
        return tiktoken.get_encoding("gpt2")._mergeable_ranks
    except Exception as error:
        raise FileNotFoundError(f"{HOW_TO_GET}. tiktoken said: {error}") from error
