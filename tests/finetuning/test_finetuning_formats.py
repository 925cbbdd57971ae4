"""The four formats, against the figure of GPT-1's paper, and what is cut where the window is too short."""

import pytest

from course_lib.data import town_tokenizer
from course_lib.finetuning import (
    Encoded,
    SpecialTokens,
    collate,
    encode_example,
    epoch,
    format_classification,
    format_entailment,
    format_multiple_choice,
    format_similarity,
    town_form,
)
from course_lib.town import TASKS, Example, task

SPECIAL = SpecialTokens(start=100, delimiter=101, extract=102)
S, D, E = 100, 101, 102
A, B = [1, 2, 3], [4, 5]


def test_the_four_formats():
    assert format_classification(A, SPECIAL, 16) == [[S, 1, 2, 3, E]]
    assert format_entailment(A, B, SPECIAL, 16) == [[S, 1, 2, 3, D, 4, 5, E]]
    assert format_similarity(A, B, SPECIAL, 16) == [[S, 1, 2, 3, D, 4, 5, E], [S, 4, 5, D, 1, 2, 3, E]]
    assert format_multiple_choice(A, B, [[6], [7, 8]], SPECIAL, 16) == [
        [S, 1, 2, 3, 4, 5, D, 6, E],  # nothing between document and question
        [S, 1, 2, 3, 4, 5, D, 7, 8, E],
    ]
    assert format_multiple_choice(A, [], [[6], [7]], SPECIAL, 16)[0] == [S, 1, 2, 3, D, 6, E]


