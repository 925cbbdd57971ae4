"""Which learning rate suits which optimiser: the town's model on the first stage of its recipe, as in chapter 7.

The same start and the same batches for all. A row for each rate: the loss at the end and the loss on second copies.
Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.optimisers [--steps 240]
"""

import argparse
import copy

import torch

from course_lib.data import town_tokenizer
from course_lib.town import document
from course_lib.training import adamw, muon_and_adamw, second_copy_loss, text_rows, train, warmup_cosine
from course_lib.training.town import Recipe, town_model

RUNS = {f"AdamW {lr}": lambda model, lr=lr: adamw(model, lr) for lr in (0.001, 0.002, 0.004, 0.008)}
RUNS |= {
    f"Muon {lr}, AdamW {lr / 3:.4f}": lambda model, lr=lr: muon_and_adamw(model, lr, lr / 3)
    for lr in (0.0015, 0.003, 0.006, 0.012)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=240)
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    tokenizer, start = town_tokenizer(), town_model(Recipe())
    batch = text_rows(lambda number: document(number, "repeats").text, tokenizer, batch_size=32, length=48)
    for name, optimisers in RUNS.items():
        model = copy.deepcopy(start)
        losses = list(
            train(model, batch, optimisers(model), lambda step: warmup_cosine(step, steps, 20, 0.6, 0.1), steps)
        )
        last = sum(losses[-10:]) / 10
        print(f"{name:<24} loss {last:.3f}, second copy {second_copy_loss(model, tokenizer, 30):.3f}", flush=True)


if __name__ == "__main__":
    main()
