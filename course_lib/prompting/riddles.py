"""The riddle of the brother's age: every problem of its kind, the exact answer, the way to it in writing, and tokens.

"If my brother was half my age when I was 8, how old will he be when I am 50?" He was 4, so he is 4 years younger, so he
will be 46. Three small steps; who answers at once has to take all of them in his head.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

OLDEST = 99  # years; every number of a riddle and of its solution lies from 1 to here
RELATIONS = {"half": (1, 2), "a third of": (1, 3), "twice": (2, 1), "three times": (3, 1)}  # his age : mine
UNSEEN_NUMBERS = (12, 25, 33, 41, 54, 67, 70, 86, 98)  # stand nowhere in training: one of each ten, all ends differ
STEPS = ("relation", "difference", "sum", "copy")  # where a solution can go wrong first
ANSWER = "Answer:"
WAYS = ("answer", "scratchpad", "dots")
N_DOTS = 25  # as many tokens as a working in digits has


@dataclass(frozen=True, order=True)
class Riddle:
    """My brother was `relation` my age when I was `age`; how old will he be when I am `later`?

    Raises ValueError for an unknown relation, and for ages of which no riddle with whole years up to OLDEST can be
    made.
    """

    relation: str
    age: int
    later: int

    def __post_init__(self) -> None:
        if self.relation not in RELATIONS:
            raise ValueError(f"relation is {self.relation!r}: choose one of {', '.join(RELATIONS)}")
        if not 1 <= self.age < self.later <= OLDEST:
            raise ValueError(f"age {self.age}, later {self.later}: they must rise, from 1 to {OLDEST}")
        if self.age * RELATIONS[self.relation][0] % RELATIONS[self.relation][1]:
            raise ValueError(f"{self.relation} {self.age} is no whole number of years")
        if self.answer > OLDEST:
            raise ValueError(f"the brother would be {self.answer}, and nobody here is older than {OLDEST}")

    @property
    def then(self) -> int:
        """The brother's age when I was `age`."""
        times, parts = RELATIONS[self.relation]
        return self.age * times // parts

    @property
    def difference(self) -> int:
        """How many years lie between us."""
        return abs(self.then - self.age)

    @property
    def answer(self) -> int:
        """The brother's age when I am `later`: the difference stays what it was."""
        return self.later + self.then - self.age

    @property
    def question(self) -> str:
        """The riddle in words."""
        return (
            f"If my brother was {self.relation} my age when I was {self.age}, "
            f"how old will he be when I am {self.later}?"
        )

    @property
    def equations(self) -> tuple[tuple[int, int, int], ...]:
        """The three steps as numbers: (what it starts from, what it takes, what comes out)."""
        young, old = sorted((self.then, self.age))
        return (
            (self.age, self.age, self.then),
            (old, young, self.difference),
            (self.later, self.difference, self.answer),
        )

    @property
    def steps(self) -> tuple[str, str, str]:
        """The three steps in words."""
        (_, _, then), (old, young, difference), (later, _, answer) = self.equations
        of = "" if self.relation.endswith("of") or self.then > self.age else " of"
        sign = "-" if self.then < self.age else "+"
        return (
            f"{self.relation}{of} {self.age} is {then}",
            f"{old} - {young} = {difference}",
            f"{later} {sign} {difference} = {answer}",
        )

    @property
    def working(self) -> str:
        """The scratchpad: the steps in one line."""
        return ", ".join(self.steps) + "."

    @property
    def numbers(self) -> frozenset[int]:
        """Every number that stands in the riddle or in its solution."""
        return frozenset(n for equation in self.equations for n in equation)

    def completion(self, way: str) -> str:
        """What is to be written after the question, in one of WAYS: the answer, and what stands before it.

        "answer": nothing. "scratchpad": the working. "dots": as many tokens as a working has, which say nothing
        (Pfau et al. 2024 call them filler tokens). Raises ValueError for another way.
        """
        if way not in WAYS:
            raise ValueError(f"way is {way!r}: choose one of {', '.join(WAYS)}")
        before = {"answer": "", "scratchpad": self.working + " ", "dots": "… " * N_DOTS}[way]
        return f"{before}{ANSWER} {self.answer}."


