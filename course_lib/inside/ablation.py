"""Taking heads away, or only what other heads have from them: what fails then was done by them."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from course_lib.models import GPT

Head = tuple[int, int]  # layer and number, both from 0
Outputs = Float[Tensor, "L H D"]
PARTS = ("queries", "keys", "values")


@contextmanager
def ablate(model: GPT, heads: Iterable[Head], instead: Outputs | None = None) -> Iterator[None]:
    """Within the block, these heads put out 0, or what stands for them in `instead` (see `mean_outputs`).

    A head that puts out 0 is something that the rest of the model has never seen. The mean takes away what the head
    says about *this* text, and leaves what it always says. The weights stay as they are.
    Raises ValueError for a head that the model does not have, and for an `instead` of another shape.
    """
    heads, n_head = _checked(model, heads), model.config.n_head
    wanted = (model.config.n_layer, n_head, model.config.n_embd // n_head)
    if instead is not None and instead.shape != wanted:
        raise ValueError(f"instead has shape {tuple(instead.shape)}, and the heads' outputs have {wanted}")
    with ExitStack() as hooks:
        for layer, numbers in _by_layer(heads).items():
            hooks.callback(_replace(model, layer, numbers, instead).remove)
        yield


@torch.no_grad()
def mean_outputs(model: GPT, ids: Int[Tensor, "B T"]) -> Outputs:
    """Average what each head puts out, before W_O, over all positions of a text."""
    outputs: list[Tensor] = []
    with ExitStack() as hooks:
        for block in model.h:
            hook = block.attn.c_proj.register_forward_pre_hook(lambda _, args: outputs.append(args[0].mean((0, 1))))
            hooks.callback(hook.remove)
        model(ids)
    return torch.stack(outputs).unflatten(-1, (model.config.n_head, -1))  # [L, C] -> [L, H, D]


@contextmanager
def cut(
    model: GPT, writers: Iterable[Head], readers: Iterable[Head], into: str, instead: Outputs | None = None
) -> Iterator[None]:
    """Within the block, the readers have the "queries", "keys" or "values" that they would have without the writers.

    The model reads its text twice (so without a cache): once with the writers ablated, to see what part the readers
    make of that, and once as it is, with that part put in. So everything on the way from a writer to that part is cut,
    by way of other heads and MLPs too, and nothing else. It is path patching (Wang et al. 2023), who hold other heads
    fixed, too; from one layer to the next that is the same.
    Raises ValueError for a head that does not exist or that writes after the reader has read.
    """
    writers, readers = _checked(model, writers), _checked(model, readers)
    if into not in PARTS:
        raise ValueError(f"into={into!r}: choose one of {', '.join(PARTS)}")
    if late := [(w, r) for w in writers for r in readers if w[0] >= r[0]]:
        (w, r), *_ = late
        raise ValueError(f"head {w} writes in layer {w[0]}: head {r} has read its input by then")
    part = PARTS.index(into)
    without: dict[int, Tensor] = {}  # layer -> queries, keys and values in the reading without the writers

    def read_without(_: nn.Module, args: tuple) -> None:
        without.clear()
        with ablate(model, writers, instead):
            model.forward(args[0])  # unlike model(…), it does not come back here

    with ExitStack() as hooks:
        hooks.callback(model.register_forward_pre_hook(read_without).remove)
        for layer, numbers in _by_layer(readers).items():
            hooks.callback(_put_in(model, layer, numbers, part, without).remove)
        yield


def _replace(model: GPT, layer: int, numbers: list[int], instead: Outputs | None) -> RemovableHandle:
    """Put `instead`, or 0, in the place of these heads' outputs, just before W_O."""

    def hook(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        z = args[0].unflatten(-1, (model.config.n_head, -1)).clone()  # [B, T, C] -> [B, T, H, D]
        z[..., numbers, :] = 0 if instead is None else instead[layer, numbers]
        return (z.flatten(-2),)

    return model.h[layer].attn.c_proj.register_forward_pre_hook(hook)


def _put_in(model: GPT, layer: int, numbers: list[int], part: int, without: dict[int, Tensor]) -> RemovableHandle:
    """Note a layer's queries, keys and values in the first reading; put one part of some heads into the second."""

    def hook(_: nn.Module, args: tuple, qkv: Float[Tensor, "B T C3"]) -> Float[Tensor, "B T C3"]:
        if layer not in without:
            without[layer] = qkv
            return qkv
        mine, other = (x.unflatten(-1, (3, model.config.n_head, -1)) for x in (qkv.clone(), without[layer]))
        mine[:, :, part, numbers] = other[:, :, part, numbers]  # [B, T, 3, H, D]
        return mine.flatten(2)

    return model.h[layer].attn.c_attn.register_forward_hook(hook)


def _checked(model: GPT, heads: Iterable[Head]) -> list[Head]:
    heads = [(int(layer), int(number)) for layer, number in heads]
    n_layer, n_head = model.config.n_layer, model.config.n_head
    if bad := [(a, b) for a, b in heads if not (0 <= a < n_layer and 0 <= b < n_head)]:
        raise ValueError(
            f"there is no head {bad[0]}: layers run from 0 to {n_layer - 1} and heads from 0 to {n_head - 1}"
        )
    return heads


def _by_layer(heads: list[Head]) -> dict[int, list[int]]:
    """Group the heads' numbers by their layer, each once."""
    return {layer: sorted({number for here, number in heads if here == layer}) for layer, _ in heads}
