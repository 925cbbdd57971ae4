"""The movable figures in a page opened from disk, without a kernel, in a real browser."""

import io
import json
import math
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from course_lib import by_hand
from course_lib.figures import (
    PALETTE,
    DragQuery,
    MaskAndHeads,
    MergeSteps,
    ResidualDepth,
    Temperature,
    attention_map,
    distribution,
    token_strip,
)
from course_lib.figures.style import DARK, VARIABLES
from course_lib.figures.twin import module
from course_lib.tokens import split, train_bpe
from course_lib.tokens.splitting import YOUNG

TOKENS = ["<S>", "a", "robot", "must", "obey", "the", "orders", "given", "it"]
LOGITS = [2.0, 1.0, 0.5, -1.0, -3.0]
KEYS = [[2.0, 0.5], [1.0, 1.5], [-1.2, 2.0], [-1.8, -0.8]]
TEXTS = ["A robot must obey the orders given it.", "The robots' orders, 2024: naïve café 日本 🤖!"]
random = np.random.default_rng(0)
SCORES = random.normal(size=(3, 9, 9)).astype("f4") * 2
DEPTH = random.dirichlet(np.ones(12) / 3, size=(5, 9))
NORMS = random.uniform(1, 9, size=(5, 9))


def widgets() -> list:
    return [
        Temperature([" robot", " human", " cat", ".", "!"], LOGITS, prompt="Obey the", seed=7),
        MergeSteps(train_bpe(TEXTS, 276), TEXTS[0], texts=TEXTS, step=3),
        DragQuery(["robot", "human", "orders", "obey"], KEYS, sizes=(2, 64), query=(1.0, 0.5)),
        MaskAndHeads(TOKENS, SCORES),
        ResidualDepth(TOKENS, DEPTH, [f" w{i}" for i in range(12)], NORMS, k=5),
        Temperature([" robot", " human", " cat", ".", "!"], LOGITS, prompt="Obey the", seed=7),
    ]


def pictures() -> list:
    weights = np.tril(np.ones((9, 9))) / np.arange(1, 10)[:, None]
    return [
        token_strip(TOKENS, np.linspace(0, 1, 9), alt="Nine tokens."),
        attention_map(weights, TOKENS, alt="Uniform attention."),
        distribution(["a", "b"], [0.6, 0.4], alt="Two bars."),
    ]


def themed(values: dict, names: dict = VARIABLES) -> str:
    return "".join(f"{names[name]}:{value};" for name, value in values.items() if name in names)


JUPYTER = {"ink": "--jp-ui-font-color1", "paper": "--jp-layout-color0"}
THEMES = {
    "light": themed(PALETTE),
    "dark": themed(DARK),
    "jupyter-light": themed({"ink": "#212121", "paper": "#ffffff"}, JUPYTER),
    "jupyter-dark": themed({"ink": "#ffffff", "paper": "#111111"}, JUPYTER),
}


def page_html(theme: str) -> str:
    paper = "var(--ig-paper, var(--jp-layout-color0))"
    ink = "var(--ig-ink, var(--jp-ui-font-color1))"
    body = "".join(w.static_html() for w in widgets()) + "".join(p.html for p in pictures())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>html{{{THEMES[theme]}}} body{{background:{paper};color:{ink};font:16px sans-serif}}</style>"
        f"<main><h1>Figures</h1>{body}</main></html>"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    for theme in THEMES:
        (folder / f"{theme}.html").write_text(page_html(theme), "utf-8")
    return folder


def open_page(browser, folder, theme: str = "light", **options) -> Page:
    page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else page.faults.append(r.url))
    page.goto((folder / f"{theme}.html").as_uri())
    expect(page.locator(".ig-figure")).to_have_count(len(widgets()))
    return page


@pytest.fixture
def page(browser, folder):
    page = open_page(browser, folder)
    yield page
    assert page.faults == []
    page.close()


def figure(page: Page, name: str):
    return page.get_by_role("group", name=name, exact=True).first


def bar_numbers(place) -> list[float]:
    return [float(text.split()[0]) for text in place.locator(".ig-number").all_inner_texts()]


def softmax(x, temperature: float = 1.0) -> np.ndarray:
    return by_hand.softmax(np.asarray(x, dtype=float) / temperature)


# ---- each figure, moved by keyboard and mouse, agrees with NumPy


def test_temperature_follows_its_slider(page):
    place = figure(page, "Next word at a temperature")
    slider = place.get_by_role("slider", name="Temperature")
    assert bar_numbers(place) == pytest.approx(softmax(LOGITS), abs=6e-4)
    for key, temperature in (("Home", 0.1), ("End", 3.0)):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", f"{temperature:.2f}")
        p = softmax(LOGITS, temperature)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        assert bar_numbers(place) == pytest.approx(p, abs=6e-4)
        expect(place.locator(".ig-facts")).to_contain_text(f"{entropy:.3f} nats")
        expect(place.locator(".ig-facts")).to_contain_text(f"{math.exp(entropy):.2f}")


