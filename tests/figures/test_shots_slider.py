"""The growing prompt: what is shown is what was given, in a page without a kernel and with one, in a real browser."""

import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from course_lib.figures import PALETTE, GrowingPrompt, ShotsSlider
from course_lib.figures.style import DARK, VARIABLES
from course_lib.figures.twin import module
from tests.browser import open_page

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


def slider_figure(**changes) -> ShotsSlider:
    return ShotsSlider(changes.pop("prompts", PROMPTS), **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shots")
    for theme, colours in {"light": PALETTE, "dark": DARK}.items():
        named = "".join(f"{VARIABLES[name]}:{value};" for name, value in colours.items() if name in VARIABLES)
        (folder / f"{theme}.html").write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Shots</title><style>html{{{named}}}'
            "body{background:var(--ig-paper);color:var(--ig-ink);font:16px sans-serif}</style>"
            '<meta name="viewport" content="width=device-width"><main><h1>Shots</h1>'
            f"{slider_figure().static_html()}</main></html>",
            "utf-8",
        )
    return folder


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


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_for_every_reader(browser, folder, theme, width):
    page = open_page(browser, folder, theme, width=width)
    page.get_by_role("slider", name="Shots").press("End")
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.get_by_role("textbox")).to_have_count(0)  # nobody would answer
    assert page.faults == []
    page.close()


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


def answering(text):
    if "=" not in text:
        raise ValueError(f"no line in {text!r}")
    return prompt("yours", shots=text.count("="), seed=5)


def test_with_a_kernel_a_reader_asks_in_their_own_lines(page):
    """The page's side, with a kernel played by the test, whose answers are the Python class's own."""
    figure = slider_figure(ask=answering)
    state = json.loads(re.search(r"^\}\)\((.*)\);$", figure.static_html(), re.M)[1])["state"]
    page.evaluate(KERNEL, {"source": module("shots_slider"), "state": state})
    field = page.get_by_role("textbox", name="Your own lines")
    field.fill("hat")
    field.press("Enter")
    assert page.evaluate("[kernel.state.asked, kernel.saved]") == ["hat", 1]
    field.fill("hat = Ben; hat")
    page.get_by_role("button", name="Ask the model").click()
    assert page.evaluate("[kernel.state.asked, kernel.saved]") == ["hat = Ben; hat", 2]
    figure.asked = "hat = Ben; hat"
    for name in ("prompts", "prompt", "shots"):
        page.evaluate("([name, value]) => kernel.set(name, value)", [name, getattr(figure, name)])
    expect(page.get_by_role("radio", name="yours")).to_be_checked()
    check(page, prompt("yours", shots=1, seed=5), 1)
    page.evaluate("kernel.set('refused', 'no line in it')")
    expect(page.get_by_role("alert")).to_have_text("no line in it")


def test_a_kernel_answers_replaces_its_last_answer_and_may_refuse():
    figure = slider_figure(ask=answering)
    figure.asked = "a = b; a"
    assert [each["name"] for each in figure.prompts] == ["a code book", "one that nobody knows", "yours"]
    assert (figure.prompt, figure.shots) == (2, 1)
    figure.asked = "a = b; c = d; a"
    assert (len(figure.prompts), figure.shots) == (3, 2)
    figure.asked = "nothing"
    assert figure.refused == "no line in 'nothing'"
    figure.asked = "a = b; b"
    assert figure.refused == ""
    figure.asked = "  "
    assert len(figure.prompts) == 3
    silent = slider_figure()
    silent.asked = "a = b"
    assert len(silent.prompts) == 2


def test_a_small_state_travels():
    held = json.loads(re.search(r"^\}\)\((.*)\);$", slider_figure().static_html(), re.M)[1])["state"]
    assert set(held) == {"asked", "prompt", "prompts", "refused", "shots"}
    assert len(json.dumps(held)) < 2000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": []}, "prompt=0: there are 0"),
        ({"prompt": 2}, "prompt=2: there are 2"),
        ({"shots": 4}, "shots=4: this prompt has 3"),
        ({"prompts": [prompt(probabilities=np.ones((3, 3)) / 3)]}, r"shape \(3, 3\), expected \(4, 3\)"),
        ({"prompts": [prompt(probabilities=np.ones((4, 3)))]}, "probabilities run from 1 and sum to 3"),
        ({"prompts": [prompt(best=np.ones((4, 2)) / 2)]}, r"best has shape \(4, 2\)"),
        ({"prompts": [prompt(best=-np.ones((4, 3)))]}, "best run from -1"),
        ({"prompts": [prompt(right=3)]}, "right=3: there are 3 answers"),
    ],
)
def test_what_cannot_be_shown_is_an_error(changes, message):
    with pytest.raises(ValueError, match=message):
        slider_figure(**changes)
