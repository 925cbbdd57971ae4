"""From a prompt and an answer to token ids: the template, and batches that know which tokens the answer is made of.

    <|endoftext|> Anna says: Momo, take the lamp to the park. <answer> Momo takes it to the park. <|endoftext|>
    ----------------------------- prompt -----------------------------  -------------- answer --------------

The second <|endoftext|> belongs to the answer: it is how the model says that it has finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.training.batches import Tensors


@dataclass(frozen=True)
class Batch(Tensors):
    """Rows of ids, padded at the right, and which of them are the answer's: the only ones that are learned from."""

    ids: Int[Tensor, "B T"]
    answer: Bool[Tensor, "B T"]
    prompt_last: Int[Tensor, " B"] | None = None  # the column of each prompt's last token, where that is known

    @property
    def n_targets(self) -> int:
        """How many tokens are learned from: what the batch weighs beside others."""
        return int(self.answer[:, 1:].sum())

    @property
    def last(self) -> Int[Tensor, " B"]:
        """The column of each row's last token of the answer; of the prompt's last where the answer is empty.

        ValueError for an empty answer in a batch that does not know where its prompts end.
        """
        last = (self.answer * torch.arange(self.ids.shape[1], device=self.ids.device)).max(1).values
        empty = ~self.answer.any(1)
        if self.prompt_last is not None:
            return torch.where(empty, self.prompt_last, last)
        if empty.any():
            raise ValueError(f"the answer of row {int(empty.nonzero()[0])} is empty: make the batch by Chat.batch")
        return last


@dataclass(frozen=True)
class Chat:
    """The template for one tokenizer. `answer_id` is a token that no text contains: here the answer begins."""

    tokenizer: Tokenizer
    answer_id: int

    def __post_init__(self) -> None:
        if 0 <= self.answer_id < self.tokenizer.vocab_size:
            text = self.tokenizer.decode([self.answer_id])
            raise ValueError(
                f"answer_id is {self.answer_id}, which stands for {text!r}: take one that no text contains, "
                f"{self.tokenizer.vocab_size} for instance"
            )

    @property
    def end_id(self) -> int:
        """The end-of-text token."""
        return self.tokenizer.special_tokens[ENDOFTEXT]

    def prompt(self, text: str) -> list[int]:
        """Everything that stands before the answer. ValueError for an empty prompt."""
        if not text.strip():
            raise ValueError(f"the prompt is {text!r}: there is nothing to answer")
        return [self.end_id, *self.tokenizer.encode(text), self.answer_id]

    def answer(self, text: str, finished: bool = True) -> list[int]:
        """The answer's ids, with a space before its first word and, if it is finished, the end token after it."""
        ids = self.tokenizer.encode(" " + text) if text else []
        return ids + [self.end_id] * finished

    def read(self, ids: Sequence[int]) -> tuple[str, bool]:
        """What the answer's ids say up to the end token, and whether there was one.

        A token that the tokenizer does not know is no text: it reads as the replacement character U+FFFD.
        """
        ids = list(ids)
        finished = self.end_id in ids
        ids = ids[: ids.index(self.end_id)] if finished else ids
        known = self.tokenizer.vocab_size
        pieces = [self.tokenizer.token_bytes(i) if i < known else "\N{REPLACEMENT CHARACTER}".encode() for i in ids]
        return b"".join(pieces).decode("utf-8", "replace").removeprefix(" "), finished

    def batch(self, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> Batch:
        """Prompts and answers, both as ids, in rows. Padding is the end token, too: the mask tells them apart."""
        if not prompts or len(prompts) != len(answers):
            raise ValueError(f"{len(prompts)} prompts and {len(answers)} answers: give one to each, at least one")
        length = max(len(p) + len(a) for p, a in zip(prompts, answers))
        ids = torch.full((len(prompts), length), self.end_id)
        answer = torch.zeros(len(prompts), length, dtype=torch.bool)
        for i, (p, a) in enumerate(zip(prompts, answers)):
            ids[i, : len(p) + len(a)] = torch.tensor([*p, *a])
            answer[i, len(p) : len(p) + len(a)] = True
        return Batch(ids, answer, torch.tensor([len(p) - 1 for p in prompts]))


def masked_mean(x: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, ""]:
    """Mean over the places where the mask is True. ValueError where there is none."""
    if not mask.any():
        raise ValueError("the mask is False everywhere: there is nothing to average")
    return torch.where(mask, x, 0.0).sum() / mask.sum()


def log_probs(logits: Float[Tensor, "B T V"], ids: Integer[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """log p of each id under the logits at its place, in float32 at least."""
    log_p = logits.log_softmax(-1, torch.promote_types(logits.dtype, torch.float32))  # [B, T, V]
    return log_p.gather(-1, ids[..., None].long())[..., 0]  # [B, T, V] -> [B, T, 1] -> [B, T]