def uniform(seed: int, i: int) -> float:
    """mulberry32, written again in Python."""
    mask = 0xFFFFFFFF
    a = (seed + (i + 1) * 0x6D2B79F5) & mask
    t = ((a ^ (a >> 15)) * (a | 1)) & mask
    t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
    return ((t ^ (t >> 14)) & mask) / 2**32


def test_temperature_draws_what_its_seed_says(page):
    place = figure(page, "Next word at a temperature")
    place.get_by_role("button", name="Draw 100").click()
    place.get_by_role("button", name="Draw 1", exact=True).click()
    edges = np.cumsum(softmax(LOGITS))
    drawn = np.searchsorted(edges, [uniform(7, i) for i in range(101)], side="right")
    tally = [int(text.split("·")[1].strip("× ")) for text in place.locator(".ig-number").all_inner_texts()]
    assert tally == np.bincount(drawn, minlength=5).tolist()
    place.get_by_role("button", name="Clear").click()
    expect(place.locator(".ig-mark")).to_have_count(0)


def test_equal_figures_on_one_page_move_apart(page):
    first, second = page.get_by_role("group", name="Next word at a temperature").all()
    first.get_by_role("slider").press("End")
    expect(first.get_by_role("slider")).to_have_attribute("aria-valuetext", "3.00")
    expect(second.get_by_role("slider")).to_have_attribute("aria-valuetext", "1.00")


def test_merge_steps_shows_the_tokens_of_every_step(page):
    place = figure(page, "Byte-pair encoding, merge by merge")
    tokenizer = train_bpe(TEXTS, 276)
    place.get_by_role("slider").press("End")
    expected = [tokenizer.token_bytes(i).decode().replace(" ", "·") for i in tokenizer.encode(TEXTS[0])]
    expect(place.get_by_role("listitem")).to_have_text(expected)
    place.get_by_role("slider").press("Home")
    expect(place.get_by_role("listitem")).to_have_text(list(TEXTS[0].replace(" ", "·")))
    expect(place).to_contain_text("No merge yet")


def test_merge_steps_encodes_the_readers_text(page):
    place = figure(page, "Byte-pair encoding, merge by merge")
    place.get_by_role("slider").press("End")
    place.get_by_label("Your own text").fill("robots é\u00a0<b>")
    ids = train_bpe(TEXTS, 276).encode("robots é\u00a0<b>")
    chips = place.get_by_role("listitem")
    expect(chips).to_have_count(len(ids))
    assert [chip.get_attribute("title") for chip in chips.all()] == [f"id {i}" for i in ids]


def attend(query, d: int, scaled: bool) -> np.ndarray:
    scores = np.array(KEYS) @ query * math.sqrt(d / 2) / (math.sqrt(d) if scaled else 1)
    return softmax(scores)


def query_of(place) -> np.ndarray:
    return np.array([float(v) for v in place.locator(".ig-value").all_inner_texts()])


def test_drag_query_moves_by_mouse_keyboard_and_sliders(page):
    place = figure(page, "Attention of a query in the plane")
    handle, plane = place.locator(".ig-handle"), place.locator(".ig-plane")
    handle.scroll_into_view_if_needed()
    box, start = plane.bounding_box(), handle.locator("circle").last.bounding_box()
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25, steps=3)
    page.mouse.up()
    assert query_of(place) == pytest.approx([-1.5, 1.5], abs=0.03)
    assert bar_numbers(place) == pytest.approx(attend(query_of(place), 2, True), abs=2e-2)
    before = query_of(place)
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    assert query_of(place) - before == pytest.approx([0.1, -0.5], abs=0.051)
    place.get_by_role("slider", name="Query →").press("End")
    place.get_by_role("slider", name="Query ↑").press("Home")
    assert query_of(place) == pytest.approx([3, -3])
    assert bar_numbers(place) == pytest.approx(attend([3, -3], 2, True), abs=6e-4)


def test_drag_query_is_attention_and_saturates_without_the_scale(page):
    place = figure(page, "Attention of a query in the plane")
    query, keys = np.array([[1.0, 0.5]]), np.array(KEYS)
    weights = by_hand.attention(query, keys, np.eye(4))[0]
    assert bar_numbers(place) == pytest.approx(weights, abs=6e-4)
    output = by_hand.attention(query, keys, keys)[0]
    expect(place.get_by_role("status")).to_contain_text(f"the output is ({output[0]:.2f}, {output[1]:.2f})")
    place.get_by_label("d =").select_option("64")
    assert bar_numbers(place) == pytest.approx(weights, abs=6e-4)  # divided by √d, d does not matter
    place.get_by_role("checkbox", name="divide by √d").uncheck()
    assert bar_numbers(place) == pytest.approx(attend(query[0], 64, False), abs=6e-4)
    assert max(bar_numbers(place)) > 0.9 > max(weights)


