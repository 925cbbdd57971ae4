import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.tokens import merge, train_bpe, train_bpe_naive, training
from course_lib.tokens.training import count_chunks, find_merges
from tests.tokens.strings import unchecked


def test_the_classic_vector():
    tokenizer = train_bpe(["aaabdaaabac"], 259)
    assert tokenizer.encode("aaabdaaabac") == [258, 100, 258, 97, 99]
    assert tokenizer.merges == [(b"a", b"a"), (b"a", b"b"), (b"aa", b"ab")]


def test_ties_go_to_the_first_pair_in_gpt2s_order_of_bytes():
    assert train_bpe(["zy", "ab"], 257).merges == [(b"a", b"b")]
    # A space is byte 32 but comes after the letters in GPT-2's order (place 220).
    assert train_bpe([" b", "\nb", "ab"], 257).merges == [(b"a", b"b")]
    # A merged token comes after every byte: (c, d) before (ab, x), where both occur twice.
    assert train_bpe(["abx", "abx", "cd", "cd", "ab"], 258).merges == [(b"a", b"b"), (b"c", b"d")]


def test_runs_of_one_letter():
    assert train_bpe(["a" * 9], 259).merges == [(b"a", b"a"), (b"aa", b"aa"), (b"aaaa", b"a")]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("ab c'1", max_size=40), max_size=6), st.integers(0, 12))
def test_the_naive_and_the_fast_trainer_find_the_same_merges(texts, n_merges):
    fast = find_merges(count_chunks(texts), n_merges)
    assert fast == train_bpe_naive(texts, 256 + n_merges).merges


def test_they_agree_on_words_of_many_scripts():
    draw = random.Random(2)
    words = ["".join(draw.choices("robtenйё机器人 \n", k=draw.randrange(1, 9))) for _ in range(200)]
    text = " ".join(draw.choices(words, k=800))
    with unchecked():
        assert train_bpe([text], 400).merges == train_bpe_naive([text], 400).merges


def test_training_equals_merging_the_text_step_by_step():
    """Encoding is training again: each merge, in order, over the whole text."""
    text = "the robot obeys the order that the other robot orders"
    tokenizer = train_bpe([text.replace(" ", "")], 270)
    ids = list(text.replace(" ", "").encode())
    for new_id, (left, right) in enumerate(tokenizer.merges, 256):
        ids = merge(ids, (tokenizer.token_id(left), tokenizer.token_id(right)), new_id)
    assert tokenizer.encode(text.replace(" ", "")) == ids


def test_texts_are_not_joined():
    assert train_bpe(["ab", "ab", "ba"], 257).merges == [(b"a", b"b")]
    assert find_merges(count_chunks(["a", "b", "a", "b"]), 5) == []


def test_special_tokens_come_last_and_are_borders_of_the_text():
    tokenizer = train_bpe(["a<s>b<s>a<s>b<s>cd" + "<s>" * 9], 257 + 2, ["<s>", "<e>"])
    assert tokenizer.merges == [(b"c", b"d")]
    assert tokenizer.special_tokens == {"<s>": 257, "<e>": 258}
    assert tokenizer.vocab_size == 259
    assert count_chunks(["a<s>b<s>", "<s>a"], ["<s>", "<e>"]) == {"a": 2, "b": 1}


def test_texts_may_be_a_generator():
    assert train_bpe((text for text in ["ab", "ab"]), 257).merges == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("texts", "vocab_size", "special_tokens", "message"),
    [
        ([], 256, [], "texts are empty"),
        ([""], 300, [], "texts are empty"),
        (["ab"], 255, [], r"vocab_size=255 is too small.*256"),
        (["ab"], 257, ["<a>", "<b>"], r"vocab_size=257 is too small.*2 special tokens need 258"),
        (["abab"], 300, [], r"vocab_size=300 asks for 44 merges, but the texts allow only 2.*vocab_size=258"),
        (["ab"], 300, ["<s>", "<s>"], "'<s>' is given twice"),
        (["ab"], 300, ["<s>", ""], "special token 1 is ''"),
        (["ab"], 300, "<s>", r"write \['<s>'\]"),
        (["ab", "a\ud800b"], 257, [], r"\\ud800"),
    ],
)
def test_bad_input_is_named(texts, vocab_size, special_tokens, message):
    with pytest.raises(ValueError, match=message):
        train_bpe(texts, vocab_size, special_tokens)


@pytest.mark.parametrize("texts", ["one string", ["ab", 3], ["ab", b"ab"], [None]])
def test_what_is_not_a_list_of_str_is_refused(texts):
    with pytest.raises(TypeError):
        train_bpe(texts, 257)


def test_exactly_as_many_merges_as_the_text_allows():
    assert train_bpe(["abab"], 258).encode("abab") == [257]


def test_a_merge_reads_a_long_chunk_once():
    """Without spaces a text is one chunk: read once for each place of the pair, it would take quadratic time."""

    class Counting(list):
        reads = 0

        def __getitem__(self, i):
            self.reads += 1
            return super().__getitem__(i)

    words = Counting(["acgt" * 500])
    counts, where = training._index_pairs(words, [1])
    assert (counts["ac"], len(where["ac"])) == (500, 500)
    words.reads = 0
    training._merge_words(words, [1], where, "ac", "X")
    assert words == ["Xgt" * 500]
    assert words.reads < 10  # and not once for each of the 500 places
