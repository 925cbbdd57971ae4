"""A movable figure: the next word under a temperature, and draws of it."""

from collections.abc import Sequence

import traitlets as t

from .checks import Numbers, checked, strings
from .twin import TwinWidget


class Temperature(TwinWidget):
    """The distribution of the next word, softmax(logits / temperature), and draws from it.

    `logits` `[V]` may be log-probabilities. Draw i depends on `seed` and i alone, so a draw can be repeated and
    the same random numbers serve every temperature. `temperature` (0.1…3) and `drawn` follow the reader.
    """

    label = "Next word at a temperature"
    words = t.List(t.Unicode()).tag(sync=True)
    logits = t.List(t.Float()).tag(sync=True)
    prompt = t.Unicode().tag(sync=True)
    temperature = t.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    drawn = t.Int(0, min=0, max=100_000).tag(sync=True)
    seed = t.Int(0, min=0, max=2**31 - 1).tag(sync=True)

    def __init__(
        self, words: Sequence[str], logits: Numbers, *, prompt: str = "", temperature: float = 1.0, seed: int = 0
    ) -> None:
        words = strings("words", words)
        values = checked("logits", logits, len(words)).tolist()
        super().__init__(words=words, logits=values, prompt=prompt, temperature=float(temperature), seed=seed)
