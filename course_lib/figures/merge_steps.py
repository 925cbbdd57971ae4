"""A movable figure: a text cut into tokens by byte-pair encoding, merge by merge."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import traitlets as t

from .tokens import merges_as_ids
from .twin import TwinWidget

if TYPE_CHECKING:
    from course_lib.tokens import Tokenizer


class MergeSteps(TwinWidget):
    """A text's tokens after each merge of a tokenizer, and any text that the reader types.

    `texts` are the training texts: with them each merge says how often its pair was seen. `step` (0 … number of
    merges; None: all) and `text` follow the reader. Special tokens are ordinary text here.
    """

    label = "Byte-pair encoding, merge by merge"
    merges = t.List(t.List(t.Int())).tag(sync=True)
    byte_ids = t.List(t.Int()).tag(sync=True)
    counts = t.List(t.Int()).tag(sync=True)
    text = t.Unicode().tag(sync=True)
    step = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self, tokenizer: "Tokenizer", text: str, *, texts: Iterable[str] | None = None, step: int | None = None
    ) -> None:
        last = len(tokenizer.merges)
        if step is not None and not 0 <= step <= last:
            raise ValueError(f"step={step}: this tokenizer has 0 to {last} merges")
        super().__init__(
            merges=merges_as_ids(tokenizer.merges),
            byte_ids=[tokenizer.token_id(bytes([byte])) for byte in range(256)],
            counts=[] if texts is None else merge_counts(tokenizer.merges, texts),
            text=text,
            step=last if step is None else step,
        )


def merge_counts(merges: Sequence[tuple[bytes, bytes]], texts: Iterable[str]) -> list[int]:
    """Count how often each merge's pair stands in the texts when its turn comes."""
    from course_lib.tokens import count_pairs, merge, split

    chunks = Counter(chunk.encode() for text in texts for chunk in split(text))
    words = {chunk: list(chunk) for chunk in chunks}
    counts = []
    for new_id, (left, right) in enumerate(merges_as_ids(merges), 256):
        seen = {chunk: count_pairs([ids])[left, right] for chunk, ids in words.items()}
        counts.append(sum(chunks[chunk] * n for chunk, n in seen.items()))
        words |= {chunk: merge(words[chunk], (left, right), new_id) for chunk, n in seen.items() if n}
    return counts
