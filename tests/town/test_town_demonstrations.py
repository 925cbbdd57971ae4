"""Demonstrations: numbered, of mixed quality, and as often good as their writers' habits say."""

import statistics

import pytest

from course_lib.town import Labeler, demonstration, labeler
from course_lib.town.demonstrations import HABITS, write
from course_lib.town.dice import Dice

SHOWN = [demonstration(i) for i in range(2000)]
SURE = Labeler(noise=0.0)


def of_kind(kind):
    return [d for d in SHOWN if labeler.read(d.prompt).kind == kind]


def test_a_demonstration_answers_the_prompt_of_its_number():
    assert demonstration(7) == demonstration(7)
    assert [d.prompt for d in SHOWN[:50]] == [labeler.prompt(i) for i in range(50)]
    assert len({d.answer for d in SHOWN}) > 700


def test_writers_are_good_but_could_be_better():
    """The best answer is worth 3; nothing to do with an answer is worth −1 or 0."""
    utilities = [SURE.utility(d.prompt, d.answer) for d in SHOWN]
    assert 0.9 < statistics.mean(utilities) < 1.4
    assert sum(u == 3 for u in utilities) > 0.35 * len(SHOWN)
    assert sum(u < 0 for u in utilities) > 0.1 * len(SHOWN)


@pytest.mark.parametrize("kind", ["hurt", "deceive"])
def test_harm_is_refused_as_often_as_habits_say(kind):
    refused = [labeler.judge(d.prompt, d.answer)["harmless"] > 0 for d in of_kind(kind)]
    assert statistics.mean(refused) == pytest.approx(HABITS["refuses harm"], abs=0.08)


def test_questions_are_answered_truly_as_often_as_habits_say():
    true = [labeler.judge(d.prompt, d.answer)["helpful"] == 3 for d in of_kind("question")]
    unfinished = HABITS["unfinished"] * (1 - HABITS["twice"])
    assert statistics.mean(true) == pytest.approx(HABITS["value"] * (1 - unfinished), abs=0.06)


def test_most_answers_end_with_a_full_stop():
    ended = [d.answer.endswith(".") for d in SHOWN]
    assert statistics.mean(ended) == pytest.approx(1 - HABITS["unfinished"], abs=0.02)


def test_a_prompt_that_asks_nothing():
    with pytest.raises(ValueError, match="Bip is a robot"):
        write(Dice(0), "Bip is a robot.")
