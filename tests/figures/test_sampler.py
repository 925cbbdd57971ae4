"""The movable sampler: its rules are the library's own, in a page without a kernel, in a real browser."""

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from course_lib.figures import LiveSampler
from course_lib.figures.sampler import STEP
from course_lib.generation import Sampler
from tests.figures.reading import sync

WORDS = [" <b>Bip", " the", " red", ".", "<end>"]
END = 4


def next_logits(ids: list[int]) -> np.ndarray:
    """Logits that depend on every token so far, END likely after a full stop."""
    z = np.random.default_rng(ids).normal(size=len(WORDS)) * 1.5
    z[END] = 5.0 if ids[-1] == 3 else -4.0
    return z


def figure(**changes) -> LiveSampler:
    prompts = {"Obey the": [0, 1], "Paint it": [2, 2, 1]}
    return LiveSampler(next_logits, WORDS, **{"prompts": prompts, "size": 80, "end": END, "seed": 3} | changes)


def stirred(page):
    page.get_by_role("slider", name="top-k").press("Home")
    page.get_by_role("button", name="Draw a token").click()
    yield


def probabilities(logits, temperature=1.0, top_k=0, top_p=1.0, nucleus="holtzman") -> np.ndarray:
    rules = Sampler(temperature, top_k or None, top_p if top_p < 1 else None, nucleus)
    return rules.probabilities(torch.tensor(logits, dtype=torch.float64)).numpy()


SETTINGS = [
    {"temperature": temperature, "topK": k, "topP": p, "nucleus": nucleus}
    for temperature in (0.1, 0.7, 1.0, 3.0)
    for k in (0, 1, 5, 40, 100)
    for p in (0.01, 0.3, 0.9, 0.99, 1.0)
    for nucleus in ("holtzman", "openai")
]


def test_the_rules_are_the_librarys_for_every_setting(call):
    rows = (np.random.default_rng(5).normal(size=(6, 60)) * [[0.3], [1], [2], [4], [6], [9]]).tolist()
    x = {"rows": rows, "settings": SETTINGS}
    ours = call("x.rows.map((z) => x.settings.map((s) => m.cut(z, s).after))", x)
    for row, cuts in zip(rows, ours):
        for setting, found in zip(SETTINGS, cuts):
            wanted = probabilities(row, *setting.values())
            assert np.flatnonzero(found).tolist() == np.flatnonzero(wanted).tolist(), setting
            np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_equal_logits_are_cut_as_in_the_library(call):
    row, cut = [2.0, 1.0, 1.0, 1.0, 0.0], "m.cut(x, { temperature: 1, topK: k, topP: k ? 1 : 0.6, nucleus: 'openai' })"
    after = call(f"[2, 0].map((k) => {cut}.after)", row)
    np.testing.assert_allclose(after[0], probabilities(row, top_k=2), atol=1e-12)
    np.testing.assert_allclose(after[1], probabilities(row, top_p=0.6, nucleus="openai"), atol=1e-12)
    assert (np.array(after[0]) > 0).sum() == 4  # ties with the second stay


def test_a_draw_takes_the_first_token_whose_sum_exceeds_it(call):
    p = [0.0, 0.25, 0.0, 0.5, 0.25, 0.0]
    points = [0.0, 0.2499, 0.25, 0.74, 0.75, 0.9999, 1.0]
    assert call("x.points.map((u) => m.choose(x.p, u))", {"p": p, "points": points}) == [1, 1, 3, 3, 4, 4, 4]


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


def test_the_text_grows_as_the_seed_says_until_the_tree_ends(page, call):
    own, ids, drawn = figure(), [0, 1], 0
    paths: dict[tuple[int, ...], int] = {}
    for node, (parent, token) in enumerate(zip(own.parents, own.tokens)):
        before = next((path for path, at in paths.items() if at == parent), None)
        if parent == -1 or before is not None:  # a node of the first prompt
            paths[() if before is None else (*before, token)] = node
    path: tuple[int, ...] = ()
    while path in paths:
        u = call("m.uniform(3, x)", drawn)
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


def test_the_likeliest_texts_travel_and_their_logits_are_close():
    own = figure(prompts={"Obey the": [0, 1]}, size=20)
    rows = np.frombuffer(own.logits, "<u2").reshape(20, len(WORDS)) * -STEP
    paths: list[list[int]] = []
    chances = []
    for parent, token, row in zip(own.parents, own.tokens, rows):
        path = [] if parent < 0 else [*paths[parent], token]
        exact = next_logits([0, 1, *path])
        np.testing.assert_allclose(row, exact - exact.max(), atol=0.51 * STEP)
        before = [] if parent < 0 else [0, 1, *paths[parent]]
        chances.append(1.0 if parent < 0 else chances[parent] * probabilities(next_logits(before))[token])
        paths.append(path)
    assert chances == sorted(chances, reverse=True)
    assert all(END not in path for path in paths)


def test_a_kernel_answers_where_the_page_has_nothing(open_figure):
    own = figure(size=2)  # no more than the prompts
    page = open_figure(own, kernel=True)
    for n in (1, 2):
        page.get_by_role("button", name="Draw a token").click()
        expect(page.get_by_role("button", name="Draw a token")).to_be_disabled()
        sync(page, own)
        assert own.answered == own.asked == [0, *own.path]
        assert len(own.path) == n
        exact = next_logits([0, 1, *own.path])
        np.testing.assert_allclose(-STEP * np.frombuffer(own.answer, "<u2"), exact - exact.max(), atol=0.51 * STEP)
        assert shown(page) == pytest.approx(dict(zip(WORDS, probabilities(exact))), abs=2e-3)


FAULTS = [({"prompts": {}}, "80 nodes for 0 prompts"), ({"size": 1}, "1 nodes for 2 prompts")]