@pytest.mark.parametrize("n_ctx", [8, 9, 16, 17, 39])
@pytest.mark.parametrize(("n_a", "n_b"), [(50, 50), (50, 3), (3, 50), (50, 17), (18, 19), (1, 50)])
def test_cutting_keeps_the_special_tokens_and_fills_the_window(n_ctx, n_a, n_b):
    a, b = list(range(n_a)), list(range(50, 50 + n_b))
    rows = [
        *format_classification(a, SPECIAL, n_ctx, truncate=True),
        *format_entailment(a, b, SPECIAL, n_ctx, truncate=True),
        *format_similarity(a, b, SPECIAL, n_ctx, truncate=True),
        *format_multiple_choice(a, [9], [[7], [8, 8]], SPECIAL, n_ctx, truncate=True),
    ]
    for row in rows:
        assert len(row) <= n_ctx
        assert row[0] == S
        assert row[-1] == E
        assert row.count(S) == row.count(E) == 1
    assert [row.count(D) for row in rows] == [0, 1, 1, 1, 1, 1]
    assert rows[0][1:-1] == a[: n_ctx - 2]  # the end is lost
    pair = rows[1]
    cut = pair.index(D)
    assert pair[1:cut] == a[: cut - 1]
    assert pair[cut + 1 : -1] == b[: len(pair) - cut - 2]
    if n_a + n_b > n_ctx - 3:
        assert len(pair) >= n_ctx - 1  # at most one place is left, where two long texts share an odd number of places
        assert {cut - 1, len(pair) - cut - 2} & {n_a, n_b, (n_ctx - 3) // 2}


def test_the_shorter_text_stays_whole():
    (row,) = format_entailment(list(range(50)), B, SPECIAL, 20, truncate=True)
    assert row == [S, *range(15), D, *B, E]


@pytest.mark.parametrize("n_ctx", [8, 9, 16, 17, 29])
@pytest.mark.parametrize("n_b", [3, 9, 10, 11, 12, 30])
def test_cutting_is_the_same_whichever_text_comes_first(n_ctx, n_b):
    a, b = list(range(12)), list(range(50, 50 + n_b))
    one, two = format_similarity(a, b, SPECIAL, n_ctx, truncate=True)
    assert [two, one] == format_similarity(b, a, SPECIAL, n_ctx, truncate=True)


def test_every_candidate_sees_the_same_document():
    rows = format_multiple_choice(list(range(50)), [60], [[70], [71, 72, 73]], SPECIAL, 20, truncate=True)
    assert {tuple(row[: row.index(D)]) for row in rows} == {(S, *range(13), 60)}
    assert max(map(len, rows)) == 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: format_classification(range(200), SPECIAL, 160), r"texts of 200 tokens do not fit into the 158 .*160"),
        (lambda: format_entailment(range(90), range(80), SPECIAL, 160), r"90 \+ 80 tokens .* 157 .*truncate=True"),
        (lambda: format_multiple_choice(range(90), [], [[1], [2]], SPECIAL, 90), r"texts of 90 tokens .* 86"),
        (lambda: format_classification([], SPECIAL, 160), "the text is empty"),
        (lambda: format_entailment([], B, SPECIAL, 160), "the premise is empty"),
        (lambda: format_entailment(A, [], SPECIAL, 160), "the hypothesis is empty"),
        (lambda: format_similarity(A, [], SPECIAL, 160), "the b is empty"),
        (lambda: format_multiple_choice([], A, [A, B], SPECIAL, 160), "the document is empty"),
        (lambda: format_multiple_choice(A, B, [A, []], SPECIAL, 160), "the answer 1 is empty"),
        (lambda: format_multiple_choice(A, B, [A], SPECIAL, 160), r"1 candidate answer\(s\): .* at least 2"),
        (lambda: format_multiple_choice(A, A, [A, A * 3], SPECIAL, 15), "3 tokens and an answer of 9.* n_ctx = 15"),
        (lambda: format_entailment(A, B, SPECIAL, 4, truncate=True), "n_ctx = 4 leaves 1 tokens for 2"),
        (lambda: SPECIAL["cls"], "no special token is called 'cls': there are start, delimiter, extract"),
        (lambda: SpecialTokens(5, 5, 6), r"\[5, 5, 6\]: they must be three different ids"),
        (lambda: SpecialTokens(5, -1, 6), r"\[5, -1, 6\]"),
        (lambda: town_form("sort"), "no task called 'sort': choose one of classify"),
        (lambda: collate([]), r"these 0 have \[\]"),
        (lambda: collate([Encoded(((1, 2),), 0), Encoded(((1, 2), (3, 4)), 0)]), r"these 2 have \[1, 2\]"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", TASKS)
def test_the_towns_examples_fit_their_format(name):
    tokenizer, form = town_tokenizer(), town_form(name)
    for seed in range(100):
        example = task(name, seed)
        encoded = encode_example(example, form, tokenizer, SpecialTokens(493, 494, 495), 160)
        assert encoded.label == example.label
        n_rows = {"similarity": 2, "multiple_choice": 4}.get(form, 1)
        assert len(encoded.rows) == n_rows
        text = "".join(tokenizer.decode([i]) if i < 493 else "|" for i in encoded.rows[0])
        assert text == "|" + "|".join(" " + t for t in [*example.texts, *example.options[:1]]) + "|"
        words = sum(len(t.replace(".", " .").replace(",", " ,").replace(":", " :").split()) for t in example.texts[:1])
        assert encoded.rows[0][1 : words + 1] == tuple(tokenizer.encode(" " + example.texts[0]))  # one token a word


def test_a_batch_is_padded_on_the_right():
    examples = [Encoded(((S, 1, E), (S, 1, 2, 3, E)), 1), Encoded(((S, 5, 6, E), (S, E)), 0)]
    batch = collate(examples)
    assert batch.ids.tolist() == [
        [[S, 1, E, 0, 0], [S, 1, 2, 3, E]],
        [[S, 5, 6, E, 0], [S, E, 0, 0, 0]],
    ]
    assert batch.extract.tolist() == [[2, 4], [3, 1]]
    assert batch.labels.tolist() == [1, 0]


@pytest.mark.parametrize("similar_lengths", [1, 4])
def test_an_epoch_has_every_example_once_and_an_order_of_its_own(similar_lengths):
    examples = [Encoded(((1,) * (2 + i % 17),), i) for i in range(100)]

    def labels(seed, number):
        batches = list(epoch(examples, 8, seed, number, similar_lengths))
        assert [len(b) for b in batches].count(8) == 12
        return [e.label for b in batches for e in b]

    assert sorted(labels(0, 0)) == list(range(100))
    assert labels(0, 0) == labels(0, 0)
    assert labels(0, 0) != labels(0, 1) != labels(1, 0)


def test_similar_lengths_save_padding():
    examples = [Encoded(((1,) * (2 + i % 50),), i) for i in range(400)]

    def padded(similar_lengths):
        return sum(collate(b).ids.numel() for b in epoch(examples, 8, 0, 0, similar_lengths))

    assert padded(10) < 0.7 * padded(1)


def test_an_example_of_other_text():
    tokenizer = town_tokenizer()
    rows = encode_example(Example(("Bip is big.", "Bip?"), 1), "similarity", tokenizer, SPECIAL, 160).rows
    assert sorted(rows[0]) == sorted(rows[1])
