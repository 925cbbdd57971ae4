"""The growing prompt: what is shown is what was given, in a page without a kernel and with one, in a real browser."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import GrowingPrompt, ShotsSlider
from tests.figures.reading import state, sync

NAMES = ["Anna", "Ben", "<b>"]


def prompt(name="a code book", shots=3, right=1, seed=0, **changes) -> GrowingPrompt:
    rng = np.random.default_rng(seed)
    p = rng.random((shots + 1, 4))
    arguments = {
        "task": "Code:",
        "shots": [f" k{i} = {NAMES[i % 3]};" for i in range(shots)],
        "query": " k1 =",
        "answers": NAMES,
        "probabilities": (p / p.sum(1, keepdims=True))[:, :3],
        "best": np.full((shots + 1, 3), 1 / 3),
        "right": right,
    }
    return GrowingPrompt(name, **(arguments | changes))


PROMPTS = [prompt(), prompt("one that nobody knows", shots=2, seed=1, best=None, right=None)]


def figure(prompts=PROMPTS, **options) -> ShotsSlider:
    return ShotsSlider(prompts, **options)


def stirred(page):
    page.get_by_role("slider", name="Shots").press("End")
    yield


def check(page, given, n):
    """Everything that the figure says about a prompt after n shots, against what it was given."""
    mine = np.asarray(given.probabilities)[n]
    expect(page.locator(".ig-sample")).to_have_text(given.task + "".join(given.shots[:n]) + given.query)
    expect(page.locator(".ig-sample b")).to_have_text(given.query)
    expect(page.locator(".ig-label")).to_have_text(list(given.answers))
    expect(page.locator(".ig-number")).to_have_text([f"{round(1e4 * p) / 1e4:.3f}" for p in mine])
    expect(page.get_by_role("slider", name="Shots")).to_have_attribute("aria-valuetext", re.compile(f"^{n} shot"))
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"first choice {given.answers[mine.argmax()]}")
    expect(page.locator(".ig-mark")).to_have_count(0 if given.best is None else len(given.answers))
    if given.right is None:
        expect(facts).not_to_contain_text("right")
        expect(page.locator(".ig-strong")).to_have_count(0)
    else:
        expect(facts).to_contain_text(f"best possible {given.best[n][given.right]:.3f}")
        expect(page.locator(".ig-strong .ig-label")).to_have_text(given.answers[given.right])
    expect(page.get_by_role("status")).to_contain_text(f"After {n} shot")


@pytest.mark.parametrize(("keys", "n"), [([], 0), (["ArrowRight"], 1), (["End"], 3), (["End", "ArrowLeft"], 2)])
def test_the_slider_gives_shots(page, keys, n):
    for key in keys:
        page.get_by_role("slider", name="Shots").press(key)
    check(page, PROMPTS[0], n)


def test_bars_are_shares_of_one_and_marks_stand_at_the_best(page):
    bars = page.locator(".ig-bar").evaluate_all("bars => bars.map((bar) => parseFloat(bar.style.width))")
    assert bars == pytest.approx((100 * PROMPTS[0].probabilities[0]).tolist(), abs=0.01)
    marks = page.locator(".ig-mark").evaluate_all("marks => marks.map((mark) => parseFloat(mark.style.left))")
    assert marks == pytest.approx([100 / 3] * 3, abs=0.01)


def test_another_prompt_has_its_own_shots(page):
    slider = page.get_by_role("slider", name="Shots")
    slider.press("End")
    page.get_by_role("radio", name="one that nobody knows").check()
    check(page, PROMPTS[1], 2)
    slider.press("Home")
    check(page, PROMPTS[1], 0)
    page.get_by_role("radio", name="a code book").check()
    check(page, PROMPTS[0], 0)
    slider.press("End")
    check(page, PROMPTS[0], 3)


def answering(text):
    if "=" not in text:
        raise ValueError(f"no line in {text!r}")
    return prompt("yours", shots=text.count("="), seed=5)


def test_with_a_kernel_a_reader_asks_in_their_own_lines(open_figure):
    """Each answer takes the place of the last one; a refusal leaves it."""
    own = figure(ask=answering)
    page = open_figure(own, kernel=True)
    field, send = page.get_by_role("textbox", name="Your own lines"), page.get_by_role("button", name="Ask the model")
    for text, n, ask in (("a = b; a", 1, lambda: field.press("Enter")), ("hat = Ben; kite = Ben; hat", 2, send.click)):
        field.fill(text)
        ask()
        sync(page, own)
        assert [each["name"] for each in own.prompts] == ["a code book", "one that nobody knows", "yours"]
        expect(page.get_by_role("radio", name="yours")).to_be_checked()
        check(page, prompt("yours", shots=n, seed=5), n)
    for text, refused in (("nothing", "no line in 'nothing'"), ("a = b; b", ""), ("  ", "")):
        field.fill(text)
        send.click()
        sync(page, own)
        expect(page.get_by_role("alert")).to_have_text(refused)
    assert (own.prompt, own.shots) == (2, 1)


def test_no_field_where_nobody_would_answer(page):
    expect(page.get_by_role("textbox")).to_have_count(0)


def test_a_small_state_travels():
    assert len(json.dumps(state(figure()))) < 2000


FAULTS = [
    ({"prompts": []}, "prompt=0: there are 0"),
    ({"prompt": 2}, "prompt=2: there are 2"),
    ({"shots": 4}, "shots=4: this prompt has 3"),
    ({"prompts": [prompt(probabilities=np.ones((3, 3)) / 3)]}, r"shape \(3, 3\), expected \(4, 3\)"),
    ({"prompts": [prompt(probabilities=np.ones((4, 3)))]}, "probabilities run from 1 and sum to 3"),
    ({"prompts": [prompt(best=np.ones((4, 2)) / 2)]}, r"best has shape \(4, 2\)"),
    ({"prompts": [prompt(best=-np.ones((4, 3)))]}, "best run from -1"),
    ({"prompts": [prompt(right=3)]}, "right=3: there are 3 answers"),
]
