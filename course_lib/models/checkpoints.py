"""Folders with a model: config.json and weights in safetensors files, as Hugging Face stores them.

Reading trusts nothing: a file's header is checked before a weight is touched. Weights are mapped from the disk, not
copied, so that opening takes no more memory than the file. What differs from one kind of model to another stands in
its `Files`.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Shapes = dict[str, list[int]]

GPT_SIZES = {name: (name,) for name in ("vocab_size", "n_ctx", "n_embd", "n_layer", "n_head")} | {
    "n_ctx": ("n_ctx", "n_positions")  # newer files of Hugging Face have the second name alone
}
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
FILES = ["config.json", WEIGHTS, INDEX, "model-*-of-*.safetensors"]  # what we ask the Hub for
DRAWING = (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_)


@dataclass(frozen=True)
class Files:
    """How Hugging Face stores one kind of model.

    `fixed` is what a config.json must say besides the sizes, so that transformers rebuilds the same network; `read`
    are the settings with which it would build another, and what they may say; `names` are weights named otherwise.
    `sizes` are whole numbers that a config.json must hold, each under one of its names there. Of the weights, some may
    be `repeated` under a second name, and those that `ignored` describes mean nothing.
    """

    kind: str  # what people call it
    loader: str  # our class
    hub: dict[str, str]  # short name -> id on the Hub
    fixed: dict[str, Any]
    read: dict[str, tuple[Any, ...]]
    names: dict[str, str] = field(default_factory=dict)  # ours -> theirs
    sizes: dict[str, tuple[str, ...]] = field(default_factory=lambda: GPT_SIZES)  # ours -> theirs
    prefix: str = "transformer."  # which may stand before all names
    repeated: dict[str, str] = field(default_factory=lambda: {"lm_head.weight": "wte.weight"})  # copy -> ours
    ignored: str = r"h\.\d+\.attn\.(bias|masked_bias)"  # the masks that old files carry


PLAIN = {  # what the settings of GPT-2 and GPT-1 have in common: as published, without dropout
    "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": True,
    "attn_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "resid_pdrop": 0.0,
    "bos_token_id": None,
    "eos_token_id": None,
}
GPT2 = Files(
    kind="GPT-2",
    loader="GPT",
    hub={name: f"openai-community/{name}" for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")},
    fixed={"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "activation_function": "gelu_new"} | PLAIN,
    read={
        "model_type": ("gpt2",),
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "layer_norm_epsilon": (1e-5,),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
)
GPT1 = Files(
    kind="GPT-1",
    loader="GPT1",
    hub={"openai-gpt": "openai-community/openai-gpt"},
    # "gelu" means the tanh form there
    fixed={"architectures": ["OpenAIGPTLMHeadModel"], "model_type": "openai-gpt", "afn": "gelu"} | PLAIN,
    read={"model_type": ("openai-gpt",), "afn": ("gelu",), "layer_norm_epsilon": (1e-5,)},
    names={"wte.weight": "tokens_embed.weight", "wpe.weight": "positions_embed.weight"},
)


WRAPPERS = (
    ("_orig_mod.", "what torch.compile returned", "the model that it was given, `compiled._orig_mod`,"),
    ("module.", "a DistributedDataParallel or DataParallel", "the model inside, `wrapper.module`,"),
)


class NamesAndShapes(TorchFunctionMode):
    """While it is on, modules are made on the meta device and nobody draws their numbers.

    PyTorch can "draw" on the meta device, too, but loads 70 MB of compiler for it.
    """

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Let everything through but the drawing."""
        kwargs = kwargs or {}
        if function in DRAWING:
            return kwargs["tensor"]  # torch.nn.init names all its arguments when it asks a mode
        with torch.device("meta"):
            return function(*args, **kwargs)


def find(name_or_folder: str | Path, download: bool = True, files: Files = GPT2) -> Path:
    """Give the folder of a checkpoint: the one that is named, or that of a model on the Hugging Face Hub.

    A name is a published model's (`"gpt2-medium"`) or an id as `"owner/name"`. What was downloaded once is kept in the
    Hub's cache; `download=False` looks there only. Raises FileNotFoundError, which says what to do.
    """
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    name = files.hub.get(str(name_or_folder), str(name_or_folder))
    if isinstance(name_or_folder, Path) or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise FileNotFoundError(
            f"there is no folder {folder}, and no model has that name: {', '.join(files.hub)}, owner/name"
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES, local_files_only=not download))
    except (OSError, ValueError) as error:  # no network, no such model, no leave to read it
        raise FileNotFoundError(
            f"{name} is neither a folder nor in the Hugging Face Hub's cache on this machine"
            + (f", and could not be downloaded ({type(error).__name__}). " if download else ". ")
            + f"Where there is a network, {files.loader}.from_pretrained({str(name_or_folder)!r}) downloads it once. "
            f"Where there is none, copy config.json and {WEIGHTS} of https://huggingface.co/{name} into a folder "
            "and name that folder"
        ) from error


