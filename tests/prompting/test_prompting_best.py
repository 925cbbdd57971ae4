"""The best possible curve: against the town's grammar itself, walked to its last text."""

import math
from collections import defaultdict

import pytest

from course_lib import prompting, town
from course_lib.prompting import Question, Shot, best_accuracy, best_probabilities
from course_lib.prompting.puzzles import answers_to
from course_lib.town import HELD_OUT

KINDS = tuple(prompting.FORMS)
FEW_KEYS = {"objects": ("ball", "hat"), "places": ("park", "shop"), "colours": ("red", "blue"), "numbers": ()}
SMALL = {
    "code book": town.World(people=("Anna", "Ben"), robots=("Bip", "Zed"), code_lines=4, code_keys=2, **FEW_KEYS),
    "hidden rule": town.World(
        people=("Anna", "Ben"),
        robots=("Bip", "Zed"),
        sizes=("tiny", "big"),
        colours=("red", "blue"),
        objects=("ball", "hat"),
        rule_lines=3,
    ),
    "game": town.World(sizes=("tiny", "big"), colours=("red", "blue"), objects=("ball", "hat"), game_lines=3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_against_the_towns_next_words(kind):
    """In the real town: p(answer | prompt) of the grammar, found by walking every road that agrees with the prompt."""
    for number in range(HELD_OUT, HELD_OUT + 3):
        for n_shots in (0, 1, 3):
            q = prompting.ask(kind, n_shots, number)
            exact = town.next_words(q.prompt, kind)
            expected = defaultdict(float)
            for answer, p in zip(q.answers, best_probabilities(q)):
                expected[answer.split(" ")[0]] += p
            for word in {*exact, *expected}:
                assert expected[word] == pytest.approx(exact.get(word, 0.0), abs=1e-12)


@pytest.mark.parametrize("kind", ["code book", "hidden rule"])
def test_probabilities_of_the_answers_add_up_to_the_documents_nats(kind):
    """−log p of a document is that of its questions, which is known, and that of its answers, which `best` gives."""
    for number in range(HELD_OUT, HELD_OUT + 40):
        document = town.document(number, kind)
        lines = town.WORLD.code_lines if kind == "code book" else town.WORLD.rule_lines
        asked = [prompting.ask(kind, n, number) for n in range(lines)]
        answers = -math.fsum(math.log(best_probabilities(q)[q.right]) for q in asked)
        assert answers + nats_of_questions(kind, [q.question for q in asked]) == pytest.approx(document.nats, abs=1e-9)


def nats_of_questions(kind, questions):
    """Keys: one of four, a new one drawn from what is left. Words: a coin after the first line, new ones drawn."""
    if kind == "code book":
        keys, n = set(), 0.0
        for key in questions:
            new = (1 - len(keys) / 4) / (len(town.WORLD.keys) - len(keys))
            n -= math.log(1 / 4 if key in keys else new)
            keys.add(key)
        return n
    n = 0.0
    for place, pool in enumerate((town.WORLD.sizes, town.WORLD.colours, town.WORLD.objects)):
        values = []
        for words in (question.split(" ") for question in questions):
            if values:
                n += math.log(2)
            if words[place] not in values:
                n += math.log(len(pool) - len(values))
                values.append(words[place])
    return n


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_against_every_text_of_a_small_town(kind):
    """Brute force: add up p(text) by prompt and answer, and let the reader say the likeliest answer to each prompt."""
    world = SMALL[kind]
    for n_shots in range({"code book": 4, "hidden rule": 3, "game": 3}[kind]):
        together = defaultdict(float)
        for document in texts_of(kind):
            lines = document.text[:-1].split(": ")[1].split("; ")
            asked, answer = lines[n_shots].split(" = ")
            together["; ".join([*lines[:n_shots], asked]), answer] += math.exp(-document.nats)
        best = defaultdict(float)
        for (prompt, _), p in together.items():
            best[prompt] = max(best[prompt], p)
        assert math.fsum(together.values()) == pytest.approx(1, abs=1e-9)
        assert best_accuracy(kind, n_shots, world) == pytest.approx(math.fsum(best.values()), abs=1e-9)


TEXTS = {}


def texts_of(kind):
    if kind not in TEXTS:
        TEXTS[kind] = list(town.texts(kind, SMALL[kind]))
    return TEXTS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_curve_is_the_mean_over_many_prompts(kind):
    """The real town, within four standard errors."""
    for n_shots in (1, 3, 8):
        top = [max(best_probabilities(q)) for q in prompting.questions(kind, n_shots, 400)]
        mean = math.fsum(top) / len(top)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in top) / len(top))
        assert abs(mean - best_accuracy(kind, n_shots)) <= 4 * deviation / math.sqrt(len(top)) + 1e-12


def test_known_points_of_the_curves():
    assert best_accuracy("code book", 0) == best_accuracy("hidden rule", 0) == 1 / 16
    assert best_accuracy("code book", 1) == pytest.approx(1 / 4 + 3 / 4 / 16)
    assert best_accuracy("code book", 200) == pytest.approx(1)
    assert [best_accuracy("game", n) for n in (0, 1, 2)] == [1 / 4, 1, 1]
    rule = [best_accuracy("hidden rule", n) for n in range(12)]
    assert rule == sorted(rule)
    assert rule[-1] > 0.99


def test_a_rule_that_is_still_open():
    """After one line, two of three words the same: two deciders say Anna, and the third any other name."""
    answers = answers_to("hidden rule", "tiny red hat")
    q = Question("hidden rule", (Shot("tiny red ball", "Anna"),), "tiny red hat", answers, 0)
    p = dict(zip(answers, best_probabilities(q)))
    assert p["Anna"] == pytest.approx(2 / 3)
    assert {round(p[name], 12) for name in answers if name != "Anna"} == {round(1 / 3 / 15, 12)}


@pytest.mark.parametrize(
    ("kind", "shots", "asked"),
    [
        ("code book", (("kite", "Hugo"), ("kite", "Anna")), "drum"),
        ("hidden rule", (("tiny red ball", "Hugo"), ("tiny red ball", "Anna")), "tiny red ball"),
        ("game", (("tiny red ball", "tiny"), ("big red hat", "red")), "tiny red ball"),
    ],
)
def test_shots_that_contradict_one_another_are_an_error(kind, shots, asked):
    q = Question(kind, tuple(Shot(*shot) for shot in shots), asked, answers_to(kind, asked), 0)
    with pytest.raises(ValueError, match=f"no {kind} has them: .* {shots[1][0]} = {shots[1][1]};"):
        best_probabilities(q)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_accuracy("story", 1), "no best accuracy for 'story'"),
        (lambda: best_accuracy("game", -1), "-1 shots"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
