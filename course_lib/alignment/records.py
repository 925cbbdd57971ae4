"""What `python -m course_lib.alignment.runs` left behind: the records of all seeds, and the models of the first."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from course_lib.data import TOWN_GPT, town_gpt, town_tokenizer
from course_lib.experiments.desk import sha256
from course_lib.finetuning import widen
from course_lib.models import GPT

from .chat import Chat
from .reward import RewardModel

FOLDER = Path(__file__).with_name("town-chat")  # results.json, sft.safetensors, reward.safetensors (float16)
TRACE_TEXT = ("prompt", "answer")


def alignment_results() -> dict[str, Any]:
    """Read the committed file: "recipe", "sha256" of the models, and "records", one for every run (see `find`)."""
    return json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))


def find(records: Sequence[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    """The records with these values, in the order of their seeds. ValueError where there is none."""
    found = [r for r in records if all(r.get(name) == value for name, value in wanted.items())]
    if not found:
        raise ValueError(f"no record has {wanted}: kinds are {sorted({r['kind'] for r in records})}")
    return sorted(found, key=lambda r: r["seed"])


def unaligned() -> tuple[GPT, Chat]:
    """The town's model with three new tokens, one of which says that the answer begins. It has seen no answer."""
    model = town_gpt()
    return model.eval(), Chat(town_tokenizer(), widen(model, seed=0).delimiter)


def town_sft() -> tuple[GPT, Chat]:
    """The policy after step 1, seed 0: the town's model fine-tuned on demonstrations."""
    model, chat = unaligned()
    model.load_state_dict(load_file(FOLDER / "sft.safetensors"))  # float16 into float32
    return model.eval(), chat


def town_reward() -> RewardModel:
    """The reward model after step 2, seed 0, fitted to the rankings that the recipe calls "used"."""
    model = RewardModel(unaligned()[0])
    model.load_state_dict(load_file(FOLDER / "reward.safetensors"))
    return model.eval()


def publish(
    records: Sequence[dict[str, Any]], recipe: dict[str, Any], models: dict[str, nn.Module], folder: Path = FOLDER
) -> None:
    """Write the records, a line each, and the models in float16; the traces' texts are kept for seed 0 alone."""
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {"town-gpt": sha256(TOWN_GPT / "model.safetensors")}
    for name, model in models.items():
        path = folder / f"{name}.safetensors"
        weights = {k: v.half().contiguous() for k, v in model.state_dict().items()}
        in_one_move(path, lambda part, weights=weights: save_file(weights, part))
        hashes[name] = sha256(path)
    head = {"command": "python -m course_lib.alignment.runs", "recipe": recipe, "torch": torch.__version__}
    text = json.dumps(head | {"sha256": hashes}, indent=1)[:-2] + ',\n "records": [\n'
    text += ",\n".join("  " + json.dumps(short(record)) for record in records) + "\n ]\n}\n"
    in_one_move(folder / "results.json", lambda part: part.write_text(text, encoding="utf-8"))


def short(record: dict[str, Any]) -> dict[str, Any]:
    """Round every number to four digits after the point; texts of traces only for seed 0."""
    if "trace" in record and record["seed"]:
        steps = [{k: v for k, v in step.items() if k not in TRACE_TEXT} for step in record["trace"]]
        record = record | {"trace": steps}
    return json.loads(json.dumps(record), parse_float=lambda digits: round(float(digits), 4))


def in_one_move(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the file, then put it in its place: there is never half a file."""
    part = path.with_name(path.name + ".part")
    write(part)
    os.replace(part, path)
