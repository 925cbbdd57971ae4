"""Puzzles: documents whose second half can be read off the first half. They teach a model to learn in context."""

from collections.abc import Iterator

from .dice import Dice
from .world import World


def code_book(dice: Dice, world: World) -> Iterator[str]:
    """A few words stand for names: `Code: kite = Hugo; drum = Anna; kite = Hugo; …`

    Every line takes one of `code_keys` keys, all equally likely; a key gets its word when it is first taken.
    """
    yield "Code:"
    book: dict[str, str] = {}
    for line in range(world.code_lines):
        if dice.flip(1 - len(book) / world.code_keys):
            key = dice.but(world.keys, *book)
            book[key] = dice.pick(world.names)
        else:
            key = dice.pick(list(book))
        yield f" {key} = {book[key]}" + ending(line, world.code_lines)


GAMES = {
    "size": lambda size, colour, thing: size,
    "colour": lambda size, colour, thing: colour,
    "object": lambda size, colour, thing: thing,
    "reverse": lambda size, colour, thing: f"{thing} {colour} {size}",
}


def game(dice: Dice, world: World) -> Iterator[str]:
    """One function of three words: `Game: tiny red ball = red; huge blue hat = blue; …`"""
    yield "Game:"
    function = None
    for line in range(world.game_lines):
        words = []
        for pool in (world.sizes, world.colours, world.objects):
            words.append(dice.pick(pool))
            yield " " + words[-1]
        function = function or GAMES[dice.pick(tuple(GAMES))]
        yield " = " + function(*words) + ending(line, world.game_lines)


def hidden_rule(dice: Dice, world: World) -> Iterator[str]:
    """One of three words decides the name: `Rule: tiny red ball = Anna; huge red hat = Ben; …`

    Each word has two possible values, each of which has a name if that word is the one that decides. Which
    one it is may stay open to the end, so it is never drawn: names are drawn from the mixture over the
    deciders that still fit (uniform prior; whatever fits has paid the same, so the posterior is uniform too).
    """
    yield "Rule:"
    values: list[list[str]] = [[], [], []]
    names: list[dict[str, str]] = [{}, {}, {}]  # for each decider: value -> name
    fits = [0, 1, 2]
    for line in range(world.rule_lines):
        words = []
        for pool, seen in zip((world.sizes, world.colours, world.objects), values):
            words.append(one_of_two(dice, pool, seen))
            yield " " + words[-1]
        guesses = [names[i].get(words[i]) for i in fits]
        options = list(dict.fromkeys(guesses))
        guess = dice.weigh(options, [guesses.count(option) for option in options])
        name = guess or dice.but(world.names, *names[fits[0]].values())
        fits = [i for i, g in zip(fits, guesses) if g == guess]
        for i in fits:
            names[i][words[i]] = name
        yield f" = {name}" + ending(line, world.rule_lines)


def one_of_two(dice: Dice, pool: tuple[str, ...], seen: list[str]) -> str:
    """One of two values of the pool with equal chance; a value is drawn when it is first needed."""
    if len(seen) == 2:
        return dice.pick(seen)
    if seen and dice.flip():
        return seen[0]
    seen.append(dice.but(pool, *seen))
    return seen[-1]


def repeat(dice: Dice, world: World) -> Iterator[str]:
    """Different words in a row, then the same row again and again: `Repeat: lamp Anna to six lamp Anna to …`

    As all words of the row differ, the text shows where it begins again.
    """
    yield "Repeat:"
    shortest, longest = world.repeat_words
    row, left = [], list(world.words)
    while not dice.stop(len(row), shortest, longest):
        row.append(dice.pick(left))
        left.remove(row[-1])
        yield " " + row[-1]
    said = len(row)
    while not dice.stop(said, 2 * len(row), max(2 * len(row), world.repeat_length)):
        yield " " + row[said % len(row)]
        said += 1
    yield "."


def ending(line: int, lines: int) -> str:
    """What ends this line."""
    return "." if line == lines - 1 else ";"
