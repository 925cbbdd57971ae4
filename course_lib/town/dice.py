"""Dice that remember: every random choice of the town is made here and adds its −log p."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

Option = TypeVar("Option")


class Dice:
    """Seeded random choices; `nats` is −log of the probability of all choices made so far.

    Only `random.Random.random` is used: Python promises the same numbers for the same seed in every version.
    """

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed).random
        self.nats = 0.0

    def pick(self, options: Sequence[Option]) -> Option:
        """One of the options, all equally likely."""
        self.nats += math.log(len(options))
        return options[int(self.random() * len(options))]

    def weigh(self, options: Sequence[Option], weights: Sequence[float | int]) -> Option:
        """One of the options, in proportion to the weights."""
        total = math.fsum(weights)
        left = self.random() * total
        for option, weight in zip(options, weights):  # noqa: B007
            left -= weight
            if left < 0:
                break
        self.nats -= math.log(weight / total)
        return option

    def but(self, options: Sequence[Option], *not_these: Option) -> Option:
        """One of the options that are not among `not_these`."""
        return self.pick([option for option in options if option not in not_these])

    def flip(self, p: float = 0.5) -> bool:
        """True with probability p."""
        yes = self.random() < p
        self.nats -= math.log(p if yes else 1 - p)
        return yes

    def stop(self, now: int, shortest: int, longest: int) -> bool:
        """Is a length drawn evenly from shortest…longest equal to `now`, given that it is not below `now`?

        Asked at every step, this draws the length only as far as the text shows it.
        """
        if shortest <= now < longest:
            return self.flip(1 / (longest - now + 1))
        return now >= longest


class Script(Dice):
    """Dice that follow given outcomes, then always take the first one; `open` lists the roads not taken.

    `road` is the probability of the road. With `symmetric`, the first of equally likely options stands for
    them all: it adds its nats, but the road does not become less likely.
    """

    def __init__(self, path: tuple[int, ...] = (), symmetric: bool = False) -> None:
        self.path, self.symmetric = path, symmetric
        self.taken: list[int] = []
        self.open: list[tuple[int, ...]] = []
        self.nats, self.road = 0.0, 1.0

    def pick(self, options: Sequence[Option]) -> Option:
        """The scripted option."""
        if not self.symmetric:
            return self.weigh(options, [1] * len(options))
        self.nats += math.log(len(options))
        return options[0]

    def weigh(self, options: Sequence[Option], weights: Sequence[float | int]) -> Option:
        """The scripted option. Options of weight 0 are never taken."""
        possible = [i for i, weight in enumerate(weights) if weight > 0]
        depth = len(self.taken)
        if depth < len(self.path):
            choice = self.path[depth]
        else:
            choice = possible[0]
            self.open += [(*self.taken, other) for other in possible[1:]]
        self.taken.append(choice)
        p = weights[choice] / math.fsum(weights)
        self.nats -= math.log(p)
        self.road *= p
        return options[choice]

    def flip(self, p: float = 0.5) -> bool:
        """The scripted side."""
        return self.weigh((True, False), (p, 1 - p))
