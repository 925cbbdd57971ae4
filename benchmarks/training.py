"""A step of training: ours beside transformers' GPT-2, in float32 and bfloat16, at two sizes; and the memory it takes.

The same weights, the same batch, the same AdamW; forward, loss, backward, clipping, step. The peers take turns, so that
another busy program disturbs them alike; medians of the rounds, in processor time and on the wall. Each is judged as
its users run it: ours by `training.train`, theirs by their model's own loss in a plain loop. No dropout for either.
The second table: each peer's peak of resident memory, each in a process of its own, less what its imports take (Linux).
Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.training [--threads 1 2] [--rounds 5]
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from course_lib.models import GPT, GPTConfig
from course_lib.training import adamw, train

SIZES = {  # name -> (config, rows, length)
    "4 layers, 128 wide": (GPTConfig(493, 160, 128, 4, 4), 32, 160),
    "12 layers, 384 wide": (GPTConfig(4096, 256, 384, 12, 6), 4, 256),
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def our_steps(config, rows, dtype):
    """One step per next()."""
    model = GPT(config)
    return train(model, lambda number: rows, adamw(model, 1e-3), lambda step: 1.0, 10**9, dtype=dtype)


def their_steps(config, rows, dtype):
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = {"vocab_size": config.vocab_size, "n_positions": config.n_ctx, "n_embd": config.n_embd}
    sizes |= {"n_layer": config.n_layer, "n_head": config.n_head}
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": None, "eos_token_id": None}
    model = GPT2LMHeadModel(GPT2Config(**sizes, **dropout)).train()
    (optimiser,) = adamw(model, 1e-3)
    inputs = rows[:, :-1].contiguous()
    while True:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = model(inputs, labels=inputs).loss  # they move the targets themselves
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        yield loss.item()


PEERS = {"ours": our_steps, "transformers": their_steps}


def race(n_rounds: int) -> None:
    """Print tokens per second of each peer, and the ratios."""
    for size, (config, n_rows, length) in SIZES.items():
        rows = torch.randint(config.vocab_size, (n_rows, length + 1))
        for dtype_name, dtype in DTYPES.items():
            steps = {name: make(config, rows, dtype) for name, make in PEERS.items()}
            taken: dict[str, list] = {name: [] for name in steps}
            for i in range(n_rounds + 1):
                for name, step in steps.items():
                    start = time.process_time(), time.perf_counter()
                    next(step)
                    if i:  # the first round warms up
                        taken[name].append((time.process_time() - start[0], time.perf_counter() - start[1]))
            seconds = {name: [statistics.median(column) for column in zip(*rounds)] for name, rounds in taken.items()}
            speeds = ", ".join(f"{name} {n_rows * length / s[1]:,.0f} tokens/s" for name, s in seconds.items())
            ratios = [t / o for o, t in zip(seconds["ours"], seconds["transformers"])]
            print(f"  {size}, {dtype_name:<9} {speeds}; ratio {ratios[0]:.2f} (wall {ratios[1]:.2f})")


def peak_megabytes() -> float:
    """The kernel's high-water mark of this process (Linux)."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def print_memory(peer: str) -> None:
    """In a process of its own: what three steps add to what the imports take."""
    import transformers  # noqa: F401  (both peers carry it)

    from course_lib.models import count_parameters

    for size, (config, n_rows, length) in SIZES.items():
        before = peak_megabytes()
        rows = torch.randint(config.vocab_size, (n_rows, length + 1))
        steps = PEERS[peer](config, rows, torch.float32)
        for _ in range(3):
            next(steps)
        held = 16 * count_parameters(config) / 1e6  # weights, gradients, Adam's two means, 4 bytes each
        peak = peak_megabytes() - before
        print(f"  {peer:<13} {size:<20} peak {peak:6.0f} MB; weights, gradients, means: {held:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-of", choices=list(PEERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.manual_seed(0)
    if args.memory_of:
        print_memory(args.memory_of)
        return
    for n in args.threads:
        torch.set_num_threads(n)
        print(f"== threads: {n}")
        race(args.rounds)
    print("== memory", flush=True)
    for name in PEERS:
        subprocess.run([sys.executable, "-m", "benchmarks.training", "--memory-of", name], check=True)


if __name__ == "__main__":
    main()
