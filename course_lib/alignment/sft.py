"""Step 1, supervised fine-tuning: next-token prediction on demonstrations, where only the answers count."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.town.demonstrations import Demonstration
from course_lib.training import adamw, fastest_dtype, shuffled, train, warmup_cosine

from .chat import Batch, Chat, log_probs, masked_mean


def response_loss(model: nn.Module, batch: Batch) -> Float[Tensor, ""]:
    """Mean −log p of the answers' tokens, end token included, in nats per token. Prompts and padding count nothing."""
    logits = model(batch.ids[:, :-1])  # [B, T - 1, V]
    return masked_mean(-log_probs(logits, batch.ids[:, 1:]), batch.answer[:, 1:])


def mask_by_padding_id(ids: Int[Tensor, "B T"], answer: Bool[Tensor, "B T"], pad_id: int) -> Bool[Tensor, "B T"]:
    """The published mistake: whatever *looks* like padding is left out of the loss.

    With pad_id = the end token, which is the custom where a tokenizer has no padding token, the end token is never
    learned, and the model never stops.
    """
    return answer & (ids != pad_id)


def demonstration_batches(
    chat: Chat, demonstrations: Sequence[Demonstration], batch_size: int, seed: int = 0
) -> Callable[[int], Batch]:
    """Numbered batches, each epoch in an order of its own. ValueError for fewer demonstrations than one batch."""
    rows = [(chat.prompt(d.prompt), chat.answer(d.answer)) for d in demonstrations]
    batches = shuffled(rows, batch_size, seed, "demonstrations")
    return lambda number: chat.batch(*zip(*batches(number)))


def pack(rows: Sequence[Batch], length: int) -> Batch:
    """Lay rows end to end in rows of `length`, each into the first that has room: no token is padding but the last.

    `rows` are batches of one row. Attention then sees earlier chats of the same row, which pre-training has taught a
    model to ignore at an end token. ValueError for a row that is longer than `length`.
    """
    bins: list[list[Batch]] = []
    for row in rows:
        if (size := tokens_in([row])) > length:
            raise ValueError(f"a chat of {size} tokens does not fit into a row of {length}")
        target = next((b for b in bins if tokens_in(b) + size <= length), None)
        if target is None:
            bins.append(target := [])
        target.append(row)
    ids = torch.zeros(len(bins), length, dtype=torch.long)
    answer = torch.zeros(len(bins), length, dtype=torch.bool)
    for i, filled in enumerate(bins):
        joined = torch.cat([r.ids[0] for r in filled])
        ids[i, : len(joined)] = joined
        answer[i, : len(joined)] = torch.cat([r.answer[0] for r in filled])
    return Batch(ids, answer)


def tokens_in(rows: Sequence[Batch]) -> int:
    """How many tokens rows of one chat each have together."""
    return sum(row.ids.shape[1] for row in rows)


def sft(
    model: nn.Module,
    chat: Chat,
    demonstrations: Sequence[Demonstration],
    epochs: int = 3,
    batch_size: int = 32,
    lr: float = 1e-3,
    seed: int = 0,
    dtype: torch.dtype | None = None,
) -> Iterator[float]:
    """Fine-tune the model on demonstrations, and yield the loss of each step. AdamW, a short warm-up, cosine to 0.

    Where the published settings are known they are named in the chapter (InstructGPT: 16 epochs, cosine, dropout 0.2).
    """
    batches = demonstration_batches(chat, demonstrations, batch_size, seed)
    steps = epochs * (len(demonstrations) // batch_size)
    return train(
        model,
        batches,
        adamw(model, lr, weight_decay=0.01),
        lambda step: warmup_cosine(step, steps, warmup=max(1, steps // 50)),
        steps,
        dtype=dtype or fastest_dtype(),
        loss=response_loss,
    )
