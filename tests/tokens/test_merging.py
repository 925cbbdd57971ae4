import random

from hypothesis import given
from hypothesis import strategies as st

from course_lib.tokens import apply_merges, count_pairs, merge, train_bpe
from course_lib.tokens.merging import apply_merges_fast


def test_merge_goes_from_left_to_right():
    assert merge([1, 1, 1], (1, 1), 2) == [2, 1]
    assert merge([1, 2, 3, 1, 2], (1, 2), 4) == [4, 3, 4]
    assert merge([1, 2], (2, 1), 3) == [1, 2]
    assert merge([], (1, 2), 3) == []


def test_merge_leaves_its_input_alone():
    ids = [1, 2, 3]
    merge(ids, (1, 2), 4)
    assert ids == [1, 2, 3]


def test_count_pairs_does_not_count_across_chunks():
    assert count_pairs([[1, 1, 1], [2, 1]]) == {(1, 1): 2, (2, 1): 1}


RANKS = train_bpe(["abracadabra " * 3, "aaaaaaaaaaaa aaaaa aaaaaaa", "cabbaged bababab"], 280)._ranks


@given(st.text("abcdr ", max_size=60))
def test_the_fast_encoder_merges_as_the_readable_one(text):
    ids = list(text.encode())
    assert apply_merges_fast(ids, RANKS) == apply_merges(ids, RANKS)


def test_they_agree_on_long_chunks():
    ids = random.Random(0).choices(b"abcdr", k=3000)
    assert apply_merges_fast(ids, RANKS) == apply_merges(ids, RANKS)
    assert apply_merges_fast(list(b"a" * 3001), RANKS) == apply_merges(list(b"a" * 3001), RANKS)


class CountingDict(dict):
    looks = 0

    def __contains__(self, pair):
        self.looks += 1
        return super().__contains__(pair)


def test_the_fast_encoder_looks_at_few_pairs():
    """At most three look-ups per id, whatever the order of merges: the readable encoder needs n × merges."""
    ids, ranks = random.Random(1).choices(b"abcdr", k=20_000), CountingDict(RANKS)
    apply_merges_fast(ids, ranks)
    assert ranks.looks <= 3 * len(ids)
