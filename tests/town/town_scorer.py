"""An independent −log p: parse a text with regular expressions, and multiply what each sentence had to pay.

Nothing here comes from course_lib but the word lists. Puzzles are scored by their *eager* definition (draw
the whole code book, the rule, the lengths first; then sum over what the text leaves open).
"""

import math
import re

W = r"(\w+)"
INTRO = [
    rf"{W} is a {W} robot\. {W} is a {W} robot\.",
    rf"{W}, a {W} robot, lives with {W}, a {W} robot\.",
    rf"The robot {W} is {W} and the robot {W} is {W}\.",
]
WHO, WHAT, WANTED = r"(?P<p>\w+)", r"the (?P<o>\w+)", r"(to the )?(?P<w>\w+)"
UNWANTED = r"not (to the )?(?P<u>\w+)"
ORDER = [
    rf"{WHO} says: (?P<r>\w+), (?P<verb>take|paint) {WHAT} {WANTED}(, {UNWANTED})?\.",
    rf"{WHO} asks (?P<r>\w+) to (?P<verb>take|paint) {WHAT} ({UNWANTED} but )?{WANTED}\.",
    rf"{WHO} wants (?P<r>\w+) to (?P<verb>bring|make) {WHAT} {WANTED}( and {UNWANTED})?\.",
]
OUTCOME = [
    r"\w+ (takes it to|paints it|makes it)( the)? (?P<d>\w+)(, not( to the)? \w+)?\.",
    r"\w+ (takes it|paints it) not( to the)? \w+ but( to the)? (?P<d>\w+)\.",
    r"\w+ goes to the (?P<d>\w+) with it\.",
    r"Now it is( in the)? (?P<d>\w+)\.",
]
MOOD = [r"\w+ is (?P<m>happy|glad|sad|angry)\."]
FACT = [r"At the end the (?P<o>\w+) is (in the )?(?P<d>\w+)\."]


class Reader:
    """Reads a text sentence by sentence and adds up nats."""

    def __init__(self, text, world):
        self.left, self.world, self.nats = text, world, 0.0
        self.names, self.orders = world.robots, []

    def pay(self, p):
        self.nats -= math.log(p)

    def sees(self, patterns):
        return next((m for p in patterns if (m := re.match(p, self.left))), None)

    def take(self, patterns):
        found = self.sees(patterns)
        assert found, self.left
        self.left = self.left[found.end() :].lstrip()
        return found

    def intro(self):
        r, s = len(self.world.robots), len(self.world.sizes)
        self.names = self.take(INTRO).group(1, 3)
        self.pay(1 / (3 * r * (r - 1) * s * (s - 1)))

    def order(self, bare):
        o = self.take(ORDER).groupdict()
        o["kind"] = "take" if o["verb"] in ("take", "bring") else "paint"
        v = len(self.world.places if o["kind"] == "take" else self.world.colours)
        before = len(self.orders)
        if before:
            self.pay(0.25 if o["kind"] == self.orders[0]["kind"] else 0.75)
        else:
            self.pay(0.5)
        assert o["r"] in self.names
        assert all(o["p"] != x["p"] and o["o"] != x["o"] for x in self.orders)
        people, objects = len(self.world.people) - before, len(self.world.objects) - before
        self.pay(1 / (3 * people * objects * len(self.names)))
        self.pay((1 - bare) / (v * (v - 1)) if o["u"] else bare / v)
        o["n"] = v
        self.orders.append(o)

    def outcome(self):
        o = self.orders[-1]
        o["d"] = self.take(OUTCOME)["d"]
        self.pay(1 / 5 if o["u"] else 1 / 3)
        if o["d"] == o["w"] or o["u"]:
            assert o["d"] in (o["w"], o["u"])
            self.pay(1 / 2)
        else:
            self.pay(1 / 2 / (o["n"] - 1))

    def mood(self):
        o = self.orders[-1]
        pool = self.world.happy if o["d"] == o["w"] else self.world.sad
        assert self.take(MOOD)["m"] in pool
        self.pay(1 / len(pool))

    def fact(self):
        told = self.take(FACT)
        assert any((told["o"], told["d"]) == (o["o"], o["d"]) for o in self.orders)

    def again(self):
        """The second telling: everything is known but the wording and what comes first."""
        names = self.take(INTRO).group(1, 3)
        assert set(names) == set(self.names)
        self.pay(1 / 3 / 2)
        for _ in self.orders:
            o = self.take(ORDER).groupdict()
            first = next(x for x in self.orders if x["o"] == o["o"])
            assert all(first[k] == o[k] for k in "prwu")
            assert self.take(OUTCOME)["d"] == first["d"]
            self.pay(1 / 3 / 5)
        self.pay(1 / len(self.orders))  # 2 orders: either may come first


