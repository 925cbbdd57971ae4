"""The objective picker: inputs, targets and visibility are those of each objective, in a browser, without a kernel."""

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import ObjectivePicker
from course_lib.figures.objective_picker import OBJECTIVES
from tests.figures.reading import visible

TOKENS = ["Anna", " asks", " Bip", " to", " paint", " it"]
CHOSEN = {1: "[MASK]", 3: "random", 4: "unchanged"}
NAMES = dict(zip(OBJECTIVES, ("autoregressive", "masked (autoencoding)", "prefix", "encoder and decoder")))
N = len(TOKENS)


def expected(objective, prefix=3, chosen=CHOSEN):
    """Inputs, targets (None: not scored) and the visibility matrix, straight from the definitions."""
    causal = np.tri(N, dtype=bool)
    given = causal | (np.arange(N) < prefix)
    if objective == "autoregressive":
        return TOKENS, [*TOKENS[1:], None], causal
    if objective == "masked":
        swap = {"[MASK]": "[MASK]", "random": "lamp"}
        inputs = [swap.get(chosen.get(i), token) for i, token in enumerate(TOKENS)]
        return inputs, [token if i in chosen else None for i, token in enumerate(TOKENS)], np.ones((N, N), dtype=bool)
    if objective == "prefix":
        return TOKENS, [*[None] * (prefix - 1), *TOKENS[prefix:], None], given
    inputs = [*TOKENS[:prefix], "<start>", *TOKENS[prefix:-1]]
    return inputs, [*[None] * prefix, *TOKENS[prefix:]], given


def figure(tokens=TOKENS, chosen=CHOSEN, **options) -> ObjectivePicker:
    return ObjectivePicker(tokens, chosen, **{"row": 2} | options)


def stirred(page):
    for objective in OBJECTIVES:
        pick(page, objective)
        yield


def check(page, objective, **how):
    inputs, targets, sees = expected(objective, **how)
    chips = page.locator(".ig-objective .ig-chip")
    expect(chips.locator(".ig-mono")).to_have_text([visible(token) for token in inputs])
    expect(chips.locator("small")).to_have_text(["–" if token is None else f"→ {visible(token)}" for token in targets])
    cells = page.locator(".ig-sees tbody td").evaluate_all("cells => cells.map(c => c.textContent)")
    assert np.array_equal(np.reshape(cells, (N, N)) == "sees", sees)
    hatched = page.locator(".ig-sees tbody td").evaluate_all("cs => cs.map(c => c.classList.contains('ig-masked'))")
    assert np.array_equal(~np.reshape(hatched, (N, N)), sees)
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"positions scored {sum(token is not None for token in targets)} of {N}")
    expect(facts).to_contain_text(f"pairs that see each other {sees.sum()} of {N * N}")


def pick(page, objective):
    page.get_by_role("radio", name=NAMES[objective], exact=True).check()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_has_its_inputs_targets_and_matrix(page, objective):
    pick(page, objective)
    check(page, objective)


@pytest.mark.parametrize("objective", ["prefix", "encoder-decoder"])
def test_the_slider_says_how_many_tokens_are_given(page, objective):
    pick(page, objective)
    slider = page.get_by_role("slider", name="Tokens that are given")
    for key, prefix in (("Home", 1), ("ArrowRight", 2), ("End", N - 1)):
        slider.press(key)
        check(page, objective, prefix=prefix)


def test_the_slider_is_there_only_where_something_is_given(page):
    slider = page.get_by_role("slider", name="Tokens that are given")
    expect(slider).to_be_hidden()
    pick(page, "prefix")
    expect(slider).to_be_visible()
    pick(page, "masked")
    expect(slider).to_be_hidden()


def test_pressing_a_token_chooses_it_in_three_ways_and_leaves_it(page):
    pick(page, "masked")
    token = page.get_by_role("button", name="position 5, reads")
    for fate in ("[MASK]", "random", "unchanged", None):
        token.press("Enter")
        check(page, "masked", chosen=CHOSEN | ({5: fate} if fate else {}))


def test_the_summary_says_what_a_position_sees_and_is_asked(page):
    said = page.get_by_role("status")
    expect(said).to_contain_text("position 2 reads “·Bip”, sees 3 of 6 positions, and is asked for “·to”.")
    pick(page, "masked")
    expect(said).to_contain_text("position 2 reads “·Bip”, sees all positions, on both sides, and is not scored.")
    page.locator(".ig-sees tbody button").nth(1).focus()
    expect(said).to_contain_text("reads “[MASK]”, sees all positions, on both sides, and is asked for “·asks”.")


def test_keys_alone_reach_everything(page):
    page.get_by_role("radio", name="autoregressive", exact=True).focus()
    page.keyboard.press("ArrowDown")
    check(page, "masked")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="position 0, reads")).to_be_focused()
    page.keyboard.press("Space")
    check(page, "masked", chosen=CHOSEN | {0: "[MASK]"})


FAULTS = [
    ({"tokens": ["a", "b"]}, "2 tokens: from 3 to 20"),
    ({"objective": "diffusion"}, "objective='diffusion': choose one of autoregressive, masked"),
    ({"prefix": 6}, "prefix=6, row=2: of 6 tokens, 1 to 5"),
    ({"row": 6}, "prefix=3, row=6"),
    ({"chosen": {6: "[MASK]"}}, r"chosen=\{6: '\[MASK\]'\}: places run to 5"),
    ({"chosen": {1: "gone"}}, r"fates are \[MASK\], random, unchanged"),
]
