"""Inline SVG: it follows the theme, names itself, and two of a kind do not clash."""

import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_lib.figures import PALETTE, Picture, show, use_style
from course_lib.figures.style import DARK, SERIES, VARIABLES


@pytest.fixture(autouse=True)
def _style():
    with plt.rc_context():
        use_style()
        yield


def draw(**kwargs) -> plt.Figure:
    fig, ax = plt.subplots()
    ax.plot([0, 1, 2], [1, 3, 2], marker="o", label="0.123456 ; a: b #0072b2", **kwargs)
    ax.pcolormesh(np.array([[0.0, 0.5], [0.25, 1.0]]))
    ax.legend()
    return fig


def contrast(a: str, b: str) -> float:
    """WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [PALETTE, DARK])
def test_text_in_any_colour_is_legible_in_both_themes(theme):
    for name in ("ink", "muted", *SERIES):
        assert contrast(theme[name], theme["paper"]) >= 4.5, name
    assert contrast(theme["ink"], theme["heat"]) >= 4.5  # a number in the darkest cell


def test_every_colour_has_a_variable_and_a_value_of_its_own():
    assert set(PALETTE) == set(DARK) == set(VARIABLES)
    assert len(set(PALETTE.values())) == len(PALETTE)


def test_picture_is_well_formed_and_says_what_is_to_be_seen():
    picture = show(draw(), "A line < 3 & a table.")
    root = ElementTree.fromstring(picture._repr_html_().replace("xlink:href", "href"))
    assert root.attrib["aria-label"] == root.find("title").text == "A line < 3 & a table."
    assert root.attrib["role"] == "img"
    assert not {"width", "height"} & set(root.attrib)
    assert repr(picture) == "<figure: A line < 3 & a table.>"


def test_colours_are_variables_and_texts_stay_as_they_are():
    svg = show(draw(), "A line.").html
    body = re.sub(r"^<svg[^>]*>|>[^<]*<", "", svg)
    assert not re.findall(r"#[0-9a-f]{6}\b", body)
    assert "var(--ig-series-1" in svg
    assert "fill:var(--c-heat);fill-opacity:0.5" in svg
    assert "0.123456 ; a: b #0072b2" in svg
    assert "DejaVu" not in svg
    assert "<style" not in svg


def test_black_is_the_ink():
    assert "stroke:var(--c-ink)" in show(draw(color="black"), "A line.").html


def test_two_equal_pictures_share_no_id_and_refer_to_their_own():
    first, second = (show(draw(), "The same line.").html for _ in range(2))
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in (first, second)]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for svg, own in zip((first, second), ids):
        assert len(own) == len(set(own))
        assert set(re.findall(r'(?:href="|url\()#([^")]+)', svg)) == set(own)
    assert re.sub(r"-\d+-p", "-p", first).count("<path") == second.count("<path")


def test_a_picture_is_the_same_in_every_run():
    def bare(svg: str) -> str:
        return re.sub(r"ig-([0-9a-f]{8})-\d+", r"ig-\1", svg)

    assert bare(show(draw(), "A line.").html) == bare(show(draw(), "A line.").html)


def test_show_closes_the_figure():
    before = plt.get_fignums()
    show(draw(), "A line.")
    assert plt.get_fignums() == before


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_an_empty_alt_is_an_error_that_says_what_to_write(alt):
    with pytest.raises(ValueError, match="say in one sentence what is to be seen"):
        show(draw(), alt)
    plt.close("all")


def test_picture_needs_no_more_than_html():
    assert Picture("<p>x</p>", "x")._repr_html_() == "<p>x</p>"


def test_the_site_gives_every_variable_a_legible_value_in_both_themes():
    """book/_static/inside-gpt.css declares the colours for light and then for dark paper."""
    css = (Path(__file__).parents[2] / "book/_static/inside-gpt.css").read_text("utf-8")
    declared = {name: re.findall(rf"{variable}:\s*(#[0-9a-f]{{6}})", css) for name, variable in VARIABLES.items()}
    for theme in (0, 1):
        colours = {name: values[theme] for name, values in declared.items()}
        for name in ("ink", "muted", *SERIES):
            assert contrast(colours[name], colours["paper"]) >= 4.5, (theme, name)
        assert contrast(colours["ink"], colours["heat"]) >= 4.5, theme