def read_sizes(folder: Path, files: Files = GPT2) -> dict[str, int]:
    """Read a model's sizes from config.json.

    Raises FileNotFoundError where there is none, ValueError for sizes that it lacks and for settings with which
    the network would be another than GPT-2 (or another kind, if `files` says so).
    """
    path = folder / "config.json"
    config = read_config(folder)
    sizes = {ours: _first(config, theirs) for ours, theirs in files.sizes.items()}
    if lacking := [files.sizes[ours][0] for ours, size in sizes.items() if not isinstance(size, int)]:
        raise ValueError(f"{path} lacks {', '.join(lacking)}: is it a {files.kind} configuration?")
    strange = {name: config[name] for name, known in files.read.items() if config.get(name, known[0]) not in known}
    if config.get("n_inner") not in (None, 4 * sizes["n_embd"]):
        strange["n_inner"] = config["n_inner"]
    if strange:
        raise ValueError(f"{path} describes another network than {files.kind}: {strange}")
    return sizes


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.json as it is. Raises FileNotFoundError where there is none, ValueError where it is no object."""
    return _json(folder / "config.json")


def read_names(folder: Path) -> set[str]:
    """Read which weights the folder's files hold, by the names that they have there."""
    return {name for path in _weight_files(folder) for name in read_header(path)}


def read_weights(
    folder: Path, shapes: Mapping[str, Any], dtype: torch.dtype | None = torch.float32, files: Files = GPT2
) -> dict[str, Tensor]:
    """Read the weights that `shapes` asks for, by our names; those that have the dtype already stay in the file.

    Takes one file or several with an index, with or without the prefix. Weights that mean nothing are left out (masks),
    and those that repeat another (an lm_head.weight, the embedding). `dtype=None` keeps each weight's own.
    Raises FileNotFoundError where a file is not there, ValueError for anything else that does not fit.
    """
    paths = _weight_files(folder)
    places: dict[str, tuple[Path, str]] = {}  # our name -> the file that has it, under what name
    found: Shapes = {}
    for path in paths:
        for name, entry in read_header(path).items():
            plain = name.removeprefix(files.prefix)
            if plain in places:
                raise ValueError(f"{folder} holds {plain} twice: in {places[plain][0].name} and in {path.name}")
            places[plain], found[plain] = (path, name), entry["shape"]
    theirs = {name: files.names.get(name, name) for name in shapes}
    repeated = {copy: theirs[name] for copy, name in files.repeated.items()}
    expected = {theirs[name]: list(shape) for name, shape in shapes.items()}
    _check_fit(folder, found, expected, {copy: expected[name] for copy, name in repeated.items()}, files.ignored)
    weights = _get(theirs.values(), places)
    for copy, name in repeated.items():
        if copy in places:
            _check_tied(f"{folder} holds {copy}", _get([copy], places)[copy], weights[name], name)
    return {name: weights[theirs[name]] if dtype is None else weights[theirs[name]].to(dtype) for name in shapes}


