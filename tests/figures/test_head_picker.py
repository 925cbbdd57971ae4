"""The movable heads: what is shown is what was given, in a page without a kernel and with one, in a real browser."""

import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.figures import PALETTE, HeadPicker, Look
from course_lib.figures.style import DARK, VARIABLES
from course_lib.figures.twin import module
from tests.browser import open_page

LAYERS, HEADS = 2, 3
TEXTS = {"an order": ["<end>", " Bip", " <b>", " the", " ball"], "twice": ["a", " b", "a", " b"]}


def look(name="an order", tokens=None, seed=0, **changes) -> Look:
    tokens, rng = TEXTS.get(name, tokens) or tokens, np.random.default_rng([seed, len(name)])
    n = len(tokens)
    weights = np.tril(rng.random((LAYERS, HEADS, n, n)) ** 3 + 0.01)
    arguments = {
        "weights": weights / weights.sum(-1, keepdims=True),
        "scores": {"induction": rng.random((LAYERS, HEADS + 1)), "cost": rng.normal(size=(LAYERS, HEADS + 1))},
        "p_next": rng.random(n - 1),
        "p_without": rng.random((LAYERS, HEADS + 1, n - 1)),
    }
    return Look(name, tokens, **(arguments | changes))


LOOKS = [look("an order"), look("twice")]


def picker(**changes) -> HeadPicker:
    return HeadPicker(changes.pop("looks", LOOKS), **changes)


def html(figure, theme="light") -> str:
    colours = {"light": PALETTE, "dark": DARK}[theme]
    named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Heads</title><style>html{{{named}}}'
        "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
        f'<meta name="viewport" content="width=device-width"><main><h1>Heads</h1>{figure.static_html()}</main></html>'
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    for theme in ("light", "dark"):
        (folder / f"{theme}.html").write_text(html(picker(), theme), "utf-8")
    (folder / "steps.html").write_text(html(picker(looks=STEPS, stepped="After step")), "utf-8")
    return folder


STEPS = [Look(str(step), *list(vars(look("twice", seed=step)).values())[1:]) for step in (0, 100, 250)]


def head_button(page, layer, head):
    whose = f"head {layer}.{head}" if head < HEADS else f"all heads of layer {layer}"
    return page.get_by_role("radio", name=re.compile(rf"^{re.escape(whose)}, "))


def chips(page):
    return page.get_by_role("radiogroup", name="Token that looks").get_by_role("radio")


def check(page, given, layer, head, query):
    """Everything that the figure says about a head and a token, against the arrays."""
    per_head = np.asarray(given.weights)[layer, :, query]
    weights = per_head[head] if head < HEADS else per_head.mean(0)
    shown = [float(text) if text != "–" else None for text in chips(page).locator("small").all_inner_texts()]
    assert shown[: query + 1] == pytest.approx(weights[: query + 1].tolist(), abs=0.0071)
    assert shown[query + 1 :] == [None] * (len(given.tokens) - query - 1)
    shades = [float(re.search(r"([\d.]+)%", chips(page).nth(j).get_attribute("style"))[1]) for j in range(query + 1)]
    assert shades == pytest.approx((100 * weights[: query + 1]).tolist(), abs=0.3)
    facts = page.locator(".ig-facts")
    for name, numbers in given.scores.items():
        expect(facts.first).to_contain_text(f"{name} {numbers[layer][head]:.2f}".replace("-", "−"))
    if query + 1 < len(given.tokens):
        expect(facts.last).to_contain_text(f"expected with {given.p_next[query]:.3f}")
        expect(facts.last).to_contain_text(f"{given.p_without[layer][head][query]:.3f}")
        expect(facts.last).to_contain_text(f"“{given.tokens[query + 1].replace(' ', '·')}”")
    else:
        expect(facts.last).to_contain_text("the text ends here")
    expect(chips(page).nth(query)).to_have_attribute("aria-checked", "true")
    expect(head_button(page, layer, head)).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("head", range(HEADS + 1))
def test_every_head_and_the_mean_of_a_layer(page, layer, head):
    head_button(page, layer, head).click()
    for query in (4, 2, 0):
        chips(page).nth(query).click()
        check(page, LOOKS[0], layer, head, query)