def test_touch_moves_the_query(browser, folder):
    page = open_page(browser, folder, has_touch=True, viewport={"width": 390, "height": 844})
    place = figure(page, "Attention of a query in the plane")
    handle = place.locator(".ig-handle")
    handle.scroll_into_view_if_needed()
    box = place.locator(".ig-plane").bounding_box()
    x, y = box["x"] + box["width"] * (0.5 + 1 / 6), box["y"] + box["height"] * (0.5 - 0.5 / 6)
    touch = page.context.new_cdp_session(page)
    for kind, shifts in (("Start", [0]), ("Move", [20]), ("Move", [60]), ("End", [])):
        points = [{"x": x - shift, "y": y + shift} for shift in shifts]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    moved = 60 / box["width"] * 6
    for axis, goal in (("→", 1 - moved), ("↑", 0.5 - moved)):
        near = re.compile("|".join(f"^{v:.2f}$" for v in np.arange(goal - 0.05, goal + 0.05, 0.01)))
        expect(place.get_by_role("slider", name=f"Query {axis}")).to_have_attribute("aria-valuetext", near)
    page.close()


def head_weights(head: int, causal: bool) -> np.ndarray:
    scores = np.where(np.tri(9, dtype=bool) | (not causal), SCORES.astype(float), -np.inf)
    maps = softmax(scores)
    return maps.mean(0) if head < 0 else maps[head]


def cell_numbers(place) -> np.ndarray:
    return np.array([float("0" + text) for text in place.locator("td").all_inner_texts()]).reshape(9, 9)


def test_mask_and_heads_normalises_again(page):
    place = figure(page, "Attention map with mask and heads")
    assert cell_numbers(place) == pytest.approx(head_weights(0, True), abs=6e-3)
    place.get_by_role("checkbox", name="causal mask").uncheck()
    place.get_by_role("radio", name="3").check()
    assert cell_numbers(place) == pytest.approx(head_weights(2, False), abs=6e-3)
    place.get_by_role("radio", name="average").check()
    assert cell_numbers(place) == pytest.approx(head_weights(-1, False), abs=6e-3)
    place.get_by_role("checkbox", name="causal mask").check()
    assert bar_numbers(place) == pytest.approx(head_weights(-1, True)[8], abs=6e-4)
    expect(place.locator("td.ig-masked")).to_have_count(36)


def test_mask_and_heads_shows_the_row_that_has_focus_or_the_pointer(page):
    place = figure(page, "Attention map with mask and heads")
    place.get_by_role("button", name="must").focus()
    expect(place.locator(".ig-label")).to_have_text(TOKENS[:4])
    assert bar_numbers(place) == pytest.approx(head_weights(0, True)[3, :4], abs=6e-4)
    place.locator("tbody tr").nth(1).hover()
    assert bar_numbers(place) == pytest.approx(head_weights(0, True)[1, :2], abs=6e-4)


def test_residual_depth_reads_every_layer_and_position(page):
    place = figure(page, "Next token read from the residual stream, by layer")
    place.get_by_role("button", name="robot").click()
    for key, layer in (("Home", 0), ("ArrowRight", 1), ("End", 4)):
        place.get_by_role("slider", name="Layer").press(key)
        p = DEPTH[layer, 2]
        assert bar_numbers(place) == pytest.approx(np.sort(p)[::-1][:5], abs=6e-4)
        expect(place.locator(".ig-label")).to_have_text([f"·w{i}" for i in np.argsort(-p)[:5]])
        expect(place.get_by_role("status")).to_contain_text(f"norm is {NORMS[layer, 2]:.2f}")


# ---- the modules' mathematics, on many inputs


def call(page: Page, name: str, expression: str, argument):
    """Import a figure's module and evaluate an expression of `module` and `x`."""
    return page.evaluate(
        "async ({ source, x }) => { const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));"
        f" const module = await import(url); return {expression}; }}",
        {"source": module(name), "x": argument},
    )


STRINGS = [
    "", " ", "  a", "a  ", "\n\n x\t", "don't we'll I'd they've 'S", "x'sy", "a1b2 ３ ½ Ⅷ", "été e\u0301", "日本語",
    "🤖👩‍👩‍👧 ok", "\u00a0a\u3000b\ufeffc\u0085d\x1ce\u200bf", "مرحبا بالعالم", "हिन्दी", "\x00\x7f\r\n",
    "𝔘nicode 𐍈", "A robot must obey", "aaaaaaaaaaaaaaaaa", "...!!!   ???",
]  # fmt: skip


