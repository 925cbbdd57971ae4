"""Where an experiment works: a folder outside the library with the records of jobs done, and what later jobs need."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from course_lib.atomic import in_one_move, write_text
from course_lib.training import load_state, save_state, train

from .reading import Record

Job = dict[str, Any]  # what tells one job from another, its seed among it: {"kind": "ppo", "beta": 0.1, "seed": 0}
Look = Callable[[int, float], Record]  # step, loss -> what is to be remembered of this step
Model = TypeVar("Model", bound=nn.Module)


def remember_loss(step: int, loss: float) -> Record:
    """Remember the loss alone."""
    return {"train": round(loss, 4)}


class NotOnTheDeskError(Exception):
    """Something is asked for that would have to be made first, of a desk that only gives what is there."""


class Desk:
    """The folder of one recipe. Whatever is written there is written whole, so that a run may be killed at any time.

    A desk that is not `open` makes nothing: it raises NotOnTheDeskError for what is not there.
    """

    def __init__(self, folder: Path, made: dict[str, Any], open: bool = True) -> None:
        self.folder, self.made, self.open = folder, made, open

    @property
    def dtype(self) -> torch.dtype:
        """The numbers to multiply in."""
        return getattr(torch, self.made["dtype"])

    def records(self) -> Iterator[tuple[Job, Record, dict[str, Any]]]:
        """Read the jobs done: each job, its record, and what made it."""
        for path in sorted((self.folder / "records").glob("*.json")):
            held = json.loads(path.read_text(encoding="utf-8"))
            yield held["job"], held["record"], held["made"]

    def keep_record(self, job: Job, record: Record) -> None:
        """Write the record of a job."""
        held = {"job": job, "made": self.made, "record": record}
        write_text(self.folder / "records" / f"{fingerprint(job)}.json", json.dumps(held, allow_nan=False))

    def must_be_open(self, path: Path) -> None:
        """Raise NotOnTheDeskError if nothing may be made here."""
        if not self.open:
            raise NotOnTheDeskError(f"there is no {path}")

    def weights(self, name: str, model: Model, make: Callable[[Model], object]) -> Model:
        """Give the model the weights of this name; if there are none yet, let `make` train it, and keep them."""
        path = self.folder / f"{name}.safetensors"
        if not path.exists():
            self.must_be_open(path)
            make(model)
            save_weights(path, model)
        return load_weights(path, model).eval()

    def json(self, name: str, make: Callable[[], Any]) -> Any:
        """Give what was kept under this name; if nothing was yet, make and keep it."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            self.must_be_open(path)
            write_text(path, json.dumps(make(), allow_nan=False))
        return json.loads(path.read_text(encoding="utf-8"))

    def train(
        self,
        name: str,
        model: nn.Module,
        batch: Callable[[int], Any],
        optimisers: list[torch.optim.Optimizer],
        schedule: Callable[[int], float],
        steps: int,
        look: Look = remember_loss,
        every: int = 100,
        **options: Any,
    ) -> list[Record]:
        """Train a model, looking at it every so many steps and at the end; return what was seen. Weights are kept.

        Interrupted, it goes on from the last look; done before, it only gives the model its weights. `options` are
        those of `training.train`.
        """
        state, log = self.folder / f"{name}.state", []
        if (self.folder / f"{name}.json").exists():
            self.weights(name, model, lambda model: None)
            return self.json(name, list)
        self.must_be_open(self.folder / f"{name}.safetensors")
        if state.exists():
            log = load_state(state, model, optimisers)["log"]
        start = log[-1]["step"] if log else 0
        losses = train(model, batch, optimisers, schedule, steps, start, dtype=self.dtype, **options)
        bar = tqdm(losses, name, steps, initial=start, unit="step", mininterval=5, leave=False)
        for step, loss in enumerate(bar, start + 1):
            if step % every == 0 or step == steps:
                log.append({"step": step} | look(step, loss))
                save_state(state, model, optimisers, step, log=log)
        save_weights(self.folder / f"{name}.safetensors", model)
        self.json(name, lambda: log)
        state.unlink(missing_ok=True)
        return log


def save_weights(path: Path, model: nn.Module, dtype: torch.dtype | None = None) -> None:
    """Write a model's weights in one move, as they are or rounded to another dtype."""
    weights = {name: w.detach().to(dtype or w.dtype).contiguous() for name, w in model.state_dict().items()}
    in_one_move(path, lambda part: save_file(weights, part))


def load_weights(path: Path, model: Model) -> Model:
    """Give a model the weights of a file, in its own dtype."""
    model.load_state_dict(load_file(path))
    return model


def as_json(content: Any) -> Any:
    """Give a value as it comes back from a file: tuples are lists."""
    return json.loads(json.dumps(content))


def recipe_of(recipe: Any) -> dict[str, Any]:
    """Give a recipe as it stands in a file."""
    return as_json(asdict(recipe))


def fingerprint(content: Any) -> str:
    """Give twelve digits that tell one recipe, or one job, from another."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def sha256(path: Path) -> str:
    """Give the sha256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
