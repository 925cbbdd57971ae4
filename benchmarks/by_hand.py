"""A GPT in NumPy against PyTorch: GPT-2 small's shape, random weights, 128 tokens, one thread each, in one run.

Claim: the NumPy GPT needs at most 1.3 times as long as the same GPT in PyTorch, in float32. The peers take turns,
so that another busy program disturbs them alike; times are processor seconds, best and median of the rounds.
Run: OMP_NUM_THREADS=1 python benchmarks/by_hand.py
"""

import argparse
import statistics
import tempfile
import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from transformers import GPT2LMHeadModel

from course_lib import by_hand, models


def rounds(peers, n):
    times = {name: [] for name in peers}
    for _ in range(n + 1):
        for name, run in peers.items():
            start = time.process_time()
            run()
            times[name].append(time.process_time() - start)
    return {name: seconds[1:] for name, seconds in times.items()}  # the first round warms up


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=128)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    ours = models.GPT(models.GPTConfig()).eval()
    with tempfile.TemporaryDirectory() as folder:
        ours.save_pretrained(folder)
        params, theirs = by_hand.load_params(folder), GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = np.random.default_rng(0).integers(50257, size=args.tokens)
    batch = torch.from_numpy(ids)[None]

    peers = {
        "course_lib.by_hand (NumPy)": lambda: by_hand.gpt(ids, params, 12),
        "course_lib.models (torch)": lambda: ours(batch)[0],
        "transformers (torch)": lambda: theirs(batch).logits[0],
    }
    with threadpool_limits(1), torch.inference_mode():
        logits = [np.asarray(run()) for run in peers.values()]
        times = rounds(peers, args.rounds)
    print(f"largest difference of logits: {max(np.abs(a - logits[0]).max() for a in logits[1:]):.1e}")
    base = statistics.median(times["course_lib.models (torch)"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:28} best {min(seconds):.3f} s  median {median:.3f} s  {median / base:.2f} x torch")
    ratio = statistics.median(times["course_lib.by_hand (NumPy)"]) / base
    raise SystemExit(ratio > 1.3)


if __name__ == "__main__":
    main()
