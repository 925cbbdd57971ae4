"""What every movable figure has to do, in a page without a kernel and with one, for every reader."""

import io
import json
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from course_lib import figures
from course_lib.figures.twin import JS
from tests.figures.conftest import THEMES
from tests.figures.reading import for_every_reader, payload, sync

CLASSES = {
    thing.__module__.rpartition(".")[2]: thing
    for thing in vars(figures).values()
    if isinstance(thing, type) and issubclass(thing, figures.TwinWidget) and thing is not figures.TwinWidget
}
TESTS = {name: import_module(f"tests.figures.test_{name}") for name in CLASSES}
PARTS = {"shared", "fields", "grids", "svg", "tokens", "start"}  # scripts that figures are built from
every_figure = pytest.mark.parametrize("name", CLASSES)


def stir(page: Page, name: str):
    """Yield in each state of a figure that its tests want to be looked at, or else as it opens."""
    yield from getattr(TESTS[name], "stirred", lambda page: [None])(page)


def test_a_figure_is_one_file_of_python_beside_one_of_javascript():
    assert {path.stem for path in JS.glob("*.js")} == CLASSES.keys() | PARTS


@every_figure
def test_it_serves_every_reader(open_figure, name):
    figure = TESTS[name].figure()
    page = open_figure(figure)
    group = page.get_by_role("group", name=figure.label, exact=True)
    expect(group.get_by_role("status")).not_to_be_empty()  # what is to be seen, in words
    for _ in stir(page, name):
        for theme, width in product(("light", "dark"), (1280, 390)):
            page.evaluate("(css) => { document.documentElement.style.cssText = css; }", THEMES[theme])
            page.set_viewport_size({"width": width, "height": 900})
            for_every_reader(page)


FOCUS = """() => {
  const node = document.activeElement;
  if (!node.closest('.ig-figure')) return null;
  return (window.stops ??= new Map()).set(node, stops.get(node) ?? stops.size).get(node);
}"""
CONTROLS = ".ig-figure :is(button, select, textarea, input, [tabindex]):not([tabindex='-1'])"


@every_figure
def test_the_tab_key_reaches_every_control(open_figure, name):
    """A group of radio buttons is one stop, from which the arrow keys lead on."""
    page = open_figure(TESTS[name].figure())
    shown = page.locator(CONTROLS).filter(visible=True)
    groups = {radio.get_attribute("name") for radio in page.locator("input[type=radio]").filter(visible=True).all()}
    radios = page.locator("input[type=radio]").filter(visible=True).count()
    disabled = page.locator(f"{CONTROLS}:disabled").filter(visible=True).count()
    wanted, reached = shown.count() - radios - disabled + len(groups), set()
    page.locator("body").press("Tab")
    while (stop := page.evaluate(FOCUS)) is not None and stop not in reached:
        reached.add(stop)
        page.keyboard.press("Tab")
    assert len(reached) == wanted > 0


@every_figure
def test_keys_move_every_slider_and_say_where_it_is(open_figure, name):
    page = open_figure(TESTS[name].figure())
    for slider in page.locator("input[type=range]").filter(visible=True).all():
        least, most, step = (slider.get_attribute(each) for each in ("min", "max", "step"))
        moved = [("Home", float(least)), ("End", float(most))]
        if step != "any":
            moved += [("ArrowLeft", float(most) - float(step)), ("ArrowRight", float(most))]
        spoken = []
        for key, value in moved:
            slider.press(key)
            assert float(slider.input_value()) == pytest.approx(value, abs=1e-6)
            spoken.append(slider.get_attribute("aria-valuetext"))
        places = {value: words for (_, value), words in zip(moved, spoken)}
        assert len(set(spoken)) == len(places)  # each place has words of its own


SHOWN = ".ig-facts, .ig-bars, .ig-map, .ig-chips, .ig-summary"


@every_figure
def test_a_kernel_and_the_page_show_the_same(open_figure, name):
    """What a reader does reaches Python as traits that it takes, and whose page looks alike; and the other way back."""
    figure, fresh = TESTS[name].figure(), TESTS[name].figure()
    live = open_figure(figure, kernel=True)
    shown, before = live.locator(SHOWN), live.locator(SHOWN).all_text_contents()
    for _ in stir(live, name):
        sync(live, figure)
    expect(shown).to_have_text(open_figure(figure).locator(SHOWN).all_text_contents())
    live.evaluate("(held) => kernel.follow(held)", payload(fresh))
    expect(shown).to_have_text(before)


