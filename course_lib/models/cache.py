"""The KV cache: what attention must remember of the tokens already read, so that none is read twice."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

Heads = Float[Tensor, "B H T D"]


class KVCache:
    """Keys and values of every layer, in two buffers [L, B, H, n_positions, D] that are made once and filled.

    `padding` [B] says how many tokens at the left of each row are padding: nobody looks at them, and a row's
    positions are counted from its first real token. Make one cache per batch of texts; `model` gives the sizes,
    dtype and device. Raises ValueError for more than n_ctx positions.
    """

    def __init__(
        self, model: nn.Module, batch_size: int, n_positions: int, padding: Int[Tensor, " B"] | None = None
    ) -> None:
        config, like = model.config, model.wte.weight
        if n_positions > config.n_ctx:
            raise ValueError(f"a cache of {n_positions} positions exceeds n_ctx = {config.n_ctx}")
        shape = (config.n_layer, batch_size, config.n_head, n_positions, config.n_embd // config.n_head)
        self.keys, self.values = (torch.empty(shape, dtype=like.dtype, device=like.device) for _ in range(2))
        self.padding = padding if padding is not None and padding.any() else None
        self.length = 0  # positions filled so far

    def positions(self, n_new: int) -> Int[Tensor, "B T"]:
        """Say where the next n_new tokens stand in their texts; padding gets position 0, which nobody will see."""
        here = torch.arange(self.length, self.length + n_new, device=self.keys.device)
        padding = 0 if self.padding is None else self.padding[:, None]
        return (here[None] - padding).clamp(min=0)  # [1, T] - [B, 1] -> [B, T]

    def extend(self, layer: int, k: Heads, v: Heads) -> tuple[Tensor, Tensor, Bool[Tensor, "..."] | None]:
        """Add the new tokens' keys and values of one layer; give back all of them, and who may look where.

        The mask is True where a new token may look; it is None where each may look at everything.
        """
        end = self.length + k.shape[2]
        if end > self.keys.shape[3]:
            raise ValueError(f"{end} positions exceed the {self.keys.shape[3]} that this cache was made for")
        self.keys[layer, :, :, self.length : end] = k
        self.values[layer, :, :, self.length : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end], self._mask(end)

    def _mask(self, end: int) -> Tensor | None:
        if end == self.length + 1 and self.padding is None:
            return None
        key, query = (torch.arange(n, end, device=self.keys.device) for n in (0, self.length))
        mask = key <= query[:, None]  # [T, S]
        if self.padding is None:
            return mask
        real = key >= self.padding[:, None, None, None]  # [B, 1, 1, S]
        return mask & real | (key == query[:, None])  # padding looks at itself: a softmax over nothing is NaN
