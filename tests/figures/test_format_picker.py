"""The movable formats: rows as the library lays them out, scores added and compared, in a real browser."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import FormatPicker, Formatted
from course_lib.finetuning import (
    SpecialTokens,
    format_classification,
    format_entailment,
    format_multiple_choice,
    format_similarity,
)
from course_lib.tokens import train_bpe
from tests.figures.reading import numbers, softmax, sync, visible

TEXTS = ["Bip takes the ball to the park.", "Now the ball is in the park.", "Momo sleeps. It is late."]
TOKENIZER = train_bpe(TEXTS * 3, 290)
LABELS = {
    "classification": ["no", "yes"],
    "entailment": ["false", "unknown", "true"],
    "similarity": ["different", "same"],
}
EXAMPLES = [
    Formatted("similarity", [TEXTS[0], TEXTS[2]], [[1.5, -0.25], [0.5, 1.0]]),
    Formatted("classification", [TEXTS[0]], [[-1.0, 2.0]]),
    Formatted("entailment", TEXTS[:2], [[0.1, 0.2, 3.0]]),
    Formatted("multiple_choice", [TEXTS[0], "", "in the park", "in the tower", "up"], [[2.0], [-1.0], [0.5]]),
]


def figure(examples=EXAMPLES, labels=LABELS, **options) -> FormatPicker:
    return FormatPicker(TOKENIZER, examples, labels, **{"n_ctx": 100} | options)


def stirred(page):
    page.get_by_role("checkbox").check()
    yield
    page.get_by_label("Text b").fill("Momo sleeps")
    yield


def pick(page, form):
    page.get_by_role("radio", name=form.replace("_", " "), exact=True).check()


def rows(page):
    """The chips of each row, and the places where the head reads."""
    shown, places = [], []
    for row in page.locator(".ig-chips").all():
        chips = row.get_by_role("listitem")
        texts = [text.split("\n")[0] for text in chips.all_inner_texts()]
        places += [i for i, chip in enumerate(chips.all()) if "read here" in chip.inner_text()]
        shown.append(texts)
    return shown, places


def words(text):
    return [visible(TOKENIZER.decode([i])) for i in TOKENIZER.encode(" " + text)] if text else []


def probabilities(page):
    return numbers(page, ".ig-bars .ig-number")


# ---- rows


def test_rows_are_those_of_the_library(call):
    """Python's ids, whose byte tokens are the bytes themselves in a tokenizer that was trained here."""
    special, r = SpecialTokens(997, 998, 999), np.random.default_rng(0)
    names, merges = {997: "start", 998: "delimiter", 999: "extract"}, figure().merges
    letters = list("Bip takes the ball été .🤖")
    for _ in range(20):
        texts = ["".join(r.choice(letters, size=r.integers(1, 30))).strip() or "x" for _ in range(5)]
        ids = [TOKENIZER.encode(" " + text) for text in texts]
        for form, given, expected in [
            ("classification", texts[:1], format_classification(ids[0], special, 500)),
            ("entailment", texts[:2], format_entailment(*ids[:2], special, 500)),
            ("similarity", texts[:2], format_similarity(*ids[:2], special, 500)),
            ("multiple_choice", texts, format_multiple_choice(ids[0], ids[1], ids[2:], special, 500)),
            ("multiple_choice", [texts[0], "", *texts[2:]], format_multiple_choice(ids[0], [], ids[2:], special, 500)),
        ]:
            x = {"form": form, "texts": given, "merges": merges}
            found = call("m.rowsOf(x.form, x.texts, x.merges)", x)
            assert found == [[names.get(i, i) for i in row] for row in expected], form


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.form)
def test_each_format_shows_its_rows_and_where_the_head_reads(page, example):
    pick(page, example.form)
    shown, places = rows(page)
    one, *others = map(words, example.texts)
    expected = {
        "classification": lambda: [["start", *one, "extract"]],
        "entailment": lambda: [["start", *one, "delimiter", *others[0], "extract"]],
        "similarity": lambda: [
            ["start", *one, "delimiter", *others[0], "extract"],
            ["start", *others[0], "delimiter", *one, "extract"],
        ],
        "multiple_choice": lambda: [["start", *one, "delimiter", *answer, "extract"] for answer in others[1:]],
    }[example.form]()
    assert [[chip for chip in row if chip != "pad"] for row in shown] == expected
    assert places == [row.index("extract") for row in shown]
    assert len({len(row) for row in shown}) == 1  # a rectangle
    scores = np.array(example.scores)
    total = scores[:, 0] if example.form == "multiple_choice" else scores.sum(0)
    assert probabilities(page) == pytest.approx(softmax(total), abs=0.0006)


def test_swapping_the_texts_swaps_the_orders_and_changes_no_answer(page):
    before, p = rows(page), probabilities(page)
    page.get_by_role("button", name="Swap a and b").click()
    after = rows(page)
    assert after[0] == before[0][::-1]
    assert page.get_by_label("Text a").input_value() == TEXTS[2]
    assert probabilities(page) == p
    expect(page.locator(".ig-facts").first).to_contain_text("different 0.50")
    expect(page.locator(".ig-facts").last).to_have_text(re.compile(r"added:.*different 2\.00\s*same 0\.75"))


def test_another_order_of_answers_is_another_order_of_probabilities(page):
    pick(page, "multiple_choice")
    p = probabilities(page)
    page.get_by_role("button", name="Last answer first").click()
    assert probabilities(page) == [p[2], p[0], p[1]]
    assert [page.get_by_label(f"Answer {k}").input_value() for k in (1, 2, 3)] == ["up", "in the park", "in the tower"]
    page.get_by_role("button", name="Back to the example").click()
    assert probabilities(page) == p


