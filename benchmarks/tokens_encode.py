"""Encoding 1 MB in one thread: ours, Hugging Face's tokenizers, tiktoken.

Claim: Tokenizer.encode is at least twice as fast as Hugging Face's. Cold: a tokenizer that has encoded nothing yet.
Warm: one that has encoded the same text before. tiktoken keeps no cache. Times are processor seconds, best of the
rounds. Run: python -m benchmarks.tokens_encode
"""

import copy
import json
import os

from tokenizers import Tokenizer, models, pre_tokenizers

from benchmarks.tokens_text import english, race
from course_lib import tokens

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def hugging_face(tokenizer: tokens.Tokenizer) -> Tokenizer:
    """The same vocabulary and merges in Hugging Face's tokenizer."""
    merges = [tuple(line.split(" ")) for line in tokens.vocab_bpe(tokenizer).decode().splitlines()[1:]]
    theirs = Tokenizer(models.BPE(vocab=json.loads(tokens.encoder_json(tokenizer)), merges=merges))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return theirs


def compare(name: str, tokenizer: tokens.Tokenizer, text: str) -> None:
    fresh = copy.deepcopy(tokenizer)
    theirs, tiktoken = hugging_face(tokenizer), tokenizer.to_tiktoken()
    assert tokenizer.encode(text) == theirs.encode(text).ids == tiktoken.encode(text)
    peers = {
        "ours, cold": (lambda: copy.deepcopy(fresh), lambda new: new.encode(text)),
        "Hugging Face, cold": (lambda: hugging_face(tokenizer), lambda new: new.encode(text)),
        "ours, warm": lambda: tokenizer.encode(text),
        "Hugging Face, warm": lambda: theirs.encode(text),
        "tiktoken": lambda: tiktoken.encode(text),
    }
    times = race(peers)
    print(f"\n{name:32}   seconds   times ours")
    for peer, taken in times.items():
        ours = times["ours, cold" if "cold" in peer else "ours, warm"]
        print(f"  {peer:32} {taken:7.3f} {taken / ours:12.2f}")


def main() -> None:
    text = english()
    print(f"Encoding {len(text.encode()):,} bytes.")
    compare("4,096 tokens of this text", tokens.train_bpe([text], 4096), text)
    compare("GPT-2's vocabulary", tokens.gpt2_tokenizer(), text)


if __name__ == "__main__":
    main()
