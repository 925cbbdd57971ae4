"""Byte-pair encoding, merge by merge: the page encodes as Python does, whatever the text."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from course_lib.figures import MergeSteps
from course_lib.figures.merge_steps import merge_counts
from course_lib.tokens import Tokenizer, split, train_bpe
from course_lib.tokens.alphabet import BYTE_ORDER
from course_lib.tokens.splitting import YOUNG
from tests.figures.reading import visible

TEXTS = ["A robot must obey the orders given it.", "The robots' orders, 2024: naïve café 日本 🤖!"]
TOKENIZER = train_bpe(TEXTS, 276)
STRINGS = [
    "", " ", "  a", "a  ", "\n\n x\t", "don't we'll I'd they've 'S", "x'sy", "a1b2 ３ ½ Ⅷ", "été e\u0301", "日本語",
    "🤖👩‍👩‍👧 ok", "\u00a0a\u3000b\ufeffc\u0085d\x1ce\u200bf", "مرحبا بالعالم", "हिन्दी", "\x00\x7f\r\n",
    "𝔘nicode 𐍈", "A robot must obey", "aaaaaaaaaaaaaaaaa", "...!!!   ???",
]  # fmt: skip


def figure(tokenizer=TOKENIZER, text=TEXTS[0], **options) -> MergeSteps:
    return MergeSteps(tokenizer, text, **{"texts": TEXTS, "step": 3} | options)


FAULTS = [({"tokenizer": Tokenizer(), "step": 1}, "step=1: this tokenizer has 0 to 0")]


def test_the_tokens_of_the_first_and_the_last_step(page):
    slider, chips = page.get_by_role("slider"), page.get_by_role("listitem")
    slider.press("End")
    expect(chips).to_have_text([visible(TOKENIZER.token_bytes(i).decode()) for i in TOKENIZER.encode(TEXTS[0])])
    slider.press("Home")
    expect(chips).to_have_text(list(visible(TEXTS[0])))
    expect(page.locator(".ig-figure")).to_contain_text("No merge yet")


def test_the_readers_text_is_encoded(page):
    page.get_by_role("slider").press("End")
    page.get_by_label("Your own text").fill("robots é\u00a0<b>")
    ids, chips = TOKENIZER.encode("robots é\u00a0<b>"), page.get_by_role("listitem")
    expect(chips).to_have_count(len(ids))
    assert [chip.get_attribute("title") for chip in chips.all()] == [f"id {i}" for i in ids]


def test_javascript_encodes_as_python_does(call):
    tokenizer, r = train_bpe([*TEXTS, *STRINGS], 330), np.random.default_rng(1)
    letters = list("aeo rst'  \n\t.,1２éßñ日本🤖\u00a0\u0301\u200d")
    strings = STRINGS + ["".join(r.choice(letters, size=r.integers(1, 40))) for _ in range(300)]
    x = {"strings": strings, "merges": figure(tokenizer, step=None).merges}
    assert call("x.strings.map((s) => m.encode(s, x.merges))", x) == [tokenizer.encode(text) for text in strings]


def test_javascript_splits_around_every_character_as_python_does(call):
    young = re.compile(f"[{YOUNG}]")  # letters that younger browsers know, and older ones do not
    planes = [*range(0xD800), *range(0xE000, 0x33480), *range(0xE0000, 0xE0200)]  # all else is unassigned
    text = "".join(f"a{c}1{c} {c}.\n" for c in map(chr, planes) if not young.match(c))
    assert call("m.split(x).join('|')", text) == "|".join(split(text))


@pytest.mark.parametrize("n", [256, 270])
def test_merge_counts_are_those_of_training(n):
    texts = ["a robot must obey the orders given it", "the robot obeyed the order"]
    merges = train_bpe(texts, n).merges
    counts = merge_counts(merges, texts)
    assert counts == sorted(counts, reverse=True)  # training always merges the most frequent pair
    assert counts[:1] == [sum(text.count((a + b).decode()) for text in texts) for a, b in merges[:1]]


def test_it_knows_gpt2s_order_of_bytes():
    assert MergeSteps(Tokenizer([], byte_order=BYTE_ORDER), "a").byte_ids[ord(" ")] == 220
