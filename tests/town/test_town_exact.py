"""The recorded nats are −log p of the text: by an independent scorer, by enumeration, and by sampling."""

import math
import re
from collections import Counter

import pytest
from town_scorer import SCORERS, kind_of, read_told

from course_lib.town import (
    END,
    KINDS,
    MIXES,
    World,
    document,
    documents,
    entropy,
    fill_blank,
    next_words,
    probability,
    texts,
)
from course_lib.town.documents import TELLERS
from course_lib.town.stories import short_story

SMALL = World(
    robots=("Bip", "Zed"),
    people=("Anna", "Ben"),
    objects=("ball", "cup"),
    places=("park", "shop"),
    colours=("red", "blue", "green"),
    sizes=("tiny", "big"),
    numbers=("one",),
    happy=("happy",),
    sad=("sad",),
    small_words=("is",),
    code_lines=3,
    code_keys=2,
    game_lines=2,
    rule_lines=2,
    repeat_words=(1, 2),
    repeat_length=5,
)
LONGER_RULE = World(colours=("red", "blue"), sizes=("tiny", "big"), objects=("ball", "cup"), people=("Anna", "Ben"),
                    robots=("Bip", "Zed"), rule_lines=4)  # fmt: skip
THREE_KEYS = World(places=("park", "shop"), colours=("red", "blue"), numbers=(), objects=("ball", "cup"),
                   people=("Anna", "Ben"), robots=("Bip", "Zed"), code_lines=3, code_keys=3)  # fmt: skip
INTRO = "Bip is a tiny robot. Zed is a big robot."
STORY = INTRO + " Ben asks Zed to paint the cup not red but blue. Zed makes it red."
LONG = STORY + " Anna says: Zed, take the ball to the shop, not to the park. Now it is in the shop."