THE_RIDDLE = Riddle("half", 8, 50)  # the one that lectures ask


def all_riddles() -> list[Riddle]:
    """List every riddle there is, in order."""
    found = []
    for relation, (times, parts) in RELATIONS.items():
        for age in range(1, OLDEST):
            then = age * times // parts
            if age * times % parts == 0:
                found += [Riddle(relation, age, later) for later in range(age + 1, OLDEST + min(0, age - then) + 1)]
    return found


@dataclass(frozen=True)
class Split:
    """Riddles for training, for choosing settings, and for two examinations: new problems, and new numbers."""

    train: list[Riddle]
    validation: list[Riddle]
    problems: list[Riddle]
    numbers: list[Riddle]


def split_riddles(n_train: int = 3000, n_test: int = 500, n_validation: int = 300) -> Split:
    """Deal the riddles out, always in the same way; a smaller n_train is the beginning of a larger one.

    No riddle of `train`, `validation` or `problems` has one of UNSEEN_NUMBERS anywhere, in its question or in its
    solution; each of `numbers` has one in its question. THE_RIDDLE is the first of `problems`.
    Raises ValueError for more riddles than there are.
    """
    everything = all_riddles()
    random.Random(14).shuffle(everything)
    unseen = set(UNSEEN_NUMBERS)
    known = [r for r in everything if not r.numbers & unseen and r != THE_RIDDLE]
    new = [r for r in everything if {r.age, r.later} & unseen]
    for name, n, n_most in (
        ("n_test", n_test, min(len(new), len(known) + 1)),
        ("n_train", n_train, len(known) + 1 - n_test - n_validation),
    ):
        if not 1 <= n <= n_most:
            raise ValueError(f"{name} is {n}: there are riddles for 1 to {n_most}")
    problems = [THE_RIDDLE, *known[: n_test - 1]]
    validation = known[n_test - 1 : n_test - 1 + n_validation]
    return Split(known[n_test - 1 + n_validation :][:n_train], validation, problems, new[:n_test])


PHRASES = (
    "If my brother was", *RELATIONS, "my age when I was", ", how old will he be when I am", "?",
    "half of", "is", ",", "-", "+", "=", ".", ANSWER, "…",
)  # fmt: skip
NUMBERS = ("digits", "reversed", "whole")
END = "<end>"


@dataclass(frozen=True)
class RiddleTokens:
    """What always stands together is one token, as byte pairs would have it; numbers are cut in one of three ways.

    "digits": two tokens, tens and ones; 46 is 4, 6, and 8 is 0, 8. "reversed": the ones first, as we add on paper.
    "whole": one token for each number. So all riddles have the same length. Raises ValueError for another way.
    """

    numbers: str = "digits"

    def __post_init__(self) -> None:
        if self.numbers not in NUMBERS:
            raise ValueError(f"numbers is {self.numbers!r}: choose one of {', '.join(NUMBERS)}")

    @cached_property
    def vocabulary(self) -> list[str]:
        """Every token; its place is its id. The first one ends a text."""
        return [END, *PHRASES, *map(str, range(OLDEST + 1 if self.numbers == "whole" else 10))]

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.vocabulary)}

    @property
    def end(self) -> int:
        """The id of the token that ends a text."""
        return 0

    @property
    def question_mark(self) -> int:
        """The id of the token that ends a question."""
        return self._ids["?"]

    def encode(self, text: str) -> list[int]:
        """Give the ids of a text. Raises ValueError for what stands in no riddle, and for numbers beyond OLDEST."""
        ids, place = [], 0
        while place < len(text):
            if not (found := _TOKEN.match(text, place)):
                raise ValueError(f"{text[place : place + 20]!r} is no token of a riddle: they are {', '.join(PHRASES)}")
            place, part = found.end(), found[1]
            ids += [self._ids[token] for token in (self.cut(int(part)) if part.isdigit() else [part])]
        return ids

    def cut(self, number: int) -> list[str]:
        """Give the tokens of a number. Raises ValueError for one that is not in 0 … OLDEST."""
        if not 0 <= number <= OLDEST:
            raise ValueError(f"{number} has no tokens: numbers run from 0 to {OLDEST}")
        if self.numbers == "whole":
            return [str(number)]
        tens, ones = divmod(number, 10)
        return [str(tens), str(ones)] if self.numbers == "digits" else [str(ones), str(tens)]

    def decode(self, ids: Iterable[int]) -> str:
        """Give the text of ids, as `encode` takes it; digits that stand side by side are one number."""
        runs: list[str] = []
        for i in ids:
            token = self.vocabulary[i]
            if token.isdigit() and self.numbers != "whole" and runs and runs[-1].isdigit():
                runs[-1] = runs[-1] + token if self.numbers == "digits" else token + runs[-1]
            else:
                runs.append(token)
        words = [str(int(run)) if run.isdigit() else run for run in runs]
        return re.sub(r" ([,.?])", r"\1", " ".join(words))


