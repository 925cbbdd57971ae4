"""Exact probabilities: walk every road that the dice could take, and drop those that disagree with the text."""

import math
import re
from collections.abc import Callable, Iterator
from functools import cache

from .dice import Script
from .documents import Document, kinds_of, tell_document
from .world import WORLD, World

END = "<|endoftext|>"
FIRST_WORD = re.compile(r"\w+|[^\w\s]")


def texts(mix: str, world: World, prefix: str = "") -> Iterator[Document]:
    """Every document of a (small!) world that starts with the prefix, once for each way in which it comes about.

    The grammar is unambiguous, so that is once for each text; the tests hold it to that.
    """
    for text, kind, script in walk(mix, world, prefix):
        yield Document(text, kind, script.nats)


def probability(text: str, mix: str = "full", world: World = WORLD) -> float:
    """The probability that a document of this mix is this very text; 0 for a text that the town never tells."""
    return math.fsum(math.exp(-d.nats) for d in texts(mix, world, text) if d.text == text)


def next_words(prefix: str, mix: str = "full", world: World = WORLD) -> dict[str, float]:
    """p(next word | the document so far), exactly, the likeliest first; sums to 1.

    Punctuation marks are words of their own here, and END says that the document is over. `prefix` ends at
    the end of a word; "" asks for the first word. ValueError if no document starts like that.
    """
    prefix = prefix.rstrip()
    weights: dict[str, float] = {}
    for text, _, script in walk(mix, world, prefix, just_past=True):
        rest = text[len(prefix) :]
        if prefix[-1:].isalnum() and rest[:1].isalnum():  # the prefix stops inside a word
            continue
        word = FIRST_WORD.search(rest)
        key = word.group() if word else END
        weights[key] = weights.get(key, 0.0) + script.road
    if not weights:
        raise ValueError(f"no document of {mix!r} starts with whole words {prefix!r}{known_part(prefix, mix, world)}")
    total = math.fsum(weights.values())
    return {word: p / total for word, p in sorted(weights.items(), key=lambda item: -item[1])}


def fill_blank(before: str, after: str, mix: str = "full", world: World = WORLD) -> dict[str, float]:
    """p(word | all that stands before and after it), exactly, the likeliest first; sums to 1.

    The hole is one word wide, and `before` and `after` hold its spaces and marks: `"Bip paints it "`, `"."`.
    Together they are a whole document. ValueError if no word makes one of them.
    """
    weights: dict[str, float] = {}

    def fits(text: str) -> bool:
        word = FIRST_WORD.match(text[len(before) :])
        if not text.startswith(before) or not word:  # not yet at the hole
            return before.startswith(text)
        return after.startswith(text[len(before) + word.end() :])

    for text, _, script in roads(mix, world, fits):
        word = text[len(before) : len(text) - len(after)]
        if text == before + word + after and FIRST_WORD.fullmatch(word):
            weights[word] = weights.get(word, 0.0) + script.road
    if not weights:
        raise ValueError(f"no document of {mix!r} is {before!r}, one word, {after!r}")
    total = math.fsum(weights.values())
    return {word: p / total for word, p in sorted(weights.items(), key=lambda item: -item[1])}


def entropy(mix: str = "full", world: World = WORLD) -> float:
    """The exact entropy of a document in nats: the mean of −log p over all texts, without sampling."""
    weights = kinds_of(mix)
    total = math.fsum(weights.values())
    return math.fsum(w / total * (kind_entropy(kind, world) - math.log(w / total)) for kind, w in weights.items())


@cache
def kind_entropy(kind: str, world: World) -> float:
    """The entropy of one kind. Equally likely options (names, wordings) leave equally much to chance behind
    them, so that one of them can stand for all; hidden rules have too many roads even so.
    """
    if kind == "hidden rule":
        return hidden_rule_entropy(world)
    return math.fsum(script.road * script.nats for _, _, script in walk(kind, world, symmetric=True))


def hidden_rule_entropy(world: World) -> float:
    """H(words) + H(names, decider | words) − H(decider | text).

    Against the first line, every later word is a fair coin: same value or the other one. A wrong decider
    still fits at the end if its coins all fell like the right one's.
    """
    pools = (world.sizes, world.colours, world.objects)
    coins = world.rule_lines - 1
    same = 0.5**coins  # that all coins fall like given ones
    words = sum(
        math.log(len(pool)) + coins * math.log(2) + (1 - same) * math.log(len(pool) - 1) for pool in pools
    )
    names = math.log(len(world.names)) + (1 - same) * math.log(len(world.names) - 1)
    still_open = 2 * same * (1 - same) * math.log(2) + same**2 * math.log(3)
    return words + math.log(3) + names - still_open


def walk(
    mix: str, world: World, prefix: str = "", just_past: bool = False, symmetric: bool = False
) -> Iterator[tuple[str, str, Script]]:
    """All (text, kind, dice) whose text starts with the prefix; `just_past` stops telling right after it."""

    def past(text: str) -> bool:
        return just_past and len(text) > len(prefix)

    for text, kind, script in roads(mix, world, lambda text: agree(text, prefix), past, symmetric):
        if text.startswith(prefix):
            yield text, kind, script


def roads(
    mix: str,
    world: World,
    fits: Callable[[str], bool],
    enough: Callable[[str], bool] = lambda text: False,
    symmetric: bool = False,
) -> Iterator[tuple[str, str, Script]]:
    """Follow every road of the dice, as (text, kind, dice), until its text no longer fits, is enough, or is over."""
    open_roads: list[tuple[int, ...]] = [()]
    while open_roads:
        script = Script(open_roads.pop(), symmetric)
        kind, pieces = tell_document(script, mix, world)
        text = ""
        for piece in pieces:
            text = (text + piece).lstrip()
            if not fits(text) or enough(text):
                break
        open_roads += script.open
        yield text, kind, script


def agree(text: str, prefix: str) -> bool:
    """Is one the beginning of the other?"""
    return text.startswith(prefix) or prefix.startswith(text)


def known_part(prefix: str, mix: str, world: World) -> str:
    """For an error: the longest beginning that the town does tell."""
    words = prefix.split(" ")
    for n in range(len(words) - 1, 0, -1):
        start = " ".join(words[:n])
        if any(True for _ in walk(mix, world, start, just_past=True)):
            return f"; {start!r} is known"
    return ""
