"""The movable heads: what is shown is what was given, in a page without a kernel and with one, in a real browser."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import HeadPicker, Look
from tests.figures.reading import for_every_reader, signed, state, sync, visible

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


def figure(looks=LOOKS, **options) -> HeadPicker:
    return HeadPicker(looks, **options)


def stirred(page):
    chips(page).nth(2).click()
    yield


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
        expect(facts.first).to_contain_text(f"{name} {signed(numbers[layer][head])}")
    if query + 1 < len(given.tokens):
        expect(facts.last).to_contain_text(f"expected with {given.p_next[query]:.3f}")
        expect(facts.last).to_contain_text(f"{given.p_without[layer][head][query]:.3f}")
        expect(facts.last).to_contain_text(f"“{visible(given.tokens[query + 1])}”")
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
            expect(button).to_have_text(signed(value))
            shade = float(re.search(r"([\d.]+)%", button.get_attribute("style"))[1])
            assert shade == pytest.approx(100 * max(0, value / full), abs=0.2)


def test_the_summary_says_it_in_words(page):
    head_button(page, 1, 2).click()
    chips(page).nth(3).click()
    best = int(np.argmax(LOOKS[0].weights[1, 2, 3]))
    said, word = page.get_by_role("status"), visible(LOOKS[0].tokens[best])
    expect(said).to_contain_text(f"From “·the”, head 1.2 gives most to “{word}” at {best} ")
    expect(said).to_contain_text(f"expected with {LOOKS[0].p_next[3]:.3f}, without this head")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_slider_for_steps(open_figure, width):
    page = open_figure(figure(STEPS, stepped="After step"), width=width)
    slider = page.get_by_role("slider", name="After step")
    for key, place in (("Home", 0), ("ArrowRight", 1), ("End", 2)):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", STEPS[place].name)
        check(page, STEPS[place], 0, 0, 3)
    for_every_reader(page)


def test_no_field_where_nobody_would_answer(page):
    expect(page.get_by_role("textbox")).to_have_count(0)


def test_with_a_kernel_a_reader_asks_in_their_own_words(open_figure):
    """Each answer takes the place of the last one; a refusal leaves it."""

    def ask(text):
        if len(text) > 20:
            raise ValueError(f"{len(text)} letters are too many")
        return look("yours", text.split())

    own = figure(ask=ask)
    page = open_figure(own, kernel=True)
    field, read = page.get_by_role("textbox", name="Your own text"), page.get_by_role("button", name="Read it")
    for words, send in ((["Momo"] * 2, lambda: field.press("Enter")), (["Momo", "sees", "Bip"], read.click)):
        field.fill(" ".join(words))
        send()
        sync(page, own)
        assert [each["name"] for each in own.looks] == ["an order", "twice", "yours"]
        assert (own.look, own.query) == (2, len(words) - 1)
        expect(page.get_by_role("radio", name="yours", exact=True)).to_be_checked()
        expect(chips(page).locator(".ig-mono")).to_have_text(words)
        check(page, look("yours", words), 0, 0, len(words) - 1)
    for text, refused in (("a" * 21, "21 letters are too many"), ("b b", ""), ("  ", "")):
        field.fill(text)
        read.click()
        sync(page, own)
        expect(page.get_by_role("alert")).to_have_text(refused)
    assert own.looks[2]["tokens"] == ["b", "b"]


def test_a_small_state_travels():
    held = state(figure([look("long", ["x"] * 40)]))
    assert len(json.dumps(held)) < 4 / 3 * LAYERS * HEADS * 40 * 41 / 2 + 4000


def changed(**changes):
    return {"looks": [look(**changes)]}


EVEN = np.tril(np.ones((LAYERS, HEADS, 5, 5)))


FAULTS = [
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
]
