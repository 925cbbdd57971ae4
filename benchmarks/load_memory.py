"""Memory of opening GPT-2: the peak of a fresh process, ours beside transformers', in one run.

Random weights at GPT-2's shapes, saved once by us. Each peer opens the folder in a process of its own and then reads
every weight once, so that pages of the file which were only promised are counted as well. The kernel's high-water
mark (VmHWM) is read before opening, when everything is imported, and after reading: the difference is what opening
took. Claim: ours takes at most 1.1 times the file. Linux only.
Run: OMP_NUM_THREADS=1 python benchmarks/load_memory.py [--sizes gpt2 gpt2-medium] [--rounds 3]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from course_lib.models import GPT, GPT2_SIZES

PEAK = "int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024"
PEERS = {
    "ours": ("from course_lib.models import GPT", "GPT.from_pretrained(folder)"),
    "ours, in bfloat16": (
        "import torch; from course_lib.models import GPT",
        "GPT.from_pretrained(folder, torch.bfloat16)",
    ),
    "transformers": ("from transformers import GPT2LMHeadModel", "GPT2LMHeadModel.from_pretrained(folder)"),
    "the usual way": (
        "from safetensors.torch import load_file; from course_lib.models import GPT, GPT2_SIZES",
        "GPT(GPT2_SIZES[size]); model.load_state_dict(load_file(folder + '/model.safetensors'))",
    ),
}


def peak(folder: str, size: str, imports: str, opening: str) -> int:
    """Bytes that opening and reading added to the peak of a fresh process."""
    code = f"""
import re
{imports}
folder, size = {folder!r}, {size!r}
before = {PEAK}
model = {opening}
total = sum(weight.detach().view(-1).narrow(0, i, 1).item() for weight in model.parameters()
            for i in range(0, weight.numel(), 1024))
print({PEAK} - before)
"""
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["gpt2"], choices=GPT2_SIZES)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    worst = 0.0
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            GPT(GPT2_SIZES[size]).save_pretrained(folder)
            file = (Path(folder) / "model.safetensors").stat().st_size
            print(f"{size}: a file of {file:,} bytes")
            taken = {name: [] for name in PEERS}
            for _ in range(args.rounds):
                for name, peer in PEERS.items():
                    taken[name].append(peak(folder, size, *peer))
        for name, sizes in taken.items():
            print(f"  {name:20} {statistics.median(sizes) / file:.2f} x the file (worst {max(sizes) / file:.2f})")
        worst = max(worst, *(n / file for n in taken["ours"]))
    raise SystemExit(worst > 1.1)


if __name__ == "__main__":
    main()
