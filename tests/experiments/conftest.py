"""A toy experiment whose jobs can be watched, on folders of the test's own."""

import itertools
from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file

from course_lib.experiments import Experiment, publish, run
from course_lib.experiments.desk import save_weights


@dataclass(frozen=True)
class Recipe:
    seeds: int = 3
    size: float = 2.0


def jobs(recipe, results):
    yield from ({"kind": "draw", "seed": seed} for seed in range(recipe.seeds))
    yield {"kind": "sum", "seed": 0, "of": [r["value"] for r in results.find(kind="draw")]}


def model(recipe, seed):
    torch.manual_seed(seed)
    return torch.nn.Linear(2, 2)


class Toy:
    """The experiment, its folders, and which jobs were done."""

    def __init__(self, folder):
        self.runs, self.results, self.data = (folder / name for name in ("runs", "results", "data"))
        self.data.mkdir()
        self.asked = []
        self.experiment = Experiment("toy", ("predicting",), Recipe(), jobs, self.measure, keep=self.keep)

    def measure(self, recipe, job, desk):
        self.asked.append(job)
        if job["kind"] == "sum":
            return {"value": sum(job["of"])}
        held = desk.weights(f"w{job['seed']}", model(recipe, job["seed"]), lambda m: m.weight.data.mul_(recipe.size))
        return {"value": round(held.weight.sum().item(), 4), "by kind": {"a": [job["seed"], 7]}}

    def keep(self, recipe, desk, folder):
        made = desk.weights("w0", model(recipe, 0), lambda m: m.weight.data.mul_(recipe.size))
        save_weights(folder / "toy" / "model.safetensors", made, torch.float16)

    def changed(self, **recipe):
        self.experiment = replace(self.experiment, recipe=Recipe(**recipe))

    def run(self, **options):
        return run(self.experiment, self.runs, results_folder=self.results, **options)

    def publish(self, **options):
        return publish(self.experiment, self.runs, results_folder=self.results, data=self.data, **options)

    def kept(self):
        return load_file(self.data / "toy" / "model.safetensors")

    def library(self):
        """Every byte of what is published."""
        files = itertools.chain(self.results.rglob("*"), self.data.rglob("*"))
        return {path: path.read_bytes() for path in files if path.is_file()}


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)