def many_strings() -> list[str]:
    r = np.random.default_rng(1)
    letters = list("aeo rst'  \n\t.,1２éßñ日本🤖\u00a0\u0301\u200d")
    return STRINGS + ["".join(r.choice(letters, size=r.integers(1, 40))) for _ in range(300)]


def test_javascript_encodes_as_python_does(page):
    tokenizer = train_bpe([*TEXTS, *STRINGS], 330)
    figure = MergeSteps(tokenizer, "")
    strings = many_strings()
    ids = call(
        page,
        "merge_steps",
        "x.strings.map((s) => module.encode(s, x.merges))",
        {"strings": strings, "merges": figure.merges},
    )
    assert ids == [tokenizer.encode(text) for text in strings]


def test_javascript_splits_around_every_character_as_python_does(page):
    young = re.compile(f"[{YOUNG}]")  # letters that younger browsers know, and older ones do not
    planes = [*range(0xD800), *range(0xE000, 0x33480), *range(0xE0000, 0xE0200)]  # all else is unassigned
    text = "".join(f"a{c}1{c} {c}.\n" for c in map(chr, planes) if not young.match(c))
    pieces = call(page, "merge_steps", "module.split(x).join('|')", text)
    assert pieces == "|".join(split(text))


def test_javascript_softmax_is_numpys(page):
    rows = [r.tolist() for r in np.random.default_rng(2).normal(size=(50, 7)) * 30] + [
        [1e4, -1e4, 0.0],
        [-15000.0, 0.0],
    ]
    ours = call(page, "temperature", "x.map((row) => [1, 0.1, 3].map((t) => module.softmax(row, t)))", rows)
    for row, at in zip(rows, ours):
        np.testing.assert_allclose(at, [softmax(row, t) for t in (1, 0.1, 3)], rtol=1e-12, atol=1e-300)


# ---- for every reader


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", THEMES)
def test_no_accessibility_fault_and_no_scrolling_sideways(browser, folder, theme, width):
    page = open_page(browser, folder, theme, viewport={"width": width, "height": 844})
    figure(page, "Next word at a temperature").get_by_role("button", name="Draw 100").click()
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


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
def test_texts_and_bars_stand_out_from_the_paper(browser, folder, theme):
    page = open_page(browser, folder, theme)
    ratios = page.evaluate(CONTRASTS)
    assert len(ratios["text"]) > 50
    assert min(ratios["text"]) >= 4.5
    assert min(ratios["bars"]) >= 3
    page.close()


def test_a_number_in_a_full_cell_is_legible_where_the_page_sets_no_colours(browser, folder):
    for theme, ink in (("jupyter-light", 0x21), ("jupyter-dark", 0xFF)):
        page = open_page(browser, folder, theme)
        cell = figure(page, "Attention map with mask and heads").locator("td").first
        pixels = np.array(Image.open(io.BytesIO(cell.screenshot())).convert("RGB"))
        heat = pixels[len(pixels) // 4, len(pixels[0]) // 4] / 255
        light = [np.dot(np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4), (0.2126, 0.7152, 0.0722))
                 for c in (heat, np.full(3, ink / 255))]  # fmt: skip
        assert (max(light) + 0.05) / (min(light) + 0.05) >= 4.5
        page.close()


def test_everything_to_press_is_large_enough_for_a_finger(browser, folder):
    page = open_page(browser, folder, viewport={"width": 390, "height": 844})
    sizes = page.evaluate(
        "[...document.querySelectorAll('.ig-figure :is(button, select, textarea, [type=range], label:has(input))')]"
        ".map((e) => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
    )
    assert len(sizes) > 30
    assert [s for s in sizes if min(s[1:]) < 24] == []
    page.close()


def test_nothing_moves_for_those_who_asked_for_that(browser, folder):
    for motion, duration in (("reduce", "0s"), ("no-preference", "0.12s")):
        page = open_page(browser, folder, reduced_motion=motion)
        bar = page.locator(".ig-bar").first
        assert bar.evaluate("(bar) => getComputedStyle(bar).transitionDuration") == duration
        page.close()


def test_without_javascript_the_page_says_what_is_missing(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "light.html").as_uri())
    expect(page.locator(".ig-twin").first).to_have_text(
        "Next word at a temperature: a figure that you can move. It needs JavaScript."
    )
    context.close()


def test_a_module_that_fails_says_so(browser, tmp_path):
    broken = Temperature(["a"], [0.0])
    html = broken.static_html().replace(json.dumps("words"), json.dumps("wards"))
    (tmp_path / "broken.html").write_text(html, "utf-8")
    page = browser.new_page()
    page.goto((tmp_path / "broken.html").as_uri())
    expect(page.locator(".ig-twin")).to_contain_text("This figure could not start")
    page.close()
