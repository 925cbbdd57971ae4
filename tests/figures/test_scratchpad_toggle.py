"""The scratchpad toggle: what is shown is what was given, in a page without a kernel, in a real browser."""

import math

import pytest
from playwright.sync_api import expect

from course_lib.figures import ScratchpadToggle, Solution
from tests.figures.reading import numbers

RIDDLES = {"If my brother was half my age when I was 8?": 46, "And <b>twice</b>?": 62}
WAYS, KINDS = ("answers at once", "has a scratchpad"), ("digits", "whole numbers")


def solution(riddle: int, way: int, kind: int) -> Solution:
    written = [["4", "6"], ["half of", "8", "<b>", "4", "6"]][way]
    p = [(9 - i - riddle - kind) / 10 for i in range(len(written))]  # 0.9 … 0.3
    likeliest = [[(token, q), ("x", round((1 - q) / 4, 3)), ("y", 0.0001)] for token, q in zip(written, p)]
    return Solution(["If", "8" if riddle == 0 else "9", "?"], written, likeliest, [46, None][kind])


SOLUTIONS = {(a, b): [solution(r, i, j) for r in range(2)] for i, a in enumerate(WAYS) for j, b in enumerate(KINDS)}


def figure(riddles=RIDDLES, solutions=SOLUTIONS, **options) -> ScratchpadToggle:
    return ScratchpadToggle(riddles, solutions, **options)


def stirred(page):
    page.get_by_role("radio", name=WAYS[1]).check()
    yield


def tokens(page):
    return page.get_by_role("radiogroup", name="Written token").get_by_role("radio")


def check(page, riddle, way, kind, token):
    """Everything that the figure says, against what it was given."""
    given = SOLUTIONS[WAYS[way], KINDS[kind]][riddle]
    expect(tokens(page).locator(".ig-mono")).to_have_text(list(given.written))
    assert numbers(tokens(page), "small") == pytest.approx([each[0][1] for each in given.likeliest], abs=0.0051)
    expect(page.locator("p.ig-chips .ig-chip")).to_have_text(list(given.question))
    rows = page.locator(".ig-bars .ig-row")
    expect(rows).to_have_count(len(given.likeliest[token]))
    for row, (name, p) in zip(rows.all(), given.likeliest[token]):
        expect(row.locator(".ig-label")).to_have_text(name)
        expect(row.locator(".ig-number")).to_have_text(f"{p:.3f}" if p >= 0.0005 else "< 0.001")
    right = list(RIDDLES.values())[riddle]
    verdict = "right" if given.answer == right else "wrong"
    facts = page.locator(".ig-facts")
    expect(facts).to_contain_text(f"answer {given.answer or 'none'}")
    expect(facts).to_contain_text(f"it should be {right}")
    expect(facts).to_contain_text(f"that is {verdict}")
    expect(facts).to_contain_text(f"tokens written {len(given.written)}")
    expect(facts).to_contain_text(f"together {math.prod(each[0][1] for each in given.likeliest):.3f}")
    expect(tokens(page).nth(token)).to_have_attribute("aria-checked", "true")


@pytest.mark.parametrize("riddle", [0, 1])
@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("kind", [0, 1])
def test_every_setting_shows_its_solution(page, riddle, way, kind):
    page.get_by_role("radio", name=str(riddle + 1), exact=True).check()
    page.get_by_role("radio", name=WAYS[way]).check()
    page.get_by_role("radio", name=KINDS[kind]).check()
    for token in (1, 0):
        tokens(page).nth(token).click()
        check(page, riddle, way, kind, token)
    expect(page.get_by_text(list(RIDDLES)[riddle], exact=True)).to_be_visible()


def test_keys_alone_reach_every_token(page):
    page.get_by_role("radio", name=WAYS[1]).check()
    tokens(page).nth(0).focus()
    for key, token in {"ArrowRight": 1, "End": 4, "ArrowLeft": 3, "Home": 0}.items():
        page.keyboard.press(key)
        expect(tokens(page).nth(token)).to_be_focused()
        check(page, 0, 1, 0, token)
    page.keyboard.press("ArrowLeft")  # there is none before
    check(page, 0, 1, 0, 0)


def test_a_token_beyond_a_shorter_text_is_its_last(page):
    page.get_by_role("radio", name=WAYS[1]).check()
    tokens(page).nth(4).click()
    page.get_by_role("radio", name=WAYS[0]).check()
    check(page, 0, 0, 0, 1)


def test_the_summary_says_it_in_words(page):
    page.get_by_role("radio", name=KINDS[1]).check()
    said = page.get_by_role("status")
    expect(said).to_contain_text(
        "answers at once, numbers as whole numbers: it writes 2 tokens, and its answer, none, is wrong."
    )
    expect(said).to_contain_text("Token 1, “4”, has probability 0.800.")


def with_first(**changes):
    one = {"question": ["?"], "written": ["4"], "likeliest": [[("4", 0.6), ("5", 0.2)]], "answer": 4} | changes
    return {"riddles": {"?": 4}, "solutions": {("a", "b"): [Solution(**one)]}}


FAULTS = [
    ({"riddles": {}}, "0 riddles"),
    ({"solutions": {}}, "0 sets of solutions"),
    ({"solutions": {k: v for k, v in SOLUTIONS.items() if k != (WAYS[1], KINDS[0])}}, "no solutions for .*digits"),
    ({"riddles": {"?": 3}}, "2 solutions of .* for 1 riddles"),
    ({"riddle": 2}, "riddle=2"),
    ({"way": 2}, "way=2"),
    (with_first(likeliest=[]), "0 distributions for 1 written"),
    (with_first(written=[], likeliest=[]), "0 distributions for 0 written"),
    (with_first(likeliest=[[("4", 0.2), ("5", 0.6)]]), "they fall"),
    (with_first(likeliest=[[("4", 0.9), ("5", 0.6)]]), "sum to 1 at most"),
    (with_first(likeliest=[[("5", 0.9), ("4", 0.1)]]), "greedy text"),
]
