"""Training byte-pair encoding on 1 MB: ours, Hugging Face's in Rust, and trainers that count all pairs at each merge.

Claim: train_bpe needs at most 3 times as long as Hugging Face's trainer in one thread, and is at least 50 times as
fast as train_bpe_naive, which works as minbpe's RegexTokenizer does. Set MINBPE=folder, where folder holds minbpe, to
run that as well (with GPT-2's pattern). Times are processor seconds, best of the rounds; wall time where said.
Run: python -m benchmarks.tokens_train
"""

import os
import subprocess
import sys
import time
from itertools import pairwise

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.tokens_text import english, race
from course_lib.tokens import PATTERN, train_bpe, train_bpe_naive
from course_lib.tokens import Tokenizer as OurTokenizer

VOCAB_SIZES = (512, 4096)
N_MERGES = 8  # what the naive trainers really do, on the whole text


def hugging_face(text: str, vocab_size: int) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([text], trainer)


def naive_trainers() -> dict:
    trainers = {"train_bpe_naive": lambda text, vocab_size: train_bpe_naive([text], vocab_size)}
    if "MINBPE" in os.environ:
        sys.path.insert(0, os.environ["MINBPE"])
        from minbpe import RegexTokenizer

        trainers["minbpe"] = lambda text, vocab_size: RegexTokenizer(PATTERN).train(text, vocab_size)
    return trainers


def work_of_naive(text: str, vocab_size: int) -> float:
    """How many merges of the untouched text the work of a whole training equals.

    A naive merge reads every id that is left, and each merge leaves fewer. We take its cost as proportional to the
    ids left, which is too low (it also pays for each chunk), so that the result is a lower bound.
    """
    merges, n_bytes, work = train_bpe([text], vocab_size).merges, len(text.encode()), 0.0
    edges = [len(merges) * i // 8 for i in range(9)]
    for first, last in pairwise(edges):
        work += (last - first) * len(OurTokenizer(merges[:last]).encode(text)) / n_bytes
    return work


def seconds_per_merge(train, text: str) -> float:
    times = race({n: lambda n=n: train(text, 256 + n) for n in (0, N_MERGES)}, rounds=2)
    return (times[N_MERGES] - times[0]) / N_MERGES


def one_thread(text: str) -> None:
    naive = naive_trainers()
    step = {name: seconds_per_merge(train, text) for name, train in naive.items()}
    for size in VOCAB_SIZES:
        peers = {
            "train_bpe": lambda size=size: train_bpe([text], size),
            "Hugging Face": lambda size=size: hugging_face(text, size),
        }
        times = race(peers)
        ours = times["train_bpe"]
        print(f"\nto {size} tokens, one thread         seconds   times ours")
        for name, taken in times.items():
            print(f"  {name:32} {taken:9.3f} {taken / ours:12.2f}")
        for name in naive:
            whole = step[name] * work_of_naive(text, size)
            print(f"  {name + ' (at least)':32} {whole:9.0f} {whole / ours:12.0f}")


def all_threads(text: str) -> None:
    print(f"\nwall time, {os.cpu_count()} processors              seconds")
    for size in VOCAB_SIZES:
        peers = {
            f"train_bpe, {size}": lambda size=size: train_bpe([text], size),
            f"Hugging Face, {size}": lambda size=size: hugging_face(text, size),
        }
        for name, taken in race(peers, clock=time.perf_counter).items():
            print(f"  {name:32} {taken:9.3f}")


def main() -> None:
    if sys.argv[1:] == ["all-threads"]:
        all_threads(english())
        return
    os.environ["RAYON_NUM_THREADS"] = "1"  # Rust reads it once, at its first parallel step
    text = english()
    print(f"Training on {len(text.encode()):,} bytes.")
    one_thread(text)
    environment = {name: value for name, value in os.environ.items() if name != "RAYON_NUM_THREADS"}
    subprocess.run([sys.executable, "-m", "benchmarks.tokens_train", "all-threads"], env=environment, check=True)


if __name__ == "__main__":
    main()
