"""Every task as a text to read and a text to write: the pairs that a T5 is trained on, and its one loss."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models import T5
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import LABELS, WORLD, Example, task

from .batches import Tensors, by_length
from .spans import noise_mask, salient_mask, span_pair

PAD = "<pad>"
N_SENTINELS = 18  # enough for the town's longest document, and 493 + 1 + 18 is a round number
Pair = tuple[list[int], list[int]]  # ids to read, ids to write


@dataclass(frozen=True)
class PaddedPairs(Tensors):
    """B texts to read, `[B, T]`, and B to write, `[B, S]`, filled up with the pad id."""

    ids: Int[Tensor, "B T"]
    targets: Int[Tensor, "B S"]


def t5_tokens(tokenizer: Tokenizer) -> Tokenizer:
    """Add padding and sentinels to a tokenizer, behind all its tokens, so that no id changes.

    `<extra_id_0>`, the first sentinel, is the last id. (Hugging Face's T5 names them so, and the paper <X>, <Y>, <Z>.)
    No task needs a token of its own: its name is text, which any byte-level tokenizer can write.
    """
    sentinels = [f"<extra_id_{i}>" for i in reversed(range(N_SENTINELS))]
    return Tokenizer(tokenizer.merges, [*tokenizer.special_tokens, PAD, *sentinels], tokenizer.byte_order)


def as_text(name: str, example: Example) -> tuple[str, str]:
    """Phrase an example of one of the town's tasks: what is to be read, and the answer.

    Two texts to be compared are joined by "Again:", as the town's own retellings are; a choice is answered by writing
    the option itself. Raises ValueError for an unknown task.
    """
    if name not in LABELS:
        raise ValueError(f"no task called {name!r}: choose one of {', '.join(LABELS)}")
    if example.options:
        question = f"{name}: {example.texts[0]} options: {' '.join(example.options)}"
        return question, example.options[example.label]
    joint = " Again: " if name.startswith("similar") else " claim: "
    return f"{name.split('_')[0]}: {joint.join(example.texts)}", LABELS[name][example.label]


def task_pair(name: str, number: int, tokenizer: Tokenizer) -> Pair:
    """Encode the example with this number as a text to read and a text to write, each with its end."""
    end = tokenizer.special_tokens[ENDOFTEXT]
    question, answer = as_text(name, task(name, number))
    return [*tokenizer.encode(question), end], [*tokenizer.encode(" " + answer), end]


def corrupted_pair(
    text: str, tokenizer: Tokenizer, density: float, rng: np.random.Generator, salient: Collection[int] = ()
) -> Pair:
    """Take spans out of a text: what is left to read, what is missing to write, each with its end.

    Random spans make up the share `density` of the text. With `salient` ids, that share of these goes instead.
    """
    end, ids = tokenizer.special_tokens[ENDOFTEXT], tokenizer.encode(text)
    mask = salient_mask(ids, salient, rng, density) if salient else noise_mask(len(ids), rng, density)
    corrupted, target = span_pair(ids, mask, tokenizer.vocab_size, N_SENTINELS)
    return [*corrupted, end], [*target, end]


def salient_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Give the tokens of the words by which the town's stories differ: places, colours and moods."""
    words = (*WORLD.places, *WORLD.colours, *WORLD.happy, *WORLD.sad)
    return frozenset(i for word in words for i in tokenizer.encode(" " + word))


def padded(pairs: Sequence[Pair], pad_id: int) -> PaddedPairs:
    """Fill pairs up to the length of the longest."""
    ids, targets = (
        nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad_id)
        for rows in zip(*pairs, strict=True)
    )
    return PaddedPairs(ids, targets)


def text_to_text_loss(model: T5, pairs: PaddedPairs) -> Float[Tensor, ""]:
    """Write each target, each of its tokens from the input and the tokens before it: nats per token, padding aside."""
    logits = model(pairs.ids, pairs.targets)  # [B, T], [B, S] -> [B, S, V]
    return F.cross_entropy(
        logits.flatten(0, 1).float(), pairs.targets.flatten(), ignore_index=model.config.pad_id
    )  # [B·S, V], [B·S] -> one number


def pair_batches(pair: Callable[[int], Pair], batch_size: int, pad_id: int) -> Callable[[int], PaddedPairs]:
    """Number the batches of numbered pairs, those of one batch alike in the length of what is read."""
    pairs = by_length(pair, batch_size, length=lambda pair: len(pair[0]))
    return lambda number: padded(pairs(number), pad_id)


@torch.no_grad()
def share_right(model: T5, pairs: Sequence[Pair], batch_size: int = 64) -> float:
    """Let the model write an answer to each input, and give the share that is the target, token for token."""
    right = 0
    for start in range(0, len(pairs), batch_size):
        batch = padded(pairs[start : start + batch_size], model.config.pad_id)
        n = batch.targets.shape[1]
        written = F.pad(model.generate(batch.ids, n), (0, n), value=model.config.pad_id)[:, :n]
        right += (written == batch.targets).all(-1).sum().item()
    return right / len(pairs)
