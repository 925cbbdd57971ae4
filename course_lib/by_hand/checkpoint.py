"""Read a GPT-2 checkpoint from a folder (config.json and model.safetensors, Hugging Face's names) into NumPy arrays."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

Shapes = dict[str, tuple[int, ...]]


def load_config(folder: str | Path) -> dict[str, int]:
    """Read the five sizes of a GPT from config.json: vocab_size, n_ctx, n_embd, n_layer, n_head.

    Raises FileNotFoundError where there is no config.json, ValueError for a size that it lacks.
    """
    path = Path(folder) / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config.setdefault("n_ctx", config.get("n_positions"))  # newer files of Hugging Face have the second name alone
    sizes = ("vocab_size", "n_ctx", "n_embd", "n_layer", "n_head")
    if lacking := [size for size in sizes if config.get(size) is None]:
        raise ValueError(f"{path} lacks {', '.join(lacking)}: is it a GPT-2 configuration?")
    return {size: config[size] for size in sizes}


def load_params(folder: str | Path, dtype: type = np.float32) -> dict:
    """Read model.safetensors into the nested dict that `gpt` takes: params["h"][0]["attn"]["c_attn"]["weight"].

    Names are GPT-2's, with or without the prefix `transformer.`; mask buffers and a copy of the tied output are
    left out. Raises FileNotFoundError where a file is not there, ValueError for names or shapes that do not fit
    config.json.
    """
    path = Path(folder) / "model.safetensors"
    shapes = parameter_shapes(**load_config(folder))
    arrays = {name.removeprefix("transformer."): array for name, array in load_file(path).items()}
    arrays = _without_surplus(arrays, path)
    _check_fit({name: array.shape for name, array in arrays.items()}, shapes, path)
    return _nest({name: arrays[name].astype(dtype) for name in shapes})


def parameter_shapes(vocab_size: int, n_ctx: int, n_embd: int, n_layer: int, n_head: int) -> Shapes:
    """Name every parameter of a GPT-2 with its shape. Matrices are (in, out); n_head changes none of them."""
    c = n_embd
    layer = {"ln_1": (c,), "attn.c_attn": (c, 3 * c), "attn.c_proj": (c, c)}
    layer |= {"ln_2": (c,), "mlp.c_fc": (c, 4 * c), "mlp.c_proj": (4 * c, c)}
    shapes: Shapes = {"wte.weight": (vocab_size, c), "wpe.weight": (n_ctx, c)}
    for i in range(n_layer):
        for name, shape in layer.items():
            shapes |= {f"h.{i}.{name}.weight": shape, f"h.{i}.{name}.bias": shape[-1:]}
    return shapes | {"ln_f.weight": (c,), "ln_f.bias": (c,)}


def _without_surplus(arrays: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Drop the masks that old files carry, and the output layer where it repeats the embedding."""
    arrays = {n: a for n, a in arrays.items() if not n.endswith((".attn.bias", ".attn.masked_bias"))}
    head = arrays.pop("lm_head.weight", None)
    if head is not None and not np.array_equal(head, arrays.get("wte.weight", head)):
        raise ValueError(f"{path} has an lm_head.weight of its own: a GPT-2's output layer is its wte.weight")
    return arrays


def _check_fit(found: Shapes, expected: Shapes, path: Path) -> None:
    wrong = [f"{n} is {found[n]}, not {s}" for n, s in expected.items() if n in found and found[n] != s]
    wrong += [f"{n} {s} is missing" for n, s in expected.items() if n not in found]
    wrong += [f"{n} {s} is unknown" for n, s in found.items() if n not in expected]
    if wrong:
        rest = f"; and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(f"{path} does not fit its config.json: {'; '.join(wrong[:5])}{rest}")


def _nest(arrays: dict[str, np.ndarray]) -> dict:
    params: dict = {}
    for name, array in arrays.items():
        *parents, leaf = name.split(".")
        node = params
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = array
    return params | {"h": list(params.get("h", {}).values())}
