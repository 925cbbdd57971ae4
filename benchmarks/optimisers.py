"""Which learning rate suits which optimiser: the town's model on the first stage of its recipe, for *Pre-training*.

The same start and the same batches for all; after the warm-up the rate stays. A line for each: the loss at the end, and
the loss on second copies on the way.
Run: OMP_WAIT_POLICY=PASSIVE python -m benchmarks.optimisers [--json course_lib/data/town-gpt/optimisers.json]
"""

import argparse
import copy
import json
from pathlib import Path

import torch

from course_lib.data import town_tokenizer
from course_lib.training import adamw, muon_and_adamw, second_copy_loss, train
from course_lib.training.town import Recipe, town_model, town_rows

OPTIMISERS = {"AdamW": adamw, "Muon": lambda model, lr: muon_and_adamw(model, lr, lr / 2)}
RATES = {"AdamW": (0.00025, 0.0005, 0.001, 0.002, 0.004), "Muon": (0.001, 0.002, 0.004, 0.008)}
EVERY = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="a file for the results")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe, tokenizer = Recipe(), town_tokenizer()
    steps, start, batch = recipe.stages[0].steps, town_model(recipe), town_rows(recipe, tokenizer)
    found = []
    for name, optimisers in OPTIMISERS.items():
        for lr in RATES[name]:
            model, losses, second = copy.deepcopy(start), [], []
            run = train(model, batch, optimisers(model, lr), lambda step: min(1.0, (step + 1) / recipe.warmup), steps)
            for loss in run:
                losses.append(loss)
                if len(losses) % EVERY == 0:
                    second.append(round(second_copy_loss(model, tokenizer), 3))
            found.append({"optimiser": name, "lr": lr, "loss": round(sum(losses[-20:]) / 20, 3), "second copy": second})
            print(f"{name:<6} {lr:<6} loss {found[-1]['loss']:.3f}, second copy {second}", flush=True)
    if args.json:
        args.json.write_text(json.dumps({"steps": steps, "every": EVERY, "runs": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
