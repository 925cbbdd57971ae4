"""Several processes that train one model: `torchrun --nproc-per-node 2 -m course_lib train …`.

Each has a copy of the model and takes gradients from batches of its own. The gradients are added up, and so all copies
take the same step. That is data parallelism, and all of it; PyTorch's DistributedDataParallel adds speed.
"""

import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def join(device: str = "cpu") -> None:
    """Meet the other processes, if torchrun has started several (it says so in the environment)."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("gloo" if device == "cpu" else "nccl")


def leave() -> None:
    """Part from the others."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def rank_and_count() -> tuple[int, int]:
    """Say which of the processes this is, and how many there are: (0, 1) for one that is alone."""
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def is_first() -> bool:
    """Say whether this process is the one that measures and writes: the first of several, or one that is alone."""
    return rank_and_count()[0] == 0


@torch.no_grad()
def add_up(tensors: Iterable[Tensor]) -> None:
    """Put the sum over all processes into each process's tensors, in one exchange."""
    tensors = list(tensors)
    if rank_and_count()[1] == 1:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    for tensor, total in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(total.view_as(tensor))