def check_enumeration(found, total, scorer, world):
    """Every text once, each with the scorer's probability, all together `total`."""
    found = list(found)
    assert Counter(d.text for d in found).most_common(1)[0][1] == 1
    assert math.fsum(math.exp(-d.nats) for d in found) == pytest.approx(total, rel=1e-12)
    for d in found[:: max(1, len(found) // 500)]:
        assert d.nats == pytest.approx(scorer(d.text, world), rel=1e-12)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_documents_cost_what_the_scorer_says(kind):
    for d in documents(120, mix=kind):
        assert kind_of(d.text) == d.kind == kind
        assert d.nats == pytest.approx(SCORERS[kind](d.text, World()), rel=1e-12)


@pytest.mark.parametrize("mix", MIXES)
def test_the_mix_pays_for_its_kind_and_no_text_has_two(mix):
    for d in documents(120, mix=mix):
        assert kind_of(d.text) == d.kind
        share = MIXES[mix][d.kind] / math.fsum(MIXES[mix].values())
        assert d.nats == pytest.approx(SCORERS[d.kind](d.text, World()) - math.log(share), rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "world"),
    [
        ("game", SMALL),
        ("code book", SMALL),
        ("hidden rule", SMALL),
        ("repeat", SMALL),
    ],
)
def test_all_texts_of_a_small_world_sum_to_one(kind, world):
    found = check_enumeration(texts(kind, world), 1.0, SCORERS[kind], world)
    assert math.fsum(d.nats * math.exp(-d.nats) for d in found) == pytest.approx(entropy(kind, world), rel=1e-12)
    p = {d.text: d.nats for d in found}
    assert all(p[d.text] == pytest.approx(d.nats, rel=1e-12) for d in (document(i, kind, world) for i in range(300)))


@pytest.mark.parametrize(
    ("kind", "prefix", "beginning"),
    [
        ("short story", "Anna wants", 0.7 / 2 / 3),
        ("short story", INTRO + " Ben says", 0.3 / 3 / 2 / 2 / 2 / 3),
        ("retelling", STORY, math.exp(-read_told(STORY, SMALL).nats)),
        ("long retelling", LONG + " Again: The", math.exp(-read_told(LONG, SMALL).nats) / 3),
        # 0.7: the first order is not bare; 0.4: no mood; one of 3 wordings, one of 2 robots
        ("story", STORY + " Anna wants Zed", math.exp(-read_told(STORY, SMALL).nats) * 0.7 * 0.4 / 3 / 2),
    ],
)
def test_all_texts_after_a_beginning_sum_to_its_probability(kind, prefix, beginning):
    check_enumeration(texts(kind, SMALL, prefix), beginning, SCORERS[kind], SMALL)


def test_code_books_of_three_keys_sum_to_their_beginning():
    found = texts("code book", THREE_KEYS, "Code: ball = Anna;")
    check_enumeration(found, 1 / 6 / 4, SCORERS["code book"], THREE_KEYS)


def test_a_longer_hidden_rule_sums_to_its_beginning():
    prefix = "Rule: tiny red ball = Anna; big red cup = Ben;"
    found = list(texts("hidden rule", LONGER_RULE, prefix))
    # words 2·2·2 and coins 2^-3, then 4 names; line two: two of three deciders moved, so a new name 2/3 · 1/3
    beginning = (1 / 8) * (1 / 4) * (1 / 8) * (2 / 3) * (1 / 3)
    check_enumeration(found, beginning, SCORERS["hidden rule"], LONGER_RULE)


def test_a_choice_that_leaves_no_trace_is_caught(monkeypatch):
    def sloppy(dice, world):
        dice.flip()
        return short_story(dice, world)

    monkeypatch.setitem(TELLERS, "short story", sloppy)
    d = document(0, "short story", SMALL)
    ways = [e for e in texts("short story", SMALL, d.text) if e.text == d.text]
    assert len(ways) == 2
    with pytest.raises(AssertionError):
        check_enumeration(texts("short story", SMALL, "Anna says: Zed, take"), 1.0, SCORERS["short story"], SMALL)


@pytest.mark.parametrize("mix", [*KINDS, "full"])
def test_mean_nats_is_the_entropy_within_the_standard_error(mix):
    nats = [d.nats for d in documents(300, mix=mix)]
    mean = math.fsum(nats) / len(nats)
    error = math.sqrt(math.fsum((x - mean) ** 2 for x in nats)) / len(nats)
    assert abs(mean - entropy(mix)) < 4 * error + 1e-9


@pytest.mark.parametrize("mix", ["full", "short", *KINDS])
def test_probability_of_a_document(mix):
    d = next(d for d in (document(seed, mix) for seed in range(5, 50)) if d.kind != "repeat" or mix == d.kind)
    assert probability(d.text, mix) == pytest.approx(math.exp(-d.nats), rel=1e-9)
    assert probability(d.text + " More.", mix) == 0
    assert probability(d.text[:-1], mix) == 0


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("Anna", {"says": 1 / 3, "asks": 1 / 3, "wants": 1 / 3}),
        (
            "Anna says: Momo, take the lamp to the park, not to the tower. Momo takes it to the",
            {"park": 0.5, "tower": 0.5},
        ),
        ("Ben asks Bip to paint the hat not red but blue. Now it is blue. Ben is", {"happy": 0.5, "glad": 0.5}),
        ("Rule: tiny red ball = Anna; tiny blue hat = Ben; huge red hat =", {"Anna": 0.5, "Ben": 0.5}),
        ("Rule: tiny red ball = Anna; tiny red hat = Ben; huge red hat =", {"Ben": 1.0}),
        ("Code: kite = Hugo; drum = Anna; kite =", {"Hugo": 1.0}),
        ("Repeat: lamp Anna six tower lamp Anna", {"six": 1.0}),
    ],
)
def test_next_words_that_can_be_worked_out_by_hand(prefix, expected):
    assert next_words(prefix) == pytest.approx(expected, rel=1e-9)
    assert next_words(prefix + " ") == next_words(prefix)


