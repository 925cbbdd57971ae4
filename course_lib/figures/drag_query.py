"""A movable figure: one query of attention in the plane, dragged among its keys."""

from collections.abc import Sequence

import numpy as np
import traitlets as t

from .checks import Numbers, checked, strings
from .twin import TwinWidget


class DragQuery(TwinWidget):
    """Attention of one query in the plane over keys `[n, 2]`, whose values `[n, 2]` are averaged.

    Without `values` the keys are the values. Coordinates lie in −3…3. At d = 2 the weights are exactly those
    of scaled dot-product attention; a larger d stretches the dot products by √(d / 2), which is how the spread
    of dot products of d random components grows. `query`, `d` and `scaled` follow the reader.
    """

    label = "Attention of a query in the plane"
    words = t.List(t.Unicode()).tag(sync=True)
    key_vectors = t.List(t.List(t.Float())).tag(sync=True)
    value_vectors = t.List(t.List(t.Float())).tag(sync=True)
    query = t.List(t.Float()).tag(sync=True)
    sizes = t.List(t.Int()).tag(sync=True)
    d = t.Int(2, min=1).tag(sync=True)
    scaled = t.Bool(True).tag(sync=True)

    def __init__(
        self,
        words: Sequence[str],
        keys: Numbers,
        values: Numbers | None = None,
        *,
        query: Numbers = (1.5, 1.0),
        d: int = 2,
        sizes: Sequence[int] = (2, 8, 64, 512),
        scaled: bool = True,
    ) -> None:
        words = strings("words", words)
        if d not in sizes:
            raise ValueError(f"d={d} is not one of sizes={list(sizes)}")
        super().__init__(
            words=words,
            key_vectors=_in_plane("keys", keys, len(words)),
            value_vectors=_in_plane("values", keys if values is None else values, len(words)),
            query=_in_plane("query", [query], 1)[0],
            sizes=list(sizes),
            d=d,
            scaled=scaled,
        )


def _in_plane(name: str, points: Numbers, count: int) -> list[list[float]]:
    array = checked(name, points, count, 2)
    if np.abs(array).max() > 3:
        raise ValueError(f"{name} reaches {np.abs(array).max():.4g}: the plane shows −3 to 3, scale them down")
    return array.round(6).tolist()
