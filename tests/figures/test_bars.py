"""Bars and the line across them show the numbers that they are given."""

import re
from xml.etree import ElementTree

import pytest

from course_lib.figures import bars

ALT = "What is to be seen."


def texts(picture) -> list[str]:
    root = ElementTree.fromstring(picture.html.replace("xlink:href", "href"))
    return ["".join(node.itertext()) for node in root.iter("text")]


def widths(picture) -> list[float]:
    """How wide each filled bar is drawn."""
    groups = re.findall(r'<path d="([^"]*)"[^>]*style="fill:var\(--c-blue\)', picture.html)
    xs = [[float(x) for x in re.findall(r"[ML] ([\d.]+) ", path)] for path in groups]
    return [max(x) - min(x) for x in xs]


def test_bars_are_as_long_as_their_numbers():
    picture = bars(["uniform", " a"], [4.0, 1.0], alt=ALT, xlabel="nats")
    assert {"uniform", "·a", "4.000", "1.000", "nats"} <= set(texts(picture))
    long, short = widths(picture)
    assert long / short == pytest.approx(4, rel=1e-3)


def test_only_tokens_show_their_space():
    assert {"·a", "two words"} <= set(texts(bars([" a", "two words"], [1.0, 2.0], alt=ALT)))


def test_the_line_is_named_and_inside_the_picture():
    picture = bars(["a"], [1.0], alt=ALT, line=("floor", 3.0))
    assert "floor 3.000" in texts(picture)
    assert widths(picture)[0] < widths(bars(["a"], [1.0], alt=ALT))[0] / 2


REFUSED = [([1.0], "shape"), ([1.0, -0.5], "-0.5"), ([1.0, float("inf")], "infinite")]


@pytest.mark.parametrize(("values", "says"), REFUSED)
def test_bars_refuse(values, says):
    with pytest.raises(ValueError, match=says):
        bars(["a", "b"], values, alt=ALT)


def test_bars_refuse_a_line_below_zero():
    with pytest.raises(ValueError, match="-2"):
        bars(["a"], [1.0], alt=ALT, line=("floor", -2.0))