@every_figure
def test_all_of_its_traits_travel_and_nothing_else(name):
    figure, inherited = TESTS[name].figure(), figures.TwinWidget.class_trait_names(sync=True)
    own = {trait for trait in figure.trait_names(sync=True) if trait not in inherited and trait[0] != "_"}
    held = payload(figure)
    assert held["state"].keys() | held["blobs"].keys() == own
    assert len(json.dumps([held["state"], held["blobs"]])) < 20_000  # of a small example


def test_a_module_that_fails_says_so(browser):
    page = browser.new_page()
    page.set_content(TESTS["temperature"].figure().static_html().replace('"words"', '"wards"'))
    expect(page.locator(".ig-twin")).to_contain_text("This figure could not start")
    page.close()


FAULTS = [(name, changes, message) for name, tests in TESTS.items() for changes, message in tests.FAULTS]


@pytest.mark.parametrize(("name", "changes", "message"), FAULTS)
def test_what_cannot_be_shown_is_an_error_with_its_numbers(name, changes, message):
    with pytest.raises(ValueError, match=message):
        TESTS[name].figure(**changes)


# ---- all of them in one page, with the still pictures


@pytest.fixture
def everything():
    uniform = np.tril(np.ones((9, 9))) / np.arange(1, 10)[:, None]
    names = list("abcdefghi")
    return [
        *(tests.figure() for tests in TESTS.values()),
        figures.token_strip(names, np.linspace(0, 1, 9), alt="Nine tokens."),
        figures.attention_map(uniform, names, alt="Uniform attention."),
        figures.distribution(["a", "b"], [0.6, 0.4], alt="Two bars."),
    ]


def test_without_javascript_the_page_says_what_is_missing(open_figure, everything):
    page = open_figure(*everything, java_script_enabled=False)
    says = [f"{x.label}: a figure that you can move. It needs JavaScript." for x in everything if hasattr(x, "label")]
    expect(page.locator(".ig-twin")).to_have_text(says)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["jupyter-light", "jupyter-dark"])
def test_a_page_of_them_all_where_nobody_sets_the_colours(open_figure, everything, theme, width):
    for_every_reader(open_figure(*everything, theme=theme, width=width))


CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = (colour) => { const [r, g, b] = rgb(colour).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = (colour) => { const l = light(colour);
    return (Math.max(l, paper) + 0.05) / (Math.min(l, paper) + 0.05); };
  return { text: [...document.querySelectorAll('svg text')].map((t) => ratio(getComputedStyle(t).fill)),
    bars: [...document.querySelectorAll('.ig-bar')].map((b) => ratio(getComputedStyle(b).backgroundColor)) };
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_texts_and_bars_stand_out_from_the_paper(open_figure, everything, theme):
    ratios = open_figure(*everything, theme=theme).evaluate(CONTRASTS)
    assert len(ratios["text"]) > 50
    assert min(ratios["text"]) >= 4.5
    assert min(ratios["bars"]) >= 3


@pytest.mark.parametrize(("theme", "ink"), [("jupyter-light", 0x21), ("jupyter-dark", 0xFF)])
def test_a_number_in_a_full_cell_is_legible_where_nobody_sets_the_colours(open_figure, theme, ink):
    cell = open_figure(TESTS["mask_and_heads"].figure(), theme=theme).locator("td").first
    pixels = np.array(Image.open(io.BytesIO(cell.screenshot())).convert("RGB"))
    heat = pixels[len(pixels) // 4, len(pixels[0]) // 4] / 255
    light = [np.dot(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), (0.2126, 0.7152, 0.0722))
             for c in (heat, np.full(3, ink / 255))]  # fmt: skip
    assert (max(light) + 0.05) / (min(light) + 0.05) >= 4.5


def test_everything_to_press_is_large_enough_for_a_finger(open_figure, everything):
    sizes = open_figure(*everything, width=390).evaluate(
        "[...document.querySelectorAll('.ig-figure :is(button, select, textarea, [type=range], label:has(input))')]"
        ".filter((e) => e.checkVisibility())"
        ".map((e) => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
    )
    assert len(sizes) > 150
    assert [s for s in sizes if min(s[1:]) < 24] == []


@pytest.mark.parametrize(("motion", "durations"), [("reduce", {"0s"}), ("no-preference", {"0.12s", "0.25s"})])
def test_things_move_by_themselves_only_for_those_who_want_it(open_figure, everything, motion, durations):
    page = open_figure(*everything, reduced_motion=motion)
    found = page.locator(".ig-bar, .ig-treemap .ig-tile").evaluate_all(
        "nodes => nodes.flatMap((node) => getComputedStyle(node).transitionDuration.split(', '))"
    )
    assert set(found) == durations
