"""Riddles: exact answers, splits without leaks, tokens that lose nothing, mistakes told apart."""

import itertools
import operator
import re

import pytest

from course_lib.prompting.riddles import (
    N_DOTS,
    NUMBERS,
    OLDEST,
    RELATIONS,
    STEPS,
    THE_RIDDLE,
    UNSEEN_NUMBERS,
    WAYS,
    Riddle,
    RiddleTokens,
    all_riddles,
    first_mistake,
    majority,
    read_answer,
    split_riddles,
)

ALL = all_riddles()
SIGNS = {"+": operator.add, "-": operator.sub}
WORDS_FOR = {"half": 1 / 2, "a third of": 1 / 3, "twice": 2, "three times": 3}


def test_the_riddle_that_lectures_ask():
    assert THE_RIDDLE.question == "If my brother was half my age when I was 8, how old will he be when I am 50?"
    assert THE_RIDDLE.completion("scratchpad") == "half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: 46."
    assert THE_RIDDLE.completion("answer") == "Answer: 46."
    assert THE_RIDDLE.completion("dots") == "… " * N_DOTS + "Answer: 46."


def test_every_answer_follows_from_the_question_alone():
    """Read the words of each question again, and reckon with years of birth instead of differences."""
    pattern = r"If my brother was (.+) my age when I was (\d+), how old will he be when I am (\d+)\?"
    for riddle in ALL:
        words, age, later = re.fullmatch(pattern, riddle.question).groups()
        born = int(age) - WORDS_FOR[words] * int(age)  # years after me
        assert riddle.answer == round(int(later) - born, 6)


def test_there_is_no_other_riddle():
    """Every triple that whole numbers from 1 to OLDEST allow, and none twice."""
    expected = {
        (relation, age, later)
        for relation, share in WORDS_FOR.items()
        for age, later in itertools.combinations(range(1, OLDEST + 1), 2)
        if abs(age * share - round(age * share)) < 1e-9 and 1 <= round(later - age + age * share) <= OLDEST
    }
    assert [(r.relation, r.age, r.later) for r in ALL] == [(r.relation, r.age, r.later) for r in dict.fromkeys(ALL)]
    assert {(r.relation, r.age, r.later) for r in ALL} == expected


def test_every_written_equation_is_true_and_leads_on():
    for riddle in ALL:
        relation, difference, total = riddle.steps
        assert relation.endswith(f" {riddle.age} is {riddle.then}")
        for step in (difference, total):
            a, sign, b, _, c = step.split()
            assert SIGNS[sign](int(a), int(b)) == int(c)
        assert difference.split()[-1] == total.split()[2]
        assert total.split()[0] == str(riddle.later)
        assert total.split()[-1] == str(riddle.answer)


@pytest.mark.parametrize("n_train", [100, 3000])
def test_no_riddle_is_in_two_parts(n_train):
    parts = [set(part) for part in vars(split_riddles(n_train)).values()]
    assert [len(part) for part in parts] == [n_train, 300, 500, 500]
    assert all(not a & b for a, b in itertools.combinations(parts, 2))


def test_unseen_numbers_are_nowhere_in_what_is_trained_on():
    """Looked for in the texts themselves, not in what the riddle says about itself."""
    parts = split_riddles()
    unseen = {str(n) for n in UNSEEN_NUMBERS}

    def written(riddle):
        return set(re.findall(r"\d+", f"{riddle.question} {riddle.completion('scratchpad')}"))

    for part in (parts.train, parts.validation, parts.problems):
        assert not any(written(riddle) & unseen for riddle in part)
    assert all(set(re.findall(r"\d+", riddle.question)) & unseen for riddle in parts.numbers)