def test_another_text_has_its_own_tokens_and_ends_where_it_ends(page):
    page.get_by_role("radio", name="twice", exact=True).check()
    expect(chips(page)).to_have_count(4)
    check(page, LOOKS[1], 0, 0, 3)
    page.get_by_role("radio", name="an order", exact=True).check()
    expect(chips(page).locator(".ig-mono")).to_have_text(["<end>", "·Bip", "·<b>", "·the", "·ball"])
    check(page, LOOKS[0], 0, 0, 4)


def test_keys_alone_reach_every_head_and_token(page):
    """One stop for the tab key in each group; arrows move, up and down by a row of heads."""
    head_button(page, 0, 0).focus()
    for key, (layer, head) in {"ArrowRight": (0, 1), "ArrowDown": (1, 1), "End": (1, 3), "ArrowUp": (0, 3)}.items():
        page.keyboard.press(key)
        expect(head_button(page, layer, head)).to_be_focused()
        check(page, LOOKS[0], layer, head, 4)
    page.keyboard.press("ArrowUp")  # there is no row above
    expect(head_button(page, 0, 3)).to_be_focused()
    page.keyboard.press("Tab")
    expect(chips(page).nth(4)).to_be_focused()
    for key, query in {"ArrowLeft": 3, "Home": 0, "ArrowRight": 1}.items():
        page.keyboard.press(key)
        expect(chips(page).nth(query)).to_be_focused()
        check(page, LOOKS[0], 0, 3, query)


def test_the_mouse_need_not_click_and_nothing_moves_away_from_it(page):
    places = [chips(page).nth(j).bounding_box() for j in range(5)]
    for query in (1, 3, 2):
        chips(page).nth(query).hover()
        check(page, LOOKS[0], 0, 0, query)
        assert [chips(page).nth(j).bounding_box() for j in range(5)] == places


@pytest.mark.parametrize("score", ["induction", "cost"])
def test_the_heads_are_shaded_by_the_chosen_score(page, score):
    page.get_by_role("radio", name=score, exact=True).check()
    full = max(1, *(float(np.max(each.scores[score])) for each in LOOKS))
    for layer in range(LAYERS):
        for head in range(HEADS + 1):
            value, button = LOOKS[0].scores[score][layer][head], head_button(page, layer, head)
            expect(button).to_have_text(f"{value:.2f}".replace("-", "−"))
            shade = float(re.search(r"([\d.]+)%", button.get_attribute("style"))[1])
            assert shade == pytest.approx(100 * max(0, value / full), abs=0.2)


def test_the_summary_says_it_in_words(page):
    head_button(page, 1, 2).click()
    chips(page).nth(3).click()
    best = int(np.argmax(LOOKS[0].weights[1, 2, 3]))
    word = LOOKS[0].tokens[best].replace(" ", "·")
    said = page.get_by_role("status")
    expect(said).to_contain_text(f"From “·the”, head 1.2 gives most to “{word}” at {best} ")
    expect(said).to_contain_text(f"expected with {LOOKS[0].p_next[3]:.3f}, without this head")


def test_a_slider_for_steps(browser, folder):
    page = open_page(browser, folder, "steps")
    slider = page.get_by_role("slider", name="After step")
    for key, place in (("Home", 0), ("ArrowRight", 1), ("End", 2)):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", STEPS[place].name)
        check(page, STEPS[place], 0, 0, 3)
    assert page.faults == []
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["light", "dark", "steps"])
def test_for_every_reader(browser, folder, name, width):
    page = open_page(browser, folder, name, width=width)
    chips(page).nth(2).click()
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


def test_no_field_where_nobody_would_answer(page):
    expect(page.get_by_role("textbox")).to_have_count(0)


KERNEL = """async ({ source, state }) => {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { default: widget } = await import(url), heard = {};
  const set = (name, value) => { state[name] = value; (heard[name] || []).forEach((call) => call()); };
  const on = (names, call) => names.split(' ').forEach((name) => (heard[name.slice(7)] ||= []).push(call));
  globalThis.kernel = { set, state, saved: 0 };
  const model = { get: (name) => state[name], set, on, save_changes: () => { kernel.saved += 1; }, widget_manager: {} };
  document.body.replaceChildren();
  widget.render({ model, el: document.body });
}"""


