"""A movable figure: one head of a model at a time, at work on a text."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets as t

from .checks import Numbers, checked, index, probabilities
from .twin import AskingWidget


@dataclass(frozen=True)
class Look:
    """What the heads of a model did with one text of T tokens.

    `weights` `[L, H, T, T]` are attention weights. Each of `scores` holds a number per head, and as the last of each
    layer one for all its heads together, `[L, H + 1]`. `p_next` `[T - 1]` is the probability that each token but the
    last gave to the one that comes next in the text; `p_without` `[L, H + 1, T - 1]` is the same without that head,
    or without all of that layer.
    """

    name: str
    tokens: Sequence[str]
    weights: Numbers
    scores: Mapping[str, Numbers]
    p_next: Numbers
    p_without: Numbers


class HeadPicker(AskingWidget):
    """Pick a head and a token, and see where it looks from there, and what the model is without it.

    A page without a kernel shows the `looks` that it was given. With a kernel the reader may type a text, and `ask`
    makes a look of it, or raises a ValueError whose words are shown. `stepped` names what the looks follow ("After
    step"): they then lie on a slider, and else on buttons. `look`, `layer`, `head` (H: all heads of the layer),
    `query` and `shade` (the score that colours the heads) follow the reader.
    Raises ValueError for weights that look ahead or do not sum to 1, and for shapes that do not fit each other.
    """

    label = "Heads of a model at work on a text"
    looks = t.List(t.Dict()).tag(sync=True)
    stepped = t.Unicode().tag(sync=True)
    look = t.Int(0, min=0).tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    head = t.Int(0, min=0).tag(sync=True)
    query = t.Int(0, min=0).tag(sync=True)
    shade = t.Unicode().tag(sync=True)
    asked = t.Unicode().tag(sync=True)  # the text that the reader typed

    def __init__(
        self,
        looks: Sequence[Look],
        ask: Callable[[str], Look] | None = None,
        *,
        stepped: str = "",
        look: int = 0,
        layer: int = 0,
        head: int = 0,
        query: int | None = None,
    ) -> None:
        index("look", look, looks)
        plain = [_plain(each) for each in looks]
        if len(shapes := {(each["layers"], each["heads"], *dict(each["scores"])) for each in plain}) > 1:
            raise ValueError(f"looks at models or scores that differ: {sorted(shapes)}")
        layers, heads, last = plain[look]["layers"], plain[look]["heads"], len(looks[look].tokens) - 1
        query = last if query is None else query
        if not (0 <= layer < layers and 0 <= head <= heads and 0 <= query <= last):
            raise ValueError(f"layer={layer}, head={head}, query={query}: the last are {layers - 1}, {heads}, {last}")
        self._n_given = len(looks)
        super().__init__(
            ask,
            looks=plain,
            stepped=stepped,
            look=look,
            layer=layer,
            head=head,
            query=query,
            shade=next(iter(looks[look].scores)),
        )

    def _answer(self, ask: Callable[[str], Look], asked: str) -> dict[str, Any]:
        look = _plain(ask(asked))
        looks = [*self.looks[: self._n_given], look]
        return {"looks": looks, "look": self._n_given, "query": len(look["tokens"]) - 1}


def _plain(look: Look) -> dict:
    """Check a look, and pack it: weights as bytes without those that are masked, probabilities in thousandths."""
    n = len(look.tokens)
    weights = probabilities("weights", look.weights, None, None, n, n, whole=True)
    layers, heads = weights.shape[:2]
    if (ahead := np.triu(weights, 1).max(initial=0.0)) > 0:
        raise ValueError(f"a weight of {ahead:.4g} looks ahead: this figure shows causal attention")
    p_next = checked("p_next", look.p_next, n - 1)
    p_without = checked("p_without", look.p_without, layers, heads + 1, n - 1)
    if min(p_next.min(), p_without.min()) < 0 or max(p_next.max(), p_without.max()) > 1 + 1e-6:
        raise ValueError(f"probabilities run from {p_without.min():.4g} to {p_without.max():.4g}, not from 0 to 1")
    seen = weights[..., *np.tril_indices(n)]  # [L, H, T (T + 1) / 2]
    scores = {name: checked(name, numbers, layers, heads + 1) for name, numbers in look.scores.items()}
    return {
        "name": look.name,
        "tokens": list(look.tokens),
        "layers": layers,
        "heads": heads,
        "weights": base64.b64encode(np.round(255 * seen).astype("u1").tobytes()).decode(),
        "scores": [[name, numbers.round(3).tolist()] for name, numbers in scores.items()],  # in this order
        "p_next": np.round(1000 * p_next).astype(int).tolist(),
        "p_without": np.round(1000 * p_without).astype(int).tolist(),
    }
