"""Writing text at GPT-2 small's shape: ours beside transformers' cached `generate`, and beside the memory's speed.

Random weights, one prompt of 8 tokens, greedy, one thread and two. A token cannot take less time than reading every
weight once takes (positions apart), so the bound is bytes of weights ÷ the bandwidth of a plain sum over as many bytes,
measured between the rounds. Claims: 1.5 times as fast as transformers in float32, and 80 % of the bound; the table
shows which are met on this machine. The peers take turns, so that another busy program disturbs them alike; medians of
the rounds, in processor time (which a busy neighbour distorts least) and in time on the wall.

The second table is why: how fast PyTorch multiplies one vector with GPT-2's matrices, by the order of the weights in
memory and by their type. int8 (weights alone, PyTorch's own kernel) stands there to show why we do not offer it.
Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.generation [--threads 1 2] [--rounds 5] [--tokens 64]
"""

import argparse
import copy
import statistics
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from course_lib.generation import generate, lay_out
from course_lib.models import GPT, GPTConfig

SHAPES = [(768, 2304), (768, 768), (768, 3072), (3072, 768)]  # a block's four matrices, [in, out]
OUTPUT = (768, 50257)


def models() -> dict:
    """Name -> (a model, in what way it writes)."""
    ours = GPT(GPTConfig()).eval()
    theirs = GPT2LMHeadModel(GPT2Config()).eval()
    theirs.transformer.load_state_dict(ours.state_dict())
    return {
        "transformers, float32": (theirs, hugging_face),
        "ours, float32, as in the file": (ours, course_lib),
        "ours, float32, laid out": (lay_out(copy.deepcopy(ours)), course_lib),
        "transformers, bfloat16": (copy.deepcopy(theirs).bfloat16(), hugging_face),
        "ours, bfloat16, laid out": (lay_out(copy.deepcopy(ours).bfloat16()), course_lib),
        "ours, float16, laid out": (lay_out(copy.deepcopy(ours).half()), course_lib),
    }


def course_lib(model, ids, n):
    return generate(model, ids, n, temperature=0)


def hugging_face(model, ids, n):
    return model.generate(ids, max_new_tokens=n, do_sample=False, eos_token_id=None, pad_token_id=0)


def clock(run):
    """Processor seconds and wall seconds of one call."""
    start = time.process_time(), time.perf_counter()
    run()
    return time.process_time() - start[0], time.perf_counter() - start[1]


def weight_bytes(model) -> int:
    return sum(p.numel() * p.element_size() for name, p in model.named_parameters() if "wpe" not in name)


def race(peers: dict, n_tokens: int, n_rounds: int) -> None:
    """Let all of them write, in turns, and print the table."""
    ids = torch.arange(100, 108)[None]
    buffer = torch.ones(weight_bytes(peers["ours, float32, laid out"][0]) // 4)
    taken, sums = {name: [] for name in peers}, []
    for i in range(n_rounds + 1):
        for name, (model, write) in peers.items():
            times = clock(lambda model=model, write=write: write(model, ids, n_tokens))
            sums.append(clock(buffer.sum))
            if i:  # the first round warms up
                taken[name].append(times)
    cpu, wall = (statistics.median(column) for column in zip(*sums[len(peers) :]))
    size = buffer.numel() * 4 / 1e9
    print(f"bandwidth of a sum: {size / wall:.1f} GB/s on the wall, {size / cpu:.1f} GB per processor second")
    print(f"{'ms per token:':32}  processor   wall   times transformers' speed    of the bound")
    theirs = [statistics.median(column) for column in zip(*taken["transformers, float32"])]
    for name, (model, _) in peers.items():
        ms = [statistics.median(column) / n_tokens * 1e3 for column in zip(*taken[name])]
        ratios = [t / n_tokens * 1e3 / m for t, m in zip(theirs, ms)]
        share = [1e3 * weight_bytes(model) / 1e9 / size * bound / m for bound, m in zip((cpu, wall), ms)]
        print(
            f"  {name:32} {ms[0]:7.1f} {ms[1]:7.1f}   {ratios[0]:5.2f} (wall {ratios[1]:5.2f})"
            f"          {share[0]:4.0%} (wall {share[1]:4.0%})"
        )


def products() -> dict:
    """Name -> (how to make the weights from float32 [in, out], how to multiply a row x [1, in] with them)."""
    half = {"bfloat16": torch.bfloat16, "float16": torch.float16}
    table = {
        "float32 [in, out]": (torch.clone, lambda x, w: x @ w),
        "float32 [out, in]": (lambda w: w.T.contiguous(), lambda x, w: x @ w.T),
    }
    for name, dtype in half.items():
        table[f"{name} [in, out]"] = (lambda w, d=dtype: w.to(d), lambda x, w: x.to(w.dtype) @ w)
        table[f"{name} [out, in]"] = (lambda w, d=dtype: w.T.contiguous().to(d), lambda x, w: x.to(w.dtype) @ w.T)
    table["int8 [out, in]"] = (lambda w: (w.T.contiguous() * 1000).to(torch.int8), int8_product)
    return table


def int8_product(x, w):
    return torch._weight_int8pack_mm(x.bfloat16(), w, torch.full((len(w),), 1e-3, dtype=torch.bfloat16))


def print_products(n_rounds: int) -> None:
    """Milliseconds for the matrices of one token: 12 blocks and the output, each read from memory, not from a cache."""
    print(f"\n{'one vector times all matrices':32}  ms per token   GB/s")
    for name, (make, multiply) in products().items():
        matrices = [make(0.02 * torch.randn(shape)) for shape in [*SHAPES * 12, OUTPUT]]
        rows = {n: torch.randn(1, n) for n in (768, 3072)}
        inputs = [rows[n] for n, _ in [*SHAPES * 12, OUTPUT]]
        rounds = [clock(lambda: list(map(multiply, inputs, matrices)))[0] for _ in range(n_rounds + 1)]  # noqa: B023
        seconds = statistics.median(rounds[1:])
        size = sum(w.numel() * w.element_size() for w in matrices) / 1e9
        print(f"  {name:32} {seconds * 1e3:10.1f} {size / seconds:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    logging.set_verbosity_error()
    torch.manual_seed(0)
    peers = models()
    for n in args.threads:
        torch.set_num_threads(n)
        print(f"\n== threads: {n}")
        with torch.inference_mode():
            race(peers, args.tokens, args.rounds)
    torch.set_num_threads(1)
    with torch.inference_mode():
        print_products(args.rounds)


if __name__ == "__main__":
    main()