def test_every_digit_of_an_unseen_number_is_known_in_its_place():
    seen = {n for riddle in split_riddles(3000).train for n in riddle.numbers if n >= 10}
    assert {n // 10 for n in UNSEEN_NUMBERS} <= {n // 10 for n in seen}
    assert {n % 10 for n in UNSEEN_NUMBERS} <= {n % 10 for n in seen}


def test_the_riddle_of_the_lectures_is_held_out():
    parts = split_riddles()
    assert parts.problems[0] == THE_RIDDLE
    assert THE_RIDDLE not in parts.train + parts.validation


def test_a_smaller_training_set_is_the_beginning_of_a_larger_one():
    small, large = split_riddles(300), split_riddles(3000)
    assert large.train[:300] == small.train
    assert (small.problems, small.numbers, small.validation) == (large.problems, large.numbers, large.validation)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"n_train": 10_000}, "n_train is 10000: there are riddles for 1 to 4484"),
    ({"n_train": 0}, "n_train is 0"),
    ({"n_test": 5000}, "n_test is 5000"),
])  # fmt: skip
def test_more_riddles_than_there_are(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_riddles(**arguments)


@pytest.mark.parametrize(("relation", "age", "later", "message"), [
    ("double", 8, 50, "relation is 'double'"),
    ("half", 7, 50, "half 7 is no whole number"),
    ("half", 50, 8, "age 50, later 8"),
    ("half", 0, 8, "age 0, later 8"),
    ("half", 8, 100, "later 100"),
    ("three times", 30, 50, "would be 110"),
])  # fmt: skip
def test_riddles_that_cannot_be(relation, age, later, message):
    with pytest.raises(ValueError, match=message):
        Riddle(relation, age, later)


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("way", WAYS)
def test_tokens_lose_nothing(numbers, way):
    tokens = RiddleTokens(numbers)
    for riddle in ALL[::40]:
        text = f"{riddle.question} {riddle.completion(way)}"
        assert tokens.decode(tokens.encode(text)) == text


def test_three_ways_to_cut_a_number():
    def cut(numbers, text="46 - 8"):
        tokens = RiddleTokens(numbers)
        return [tokens.vocabulary[i] for i in tokens.encode(text)]

    assert cut("digits") == ["4", "6", "-", "0", "8"]
    assert cut("reversed") == ["6", "4", "-", "8", "0"]
    assert cut("whole") == ["46", "-", "8"]


def test_dots_are_as_many_as_a_working_in_digits_has_tokens():
    tokens = RiddleTokens("digits")
    assert {len(tokens.encode(riddle.working)) for riddle in ALL[::10]} == {N_DOTS}


@pytest.mark.parametrize("numbers", NUMBERS)
def test_all_riddles_have_one_length(numbers):
    tokens = RiddleTokens(numbers)
    for way in WAYS:
        assert len({len(tokens.encode(f"{r.question} {r.completion(way)}")) for r in ALL[::40]}) == 1


@pytest.mark.parametrize(("numbers", "text", "message"), [
    ("digits", "my sister", "'my sister' is no token"),
    ("whole", "100", "100 has no tokens"),
    ("digits", "100", "100 has no tokens"),
    ("digits", "4²", "'²' is no token"),
])  # fmt: skip
def test_what_has_no_token(numbers, text, message):
    with pytest.raises(ValueError, match=message):
        RiddleTokens(numbers).encode(text)


def test_unknown_ways_and_numbers():
    with pytest.raises(ValueError, match="numbers is 'roman'"):
        RiddleTokens("roman")
    with pytest.raises(ValueError, match="way is 'poem'"):
        THE_RIDDLE.completion("poem")


@pytest.mark.parametrize(("written", "step"), [
    ("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: 46.", None),
    ("half of 8 is 6, 8 - 6 = 2, 50 - 2 = 48. Answer: 48.", "relation"),
    ("half of 50 is 25, 8 - 4 = 4, 50 - 4 = 46. Answer: 46.", "relation"),
    ("half of 8 is 4, 8 - 4 = 3, 50 - 3 = 47. Answer: 47.", "difference"),
    ("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 45. Answer: 46.", "sum"),
    ("half of 8 is 4, 8 - 4 = 4, 50 + 4 = 54. Answer: 54.", "sum"),
    ("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: 45.", "copy"),
    ("half of 8 is 4, 50 - 4 = 46. Answer: 46.", "form"),
    ("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46.", "form"),
    ("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: .", "form"),
    ("", "form"),
])  # fmt: skip
def test_the_first_mistake_counts(written, step):
    assert first_mistake(THE_RIDDLE, written) == step
    assert step in (*STEPS, "form", None)


def test_right_solutions_have_no_mistake():
    assert all(first_mistake(riddle, riddle.completion("scratchpad")) is None for riddle in ALL)


def test_reading_an_answer():
    assert read_answer("50 - 4 = 46. Answer: 46.") == 46
    assert read_answer("Answer: 4. Answer: 46.") == 46
    assert read_answer("50 - 4 = 46.") is None
    assert read_answer("Answer: .") is None


def test_a_majority_counts_answers_and_not_ways_to_them():
    assert majority([46, 46, 48]) == 46
    assert majority([None, None, 48]) == 48  # no answer is no vote
    assert majority([48, 46, 46, 48]) == 48  # a tie goes to who spoke first
    assert majority([None]) is None
    assert majority([]) is None
    assert set(RELATIONS) == set(WORDS_FOR)