def read_header(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read what a safetensors file says about itself: name -> {"dtype", "shape", "data_offsets"} of each tensor.

    The file begins with the header's length (8 bytes, little-endian) and the header, in JSON; the rest is numbers.
    Raises FileNotFoundError, and ValueError for a file of another kind or one that ends too early.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(8)
        length, size = int.from_bytes(start, "little"), path.stat().st_size
        if start == b"version ":
            raise ValueError(f"{path} is no safetensors file but Git LFS's pointer to one: `git lfs pull` fetches it")
        if start[:2] in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05"):
            raise ValueError(f"{path} is no safetensors file but a pickle, which can run any code when it is opened")
        if len(start) < 8 or length > size - 8:
            raise ValueError(f"{path} is no safetensors file, or was cut off: {size} bytes, a header of {length}")
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            ends = {name: 8 + length + entry["data_offsets"][1] for name, entry in header.items()}
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            raise ValueError(f"{path} is no safetensors file: its header cannot be read") from None
    if cut := [f"{name} {header[name]['shape']}" for name, end in ends.items() if end > size]:
        raise ValueError(f"{path} was cut off: of {max(ends.values())} bytes it has {size}; it lacks {_some(cut)}")
    return header


def write(folder: str | Path, sizes: dict[str, int], weights: Mapping[str, Tensor], files: Files = GPT2) -> None:
    """Write config.json and model.safetensors, so that a reader finds the old model or the new, never a mixture.

    Both are written in a folder of their own, and moved to their places when they are whole. Two moves cannot be one;
    so where config.json changes, the old one goes first, and weights whose sizes nobody knows do not open.
    """
    folder = Path(folder)
    draft = folder / ".draft"
    shutil.rmtree(draft, ignore_errors=True)  # of a writer that was killed
    draft.mkdir(parents=True)
    named = {name: size for ours, size in sizes.items() for name in files.sizes[ours]}
    config = json.dumps(files.fixed | named, indent=2) + "\n"
    (draft / "config.json").write_text(config, encoding="utf-8")
    whole = {files.names.get(name, name): weight.detach().cpu().contiguous() for name, weight in weights.items()}
    save_file(whole, draft / WEIGHTS, metadata={"format": "pt"})  # a second entry would come in random order
    shutil.copymode(draft / "config.json", draft / WEIGHTS)  # save_file lets nobody else read
    for path in (draft / "config.json", draft / WEIGHTS):
        with path.open("rb") as file:
            os.fsync(file.fileno())  # a name must not reach the disk before what it names
    place = folder / "config.json"
    if place.exists() and place.read_text(encoding="utf-8") != config:
        place.unlink()
    os.replace(draft / WEIGHTS, folder / WEIGHTS)
    os.replace(draft / "config.json", place)
    draft.rmdir()


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).exists() or not (folder / INDEX).exists():
        if not (folder / WEIGHTS).exists() and (pickles := sorted(p.name for p in folder.glob("pytorch_model*.bin"))):
            raise FileNotFoundError(
                f"{folder} has {_some(pickles)} but no {WEIGHTS}: we open no pickles, which can run any code. "
                f"transformers' from_pretrained(...).save_pretrained(...) writes {WEIGHTS}"
            )
        return [folder / WEIGHTS]
    parts = _json(folder / INDEX).get("weight_map")
    names = sorted(set(parts.values())) if isinstance(parts, dict) else []
    if not names or any(Path(name).name != name for name in names):
        raise ValueError(f"{folder / INDEX} names no files of this folder in its weight_map: {names}")
    return [folder / name for name in names]


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object, but {content!r:.40}")
    return content


def _first(config: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def _check_fit(folder: Path, found: Shapes, expected: Shapes, copies: Shapes, ignored: str) -> None:
    wrong = [f"{n} is {found[n]}, not {s}" for n, s in expected.items() if n in found and found[n] != s]
    wrong += [f"{n} {s} is missing" for n, s in expected.items() if n not in found]
    wrong += [
        f"{n} {s} is unknown"
        for n, s in found.items()
        if n not in expected and not re.fullmatch(ignored, n) and copies.get(n) != s
    ]
    if wrong:
        raise ValueError(f"the weights in {folder} do not fit its config.json: {_wrapped(found)}{_some(wrong, '; ')}")


def _wrapped(found: Iterable[str]) -> str:
    """Name what a model was wrapped in when it was saved, if its names show it."""
    for prefix, wrapper, inner in WRAPPERS:
        if any(name.startswith(prefix) for name in found):
            return f"its names begin with {prefix!r}, since {wrapper} was saved: save {inner} instead; "
    return ""


def _get(names: Iterable[str], places: dict[str, tuple[Path, str]]) -> dict[str, Tensor]:
    """Map tensors from their files. Until somebody writes to them, they are the files' own pages."""
    weights = {}
    with ExitStack() as stack:
        files: dict[Path, Any] = {}
        for name in names:
            path, name_there = places[name]
            try:
                if path not in files:
                    files[path] = stack.enter_context(safe_open(path, framework="pt"))
                weights[name] = files[path].get_tensor(name_there)
            except SafetensorError as error:
                raise ValueError(f"{path} cannot be read as a safetensors file: {error}") from None
    if whole := [f"{name} {weight.dtype}" for name, weight in weights.items() if not weight.is_floating_point()]:
        raise ValueError(f"weights must be floating-point numbers: {_some(whole)}")
    return weights


def _check_tied(what: str, copy: Tensor, embedding: Tensor, name: str) -> None:
    if not torch.equal(copy, embedding):
        rows = (copy != embedding).any(-1).sum().item()
        raise ValueError(
            f"{what} of its own: {rows} of its {len(copy)} rows are not those of {name}, and in this kind of model "
            "the two are one"
        )


def _some(items: list[str], separator: str = ", ") -> str:
    rest = f"{separator}and {len(items) - 5} more" if len(items) > 5 else ""
    return separator.join(items[:5]) + rest