def test_next_words_after_a_bare_order():
    p = next_words("Anna says: Momo, take the lamp to the park. Momo takes it to the")
    assert p.pop("park") == pytest.approx(0.5)
    assert p == pytest.approx(dict.fromkeys(["shop", "school", "garden", "station", "tower"], 0.1))


def test_first_words_are_those_of_the_mix():
    p = next_words("")
    assert math.fsum(p.values()) == pytest.approx(1.0, abs=1e-12)
    assert p["Code"] == pytest.approx(MIXES["full"]["code book"])
    assert p["Anna"] == pytest.approx(MIXES["full"]["short story"] * 0.7 / 8)


def test_next_words_multiply_to_the_probability_of_the_document():
    d = document(2, "short story")
    text, nats = "", 0.0
    while True:
        p = next_words(text, "short story")
        rest = d.text[len(text) :]
        word = rest.split()[0].rstrip(".,:") or rest.lstrip()[0] if rest else END
        nats -= math.log(p[word])
        if word == END:
            break
        text = d.text[: d.text.index(word, len(text)) + len(word)]
    assert nats == pytest.approx(d.nats, rel=1e-9)


@pytest.mark.parametrize("prefix", ["Anna says: Momo, take the lamb", "Anna says: Momo, take the la", "1234"])
def test_a_beginning_that_the_town_never_tells(prefix):
    with pytest.raises(ValueError, match=prefix[-4:]):
        next_words(prefix)


def test_the_error_names_the_part_that_is_known():
    with pytest.raises(ValueError, match="'Anna says: Momo, take the' is known"):
        next_words("Anna says: Momo, take the lamb")


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_is_filled_as_whole_texts_are_likely(kind):
    """p(word | both sides) is p(the whole text) over the sum for all words, by the independent way of `probability`."""
    text = document(3, kind, SMALL).text
    for hole in list(re.finditer(r"(?<= )\w+", text))[1::8][:3]:
        before, after = text[: hole.start()], text[hole.end() :]
        found = fill_blank(before, after, kind, SMALL)
        words = {*found, "Bip", "is", "red", "park", "Anna", "gets"}
        p = {word: probability(before + word + after, kind, SMALL) for word in words}
        total = math.fsum(p.values())
        assert found == pytest.approx({word: q / total for word, q in p.items() if q}, rel=1e-12)
        assert hole.group() in found
        assert math.fsum(found.values()) == pytest.approx(1, rel=1e-12)
        assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_blank_is_filled_from_both_sides():
    """What stands behind it decides: an obeyed order, and the value that was done."""
    order = "Anna says: Bip, paint the ball "
    rest = ", not red. Bip paints it {}. Anna is {}. At the end the ball is {}."
    assert fill_blank(order, rest.format("blue", "happy", "blue"), "short story") == {"blue": 1.0}
    sad = fill_blank(order, rest.format("red", "sad", "red"), "short story")
    assert sad == pytest.approx(dict.fromkeys(("blue", "green", "yellow", "white", "black"), 1 / 5))
    told = "Anna says: Bip, paint the ball blue. Bip paints it red. Anna is "
    mood = fill_blank(told, ". At the end the ball is red.")
    assert mood == pytest.approx({"sad": 0.5, "angry": 0.5})


def test_a_blank_is_one_word_wide_at_the_end_too():
    """A longer text may end in the same way: it is no answer."""
    text = "Anna says: Bip, paint the ball blue. Bip paints it blue. Anna is happy. At the end the ball is "
    assert fill_blank(text, ".", "full") == {"blue": 1.0}


def test_a_blank_that_no_word_fills_is_refused():
    with pytest.raises(ValueError, match=r"no document of 'short story' is 'Bip paints ', one word, ' blue\.'"):
        fill_blank("Bip paints ", " blue.", "short story")
