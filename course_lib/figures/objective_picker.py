"""A movable figure: one sentence under four objectives, who sees whom and what is asked."""

from collections.abc import Mapping, Sequence

import traitlets as t

from .twin import TwinWidget

OBJECTIVES = ("autoregressive", "masked", "prefix", "encoder-decoder")
FATES = ("kept", "[MASK]", "random", "unchanged")  # of a token; all but the first were chosen


class ObjectivePicker(TwinWidget):
    """Pick an objective; see which positions see which, what each reads, and what it is asked for.

    `chosen` says which places are chosen at first, and what becomes of them: "[MASK]", "random" or "unchanged";
    `anything` is the token that stands for a random one. `prefix` tokens are given in the last two objectives.
    `objective`, `prefix`, `fates` and `row`, the position that looks, follow the reader. No kernel is needed.
    Raises ValueError for fewer than 3 or more than 20 tokens, an unknown objective or fate, and places outside.
    """

    label = "One sentence under four objectives"
    tokens = t.List(t.Unicode()).tag(sync=True)
    anything = t.Unicode().tag(sync=True)
    objective = t.Unicode().tag(sync=True)
    prefix = t.Int(1, min=1).tag(sync=True)
    fates = t.List(t.Int()).tag(sync=True)  # places in FATES
    row = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        tokens: Sequence[str],
        chosen: Mapping[int, str] | None = None,
        *,
        anything: str = "lamp",
        objective: str = OBJECTIVES[0],
        prefix: int | None = None,
        row: int | None = None,
    ) -> None:
        n, chosen = len(tokens), chosen or {}
        prefix, row = n // 2 if prefix is None else prefix, n // 2 if row is None else row
        if not 3 <= n <= 20:
            raise ValueError(f"{n} tokens: from 3 to 20 can be shown")
        if objective not in OBJECTIVES:
            raise ValueError(f"objective={objective!r}: choose one of {', '.join(OBJECTIVES)}")
        if not (1 <= prefix < n and 0 <= row < n):
            raise ValueError(f"prefix={prefix}, row={row}: of {n} tokens, 1 to {n - 1} can be given, and one looks")
        for place, fate in chosen.items():
            if not 0 <= place < n or fate not in FATES[1:]:
                fates = ", ".join(FATES[1:])
                raise ValueError(f"chosen={{{place}: {fate!r}}}: places run to {n - 1}, fates are {fates}")
        fates = [FATES.index(chosen.get(place, FATES[0])) for place in range(n)]
        super().__init__(
            tokens=list(tokens), anything=anything, objective=objective, prefix=prefix, fates=fates, row=row
        )