def test_padding_moves_nothing_but_position_minus_one(page):
    p = probabilities(page)
    places = rows(page)[1]
    page.get_by_role("checkbox").check()
    shown, still = rows(page)
    assert [row[-3:] for row in shown] == [["pad"] * 3] * 2
    assert still == places
    assert probabilities(page) == p
    page.get_by_role("radio", name="at position −1").check()
    assert rows(page)[1] == [len(row) - 1 for row in shown]
    assert probabilities(page) == []
    expect(page.locator(".ig-figure")).to_contain_text("At position −1 stands padding")
    page.get_by_role("checkbox").uncheck()
    assert rows(page)[1] == places
    assert probabilities(page) == p


def test_answers_of_unlike_lengths_are_padded_to_one_another(page):
    pick(page, "multiple_choice")
    page.get_by_role("radio", name="at position −1").check()
    shown, places = rows(page)
    assert {row[place] for row, place in zip(shown, places)} == {"extract", "pad"}
    assert probabilities(page) == []


# ---- the reader's own sentences


def test_own_sentences_are_cut_and_their_scores_set_by_hand(page):
    page.get_by_label("Text a").fill("Momo takes the park")
    shown, places = rows(page)
    assert shown[0][1 : places[0]] == [*words("Momo takes the park"), "delimiter", *words(TEXTS[2])]
    assert probabilities(page) == [0.5, 0.5]
    for name, value in {"different, row 1": 1.0, "different, row 2": 0.5, "same, row 2": -0.5}.items():
        knob = page.get_by_role("slider", name=name)
        knob.evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value)
    assert probabilities(page) == pytest.approx(softmax([1.5, -0.5]), abs=0.0006)
    page.get_by_role("button", name="Swap a and b").click()
    expect(page.get_by_role("slider", name="different, row 1")).to_have_value("0.5")
    assert probabilities(page) == pytest.approx(softmax([1.5, -0.5]), abs=0.0006)
    expect(page.locator(".ig-figure")).to_contain_text("This page cannot run the model")


def test_what_is_too_long_or_empty_is_said(page):
    pick(page, "classification")
    page.get_by_label("Text", exact=True).fill("Bip takes the ball. " * 20)
    expect(page.locator(".ig-figure")).to_contain_text("longer than the model's 100 positions")
    assert probabilities(page) == []
    page.get_by_label("Text", exact=True).fill("")
    expect(page.locator(".ig-figure")).to_contain_text("A text is empty")
    assert probabilities(page) == []
    pick(page, "multiple_choice")  # whose question may be empty
    assert len(probabilities(page)) == 3


def test_the_summary_says_it_in_words(page):
    expect(page.get_by_role("status")).to_contain_text("2 rows. The softmax over the labels gives “different” 0.777.")
    pick(page, "multiple_choice")
    expect(page.get_by_role("status")).to_contain_text("3 rows. The softmax over the answers gives “answer 1” 0.786.")


def test_keys_alone_reach_everything(page):
    page.get_by_role("radio", name="similarity", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert len(rows(page)[0]) == 3
    page.keyboard.press("Tab")
    expect(page.get_by_label("Document")).to_be_focused()


# ---- with a kernel


def test_with_a_kernel_the_model_scores_the_readers_texts(open_figure):
    def ask(form, texts):
        if not all(texts):
            raise ValueError("a text is empty")
        return [[float(len(texts[0])), 10.0], [1.0, 2.0]]

    own = figure(ask=ask)
    page = open_figure(own, kernel=True)
    assert page.evaluate("kernel.saved") == []  # the example is known
    page.get_by_label("Text a").fill("Bip is up")
    sync(page, own)
    assert own.asked == ["similarity", "Bip is up", TEXTS[2]]
    assert own.answered == {"form": "similarity", "texts": own.asked[1:], "scores": [[9.0, 10.0], [1.0, 2.0]]}
    assert probabilities(page) == pytest.approx(softmax([10, 12]), abs=0.0006)
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_label("Text b").fill("")
    sync(page, own)
    expect(page.get_by_role("alert")).to_have_text("a text is empty")


# ---- what cannot be shown


def test_an_example_without_scores_leaves_them_to_the_reader(open_figure):
    own = figure(examples=[Formatted("entailment", TEXTS[:2])])
    assert own.examples == [{"form": "entailment", "texts": TEXTS[:2], "scores": None}]
    page = open_figure(own)
    expect(page.get_by_role("slider")).to_have_count(3)
    assert probabilities(page) == [0.333] * 3


FAULTS = [
    *(
        ({"examples": [Formatted(*example)]}, message)
        for example, message in [
            (("translation", ["a"], [[1.0, 2.0]]), "no format called 'translation': choose one of classification"),
            (("entailment", ["a"], [[1.0, 2.0, 3.0]]), "1 texts for entailment, which takes 2"),
            (("classification", ["a", "b"], [[1.0, 2.0]]), "2 texts for classification, which takes 1"),
            (("multiple_choice", ["a", "", "b"], [[1.0]]), "3 texts for multiple_choice, which takes 4"),
            (("similarity", ["a", "b"], [[1.0, 2.0]]), r"scores has shape \(1, 2\), expected \(2, 2\)"),
            (("classification", ["a"], [[1.0, np.inf]]), "1 numbers that are NaN or infinite"),
        ]
    ),
    (
        {"examples": EXAMPLES[2:3], "labels": {"similarity": ["a", "b"]}},
        "nobody named the labels of entailment: labels has similarity",
    ),
    ({"examples": []}, "0 examples"),
]
