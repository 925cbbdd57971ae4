"""Tasks: the labels are right, and words alone do not give them away."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from course_lib.town import LABELS, TASKS, Example, baselines, task
from course_lib.town.dice import Dice
from course_lib.town.stories import OUTCOME
from course_lib.town.tasks import choose, classify, entail

N = 1000
TRAIN, TEST = range(N), range(10**6, 10**6 + N)
CHANCE = {"classify": 1 / 2, "entail": 1 / 3, "similar_order": 1 / 2, "similar_mirror": 1 / 2, "choose": 1 / 4}
CHANCE |= {"similar_sizes": 1 / 2, "similar_people": 1 / 2}
EXAMPLES = {name: [task(name, seed) for seed in TRAIN] for name in TASKS}


VALUE, NOT = r"(?:to the )?(\w+)", r"not (?:to the )?(\w+)"
NAMED = re.compile(rf"the (\w+) (?:{NOT} but )?{VALUE}(?:,? (?:and )?{NOT})?\.")
DEED = r"(?:takes it|paints it|makes it|goes|Now it is)"
DONE = re.compile(DEED + r"(?: not (?:to the )?\w+ but)?(?: to| in)?(?: the)? (\w+)")


def orders_of(text):
    """(object, wanted, unwanted, done) of each order, read with patterns of our own."""
    parts = re.split(r"(?<=[.]) (?=\w+ (?:says:|asks|wants))", text)
    found = [(NAMED.search(part), DONE.search(part)) for part in parts if re.search("says:|asks|wants", part)]
    return [(named[1], named[3], named[2] or named[4], done[1]) for named, done in found]


@pytest.mark.parametrize("name", TASKS)
def test_an_example_is_the_same_every_time(name):
    assert task(name, 5) == task(name, 5)
    assert task(name, 5) != task(name, 6)
    assert isinstance(task(name, 5), Example)


@pytest.mark.parametrize("name", TASKS)
def test_labels_are_balanced_and_in_no_order(name):
    labels = [e.label for e in EXAMPLES[name]]
    counts = Counter(labels)
    assert set(counts) == set(range(len(LABELS[name])))
    assert all(abs(n / N - CHANCE[name]) < 0.06 for n in counts.values())
    same_as_last = sum(a == b for a, b in pairwise(labels)) / N
    assert abs(same_as_last - CHANCE[name]) < 0.06


def test_classify_labels_the_last_order():
    for e in EXAMPLES["classify"]:
        _, wanted, unwanted, done = orders_of(e.texts[0])[-1]
        assert done in (wanted, unwanted)
        assert e.label == (done == wanted)


def test_entail_labels_follow_from_the_story():
    for e in EXAMPLES["entail"]:
        done = {thing: value for thing, _, _, value in orders_of(e.texts[0])}
        either = {thing: (wanted, unwanted) for thing, wanted, unwanted, _ in orders_of(e.texts[0])}
        thing, value = re.fullmatch(r"At the end the (\w+) is (?:in the )?(\w+)\.", e.texts[1]).groups()
        expected = "true" if done[thing] == value else "false" if value in either[thing] else "unknown"
        assert LABELS["entail"][e.label] == expected


def test_choose_has_exactly_one_true_option():
    for e in EXAMPLES["choose"]:
        done = {(thing, value) for thing, _, _, value in orders_of(e.texts[0])}
        facts = [re.fullmatch(r"At the end the (\w+) is (?:in the )?(\w+)\.", option).groups() for option in e.options]
        assert len(set(facts)) == 4
        assert [fact in done for fact in facts] == [i == e.label for i in range(4)]


def test_swapped_sizes_and_people_are_different_and_no_word_changes():
    size = re.compile(r"(\w+)(?:,| is)? (?:is )?(?:a )?(tiny|small|big|huge)")
    person = re.compile(r"(\w+) (?:says:|asks|wants).*?the (\w+)")
    for name, pattern in (("similar_sizes", size), ("similar_people", person)):
        for e in EXAMPLES[name]:
            first, second = (set(pattern.findall(text)) for text in e.texts)
            assert len(first) == len(second) == 2
            assert (first == second) == bool(e.label)
            assert {word for pair in first for word in pair} == {word for pair in second for word in pair}
            assert sorted(orders_of(e.texts[0])) == sorted(orders_of(e.texts[1]))


@pytest.mark.parametrize("name", ["similar_order", "similar_mirror"])
def test_same_means_the_same_orders_and_outcomes(name):
    for e in EXAMPLES[name]:
        first, second = (sorted(orders_of(text)) for text in e.texts)
        assert (first == second) == bool(e.label)
        assert sorted(sum(first, ())) == sorted(sum(second, ()))  # no word goes or comes


@pytest.mark.parametrize("name", TASKS)
def test_words_alone_stay_near_chance(name):
    """Over four draws of 1,000 + 1,000, words got at most 0.03 above chance.

    The limit, 0.06, is almost 4 standard errors of an accuracy near one half.
    """
    test = [task(name, seed) for seed in TEST]
    assert abs(baselines.majority(EXAMPLES[name], test) - CHANCE[name]) < 0.06
    assert baselines.bag_of_words(EXAMPLES[name], test) < CHANCE[name] + 0.06


def test_pairs_of_words_give_some_similarities_away():
    """"not white" in both texts, or in one: neighbours tell something of who wants what. Of sizes they tell nothing."""

    def by_pairs(name):
        return baselines.bigrams(EXAMPLES[name], [task(name, seed) for seed in TEST])

    assert by_pairs("similar_sizes") < 0.56
    assert by_pairs("similar_people") < 0.66
    assert 0.6 < by_pairs("similar_order") < 0.8


@pytest.mark.parametrize(
    ("leaky", "chance"),
    [
        (lambda dice: classify(dice, bare=1.0), 1 / 2),  # the order names no unwanted value
        (lambda dice: entail(dice, OUTCOME), 1 / 3),  # the outcome repeats only what was done
        (lambda dice: choose(dice, OUTCOME), 1 / 4),
    ],
)
def test_the_word_baseline_finds_a_leak(leaky, chance):
    train, test = ([leaky(Dice(seed)) for seed in seeds] for seeds in (TRAIN[:600], TEST[:600]))
    assert baselines.bag_of_words(train, test) > chance + 0.1


def test_majority_counts_the_commonest_training_label():
    train = [Example(("a",), 1), Example(("b",), 1), Example(("c",), 0)]
    test = [Example(("a",), 0), Example(("b",), 1), Example(("c",), 0), Example(("c",), 0)]
    assert baselines.majority(train, test) == 0.25


def test_bad_input():
    with pytest.raises(ValueError, match=r"no task called 'sort'.*classify"):
        task("sort", 0)
    with pytest.raises(ValueError, match="0 examples to train on"):
        baselines.majority([], EXAMPLES["classify"])
