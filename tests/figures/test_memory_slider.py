"""The movable memory: what it says reaches an output does so in a Transformer-XL, and it serves every reader."""

import pytest
from playwright.sync_api import expect

from course_lib.figures import MemorySlider
from course_lib.models.transformer_xl import reach, visible

TOKENS = ["Code", ":", " kite", " =", " Hugo", ";", " drum", " =", " Anna", ";"] * 4


def figure(tokens=TOKENS, **options) -> MemorySlider:
    return MemorySlider(tokens, **options)


NAMES = {"layers": "Layers", "segment": "Segment", "memory": "Memory", "output": "Output at"}


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


FAULTS = [
    ({"tokens": "a text"}, "pass a list of 1 to 64"),
    ({"tokens": []}, "0 tokens"),
    ({"tokens": ["a"] * 65}, "65 tokens"),
    ({"output": 40}, "output=40 is not in 0 … 39"),
    ({"layers": 7}, "layers=7 is not in 1 … 6"),
    ({"segment": 0}, "segment=0 is not in 1 … 12"),
    ({"memory": -1}, "memory=-1 is not in 0 … 16"),
]