def kind_of(text):
    """The kind, from the text alone."""
    head = {"Code:": "code book", "Game:": "game", "Rule:": "hidden rule", "Repeat:": "repeat"}
    if text.split()[0] in head:
        return head[text.split()[0]]
    orders = len(re.findall(r"\b(?:says:|asks|wants)", text))
    if " Again:" in text:
        return {2: "retelling", 4: "long retelling"}[orders]
    return {1: "short story", 2: "story"}[orders]


def score_story(text, world):
    r = Reader(text, world)
    r.intro()
    for _ in range(2):
        r.order(bare=0.3)
        r.outcome()
        r.pay(0.6 if r.sees(MOOD) else 0.4)
        if r.sees(MOOD):
            r.mood()
    r.fact()
    r.pay(1 / 2 / 2)  # which order first, and whether the other follows
    if r.left:
        r.fact()
    assert not r.left
    return r.nats


def score_short(text, world):
    r = Reader(text, world)
    introduced = bool(r.sees(INTRO))
    r.pay(0.3 if introduced else 0.7)
    if introduced:
        r.intro()
    r.order(bare=0.5)
    r.outcome()
    mood_first = bool(r.sees(MOOD))
    r.pay(0.7 if mood_first else 0.3)
    for step in (r.mood, r.fact) if mood_first else (r.fact, r.mood):
        step()
    assert not r.left
    return r.nats


def score_retelling(text, world):
    first, second = text.split(" Again: ")
    r = read_told(first, world)
    r.left = second
    r.again()
    assert not r.left
    return r.nats


def read_told(text, world):
    """Introduction, then orders with outcomes, until the text ends."""
    r = Reader(text, world)
    r.intro()
    while r.left:
        r.order(bare=0.0)
        r.outcome()
    return r


def lines_of(text):
    body = text.split(": ", 1)[1]
    assert body.endswith(".")
    return [line.split(" = ") for line in body[:-1].split("; ")]


def score_code(text, world):
    lines, k = lines_of(text), world.code_keys
    book = {}
    for key, name in lines:
        assert book.setdefault(key, name) == name
    m, n = len(book), len(world.objects + world.places + world.colours + world.numbers)
    p = math.perm(k, m) / k ** len(lines) / math.perm(n, m) / len(world.people + world.robots) ** m
    return -math.log(p)


def score_game(text, world):
    inputs = len(world.sizes) * len(world.colours) * len(world.objects)
    functions = [lambda a: a[:1], lambda a: a[1:2], lambda a: a[2:], lambda a: a[::-1]]
    lines = [(a.split(), b.split()) for a, b in lines_of(text)]
    fits = sum(all(f(a) == b for a, b in lines) for f in functions)
    return -math.log(fits / 4 / inputs ** len(lines))


def score_rule(text, world):
    """Sum over decider, ordered pairs of values and ordered pairs of names, all drawn first."""
    lines = [(a.split(), b) for a, b in lines_of(text)]
    columns = list(zip(*[a for a, _ in lines]))
    p = 0.5 ** (3 * len(lines))
    for column, pool in zip(columns, (world.sizes, world.colours, world.objects)):
        n = len(pool)
        p *= 2 / (n * (n - 1)) if len(set(column)) == 2 else 2 / n
    names = len(world.people + world.robots)
    total = 0.0
    for column in columns:
        pairs = {(value, name) for value, (_, name) in zip(column, lines)}
        if len(pairs) == len(set(column)) == len({name for _, name in pairs}):
            total += 1 / 3 / math.perm(names, len(pairs))
    return -math.log(p * total)


def score_repeat(text, world):
    words = text[:-1].split()[1:]
    n = words.index(words[0], 1)
    assert len(set(words[:n])) == n
    assert all(words[i] == words[i % n] for i in range(len(words)))
    low, high = world.repeat_words
    lengths = max(2 * n, world.repeat_length) - 2 * n + 1
    return math.log((high - low + 1) * lengths * math.perm(len(world.words), n))


SCORERS = {
    "story": score_story,
    "short story": score_short,
    "retelling": score_retelling,
    "long retelling": score_retelling,
    "code book": score_code,
    "game": score_game,
    "hidden rule": score_rule,
    "repeat": score_repeat,
}