def test_with_a_kernel_a_reader_asks_in_their_own_words(page):
    """The page's side, with a kernel played by the test, whose answers are the Python class's own."""
    figure = picker(ask=lambda text: look("yours", text.split()))
    state = json.loads(re.search(r"^\}\)\((.*)\);$", figure.static_html(), re.M)[1])["state"]
    page.evaluate(KERNEL, {"source": module("head_picker"), "state": state})
    field = page.get_by_role("textbox", name="Your own text")
    field.fill("Momo")
    field.press("Enter")
    assert page.evaluate("[kernel.state.asked, kernel.saved]") == ["Momo", 1]
    field.fill("Momo sees Bip")
    page.get_by_role("button", name="Read it").click()
    assert page.evaluate("[kernel.state.asked, kernel.saved]") == ["Momo sees Bip", 2]
    figure.asked = "Momo sees Bip"
    for name in ("looks", "look", "query"):
        page.evaluate("([name, value]) => kernel.set(name, value)", [name, getattr(figure, name)])
    expect(page.get_by_role("radio", name="yours", exact=True)).to_be_checked()
    expect(chips(page).locator(".ig-mono")).to_have_text(["Momo", "sees", "Bip"])
    check(page, look("yours", ["Momo", "sees", "Bip"]), 0, 0, 2)
    page.evaluate("kernel.set('refused', 'too long: 900 tokens')")
    expect(page.get_by_role("alert")).to_have_text("too long: 900 tokens")


def test_a_kernel_answers_replaces_its_last_answer_and_may_refuse():
    def ask(text):
        if len(text) > 20:
            raise ValueError(f"{len(text)} letters are too many")
        return look("yours", text.split())

    figure = picker(ask=ask)
    figure.asked = "a b a"
    assert [each["name"] for each in figure.looks] == ["an order", "twice", "yours"]
    assert (figure.look, figure.query) == (2, 2)
    figure.asked = "a b a b a"
    assert len(figure.looks) == 3
    assert figure.looks[2]["tokens"] == ["a", "b", "a", "b", "a"]
    figure.asked = "a" * 21
    assert figure.refused == "21 letters are too many"
    assert figure.looks[2]["tokens"] == ["a", "b", "a", "b", "a"]
    figure.asked = "b b"
    assert figure.refused == ""
    figure.asked = "  "
    assert figure.looks[2]["tokens"] == ["b", "b"]


def test_without_somebody_to_ask_nothing_happens():
    figure = picker()
    figure.asked = "a b"
    assert len(figure.looks) == 2


def test_a_small_state_travels():
    html = picker(looks=[look("long", ["x"] * 40)]).static_html()
    held = json.loads(re.search(r"^\}\)\((.*)\);$", html, re.M)[1])["state"]
    assert set(held) == {"asked", "head", "layer", "look", "looks", "query", "refused", "shade", "stepped"}
    assert len(json.dumps(held)) < 4 / 3 * LAYERS * HEADS * 40 * 41 / 2 + 4000


def changed(**changes):
    return {"looks": [look(**changes)]}


EVEN = np.tril(np.ones((LAYERS, HEADS, 5, 5)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (changed(weights=EVEN), "sum to 1 … 5, not to 1"),
        (changed(weights=np.full((LAYERS, HEADS, 5, 5), 0.2)), "a weight of 0.2 looks ahead"),
        (changed(weights=np.ones((LAYERS, HEADS, 4, 4))), r"weights has shape \(2, 3, 4, 4\)"),
        (changed(p_next=[0.1, 0.2]), r"p_next has shape \(2,\), expected \(4\)"),
        (changed(p_next=[0.1, 0.2, 0.3, 1.5]), "not from 0 to 1"),
        (changed(p_without=np.zeros((LAYERS, HEADS, 4))), r"p_without has shape \(2, 3, 4\), expected \(2, 4, 4\)"),
        (changed(scores={"induction": np.zeros((LAYERS, HEADS))}), r"induction has shape \(2, 3\), expected \(2, 4\)"),
        ({"looks": [LOOKS[0], look("twice", scores={"other": np.zeros((LAYERS, HEADS + 1))})]}, "that differ"),
        ({"looks": []}, "look=0: there are 0"),
        ({"look": 2}, "look=2: there are 2"),
        ({"head": 4}, "layer=0, head=4, query=4: the last are 1, 3, 4"),
        ({"look": 1, "query": 4}, "query=4: the last are 1, 3, 3"),
    ],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        picker(**changes)
