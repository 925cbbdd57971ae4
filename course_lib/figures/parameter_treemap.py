"""A movable figure: where a GPT's parameters are, as areas."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import traitlets as t

from .twin import TwinWidget

EXACT = 2**53  # beyond this, numbers in a page are no longer exact


class Part(NamedTuple):
    """What a component of a GPT is: its kind, its task in words, and its size in V, n_ctx, C and L."""

    kind: str
    task: str
    formula: str


PARTS = {
    "wte": Part("embeddings", "a vector for each token", "V C"),
    "wpe": Part("embeddings", "a vector for each position", "n_ctx C"),
    "ln_1": Part("LayerNorm", "before attention", "L · 2C"),
    "attn.c_attn": Part("attention", "queries, keys and values", "L (3C² + 3C)"),
    "attn.c_proj": Part("attention", "what the heads found, mixed", "L (C² + C)"),
    "ln_2": Part("LayerNorm", "before the MLP", "L · 2C"),
    "mlp.c_fc": Part("MLP", "widens C to 4C", "L (4C² + 4C)"),
    "mlp.c_proj": Part("MLP", "narrows 4C to C", "L (4C² + C)"),
    "ln_f": Part("LayerNorm", "after the last block", "2C"),
}


class ParameterTreemap(TwinWidget):
    """A rectangle for each component of a model; its area is the component's share of the parameters.

    `tables` gives each model's number of parameters by component, as `models.parameter_table` counts them; a
    component with 0 is not there. `dtypes` names types of numbers with their bytes. `model`, `dtype` and
    `component` follow the reader. Raises ValueError for a name that is unknown, a negative count, a model
    without parameters, and for more bytes than a page can count exactly.
    """

    label = "Where the parameters are"
    models = t.List(t.Unicode()).tag(sync=True)
    parts = t.List(t.List(t.Unicode())).tag(sync=True)
    counts = t.List(t.List(t.Int())).tag(sync=True)
    dtypes = t.List(t.Unicode()).tag(sync=True)
    bytes_each = t.List(t.Int()).tag(sync=True)
    model = t.Unicode().tag(sync=True)
    dtype = t.Unicode().tag(sync=True)
    component = t.Unicode().tag(sync=True)

    def __init__(
        self,
        tables: Mapping[str, Mapping[str, int]],
        dtypes: Mapping[str, int],
        *,
        model: str | None = None,
        dtype: str = "float32",
        component: str = "wte",
    ) -> None:
        for name, table in tables.items():
            _check_table(name, table, max(dtypes.values(), default=0))
        model = next(iter(tables), "") if model is None else model
        _check_known("model", model, tables)
        _check_known("dtype", dtype, dtypes)
        _check_known("component", component, PARTS)
        super().__init__(
            models=list(tables),
            parts=[[name, *part] for name, part in PARTS.items()],
            counts=[[int(table.get(name, 0)) for name in PARTS] for table in tables.values()],
            dtypes=list(dtypes),
            bytes_each=[int(size) for size in dtypes.values()],
            model=model,
            dtype=dtype,
            component=component,
        )


def _check_table(name: str, table: Mapping[str, int], largest: int) -> None:
    for component, count in table.items():
        _check_known(f"{name}: component", component, PARTS)
        if count < 0:
            raise ValueError(f"{name}: {component} has {count} parameters")
    total = sum(table.values())
    if not 0 < total * largest <= EXACT:
        raise ValueError(f"{name} has {total} parameters, {total * largest} bytes: a page counts from 1 to {EXACT}")


def _check_known(what: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{what} {name!r} is none of {list(known)}")
