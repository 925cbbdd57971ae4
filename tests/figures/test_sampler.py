"""The movable sampler: its rules are the library's own, in a page without a kernel, in a real browser."""

import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.figures import PALETTE, LiveSampler
from course_lib.figures.sampler import STEP
from course_lib.figures.style import DARK, VARIABLES
from course_lib.figures.twin import module
from course_lib.generation import Sampler
from tests.browser import open_page

WORDS = [" <b>Bip", " the", " red", ".", "<end>"]
END = 4


def next_logits(ids: list[int]) -> np.ndarray:
    """Logits that depend on every token so far, END likely after a full stop."""
    z = np.random.default_rng(ids).normal(size=len(WORDS)) * 1.5
    z[END] = 5.0 if ids[-1] == 3 else -4.0
    return z


def sampler(**changes) -> LiveSampler:
    prompts = {"Obey the": [0, 1], "Paint it": [2, 2, 1]}
    return LiveSampler(next_logits, WORDS, **{"prompts": prompts, "size": 80, "end": END, "seed": 3} | changes)


def probabilities(logits, temperature=1.0, top_k=0, top_p=1.0, nucleus="holtzman") -> np.ndarray:
    rules = Sampler(temperature, top_k or None, top_p if top_p < 1 else None, nucleus)
    return rules.probabilities(torch.tensor(logits, dtype=torch.float64)).numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampler")
    for theme, colours in {"light": PALETTE, "dark": DARK}.items():
        named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
        (folder / f"{theme}.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Draw</title><style>html{{{named}}}'
            "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
            f'<meta name="viewport" content="width=device-width"><main><h1>Draw</h1>'
            f"{sampler().static_html()}</main></html>",
            "utf-8",
        )
    return folder


def call(page, expression: str, argument):
    """Import the figure's module and evaluate an expression of `module` and `x`."""
    return page.evaluate(
        "async ({ source, x }) => { const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));"
        f" const module = await import(url); return {expression}; }}",
        {"source": module("sampler"), "x": argument},
    )


SETTINGS = [
    {"temperature": temperature, "topK": k, "topP": p, "nucleus": nucleus}
    for temperature in (0.1, 0.7, 1.0, 3.0)
    for k in (0, 1, 5, 40, 100)
    for p in (0.01, 0.3, 0.9, 0.99, 1.0)
    for nucleus in ("holtzman", "openai")
]


def test_the_rules_are_the_librarys_for_every_setting(page):
    rows = (np.random.default_rng(5).normal(size=(6, 60)) * [[0.3], [1], [2], [4], [6], [9]]).tolist()
    ours = call(
        page, "x.rows.map((z) => x.settings.map((s) => module.cut(z, s).after))", {"rows": rows, "settings": SETTINGS}
    )
    for row, cuts in zip(rows, ours):
        for setting, found in zip(SETTINGS, cuts):
            wanted = probabilities(row, *setting.values())
            assert np.flatnonzero(found).tolist() == np.flatnonzero(wanted).tolist(), setting
            np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_equal_logits_are_cut_as_in_the_library(page):
    row = [2.0, 1.0, 1.0, 1.0, 0.0]
    after = call(
        page,
        "[2, 0].map((k) => module.cut(x, { temperature: 1, topK: k, topP: k ? 1 : 0.6, nucleus: 'openai' }).after)",
        row,
    )
    np.testing.assert_allclose(after[0], probabilities(row, top_k=2), atol=1e-12)
    np.testing.assert_allclose(after[1], probabilities(row, top_p=0.6, nucleus="openai"), atol=1e-12)
    assert (np.array(after[0]) > 0).sum() == 4  # ties with the second stay


def test_a_draw_takes_the_first_token_whose_sum_exceeds_it(page):
    p = [0.0, 0.25, 0.0, 0.5, 0.25, 0.0]
    points = [0.0, 0.2499, 0.25, 0.74, 0.75, 0.9999, 1.0]
    assert call(page, "x.points.map((u) => module.choose(x.p, u))", {"p": p, "points": points}) == [1, 1, 3, 3, 4, 4, 4]


def shown(page) -> dict[str, float]:
    labels, numbers = (page.locator(f".ig-{name}").all_inner_texts() for name in ("label", "number"))
    return {label.replace("·", " "): float(n) if n[0].isdigit() else 0.0 for label, n in zip(labels, numbers)}