_LONGEST_FIRST = sorted((END, *PHRASES), key=len, reverse=True)
_TOKEN = re.compile(r"\s*([0-9]+|" + "|".join(map(re.escape, _LONGEST_FIRST)) + r")\s*")


def read_answer(text: str) -> int | None:
    """Find the number after the last "Answer:" of a text; None where there is none."""
    found = re.findall(rf"{ANSWER} (\d+)", text)
    return int(found[-1]) if found else None


def majority(answers: Iterable[int | None]) -> int | None:
    """Give the answer that most samples agree on (self-consistency, Wang et al. 2022); None where none has one.

    Samples without an answer have no vote; of answers that tie, the one that came first wins.
    """
    votes = Counter(answer for answer in answers if answer is not None)
    return votes.most_common(1)[0][0] if votes else None


def first_mistake(riddle: Riddle, completion: str) -> str | None:
    """Say which step of a written solution is the first that is not right: one of STEPS, "form", or None.

    A step is read as its last three numbers (the first step: two), whatever the words around them; "form" is a
    solution that has not the three steps and an answer.
    """
    working, found, _ = completion.partition(ANSWER)
    wanted = [tuple(map(int, re.findall(r"\d+", step))) for step in riddle.steps]
    written = [tuple(map(int, re.findall(r"\d+", step))) for step in working.split(",")]
    if not found or list(map(len, written)) != [2, 3, 3] or read_answer(completion) is None:
        return "form"
    for name, right, mine in zip(STEPS, wanted, written):
        if right != mine:
            return name
    return None if read_answer(completion) == riddle.answer else "copy"


def mislead(riddle: Riddle, step: str, off: int) -> tuple[str, int]:
    """Begin a working in which the result of one step (any of STEPS but the last) is wrong by `off` years.

    Gives that beginning, which ends behind the step, and the answer to which it leads whoever believes it.
    Raises ValueError for another step, and where the wrong result, or what follows from it, is no age, or makes a
    younger brother an older one.
    """
    if step not in STEPS[:-1]:
        raise ValueError(f"step is {step!r}: choose one of {', '.join(STEPS[:-1])}")
    place = STEPS.index(step)
    before, separator, wrong = riddle.steps[place].rpartition(" ")
    wrong = int(wrong) + off
    younger = riddle.then < riddle.age
    leads_to = {
        "relation": riddle.later + wrong - riddle.age,
        "difference": riddle.later + (-wrong if younger else wrong),
        "sum": wrong,
    }[step]
    turned = step == "relation" and (wrong < riddle.age) != younger
    if off == 0 or turned or not (1 <= wrong <= OLDEST and 1 <= leads_to <= OLDEST and wrong != riddle.age):
        raise ValueError(f"{before} {wrong}, {off} too much, is no mistake that a solution could go on from")
    end = "." if step == "sum" else ","
    return ", ".join([*riddle.steps[:place], f"{before}{separator}{wrong}"]) + end, leads_to
