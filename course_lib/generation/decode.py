"""Writing on from a prompt, one token after the other: what the model has read is kept in a KV cache, not read again.

A GPT-2 sees at most n_ctx tokens, and its positions are learned, so its window cannot simply move on: each token would
stand in a new place and everything remembered would be void. When a row's window is full, its last n_ctx // 2 tokens
are read anew, as if the text began there, and writing goes on. So a text may be as long as one likes; the model always
sees between a half and the whole of n_ctx. A prompt that is longer than n_ctx is read from its last n_ctx tokens.
"""

from collections.abc import Collection, Iterator, Sequence
from numbers import Number
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.models import GPT, KVCache
from course_lib.models.checks import check_ids

from .samplers import Sampler

Row = Int[Tensor, " _"]  # one text; each has its own length
Prompt = Int[Tensor, "..."] | np.ndarray | Sequence


class Context:
    """The texts of a batch, aligned at their right ends, and what the model has read of them.

    `rows`: one tensor of token ids per text, lengths may differ. `n_new`: how many tokens each will get.
    `use_cache=False` forgets everything at every step and reads it again: the same numbers, more slowly.
    """

    def __init__(self, model: GPT, rows: Sequence[Row], n_new: int, use_cache: bool = True) -> None:
        self.model, self.use_cache = model, use_cache
        self.n_ctx = model.config.n_ctx
        self.end = max(len(row) for row in rows)  # the tokens so far are text[:, :end]
        self.text = torch.empty(len(rows), self.end + n_new, dtype=torch.long, device=model.wte.weight.device)
        for line, row in zip(self.text, rows):
            line[: self.end - len(row)] = row[0]  # padding; a token of the row's own counts as no repetition
            line[self.end - len(row) : self.end] = row
        # where the window of each row begins
        self.start = torch.tensor([max(self.end - len(row), self.end - self.n_ctx) for row in rows])
        self.cache: KVCache | None = None

    def logits(self) -> Float[Tensor, "B V"]:
        """Score the token that comes next in each row. Only what the cache does not hold is read."""
        if self.cache is None or self.end - self.first > self.n_ctx or not self.use_cache:
            self._begin()
        unread = self.text[:, self.first + self.cache.length : self.end]  # [B, T]
        return self.model.unembed(self.model.hidden(unread, self.cache)[:, -1])  # [B, T, C] -> [B, C] -> [B, V]

    def append(self, tokens: Int[Tensor, " B"]) -> None:
        """Write one more token into each row."""
        self.text[:, self.end] = tokens
        self.end += 1

    def _begin(self) -> None:
        """Start an empty cache; a window that has outgrown n_ctx begins anew with the last half of it."""
        outgrown = self.end - self.start > self.n_ctx
        self.start[outgrown] = self.end - max(1, self.n_ctx // 2)
        self.first = int(self.start.min())  # the column of the text with which the cache begins
        n_positions = min(self.text.shape[1] - self.first, self.n_ctx)
        padding = (self.start - self.first).to(self.text.device)
        self.cache = KVCache(self.model, len(self.text), n_positions, padding)


def generate(
    model: GPT,
    ids: Prompt,
    max_new_tokens: int,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    nucleus: str = "holtzman",
    repetition_penalty: float | int = 1.0,
    stop: int | Collection[int] = (),
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Tensor | list[Tensor]:
    """Write on from `ids`, the prompt, and return the prompt with what was written.

    A prompt of one row ([T], or a list of ids) gives one row [T + new]. A list of rows, which may differ in length,
    gives a list of rows. A tensor [B, T] gives a tensor [B, T + new], where a row that stopped early repeats its stop
    token. Writing ends after `max_new_tokens`, or when a token of `stop` was written, which is part of the result.
    The rules of choice are `Sampler`'s: penalty, temperature (0 is greedy), top-k, nucleus. With the same seed in
    `generator` (by default PyTorch's own) the same text comes out.

    Raises ValueError for an empty prompt (begin with the end-of-text token), an id outside the vocabulary, rules that
    make no sense, logits that are not numbers. For prompts and texts beyond n_ctx see the top of this module.
    """
    rows = _rows(model, ids)
    sampler = Sampler(temperature, top_k, top_p, nucleus, repetition_penalty)
    stop = _token_ids(model, stop)
    steps = list(_steps(model, rows, max_new_tokens, sampler, stop, generator, use_cache))
    new = torch.stack(steps, 1) if steps else rows[0].new_empty(len(rows), 0)  # n of [B] -> [B, n]
    if isinstance(ids, Tensor) and ids.ndim == 2:
        return torch.cat([torch.stack(rows), new], 1)  # [B, T], [B, n] -> [B, T + n]
    written = [torch.cat([row, _until(stop, more)]) for row, more in zip(rows, new)]
    return written if _is_batch(ids) else written[0]


def stream(
    model: GPT,
    ids: Prompt,
    max_new_tokens: int,
    stop: int | Collection[int] = (),
    generator: torch.Generator | None = None,
    **rules: Any,
) -> Iterator[int]:
    """Yield the tokens that `generate` would write after a prompt of one row, each as soon as it is chosen.

    `rules` are the fields of `Sampler`. Errors as in `generate`, at once, before the first token is asked for.
    """
    rows = _rows(model, ids)
    if len(rows) > 1:
        raise ValueError(f"stream writes on from one prompt, not {len(rows)}: use generate for a batch")
    steps = _steps(model, rows, max_new_tokens, Sampler(**rules), _token_ids(model, stop), generator)
    return (int(tokens) for tokens in steps)


def _steps(
    model: GPT,
    rows: Sequence[Row],
    max_new_tokens: int,
    sampler: Sampler,
    stop: Tensor,
    generator: torch.Generator | None,
    use_cache: bool = True,
) -> Iterator[Int[Tensor, " B"]]:
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens is {max_new_tokens}: it must be 0 or more")
    return _write(Context(model, rows, max_new_tokens, use_cache), max_new_tokens, sampler, stop, generator)


@torch.inference_mode()
def _write(
    context: Context, n: int, sampler: Sampler, stop: Tensor, generator: torch.Generator | None
) -> Iterator[Int[Tensor, " B"]]:
    """Yield the next token of every row, up to n times; a row that has stopped repeats its stop token."""
    stopped = torch.zeros(len(context.text), dtype=torch.bool, device=context.text.device)
    for _ in range(n):
        tokens = sampler.choose(context.logits(), context.text[:, : context.end], generator)  # [B, V] -> [B]
        if len(stop):
            tokens = torch.where(stopped, context.text[:, context.end - 1], tokens)
            stopped |= torch.isin(tokens, stop)
        context.append(tokens)
        yield tokens
        if len(stop) and stopped.all():
            return


def _rows(model: GPT, ids: Prompt) -> list[Row]:
    """Take the prompt apart into rows on the model's device; refuse what it cannot read."""
    rows = [torch.as_tensor(row) for row in (ids if _is_batch(ids) else [ids])]
    if not rows:
        raise ValueError("there is no prompt: the batch has no rows")
    for i, row in enumerate(rows):
        if not len(row):
            raise ValueError(f"prompt {i} is empty: begin with one token at least, the end-of-text token for instance")
        if row.is_floating_point():
            raise ValueError(f"prompt {i} holds {row.dtype} numbers: token ids are integers")
        check_ids(row, model.config.vocab_size)
    return [row.to(model.wte.weight.device, torch.long) for row in rows]


def _is_batch(ids: Prompt) -> bool:
    if isinstance(ids, Tensor):
        if ids.ndim not in (1, 2):
            raise ValueError(f"the prompt has shape {list(ids.shape)}: give one row [T] or a batch [B, T]")
        return ids.ndim == 2
    return len(ids) > 0 and not isinstance(ids[0], Number)


def _token_ids(model: GPT, stop: int | Collection[int]) -> Int[Tensor, " N"]:
    ids = [stop] if isinstance(stop, int) else list(stop)
    if bad := [i for i in ids if not 0 <= i < model.config.vocab_size]:
        raise ValueError(
            f"stop token {bad[0]} is not in the vocabulary: ids run from 0 to {model.config.vocab_size - 1}"
        )
    return torch.tensor(ids, dtype=torch.long, device=model.wte.weight.device)


def _until(stop: Tensor, tokens: Row) -> Row:
    """Cut the tokens after the first of `stop`."""
    (found,) = torch.isin(tokens, stop).nonzero(as_tuple=True)
    return tokens[: found[0] + 1] if len(found) else tokens  # [n] -> [m]
