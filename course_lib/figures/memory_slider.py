"""A movable figure: what an output of a Transformer-XL can hold, by layers, segments and memory."""

from collections.abc import Sequence

import traitlets as t

from .checks import within
from .twin import TwinWidget

LAYERS, SEGMENT, MEMORY, TOKENS = 6, 12, 16, 64  # the most that the figure has room for


class MemorySlider(TwinWidget):
    """Which earlier tokens can reach an output, and through which hidden states.

    The `tokens` of a text are cut into segments of `segment` tokens; each of `layers` layers looks at its own segment
    and at `memory` states before it. `output` (None: the last token) and these three numbers follow the reader.
    Raises ValueError for numbers that the figure has no room for.
    """

    label = "What a segment memory can reach"
    tokens = t.List(t.Unicode()).tag(sync=True)
    layers = t.Int(3, min=1, max=LAYERS).tag(sync=True)
    segment = t.Int(8, min=1, max=SEGMENT).tag(sync=True)
    memory = t.Int(8, min=0, max=MEMORY).tag(sync=True)
    output = t.Int(0, min=0).tag(sync=True)
    most = t.List(t.Int()).tag(sync=True)  # of layers, segment, memory

    def __init__(
        self, tokens: Sequence[str], *, layers: int = 3, segment: int = 8, memory: int = 8, output: int | None = None
    ) -> None:
        if isinstance(tokens, str) or not 1 <= len(tokens) <= TOKENS:
            raise ValueError(f"{len(tokens)} tokens: pass a list of 1 to {TOKENS}")
        last = len(tokens) - 1
        super().__init__(
            tokens=list(tokens),
            layers=within("layers", layers, 1, LAYERS),
            segment=within("segment", segment, 1, SEGMENT),
            memory=within("memory", memory, 0, MEMORY),
            output=within("output", last if output is None else output, 0, last),
            most=[LAYERS, SEGMENT, MEMORY],
        )
