"""A movable figure: a riddle, answered at once or with a scratchpad, token by token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import traitlets as t

from .checks import checked
from .twin import TwinWidget

Likeliest = Sequence[tuple[str, float]]  # tokens that could come, the likeliest first, with their probabilities


@dataclass(frozen=True)
class Solution:
    """What one model wrote after a question, token by token, and what else it thought of at each of them.

    `likeliest` holds, for each written token, the likeliest tokens at that place; the written one is the first of
    them, as in greedy decoding. `answer` is the number that was read out of it, None where there is none.
    """

    question: Sequence[str]
    written: Sequence[str]
    likeliest: Sequence[Likeliest]
    answer: int | None


class ScratchpadToggle(TwinWidget):
    """Pick a riddle, whether the model may write before it answers, and how numbers are cut into tokens.

    `riddles` are questions with their right answers. `solutions[way, numbers]` has one solution for each riddle; every
    way stands with every kind of numbers. `riddle`, `way`, `numbers` and `token` (which of the written ones is looked
    at) follow the reader.
    Raises ValueError for a pair that is missing, a number of solutions that is not that of the riddles, probabilities
    that are none or not in falling order, and a written token that is not the likeliest.
    """

    label = "A riddle, with and without a scratchpad"
    riddles = t.List(t.List()).tag(sync=True)
    ways = t.List(t.Unicode()).tag(sync=True)
    kinds = t.List(t.Unicode()).tag(sync=True)
    solutions = t.List(t.List(t.List(t.Dict()))).tag(sync=True)  # [way][numbers][riddle]
    riddle = t.Int(0, min=0).tag(sync=True)
    way = t.Int(0, min=0).tag(sync=True)
    numbers = t.Int(0, min=0).tag(sync=True)
    token = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        riddles: Mapping[str, int],
        solutions: Mapping[tuple[str, str], Sequence[Solution]],
        *,
        riddle: int = 0,
        way: int = 0,
        numbers: int = 0,
    ) -> None:
        if not riddles or not solutions:
            raise ValueError(f"{len(riddles)} riddles, {len(solutions)} sets of solutions: one of each is needed")
        ways, kinds = (list(dict.fromkeys(names)) for names in zip(*solutions))
        if missing := [(a, b) for a in ways for b in kinds if (a, b) not in solutions]:
            raise ValueError(f"there are no solutions for {missing}: every way stands with every kind of numbers")
        for pair, found in solutions.items():
            if len(found) != len(riddles):
                raise ValueError(f"{len(found)} solutions of {pair} for {len(riddles)} riddles")
        if not (0 <= riddle < len(riddles) and 0 <= way < len(ways) and 0 <= numbers < len(kinds)):
            raise ValueError(f"riddle={riddle}, way={way}, numbers={numbers}: {len(riddles)}, {ways}, {kinds}")
        super().__init__(
            riddles=[[question, int(answer)] for question, answer in riddles.items()],
            ways=ways,
            kinds=kinds,
            solutions=[[[_plain(s) for s in solutions[a, b]] for b in kinds] for a in ways],
            riddle=riddle,
            way=way,
            numbers=numbers,
        )


def _plain(solution: Solution) -> dict:
    if not solution.written or len(solution.likeliest) != len(solution.written):
        raise ValueError(f"{len(solution.likeliest)} distributions for {len(solution.written)} written tokens")
    for written, likeliest in zip(solution.written, solution.likeliest):
        p = checked("probabilities", [p for _, p in likeliest], None)
        if p.min(initial=0) < 0 or p.sum() > 1 + 1e-3 or np.any(np.diff(p) > 0):
            raise ValueError(f"at {written!r} probabilities are {p.tolist()}: they fall, and sum to 1 at most")
        if not likeliest or likeliest[0][0] != written:
            raise ValueError(
                f"{written!r} was written where {likeliest[:1]} was likeliest: this figure shows greedy text"
            )
    return {
        "question": list(solution.question),
        "written": list(solution.written),
        "likeliest": [[[token, round(float(p), 4)] for token, p in each] for each in solution.likeliest],
        "answer": solution.answer,
    }
