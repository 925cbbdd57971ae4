"""The still pictures show the numbers that they are given, and refuse numbers that cannot be meant."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from course_lib.figures import attention_map, count_table, distribution, lines, merge_tree, token_strip
from course_lib.tokens import Tokenizer
from course_lib.tokens import merge_tree as grow

ALT = "What is to be seen."
UNIFORM = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]


def texts(picture) -> list[str]:
    root = ElementTree.fromstring(picture.html.replace("xlink:href", "href"))
    return ["".join(node.itertext()) for node in root.iter("text")] or [s for s in root.itertext() if s]


def opacities(picture) -> list[float]:
    return [float(x) for x in re.findall(r"fill:var\(--c-heat\);fill-opacity:([\d.]+)", picture.html)]


def test_token_strip_makes_spaces_visible_and_escapes():
    picture = token_strip(["The", " robot", "<S>", "\n"], alt=ALT)
    assert texts(picture) == ["The", "·robot", "<S>", "⏎"]
    assert 'role="img"' in picture.html


def test_token_strips_that_are_compared_share_their_darkest_shade():
    strips = [token_strip(["a", "b"], values, alt=ALT, full=4.0) for values in ([1, 2], [4, 0])]
    shades = [re.findall(r"--c-heat\) (\d+)%", strip.html) for strip in strips]
    assert shades == [["25", "50"], ["100", "0"]]


def test_token_strip_shades_by_value():
    picture = token_strip(["a", "b", "c"], [0.5, -1.0, 0.0], alt=ALT, decimals=1)
    assert texts(picture) == ["a", "0.5", "b", "−1.0", "c", "0.0"]
    assert re.findall(r"var\(--c-heat\) (\d+)%", picture.html) == ["50", "100", "0"]


def test_attention_map_writes_weights_and_leaves_zeros_empty():
    picture = attention_map(UNIFORM, ["a", " b", "c"], alt=ALT, title="Uniform")
    assert {"a", "·b", "c", "query", "key", "Uniform"} <= set(texts(picture))
    assert [t for t in texts(picture) if re.fullmatch(r"1?\.\d\d|1.00", t)] == ["1.00", *[".50"] * 2, *[".33"] * 3]
    assert sorted(opacities(picture)) == pytest.approx([0.33, 0.33, 0.33, 0.5, 0.5], abs=0.011)


def test_attention_map_may_have_other_keys_than_queries():
    assert "x" in texts(attention_map(np.full((1, 2), 0.5), ["q"], keys=["x", "y"], alt=ALT))


def test_count_table_writes_counts():
    picture = count_table(["r", "s"], ["x", "y"], np.array([[0, 1200], [3, 12]]), alt=ALT)
    assert {"1,200", "3", "12"} <= set(texts(picture))
    assert "0" not in texts(picture)


def test_distribution_writes_probabilities():
    picture = distribution([" robot", "cat"], [0.75, 0.25], alt=ALT, highlight="cat")
    assert {"·robot", "cat", "0.750", "0.250"} <= set(texts(picture))
    assert "--ig-series-2" in picture.html


def test_lines_are_named_and_their_names_do_not_overlap():
    series = {"one": [1, 1.0], "two": [1, 1.01], "three": [1, 1.02], "four": [1, 1.03]}
    root = ElementTree.fromstring(lines([0, 1], series, alt=ALT).html.replace("xlink:href", "href"))
    places = {"".join(t.itertext()): float(t.attrib["y"]) for t in root.iter("text") if "y" in t.attrib}
    gaps = -np.diff([places[name] for name in series])
    assert (gaps > 9).all()
    assert len(set(re.findall(r"stroke-dasharray:([^;\"]+)", lines([0, 1], series, alt=ALT).html))) == 3


TREES = [
    (("r", ("o", "b")), ["r", "o", "b", "ob", "rob"]),
    ([("a", "b"), "c"], ["a", "b", "ab", "c"]),
]


@pytest.mark.parametrize(("x", "whole"), [(range(1, 5), True), ([1, 1.5, 2, 3], False)])
def test_whole_numbers_have_no_ticks_between_them(x, whole):
    picture = lines(x, {"loss": [100, 200, 300, 400]}, alt=ALT)
    assert any("." in text for text in texts(picture)) != whole


@pytest.mark.parametrize(("tree", "expected"), TREES)
def test_merge_tree_draws_every_part(tree, expected):
    assert sorted(texts(merge_tree(tree, alt=ALT))) == sorted(expected)


def test_merge_tree_takes_a_tokenizer_or_its_nodes():
    tokenizer = Tokenizer([(b"o", b"b"), (b"r", b"ob"), (b"\xc3", b"\xa9")])
    drawn = sorted(texts(merge_tree(tokenizer, "robé", alt=ALT)))
    assert drawn == sorted(["r", "o", "b", "ob", "rob", "C3", "A9", "é"])
    assert sorted(texts(merge_tree(grow(tokenizer, "robé"), alt=ALT))) == drawn


FAULTS = [
    (lambda: token_strip(["a"], [1, 2], alt=ALT), r"shape \(2,\).*\(1\)"),
    (lambda: token_strip(["a"], [float("nan")], alt=ALT), "1 numbers that are NaN"),
    (lambda: token_strip(["a"], [2.5], alt=ALT, full=2.0), "2.5 exceeds full=2"),
    (lambda: token_strip(["a"], alt=""), "alt"),
    (lambda: attention_map(UNIFORM, ["a", "b"], alt=ALT), r"\(3, 3\).*\(2, 2\)"),
    (lambda: attention_map(UNIFORM - 0.5, list("abc"), alt=ALT), "-0.5 to 0.5: apply the softmax"),
    (lambda: count_table(["a"], ["b"], np.array([[-2]]), alt=ALT), "-2"),
    (lambda: count_table([], [], np.zeros((0, 0)), alt=ALT), "empty"),
    (lambda: distribution(["a", "b"], [0.9, 0.9], alt=ALT), "sum to 1.8"),
    (lambda: distribution(["a"], [1.0], alt=ALT, highlight="c"), "'c' is not one of"),
    (lambda: lines([0, 1], {"a": [1, 2, 3]}, alt=ALT), r"a has shape \(3,\)"),
    (lambda: lines([0, 1], {"a": [1, float("inf")]}, alt=ALT), "infinite"),
    (lambda: lines([0], {str(i): [1] for i in range(9)}, alt=ALT), "9 series"),
    (lambda: merge_tree(("a", "b", "c"), alt=ALT), "neither a string nor a pair"),
    (lambda: merge_tree(Tokenizer(), alt=ALT), "which word"),
]


@pytest.mark.parametrize(("call", "message"), FAULTS)
def test_what_cannot_be_meant_is_an_error_with_its_numbers(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("last", "labels"), [(20, ["1", "2", "5", "10", "20"]), (10_000, [])])
def test_a_short_logarithmic_axis_has_plain_numbers(last, labels):
    picture = lines([1, last], {"loss": [1.0, 2.0]}, alt="A line.", logx=True)
    written = re.findall(r">([\d,]+)</text>", picture.html)
    assert [label for label in ("1", "2", "5", "10", "20") if label in written] == labels


def test_a_dollar_in_a_label_is_no_formula():
    """`$$` is a token of GPT-2."""
    assert texts(attention_map(np.eye(2), ["$$", "a"], alt=ALT, title="from $5 to $6"))[-1] == "from $5 to $6"
    assert "$x_1$" in texts(distribution(["$x_1$", "$"], [0.5, 0.5], alt=ALT))
    drawn = texts(lines([1, 10, 100, 10_000], {"$a$": [1, 2, 3, 4], "b": [1, 2, 3, 5]}, alt=ALT, logx=True))
    assert "$a$" in drawn
    assert not any("mathdefault" in text for text in drawn)  # powers of ten are still written as such
