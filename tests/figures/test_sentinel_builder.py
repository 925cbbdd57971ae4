"""The sentinel builder: what it shows is what the library makes, in a page without a kernel, in a real browser."""

import re

from playwright.sync_api import expect

from course_lib.figures import Gaps, SentinelBuilder
from course_lib.figures.sentinel_builder import NAMES
from course_lib.training.spans import noise_counts, span_pair

PAPER = ["Thank", "you", "for", "inviting", "me", "to", "your", "party", "last", "week", "."]
TEXTS = [Gaps("the paper", PAPER, (2, 3, 8)), Gaps("long", [f"w{i}" for i in range(50)], (0, 49))]
VOCAB = 512


def figure(texts=TEXTS, **options) -> SentinelBuilder:
    return SentinelBuilder(texts, **{"vocab_size": VOCAB} | options)


def stirred(page):
    page.get_by_role("radio", name="long").check()
    words(page).nth(7).click()
    yield


def words(page):
    return page.get_by_role("group", name="Words to take away").get_by_role("button")


def shown(page, which):
    return page.get_by_role("list", name=which).get_by_role("listitem").all_inner_texts()


def expected(texts, taken):
    """What the library makes: words are their own places, sentinels a name and an id."""
    pair = span_pair(list(range(len(texts))), [i in taken for i in range(len(texts))], VOCAB, len(NAMES))
    return [[texts[i] if i < len(texts) else f"{NAMES[VOCAB - 1 - i]} {i}" for i in row] for row in pair]


def check(page, texts, taken):
    read, written = expected(texts, taken)
    expect(page.locator(".ig-facts")).to_contain_text(f"taken {len(taken)} ({100 * len(taken) / len(texts):.0f} %)")
    assert shown(page, "What it reads") == read
    assert shown(page, "What it has to write") == written
    expect(page.locator(".ig-facts")).to_contain_text(f"read {len(read)}")
    expect(page.locator(".ig-facts")).to_contain_text(f"to write {len(written)}")
    for i in range(len(texts)):
        expect(words(page).nth(i)).to_have_attribute("aria-pressed", "true" if i in taken else "false")


def test_it_begins_with_the_papers_example(page):
    check(page, PAPER, {2, 3, 8})
    assert " ".join(re.sub(r" \d+$", "", part) for part in shown(page, "What it has to write")) == (
        "<X> for inviting <Y> last <Z>"
    )


def test_every_tick_builds_the_librarys_pair(page):
    taken = {2, 3, 8}
    for i in (4, 0, 1, 8, 10, 2, 9, 3, 3):  # spans grow, meet, split, end the text, vanish
        words(page).nth(i).click()
        taken ^= {i}
        check(page, PAPER, taken)


def test_keys_alone_will_do(page):
    words(page).nth(5).focus()
    page.keyboard.press("Space")
    check(page, PAPER, {2, 3, 5, 8})
    expect(words(page).nth(5)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    check(page, PAPER, {2, 3, 5, 6, 8})


def test_nothing_and_another_text(page):
    page.get_by_role("button", name="Take nothing").click()
    check(page, PAPER, set())
    page.get_by_role("radio", name="long").check()
    check(page, TEXTS[1].words, {0, 49})
    for i in range(0, 50, 2):  # as many spans as there can be
        if i:
            words(page).nth(i).click()
    words(page).nth(49).click()
    check(page, TEXTS[1].words, set(range(0, 50, 2)))
    page.get_by_role("radio", name="the paper").check()
    check(page, PAPER, {2, 3, 8})


def test_drawn_spans_have_the_papers_share(page):
    """As many tokens and spans as the library's noise_mask takes; each draw is another one."""
    page.get_by_role("radio", name="long").check()
    n_noise, n_spans = noise_counts(50)
    draws = []
    for _ in range(8):
        page.get_by_role("button", name="Draw 15 %").click()
        expect(page.locator(".ig-facts")).to_contain_text(f"taken {n_noise} ")
        taken = {i for i in range(50) if words(page).nth(i).get_attribute("aria-pressed") == "true"}
        assert len(taken) == n_noise
        assert sum(i - 1 not in taken for i in taken) == n_spans
        assert 0 not in taken
        assert 49 in taken
        draws.append(frozenset(taken))
    assert len(set(draws)) > 5
    check(page, TEXTS[1].words, draws[-1])


def test_the_summary_says_it_in_words(page):
    expect(page.get_by_role("status")).to_have_text(
        "3 words taken, in 2 spans. It reads: Thank you <X> me to your party <Y> week . "
        "It has to write: <X> for inviting <Y> last <Z>"
    )


FAULTS = [
    ({"texts": []}, "text=0: there are 0"),
    ({"text": 2}, "text=2: there are 2"),
    ({"texts": [Gaps("one", ["a"])]}, "'one' has 1 words: from 2 to 50"),
    ({"texts": [Gaps("many", ["a"] * 51)]}, "'many' has 51 words"),
    ({"texts": [Gaps("two", ["a", "b"], (2,))]}, "place 2 is not in 'two', whose words are 0 to 1"),
    ({"vocab_size": 20}, "vocab_size=20 has no room for 26 sentinels"),
]
