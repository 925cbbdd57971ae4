"""The best that anyone can do with a prompt: exact probabilities of the answers, and the curve that nobody beats.

What a reader can know of a puzzle follows from how the town makes it up (`course_lib.town.puzzles`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product

from course_lib.town import WORLD, World
from course_lib.town.puzzles import GAMES

from .prompts import Shot
from .puzzles import Question


def best_probabilities(question: Question) -> list[float]:
    """Give p(answer | prompt) in the town for each answer of a question, exactly. They sum to 1.

    Raises ValueError for shots that contradict one another, such as one key with two names.
    """
    if question.kind == "game":
        p = game_probabilities(question)
    else:
        after = code_book_probabilities if question.kind == "code book" else rule_probabilities
        named = after(question.shots, question.question, WORLD)
        p = [named[answer] for answer in question.answers]
    if abs(sum(p) - 1) > 1e-9:
        raise ValueError(f"these shots contradict one another, no {question.kind} has them: {question.prompt!r}")
    return p


def code_book_probabilities(shots: Sequence[Shot], question: str, world: World) -> dict[str, float]:
    """A key that was shown has its word. Any other may have any: two keys can share one."""
    book: dict[str, str] = {}
    for shot in shots:
        if book.setdefault(shot.question, shot.answer) != shot.answer:
            return dict.fromkeys(world.names, 0.0)  # no book has two words for a key
    if question in book:
        return {name: float(name == book[question]) for name in world.names}
    return dict.fromkeys(world.names, 1 / len(world.names))


def game_probabilities(question: Question) -> list[float]:
    """Share out 1 among the functions that agree with all shots."""
    solved = [(shot.question.split(" "), shot.answer) for shot in question.shots]
    fits = [all(function(*words) == answer for words, answer in solved) for function in GAMES.values()]
    return [fit / max(sum(fits), 1) for fit in fits]


def rule_probabilities(shots: Sequence[Shot], question: str, world: World) -> dict[str, float]:
    """Mix the answers of the deciders that still fit, in equal parts.

    A decider is a place: 0 if the first word decides, and so on. It fits if each of its values always had one name,
    another name than its other value. For a value that was not seen it expects any name that was not used.
    """
    named: list[dict[str, str]] = [{}, {}, {}]
    fits = [0, 1, 2]
    for shot in shots:
        words = shot.question.split(" ")
        fits = [i for i in fits if agrees(named[i], words[i], shot.answer)]
        for i in fits:
            named[i][words[i]] = shot.answer
    p: dict[str, float] = defaultdict(float)
    for i in fits:
        value = question.split(" ")[i]
        new = [name for name in world.names if name not in named[i].values()]
        for name in [named[i][value]] if value in named[i] else new:
            p[name] += 1 / len(fits) / (1 if value in named[i] else len(new))
    return {name: p[name] for name in world.names}


def agrees(named: dict[str, str], value: str, name: str) -> bool:
    """Could this value have this name, if it is this word that decides?"""
    return named[value] == name if value in named else name not in named.values()


def best_accuracy(kind: str, n_shots: int, world: World = WORLD) -> float:
    """Give the accuracy of a reader who knows the town's grammar and always says the likeliest answer.

    The mean, over all prompts with so many shots, of the largest probability of an answer. Exact. Raises ValueError
    for an unknown kind and a negative number of shots.
    """
    if n_shots < 0:
        raise ValueError(f"{n_shots} shots: give 0 or more")
    if kind == "code book":
        known = 1 - (1 - 1 / world.code_keys) ** n_shots  # each line takes one of the keys, all equally likely
        return known + (1 - known) / len(world.names)
    if kind == "game":
        return 1.0 if n_shots else 1 / len(GAMES)
    if kind == "hidden rule":
        return best_rule_accuracy(n_shots, len(world.names))
    raise ValueError(f"no best accuracy for {kind!r}: choose code book, game or hidden rule")


State = tuple[tuple[int, int] | None, ...]  # for each decider: the names of its two values; None if it does not fit
UNSEEN = -1


def best_rule_accuracy(n_shots: int, n_names: int) -> float:
    """Follow what a reader of a hidden rule can know, line by line, with its probability.

    Call the words of the first line 0 and the others 1: then every later line is three fair coins. Call names 0 and 1
    in the order in which they come. What is left is a handful of states.
    """
    states: dict[State, float] = {((UNSEEN, UNSEEN),) * 3: 1.0}
    for line in range(n_shots):
        after: Counter[State] = Counter()
        for state, p in states.items():
            for values in lines_of_words(first=line == 0):
                for name, q in names_after(state, values, n_names).items():
                    share = p * q / len(lines_of_words(line == 0))
                    after[updated(state, values, name)] += share * (n_names - used(state) if is_new(state, name) else 1)
        states = after
    asked = lines_of_words(first=n_shots == 0)
    likeliest = (p * max(names_after(s, values, n_names).values()) for s, p in states.items() for values in asked)
    return sum(likeliest) / len(asked)


def lines_of_words(first: bool) -> list[tuple[int, ...]]:
    """Give every line of three words."""
    return [(0, 0, 0)] if first else list(product((0, 1), repeat=3))


def used(state: State) -> int:
    """Count the names so far: all deciders that fit have seen the same."""
    return max(max(names) for names in state if names is not None) + 1


def is_new(state: State, name: int) -> bool:
    """Is this name one that was not used so far? It then stands for each of them."""
    return name == used(state)


def names_after(state: State, values: tuple[int, ...], n_names: int) -> dict[int, float]:
    """Give the probability of each name that can come; of the new ones that of one stands for all."""
    fits = [names[value] for names, value in zip(state, values) if names is not None]
    p = {name: fits.count(name) / len(fits) for name in set(fits) - {UNSEEN}}
    if UNSEEN in fits:
        p[used(state)] = fits.count(UNSEEN) / len(fits) / (n_names - used(state))
    return p


def updated(state: State, values: tuple[int, ...], name: int) -> State:
    """Drop the deciders that disagree with a line, and note the name in the others."""
    expected = UNSEEN if is_new(state, name) else name
    after: list[tuple[int, int] | None] = []
    for names, value in zip(state, values):
        if names is None or names[value] != expected:
            after.append(None)
        else:
            after.append((name, names[1]) if value == 0 else (names[0], name))
    return tuple(after)
