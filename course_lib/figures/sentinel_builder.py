"""A movable figure: take words away, and see what T5 reads and what it has to write."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import traitlets as t

from .checks import index
from .twin import TwinWidget

NAMES = tuple(f"<{letter}>" for letter in "XYZABCDEFGHIJKLMNOPQRSTUVW")  # the paper's three, and more


@dataclass(frozen=True)
class Gaps:
    """A text in words, and the places of those that are taken away at first."""

    name: str
    words: Sequence[str]
    taken: Sequence[int] = ()


class SentinelBuilder(TwinWidget):
    """Tick words of a text; the input with sentinels and the target build themselves.

    A sentinel is shown with its id: they count down from vocab_size − 1. The reader may let spans be drawn as T5 draws
    them; draw number `drawn` hangs on `seed` alone. `text` and `taken` follow the reader. No kernel is needed.
    Raises ValueError for a text of fewer than 2 or more than 50 words, places outside of it, or too few ids.
    """

    label = "Span corruption with sentinels"
    texts = t.List(t.Dict()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    vocab_size = t.Int().tag(sync=True)
    text = t.Int(0, min=0).tag(sync=True)
    taken = t.List(t.Int()).tag(sync=True)
    drawn = t.Int(0, min=0).tag(sync=True)
    seed = t.Int(0, min=0, max=2**31 - 1).tag(sync=True)

    def __init__(self, texts: Sequence[Gaps], *, vocab_size: int = 32_100, text: int = 0, seed: int = 0) -> None:
        index("text", text, texts)
        if vocab_size < len(NAMES):
            raise ValueError(f"vocab_size={vocab_size} has no room for {len(NAMES)} sentinels")
        super().__init__(
            texts=[_plain(each) for each in texts],
            names=list(NAMES),
            vocab_size=vocab_size,
            text=text,
            taken=sorted(texts[text].taken),
            seed=seed,
        )


def _plain(text: Gaps) -> dict:
    n = len(text.words)
    if not 2 <= n <= 2 * len(NAMES) - 2:  # every other word may be taken, and one sentinel more ends the target
        raise ValueError(f"{text.name!r} has {n} words: from 2 to {2 * len(NAMES) - 2} can be shown")
    if outside := [i for i in text.taken if not 0 <= i < n]:
        raise ValueError(f"place {outside[0]} is not in {text.name!r}, whose words are 0 to {n - 1}")
    return asdict(text) | {"words": list(text.words), "taken": sorted(text.taken)}
