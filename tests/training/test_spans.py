"""Span corruption: the official vectors of T5's own tests, the paper's example, and that nothing is lost."""

import doctest
from itertools import pairwise

import numpy as np
import pytest

from course_lib.training import spans
from course_lib.training.spans import lengths_for, noise_counts, noise_mask, restore, span_pair, with_sentinels

IDS = [10, 11, 12, 13, 14, 15]
MASK = [True, True, False, False, True, False]


def test_the_official_vector():
    """noise_span_to_unique_sentinel in t5/data/preprocessors_test.py."""
    assert with_sentinels(IDS, MASK, 1000) == [999, 12, 13, 998, 15]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((512,), (568, 114)), ((64, 0.2, 2.0, (1, 1)), (70, 22)), ((64, 0.2, 1.0, (1, 1)), (63, 27))],
)
def test_the_official_lengths(arguments, expected):
    """random_spans_helper in t5/data/preprocessors_test.py; the first are the numbers of T5's pre-training."""
    assert lengths_for(*arguments) == expected


def test_lengths_are_those_of_real_pairs():
    """One token is not the text's: the end. The code's targets lack the last sentinel."""
    for n_input in (20, 64, 200, 512):
        n_text, n_target = lengths_for(n_input)
        corrupted, target = span_pair(list(range(n_text)), noise_mask(n_text, np.random.default_rng(0)), 32100)
        assert (len(corrupted) + 1, len(target)) == (n_input, n_target)


def test_half_of_the_tokens_makes_both_equally_long():
    n_text, n_target = lengths_for(100, 0.5)
    assert abs(n_target - 100) <= 1
    assert n_text > 100


def test_the_papers_example():
    """Raffel et al. 2020, figure 2."""
    words = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
    ids = {word: i for i, word in enumerate(words)}
    mask = [word in ("for", "inviting", "last") for word in words]
    names = {999: "<X>", 998: "<Y>", 997: "<Z>"} | {i: word for word, i in ids.items()}
    pair = span_pair([ids[word] for word in words], mask, 1000)
    corrupted, target = (" ".join(names[i] for i in row) for row in pair)
    assert corrupted == "Thank you <X> me to your party <Y> week ."
    assert target == "<X> for inviting <Y> last <Z>"


def test_a_target_is_the_text_with_the_other_mask():
    """As T5's code makes it, where the text begins and ends with a token that is kept."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = int(rng.integers(3, 40))
        mask = rng.random(n) < 0.4
        mask[[0, -1]] = False
        ids = rng.integers(0, 500, n).tolist()
        assert span_pair(ids, mask, 1000)[1] == with_sentinels(ids, ~mask, 1000) or not mask.any()


def test_nothing_is_lost():
    """Any text, any mask: both together give the text, and the sentinels count down, the same ones in both."""
    rng = np.random.default_rng(1)
    for _ in range(500):
        n = int(rng.integers(1, 60))
        ids, mask = rng.integers(0, 900, n).tolist(), rng.random(n) < rng.random()
        corrupted, target = span_pair(ids, mask, 1000)
        assert restore(corrupted, target, 1000) == ids
        used = [i for i in corrupted if i >= 900]
        assert used == list(range(999, 999 - len(used), -1))
        assert [i for i in target if i >= 900] == [*used, 999 - len(used)]
        assert len(corrupted) + len(target) == n + 2 * len(used) + 1
        assert not any(a >= 900 and b >= 900 for a, b in pairwise(corrupted))  # one for each span


@pytest.mark.parametrize(("density", "mean_span"), [(0.15, 3.0), (0.5, 3.0), (0.15, 10.0), (0.1, 1.0)])
def test_masks_take_the_share_and_the_spans_that_are_asked_for(density, mean_span):
    """The counts are exact, and so the mean length of a span is as near to what is asked as whole numbers are."""
    lengths, n_spans = [], round(round(200 * density) / mean_span)
    for seed in range(300):
        mask = noise_mask(200, np.random.default_rng(seed), density, mean_span)
        assert mask.sum() == round(200 * density)
        edges = np.flatnonzero(np.diff(np.r_[0, mask.astype(int), 0]))
        assert len(edges) == 2 * n_spans
        lengths += (edges[1::2] - edges[::2]).tolist()
        assert not mask[0]
        assert mask[-1]
    assert np.mean(lengths) == pytest.approx(round(200 * density) / n_spans)
    assert min(lengths) == 1


def test_every_division_into_spans_is_as_likely():
    """5 noisy tokens in 2 spans: 1 + 4, 2 + 3, 3 + 2, 4 + 1, each a quarter, within four standard errors."""
    firsts = []
    for seed in range(2000):
        mask = noise_mask(20, np.random.default_rng(seed), 0.25, 2.5)
        start = int(mask.argmax())
        firsts.append(int(np.argmin(mask[start:])) or 5)
    shares = np.bincount(firsts, minlength=6)[1:5] / 2000
    assert np.abs(shares - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 2000)


def test_the_shortest_texts_keep_one_token_and_lose_one():
    for length in (2, 3, 4):
        for density in (0.01, 0.15, 0.99):
            mask = noise_mask(length, np.random.default_rng(0), density)
            assert 0 < mask.sum() < length
    assert noise_counts(568) == (85, 28)


def test_what_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="6 ids and a mask of 2"):
        with_sentinels(IDS, [True, False], 1000)
    with pytest.raises(ValueError, match="id 950 is a sentinel: those are 900 to 999"):
        with_sentinels([950], [False], 1000)
    with pytest.raises(ValueError, match="3 spans, 3 sentinels: a target needs one more"):
        span_pair([1, 2, 3, 4, 5, 6], [True, False] * 3, 1000, n_sentinels=3)
    assert span_pair([1, 2, 3, 4], [True, False] * 2, 1000, n_sentinels=3)[1][-1] == 997
    with pytest.raises(ValueError, match="says nothing about sentinel 998"):
        restore([999, 12, 998], [999, 10, 997], 1000)
    for target in ([10], [10, 999, 11, 998]):  # a span of no sentinel
        with pytest.raises(ValueError, match="the target begins with 10: a sentinel comes first, 900 to 999"):
            restore([999, 12], target, 1000)
    for arguments in ((1,), (9, np.random.default_rng(0), 0.0), (9, np.random.default_rng(0), 0.15, 0.5)):
        with pytest.raises(ValueError, match="take at least 2 tokens"):
            noise_mask(arguments[0], np.random.default_rng(0), *arguments[2:])
    with pytest.raises(ValueError, match="no room for one token"):
        lengths_for(1)


def test_the_docstrings_examples():
    assert doctest.testmod(spans).failed == 0
    assert doctest.testmod(spans).attempted == 3
