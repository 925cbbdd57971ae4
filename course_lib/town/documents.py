"""Documents of the town, each with the exact −log of its probability."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .dice import Dice
from .puzzles import code_book, game, hidden_rule, repeat
from .stories import long_retelling, retelling, short_story, story
from .world import WORLD, World

TELLERS: dict[str, Callable[[Dice, World], Iterator[str]]] = {
    "story": story,
    "short story": short_story,
    "retelling": retelling,
    "long retelling": long_retelling,
    "game": game,
    "code book": code_book,
    "hidden rule": hidden_rule,
    "repeat": repeat,
}
KINDS = tuple(TELLERS)

# How often each kind comes, in documents. "full" is the town; code books and hidden rules have 0.08 each, so that
# a model learns to learn in context. The other two are lighter diets for the first stages of training:
# "repeats" for windows of about 48 tokens, until copying works; "short" for about 80.
MIXES: dict[str, dict[str, float]] = {
    "full": {
        "story": 0.25,
        "short story": 0.18,
        "retelling": 0.10,
        "long retelling": 0.20,
        "game": 0.03,
        "code book": 0.08,
        "hidden rule": 0.08,
        "repeat": 0.08,
    },
    "repeats": {"short story": 0.30, "retelling": 0.10, "code book": 0.15, "repeat": 0.45},
    "short": {"short story": 0.50, "retelling": 0.10, "code book": 0.15, "hidden rule": 0.10, "repeat": 0.15},
}
HEADINGS = ("Code", "Game", "Rule", "Repeat")
HELD_OUT = 10_000_000  # the first document, example or game that training never uses
WORDS = list(WORLD.words + HEADINGS)


@dataclass(frozen=True)
class Document:
    """One line of text, its kind, and nats = −log p(text, and that it ends there), exact, under its mix."""

    text: str
    kind: str
    nats: float


def document(seed: int, mix: str = "full", world: World = WORLD) -> Document:
    """The document with this number. `mix` is one of MIXES, or one of KINDS for that kind alone.

    The same in every version of Python; other mixes use other random numbers. ValueError for an unknown mix.
    """
    dice = Dice(f"{mix}/{seed}")
    kind, pieces = tell_document(dice, mix, world)
    return Document("".join(pieces).lstrip(), kind, dice.nats)


def documents(n: int, first_seed: int = 0, mix: str = "full") -> Iterator[Document]:
    """n documents, numbered from first_seed on. Keep ranges apart to keep test documents out of training."""
    if n < 0:
        raise ValueError(f"n is {n}: the number of documents cannot be negative")
    return (document(seed, mix) for seed in range(first_seed, first_seed + n))


def tell_document(dice: Dice, mix: str, world: World) -> tuple[str, Iterator[str]]:
    """Choose a kind; the kind and the pieces of its text, which are drawn as they are asked for.

    No text belongs to two kinds: headings, "Again:" and the number of orders tell them apart.
    """
    weights = kinds_of(mix)
    kind = dice.weigh(tuple(weights), tuple(weights.values()))
    return kind, TELLERS[kind](dice, world)


def kinds_of(mix: str) -> Mapping[str, float]:
    """Each kind of the mix with its weight."""
    if mix in MIXES:
        return MIXES[mix]
    if mix in KINDS:
        return {mix: 1.0}
    raise ValueError(f"no mix called {mix!r}: choose one of {', '.join(MIXES)}, or one kind: {', '.join(KINDS)}")


def entropy_floor(documents: Iterable[Document], n_tokens: int) -> float:
    """The loss in nats per token that no model can beat, on average, on these documents.

    `n_tokens` counts every token that the model has to predict: those of all the texts, and one end-of-text
    token per document. Where a text ends is chance too and its nats are included. A model that is not
    asked for the end token is spared a little, so leave the token in. The bound is
    Gibbs': the mean of −log q over documents drawn from p is least for q = p. On one sample a model may be
    luckier by about the standard error.
    """
    nats = [d.nats for d in documents]
    if not nats:
        raise ValueError("no documents: the floor is a mean over at least one")
    if n_tokens < len(nats):
        raise ValueError(
            f"n_tokens is {n_tokens} for {len(nats)} documents: count every token to be predicted, "
            "one end-of-text token per document included"
        )
    return math.fsum(nats) / n_tokens
