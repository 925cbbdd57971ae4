"""The movable memory: what it says reaches an output does so in a Transformer-XL, and it serves every reader."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.figures import PALETTE, MemorySlider
from course_lib.figures.style import DARK, VARIABLES
from course_lib.models.transformer_xl import reach, visible
from tests.browser import open_page

TOKENS = ["Code", ":", " kite", " =", " Hugo", ";", " drum", " =", " Anna", ";"] * 4
NAMES = {"layers": "Layers", "segment": "Segment", "memory": "Memory", "output": "Output at"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    for theme, colours in {"light": PALETTE, "dark": DARK}.items():
        named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
        html = MemorySlider(TOKENS).static_html()
        (folder / f"{theme}.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Memory</title><style>html{{{named}}}'
            "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
            f'<meta name="viewport" content="width=device-width"><main><h1>Memory</h1>{html}</main></html>',
            "utf-8",
        )
    return folder


def move(page, **values):
    for name, value in values.items():
        page.get_by_role("slider", name=NAMES[name]).fill(str(value))


@pytest.mark.parametrize(
    ("layers", "segment", "memory", "output"),
    [(3, 8, 8, 39), (1, 8, 8, 39), (6, 4, 1, 38), (2, 6, 0, 20), (2, 5, 13, 31), (3, 1, 2, 39), (4, 12, 12, 5)],
)
def test_what_reaches_the_output_is_what_reaches_it_in_the_model(page, layers, segment, memory, output):
    move(page, layers=layers, segment=segment, memory=memory, output=output)
    seen = reach(40, segment, memory, layers)[output].nonzero().flatten()
    direct = visible(40, segment, memory)[output].nonzero().flatten()
    own = output % segment
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"reaches back {output - seen.min()}")
    expect(facts).to_contain_text(f"one layer alone {output - direct.min()}")
    expect(facts).to_contain_text(f"with gradient {own}")
    words = page.locator(".ig-reached span")
    classes = [words.nth(j).get_attribute("class") for j in range(40)]
    assert [j for j in range(40) if classes[j] in ("ig-before", "ig-within", "ig-output")] == seen.tolist()
    assert [j for j in range(40) if classes[j] in ("ig-within", "ig-output")] == list(range(output - own, output + 1))
    at_each_depth = [reach(40, segment, memory, n)[output].sum().item() for n in range(layers + 1)]
    states = page.locator("svg .ig-before, svg .ig-within")
    expect(states).to_have_count(sum(at_each_depth))  # n layers down, as many as n layers reach
    expect(page.get_by_role("status")).to_contain_text(f"what was said {output - seen.min()} tokens before")


def test_keys_move_the_memory(page):
    knob = page.get_by_role("slider", name="Memory")
    knob.press("Home")
    expect(page.locator(".ig-facts")).to_contain_text("reaches back 7")
    for _ in range(3):
        knob.press("ArrowRight")
    expect(knob).to_have_attribute("aria-valuetext", "3")
    expect(page.locator(".ig-facts")).to_contain_text(f"reaches back {7 + 2 * 8 + 3}")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_every_reader(browser, folder, theme, width):
    page = open_page(browser, folder, theme, width=width)
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


def test_a_small_state_travels():
    held = json.loads(re.search(r"^\}\)\((.*)\);$", MemorySlider(TOKENS).static_html(), re.M)[1])["state"]
    assert set(held) == {"layers", "memory", "most", "output", "segment", "tokens"}
    assert held["output"] == 39


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": "a text"}, "pass a list of 1 to 64"),
        ({"tokens": []}, "0 tokens"),
        ({"tokens": ["a"] * 65}, "65 tokens"),
        ({"output": 40}, "output=40 is not in 0 … 39"),
        ({"layers": 7}, "layers=7 is not in 1 … 6"),
        ({"segment": 0}, "segment=0 is not in 1 … 12"),
        ({"memory": -1}, "memory=-1 is not in 0 … 16"),
    ],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        MemorySlider(changes.pop("tokens", TOKENS), **changes)