def test_the_sliders_move_the_rules(page):
    logits = next_logits([0, 1])
    for name, key, setting in (
        ("Temperature", "End", {"temperature": 3.0}),
        ("top-k", "Home", {"temperature": 3.0, "top_k": 1}),
        ("top-k", "ArrowRight", {"temperature": 3.0, "top_k": 2}),
        ("top-k", "End", {"temperature": 3.0}),
        ("top-p", "Home", {"temperature": 3.0, "top_p": 0.01}),
    ):
        page.get_by_role("slider", name=name).press(key)
        expected = dict(zip(WORDS, probabilities(logits, **setting)))
        assert shown(page) == pytest.approx(expected, abs=2e-3)
    expect(page.locator(".ig-facts")).to_contain_text("kept 1 of 5")
    page.get_by_role("slider", name="top-p").press("End")
    page.get_by_role("slider", name="top-p").press("PageDown")
    p = float(page.get_by_role("slider", name="top-p").get_attribute("aria-valuetext"))
    for label, nucleus in (("OpenAI", "openai"), ("Holtzman", "holtzman")):
        page.get_by_role("radio", name=label).check()
        expected = dict(zip(WORDS, probabilities(logits, 3.0, 0, p, nucleus)))
        assert shown(page) == pytest.approx(expected, abs=2e-3)


def test_the_text_grows_as_the_seed_says_until_the_tree_ends(page):
    figure, ids, drawn = sampler(), [0, 1], 0
    paths: dict[tuple[int, ...], int] = {}
    for node, (parent, token) in enumerate(zip(figure.parents, figure.tokens)):
        before = next((path for path, at in paths.items() if at == parent), None)
        if parent == -1 or before is not None:  # a node of the first prompt
            paths[() if before is None else (*before, token)] = node
    path: tuple[int, ...] = ()
    while path in paths:
        u = call(page, "module.uniform(3, x)", drawn)
        p = probabilities(np.round(next_logits([*ids, *path]), 9))
        path, drawn = (*path, int(np.searchsorted(np.cumsum(p), u, side="right"))), drawn + 1
        page.get_by_role("button", name="Draw a token").click()
        expect(page.locator(".ig-sample b")).to_have_text("".join(WORDS[i] for i in path).strip())
    expect(page.get_by_role("button", name="Draw a token")).to_be_disabled()
    over = path[-1] == END
    expect(page.get_by_role("status")).to_contain_text("the document is over" if over else "holds no logits")
    assert len(path) >= 2
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("button", name="Draw a token")).to_be_enabled()
    page.get_by_role("button", name="Start again").click()
    expect(page.locator(".ig-sample b")).to_have_text("")


def test_another_prompt_has_its_own_logits(page):
    page.get_by_role("radio", name="2").check()
    expect(page.locator(".ig-sample")).to_have_text("Paint it")
    assert shown(page) == pytest.approx(dict(zip(WORDS, probabilities(next_logits([2, 2, 1])))), abs=2e-3)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_every_reader(browser, folder, theme, width):
    page = open_page(browser, folder, theme, width=width)
    page.get_by_role("slider", name="top-k").press("Home")
    page.get_by_role("button", name="Draw a token").click()
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    page.close()


def test_the_likeliest_texts_travel_and_their_logits_are_close():
    figure = sampler(prompts={"Obey the": [0, 1]}, size=20)
    rows = np.frombuffer(figure.logits, "<u2").reshape(20, len(WORDS)) * -STEP
    paths: list[list[int]] = []
    chances = []
    for parent, token, row in zip(figure.parents, figure.tokens, rows):
        path = [] if parent < 0 else [*paths[parent], token]
        exact = next_logits([0, 1, *path])
        np.testing.assert_allclose(row, exact - exact.max(), atol=0.51 * STEP)
        before = [] if parent < 0 else [0, 1, *paths[parent]]
        chances.append(1.0 if parent < 0 else chances[parent] * probabilities(next_logits(before))[token])
        paths.append(path)
    assert chances == sorted(chances, reverse=True)
    assert all(END not in path for path in paths)


def test_a_kernel_answers_where_the_page_has_nothing():
    figure = sampler()
    figure.asked = [1, 0, 0, 2, 2]
    exact = next_logits([2, 2, 1, 0, 0, 2, 2])
    assert figure.answered == [1, 0, 0, 2, 2]
    np.testing.assert_allclose(-STEP * np.frombuffer(figure.answer, "<u2"), exact - exact.max(), atol=0.51 * STEP)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"prompts": {}}, "80 nodes for 0 prompts"), ({"size": 1}, "1 nodes for 2 prompts")],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        sampler(**changes)
