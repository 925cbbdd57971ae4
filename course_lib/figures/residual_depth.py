"""A movable figure: the next token, read out of the residual stream after each layer."""

from collections.abc import Sequence

import numpy as np
import traitlets as t

from . import checks
from .twin import TwinWidget


class ResidualDepth(TwinWidget):
    """The best next tokens when the residual stream is read out after each layer.

    `probabilities` `[L + 1, T, V]` are read at depth 0 (the embedding) to L; `norms` `[L + 1, T]` are the
    stream's Euclidean norms. Only the `k` best of each place travel to the page. `layer` and `position` (None:
    the last) follow the reader.
    """

    label = "Next token read from the residual stream, by layer"
    tokens = t.List(t.Unicode()).tag(sync=True)
    vocabulary = t.List(t.Unicode()).tag(sync=True)
    top = t.List(t.Int()).tag(sync=True)
    probabilities = t.Bytes().tag(sync=True)
    norms = t.Bytes().tag(sync=True)
    layers = t.Int(0).tag(sync=True)
    k = t.Int(1).tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    position = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        tokens: Sequence[str],
        probabilities: checks.Numbers,
        vocabulary: Sequence[str],
        norms: checks.Numbers,
        *,
        k: int = 6,
        layer: int | None = None,
        position: int | None = None,
    ) -> None:
        tokens = checks.strings("tokens", tokens)
        shape = (None, len(tokens), len(vocabulary))
        p = checks.probabilities("probabilities", probabilities, *shape, whole=True, dtype=checks.FLOAT32)
        norms = checks.checked("norms", norms, len(p), len(tokens), dtype=checks.FLOAT32)
        layers, last = len(p) - 1, len(tokens) - 1
        best = np.argsort(-p, axis=-1, kind="stable")[..., :k]
        used, top = np.unique(best, return_inverse=True)
        super().__init__(
            tokens=tokens,
            vocabulary=[vocabulary[i] for i in used],
            top=top.ravel().tolist(),
            probabilities=np.take_along_axis(p, best, -1).tobytes(),
            norms=norms.tobytes(),
            layers=layers,
            k=best.shape[-1],
            layer=checks.within("layer", layers if layer is None else layer, 0, layers),
            position=checks.within("position", last if position is None else position, 0, last),
        )
