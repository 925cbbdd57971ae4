"""Documents as text: natural, stable, and told apart by their seeds."""

import hashlib
import math
import re
import subprocess
import sys

import pytest

from course_lib.town import KINDS, MIXES, WORDS, World, document, documents, entropy_floor
from course_lib.town.dice import Dice

SAMPLE = list(documents(800))


def test_the_first_documents_never_change():
    """A change here means that committed checkpoints were trained on other text: retrain, then renew the hash."""
    text = "\n".join(f"{mix} {document(seed, mix).text}" for mix in (*MIXES, *KINDS) for seed in range(100))
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "fca5ee77b9bdb23c36e0b82f48a34c1e2b45f02b70450990d344c4ee0c67b371"
    )


def test_documents_are_the_numbered_ones():
    assert list(documents(3, first_seed=7, mix="short")) == [document(seed, "short") for seed in (7, 8, 9)]
    assert list(documents(0)) == []


def test_text_is_written_like_english():
    for d in SAMPLE:
        assert re.fullmatch(r"[A-Z]\w*[:,]?( (\w+[.,:;]?|=))+", d.text), d.text
        assert d.text.endswith(".")


def test_words_are_those_that_documents_use():
    found = set(re.findall(r"\w+", " ".join(d.text for d in SAMPLE)))
    assert found == set(WORDS)
    assert len(WORDS) == len(set(WORDS))


def test_no_document_passes_judgement():
    verdicts = {"True", "False", "Yes", "No", "Right", "Wrong", "true", "false", "yes", "no", "right", "wrong"}
    assert not verdicts & set(WORDS)


@pytest.mark.parametrize("mix", MIXES)
def test_kinds_come_as_often_as_the_mix_says(mix):
    n = 600
    kinds = [document(seed, mix).kind for seed in range(n)]
    for kind, share in MIXES[mix].items():
        assert abs(kinds.count(kind) / n - share) < 4 * math.sqrt(share / n)
    assert math.isclose(sum(MIXES[mix].values()), 1.0)


def test_half_of_the_orders_are_obeyed():
    moods = [m for d in SAMPLE for m in re.findall(r"is (happy|glad|sad|angry)\.", d.text)]
    happy = sum(m in ("happy", "glad") for m in moods) / len(moods)
    assert abs(happy - 0.5) < 2 / math.sqrt(len(moods))


def test_mixes_and_kinds_do_not_share_random_numbers():
    """Short stories of one mix must not turn up again in another under the same seed."""
    mine = {document(seed, "short story").text for seed in range(150)}
    theirs = {document(seed, mix).text for mix in MIXES for seed in range(150)}
    assert len(mine & theirs) <= 1
    long = [d.text for d in SAMPLE if d.kind not in ("short story",)]
    assert len(set(long)) == len(long)


def test_the_floor_is_nats_per_token():
    few = SAMPLE[:10]
    assert entropy_floor(few, 500) == pytest.approx(sum(d.nats for d in few) / 500)
    assert entropy_floor(iter(few), 500) == entropy_floor(few, 500)


@pytest.mark.parametrize(("few", "n_tokens", "says"), [([], 5, "no documents"), (SAMPLE[:3], 2, "n_tokens is 2")])
def test_a_floor_without_documents_or_tokens(few, n_tokens, says):
    with pytest.raises(ValueError, match=says):
        entropy_floor(few, n_tokens)


def test_unknown_mix_and_negative_number():
    with pytest.raises(ValueError, match=r"no mix called 'fulll'.*full"):
        document(0, "fulll")
    with pytest.raises(ValueError, match="n is -1"):
        documents(-1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"robots": ("Bip",)}, "robots"),
        ({"happy": ()}, "happy"),
        ({"code_keys": 27}, "27 keys"),
        ({"repeat_words": (4, 100)}, "100 different"),
    ],
)
def test_a_world_too_small_for_its_grammar(change, says):
    with pytest.raises(ValueError, match=says):
        World(**change)


def test_dice_record_what_they_choose():
    dice = Dice(0)
    dice.pick("abcd")
    dice.weigh("ab", [1.0, 3.0])
    assert math.exp(-dice.nats) in (pytest.approx(1 / 16), pytest.approx(3 / 16))


def test_dice_weigh_as_told():
    dice = Dice(1)
    drawn = [dice.weigh("abc", [1.0, 0.0, 3.0]) for _ in range(1500)]
    assert drawn.count("b") == 0
    assert abs(drawn.count("a") / 1500 - 0.25) < 0.05


def test_stop_draws_an_even_length():
    dice = Dice(2)
    lengths = []
    for _ in range(1000):
        n = 0
        while not dice.stop(n, 2, 5):
            n += 1
        lengths.append(n)
    assert set(lengths) == {2, 3, 4, 5}
    assert all(abs(lengths.count(n) / 1000 - 0.25) < 0.06 for n in range(2, 6))


def test_importing_the_town_is_light():
    code = "import sys, course_lib.town; print([m for m in ('torch', 'sklearn', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
