"""Taking heads away, or one wire between two heads: what fails then was done by them."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle as Hook

from course_lib.models import GPT

Head = tuple[int, int]  # layer and number, both from 0
INTO = ("queries", "keys", "values")


@contextmanager
def ablate(model: GPT, heads: Iterable[Head], mean_over: Int[Tensor, "B T"] | None = None) -> Iterator[None]:
    """Within the block, the outputs of these heads are 0; with `mean_over`, what they are on average over that text.

    A head that writes nothing is something that the rest of the model has never seen. The mean takes away what the
    head says about *this* text, and leaves what it always says. The weights stay as they are.
    Raises ValueError for a head that the model does not have.
    """
    heads = _checked(model, heads)
    instead = mean_outputs(model, mean_over)  # [L, H, D]
    with ExitStack() as hooks:
        for layer, numbers in _by_layer(heads).items():
            hooks.callback(_replace(model, layer, numbers, instead[layer]).remove)
        yield


@contextmanager
def cut(
    model: GPT,
    writers: Iterable[Head],
    readers: Iterable[Head],
    into: str,
    mean_over: Int[Tensor, "B T"] | None = None,
) -> Iterator[None]:
    """Within the block, the readers make their "queries", "keys" or "values" as if the writers had written nothing.

    Everybody else sees what the writers wrote. Only the direct way through the stream is cut, not the detours by way of
    heads and MLPs between them. With `mean_over` it is what they write on average over that text that remains.
    Raises ValueError for a head that does not exist or that writes after the reader has read.
    """
    writers, readers = _checked(model, writers), _checked(model, readers)
    if into not in INTO:
        raise ValueError(f"into={into!r}: choose one of {', '.join(INTO)}")
    if late := [(w, r) for w in writers for r in readers if w[0] >= r[0]]:
        (w, r), *_ = late
        raise ValueError(f"head {w} writes in layer {w[0]}: head {r} has read its input by then")
    instead = mean_outputs(model, mean_over)  # [L, H, D]
    written: dict[int, Tensor] = {}  # layer -> what its writers wrote in this forward pass, [B, T, C]
    with ExitStack() as hooks:
        for layer, numbers in _by_layer(writers).items():
            hooks.callback(_note(model, layer, numbers, instead[layer], written).remove)
        for layer, numbers in _by_layer(readers).items():
            for hook in _read_without(model, layer, numbers, INTO.index(into), written):
                hooks.callback(hook.remove)
        yield


@torch.no_grad()
def mean_outputs(model: GPT, ids: Int[Tensor, "B T"] | None) -> Float[Tensor, "L H D"]:
    """Average what each head puts out, before W_O, over all positions of a text; without a text, 0."""
    n_layer, n_head, like = model.config.n_layer, model.config.n_head, model.wte.weight
    if ids is None:
        return like.new_zeros(n_layer, n_head, model.config.n_embd // n_head)
    means: list[Tensor] = []
    with ExitStack() as hooks:
        for block in model.h:
            hook = block.attn.c_proj.register_forward_pre_hook(lambda _, args: means.append(args[0].mean((0, 1))))
            hooks.callback(hook.remove)
        model(ids)
    return torch.stack(means).unflatten(-1, (n_head, -1))  # [L, C] -> [L, H, D]


def _replace(model: GPT, layer: int, numbers: list[int], instead: Float[Tensor, "H D"]) -> Hook:
    """Put `instead` in the place of these heads' outputs, just before W_O."""

    def hook(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
        z = args[0].unflatten(-1, instead.shape).clone()  # [B, T, C] -> [B, T, H, D]
        z[..., numbers, :] = instead[numbers]
        return (z.flatten(-2),)

    return model.h[layer].attn.c_proj.register_forward_pre_hook(hook)


def _note(model: GPT, layer: int, numbers: list[int], instead: Float[Tensor, "H D"], written: dict) -> Hook:
    """Write down what these heads add to the stream, beyond `instead`."""
    rows = model.h[layer].attn.c_proj.weight.unflatten(0, instead.shape)[numbers]  # [C, C] -> [n, D, C]

    def hook(_: nn.Module, args: tuple[Tensor]) -> None:
        z = (args[0].unflatten(-1, instead.shape) - instead)[..., numbers, :]  # [B, T, C] -> [B, T, n, D]
        written[layer] = torch.einsum("btnd,ndc->btc", z, rows)

    return model.h[layer].attn.c_proj.register_forward_pre_hook(hook)


def _read_without(model: GPT, layer: int, numbers: list[int], part: int, written: dict) -> list[Hook]:
    """Make one part of these heads (0 queries, 1 keys, 2 values) from the stream less what was written into it."""
    block, stream = model.h[layer], []

    def before(_: nn.Module, args: tuple) -> None:
        stream[:] = [args[0] - sum(written.values())]  # [B, T, C]

    def after(c_attn: nn.Module, _: tuple[Tensor], qkv: Float[Tensor, "B T C3"]) -> Float[Tensor, "B T C3"]:
        other = c_attn.forward(block.ln_1.forward(stream[0]))  # [B, T, C] -> [B, T, 3C]
        qkv, other = (x.unflatten(-1, (3, model.config.n_head, -1)) for x in (qkv.clone(), other))  # [B, T, 3, H, D]
        qkv[:, :, part, numbers] = other[:, :, part, numbers]
        return qkv.flatten(2)

    return [block.register_forward_pre_hook(before), block.attn.c_attn.register_forward_hook(after)]


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
