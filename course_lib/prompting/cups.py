"""The shell game: a ball under one of five cups, which change places. As deep as one likes, and each step is easy.

The brother's riddle is three steps deep, always. Here the number of steps is chosen, and no shortcut leads past them:
exchanges do not commute (Liu et al. 2023 and Merrill & Sabharwal 2024 study such games).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.generation import generate
from course_lib.models import GPT
from course_lib.town import HELD_OUT
from course_lib.training import Batches

CUPS = "ABCDE"
SWAPS = tuple(f"{a}{b}" for a, b in itertools.combinations(CUPS, 2))  # ten
MOST = 12  # exchanges in a game; a shorter game begins with pauses, so that all have one length
TOKENS = ("<end>", "pause", "?", "Answer:", *CUPS, *SWAPS)
IDS = {token: i for i, token in enumerate(TOKENS)}


@dataclass(frozen=True)
class Game:
    """A ball under the cup `start`, then exchanges of two cups, such as "AC".

    Raises ValueError for a cup or an exchange that does not exist, and for more than MOST exchanges, or none.
    """

    start: str
    swaps: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.start) != 1 or self.start not in CUPS:
            raise ValueError(f"start is {self.start!r}: choose one of {', '.join(CUPS)}")
        if bad := [swap for swap in self.swaps if swap not in SWAPS]:
            raise ValueError(f"{bad[0]!r} is no exchange: choose among {', '.join(SWAPS)}")
        if not 1 <= len(self.swaps) <= MOST:
            raise ValueError(f"{len(self.swaps)} exchanges: a game has 1 to {MOST}")

    @property
    def places(self) -> tuple[str, ...]:
        """Where the ball is after each exchange."""
        found, place = [], self.start
        for a, b in self.swaps:
            place = b if place == a else a if place == b else place
            found.append(place)
        return tuple(found)

    @property
    def question(self) -> list[str]:
        """The game in tokens: the start, pauses, the exchanges, and a question mark."""
        return [self.start, *["pause"] * (MOST - len(self.swaps)), *self.swaps, "?"]

    def completion(self, scratchpad: bool) -> list[str]:
        """The solution in tokens: the answer, with or without every place on the way before it."""
        waiting = [self.start] * (MOST - len(self.swaps))
        return [*([*waiting, *self.places] if scratchpad else []), "Answer:", self.places[-1], "<end>"]


def game(number: int, n_swaps: int | None = None) -> Game:
    """Draw a game by its number, with so many exchanges; by default 1 to MOST of them, all equally often."""
    dice = np.random.default_rng([14, number])
    n = int(dice.integers(1, MOST + 1)) if n_swaps is None else n_swaps
    return Game(CUPS[dice.integers(len(CUPS))], tuple(SWAPS[i] for i in dice.integers(len(SWAPS), size=n)))


def game_rows(games: Sequence[Game], scratchpad: bool) -> Int[Tensor, "N T1"]:
    """Write each game and its solution as ids; all rows have the same length."""
    return torch.tensor([[IDS[t] for t in (*g.question, *g.completion(scratchpad))] for g in games])


def solution_loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
    """Mean cross-entropy of the solutions, in nats per token; the games themselves have no loss."""
    n_asked = MOST + 2
    logits = model(rows[:, :-1])[:, n_asked - 1 :]  # [B, T] -> [B, T, V] -> [B, solution, V]
    return F.cross_entropy(logits.flatten(0, 1).float(), rows[:, n_asked:].flatten())


def games_batches(scratchpad: bool, batch_size: int, seed: int) -> Batches:
    """Number batches of games that never repeat, other ones for each seed."""

    def batch(number: int) -> Tensor:
        dice = np.random.default_rng([seed, number])
        return game_rows([game(int(i)) for i in dice.integers(HELD_OUT, size=batch_size)], scratchpad)

    return batch


def found_balls(model: GPT, games: Sequence[Game], scratchpad: bool) -> list[bool]:
    """Let the model play each game greedily: whether it found the ball."""
    asked = game_rows(games, scratchpad)[:, : MOST + 2]
    rows = generate(model, asked, MOST + 3, temperature=0, stop=IDS["<end>"])
    found = []
    for row, one in zip(rows.tolist(), games):
        written = [TOKENS[i] for i in row[MOST + 2 :]]
        place = written.index("Answer:") + 1 if "Answer:" in written else len(written)
        found.append(written[place : place + 1] == [one.places[-1]])
    return found
