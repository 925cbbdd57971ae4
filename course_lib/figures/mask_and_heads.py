"""A movable figure: the attention maps of several heads, with and without the causal mask."""

from collections.abc import Sequence

import traitlets as t

from .checks import FLOAT32, Numbers, checked, strings
from .twin import TwinWidget


class MaskAndHeads(TwinWidget):
    """Attention maps of H heads over T tokens, with the causal mask on or off.

    `scores` `[H, T, T]` are raw: divided by √d, before mask and softmax. `head` (−1: the average), `causal`
    and `row` (the query whose numbers are shown) follow the reader.
    """

    label = "Attention map with mask and heads"
    tokens = t.List(t.Unicode()).tag(sync=True)
    scores = t.Bytes().tag(sync=True)
    head_names = t.List(t.Unicode()).tag(sync=True)
    head = t.Int(0, min=-1).tag(sync=True)
    causal = t.Bool(True).tag(sync=True)
    row = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        tokens: Sequence[str],
        scores: Numbers,
        *,
        head_names: Sequence[str] | None = None,
        head: int = 0,
        causal: bool = True,
        row: int | None = None,
    ) -> None:
        tokens = strings("tokens", tokens)
        raw = checked("scores", scores, None, len(tokens), len(tokens), dtype=FLOAT32)
        names = [str(h + 1) for h in range(len(raw))] if head_names is None else list(head_names)
        row = len(tokens) - 1 if row is None else row
        if len(names) != len(raw):
            raise ValueError(f"{len(names)} head_names for {len(raw)} heads of scores")
        if not (-1 <= head < len(raw) and 0 <= row < len(tokens)):
            raise ValueError(f"head={head}, row={row}: there are {len(raw)} heads and {len(tokens)} tokens")
        super().__init__(tokens=tokens, scores=raw.tobytes(), head_names=names, head=head, causal=causal, row=row)
