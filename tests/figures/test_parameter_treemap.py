"""The parameter treemap: areas in proportion to exact counts, in a page without a kernel, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from course_lib.figures import ParameterTreemap
from course_lib.figures.parameter_treemap import PARTS
from course_lib.models import DTYPES, GPT1_SIZE, GPT2_SIZES, GPT3_ROWS, count_parameters, parameter_table, weight_bytes
from tests.figures.reading import state

MODELS = {"GPT-1": GPT1_SIZE, "small": GPT2_SIZES["gpt2"], "XL": GPT2_SIZES["gpt2-xl"], "GPT-3": GPT3_ROWS[-1]}
TABLES = {name: parameter_table(config, final_norm=name != "GPT-1") for name, config in MODELS.items()}


def figure(tables=TABLES, dtypes=DTYPES, **options) -> ParameterTreemap:
    return ParameterTreemap(tables, dtypes, **{"model": "small"} | options)


def stirred(page):
    for name in MODELS:
        page.get_by_role("radio", name=name, exact=True).check()
        yield


def tiles(page) -> dict[str, dict]:
    """Each shown tile's rectangle in pixels, as the browser drew it."""
    boxes = page.locator(".ig-treemap > .ig-tile").evaluate_all(
        "nodes => nodes.map(n => n.hidden ? null : n.getBoundingClientRect().toJSON())"
    )
    return {name: box for name, box in zip(PARTS, boxes, strict=True) if box is not None}


@pytest.mark.parametrize("name", MODELS)
def test_areas_are_the_shares_of_the_parameters(page, name):
    page.get_by_role("radio", name=name, exact=True).check()
    expect(page.get_by_role("status")).to_contain_text(f"{name}: {count_parameters_of(name):,} parameters")
    boxes, whole = tiles(page), page.locator(".ig-treemap").bounding_box()
    table = {part: n for part, n in TABLES[name].items() if n}
    assert boxes.keys() == table.keys()
    for part, n in table.items():
        share = boxes[part]["width"] * boxes[part]["height"] / (whole["width"] * whole["height"])
        assert share == pytest.approx(n / sum(table.values()), rel=0.02, abs=2e-5), part
    overlap = [(a, b) for a in boxes for b in boxes if a < b and shared_area(boxes[a], boxes[b]) > 1]
    assert overlap == []


def count_parameters_of(name: str) -> int:
    return count_parameters(MODELS[name], final_norm=name != "GPT-1")


def shared_area(a: dict, b: dict) -> float:
    width = min(a["right"], b["right"]) - max(a["left"], b["left"])
    height = min(a["bottom"], b["bottom"]) - max(a["top"], b["top"])
    return max(0, width) * max(0, height)


def test_components_of_a_kind_lie_together(page):
    """The kind's bounding box has no more area than its components, so nothing else is in it."""
    boxes = tiles(page)
    for kind in ("embeddings", "attention", "MLP"):
        own = [box for name, box in boxes.items() if PARTS[name].kind == kind]
        width = max(b["right"] for b in own) - min(b["left"] for b in own)
        height = max(b["bottom"] for b in own) - min(b["top"] for b in own)
        assert width * height == pytest.approx(sum(b["width"] * b["height"] for b in own), rel=0.02)


def test_squarify_draws_the_example_of_its_authors(call):
    """Areas 6, 6, 4, 3, 2, 2, 1 in a rectangle of 6 by 4 (Bruls, Huizing and van Wijk 2000, figure 5)."""
    rects = call("m.squarify(x, { x: 0, y: 0, w: 6, h: 4 })", [6, 6, 4, 3, 2, 2, 1])
    sides = [(rect["w"], rect["h"]) for rect in rects]
    expected = [(3, 2), (3, 2), (12 / 7, 7 / 3), (9 / 7, 7 / 3), (6 / 5, 5 / 3), (6 / 5, 5 / 3), (3 / 5, 5 / 3)]
    assert sides == [pytest.approx(side) for side in expected]
    mixed = call("m.squarify(x, { x: 0, y: 0, w: 6, h: 4 })", [1, 6, 0, 2, 6, 3, 2, 4])
    assert [rect["w"] * rect["h"] for rect in mixed] == pytest.approx([1, 6, 0, 2, 6, 3, 2, 4])


@pytest.mark.parametrize(("bytes_", "text"), [(73_728, "73.7 kB"), (6_230_444_800, "6.23 GB"), (999, "999 bytes")])
def test_bytes_in_decimal_units(call, bytes_, text):
    assert call("m.inUnits(x)", bytes_) == text


@pytest.mark.parametrize("dtype", DTYPES)
def test_bytes_follow_the_type_of_number(page, dtype):
    page.get_by_label("Numbers as").select_option(dtype)
    page.get_by_role("button", name="mlp.c_fc").click()
    exact = weight_bytes(MODELS["small"])[dtype]
    expect(page.locator(".ig-facts").first).to_contain_text(f"exactly {exact:,} bytes")
    n = TABLES["small"]["mlp.c_fc"]
    expect(page.locator(".ig-facts").last).to_contain_text(f"parameters {n:,}")
    expect(page.locator(".ig-facts").last).to_contain_text(f"bytes {n * DTYPES[dtype]:,}")


def test_it_works_by_keyboard_alone(page):
    """Tab to the sizes, one to the right, on to the components: each says its numbers when it is reached."""
    page.locator("body").press("Tab")
    expect(page.get_by_role("radio", name="small")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="XL")).to_be_checked()
    for name, n in list(TABLES["XL"].items())[:4]:
        page.keyboard.press("Tab")
        if page.get_by_label("Numbers as").evaluate("node => node === document.activeElement"):
            page.keyboard.press("Tab")
        button = page.get_by_role("button", name=name)
        expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_role("button", pressed=True)).to_have_count(1)
        expect(page.get_by_role("status")).to_contain_text(f"{name}, {PARTS[name].task}: {n:,} parameters")


def test_pointing_at_a_tile_says_what_it_is(page):
    box = tiles(page)["attn.c_attn"]
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_role("button", name="attn.c_attn")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".ig-facts").last).to_contain_text("formula L (3C² + 3C)")
    expect(page.locator(".ig-treemap .ig-picked")).to_have_text(re.compile(r"c_attn\s*17\.1 %"))


def test_gpt1_has_no_last_norm(page):
    page.get_by_role("button", name="ln_f").click()
    page.get_by_role("radio", name="GPT-1").check()
    expect(page.get_by_role("button", name="ln_f")).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("It has no ln_f (after the last block).")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_row_of_the_list_is_cut_off(open_figure, width):
    page = open_figure(figure(), width=width)
    for _ in stirred(page):
        wider = "nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth).length"
        assert page.locator(".ig-part:visible").evaluate_all(wider) == 0


def test_a_small_exact_state_travels():
    assert [sum(counts) for counts in state(figure())["counts"]] == [count_parameters_of(name) for name in MODELS]


FAULTS = [
    ({"model": "GPT-5"}, r"model 'GPT-5' is none of \['GPT-1'"),
    ({"dtype": "float12"}, "dtype 'float12' is none of"),
    ({"component": "lm_head"}, "component 'lm_head' is none of"),
    ({"tables": {}}, "model 'small' is none of"),
    ({"tables": {"small": {"lm_head": 3}}}, "small: component 'lm_head' is none of"),
    ({"tables": {"small": {"wte": -1}}}, "wte has -1 parameters"),
    ({"tables": {"small": {"wte": 0}}}, "small has 0 parameters"),
    ({"tables": {"small": {"wte": 2**51}}}, "a page counts from 1 to 9007199254740992"),
]
