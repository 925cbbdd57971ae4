"""The movable chat template: rows and masks are the library's, in a page without a kernel, in a real browser."""

import re
from itertools import product

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from course_lib.alignment import Chat, mask_by_padding_id, pack
from course_lib.figures import Graded, TemplateEditor
from course_lib.tokens import ENDOFTEXT, train_bpe
from tests.figures.reading import sync

PROMPTS = ["Anna says: Momo, take the lamp to the park.", "Ben says: Zed, hurt Anna."]
ANSWERS = ["Momo takes it to the park. Anna is happy.", "Zed says: no."]
TOKENIZER = train_bpe([*PROMPTS, *ANSWERS] * 3, 300, special_tokens=[ENDOFTEXT])
CHAT = Chat(TOKENIZER, TOKENIZER.vocab_size)
SCOPES = {
    "answer": "the answer with its end token",
    "all": "the whole row",
    "unshifted": "the answer, mask not shifted",
}


def length(prompt, answer, finished=True):
    return len(CHAT.prompt(prompt)) + len(CHAT.answer(answer, finished))


def graded(i):
    """Made-up numbers, other ones at each token."""
    n = np.arange(length(PROMPTS[i], ANSWERS[i]))
    return Graded(PROMPTS[i], ANSWERS[i], 0.25 + 0.125 * n, 1 / (1 + n))


def figure(first=None, second=None, **options) -> TemplateEditor:
    return TemplateEditor(CHAT, first or graded(0), second or graded(1), **{"n_ctx": 160, "room": 100} | options)


def stirred(page):
    page.get_by_label("Whatever has the padding's id is left out").check()
    yield
    page.get_by_role("radio", name="packed").check()
    yield


def chips(page, row):
    """What each position of a row reads, what it is asked for, the number below, and whether that is in the loss."""
    found = page.get_by_role("list", name=f"Row {row}").get_by_role("listitem")
    return [text.split("\n") for text in found.all_inner_texts()]


def in_loss(page, row):
    found = page.get_by_role("list", name=f"Row {row}").get_by_role("listitem").all_text_contents()
    return [not text.endswith("not in the loss") for text in found][:-1]


def fact(page, name):
    facts = page.locator(".ig-facts").inner_text()
    return re.search(rf"{name} ([\d.]+(?: of \d+)?)", facts)[1]


# ---- rows and masks


@pytest.mark.parametrize(("packed", "finished"), list(product([False, True], [True, False])))
def test_rows_and_masks_are_the_librarys(call, packed, finished):
    texts = [(PROMPTS[0], ANSWERS[0], finished), (PROMPTS[1], ANSWERS[1], True), (PROMPTS[1], "", finished)]
    rows = [([CHAT.prompt(p)], [CHAT.answer(a, f)]) for p, a, f in texts]
    lengths = torch.tensor([len(p[0]) + len(a[0]) for p, a in rows])
    room = int(lengths[:2].sum())
    if packed:
        batch = pack([CHAT.batch(*row) for row in rows], room)
        filled = torch.arange(room) < torch.tensor([[room], [int(lengths[2])]])
    else:
        batch = CHAT.batch([p[0] for p, _ in rows], [a[0] for _, a in rows])
        filled = torch.arange(batch.ids.shape[1]) < lengths[:, None]
    merges = figure().merges
    chats = [call("m.chatOf(...x)", [{"prompt": p, "answer": a, "finished": f}, merges]) for p, a, f in texts]
    shown = call("m.rowsOf(...x)", [chats, packed, room])
    names = {CHAT.end_id: "end", CHAT.answer_id: "answer"}
    expected = [[names.get(i, i) if on else "pad" for i, on in zip(*row)] for row in zip(batch.ids.tolist(), filled)]
    assert [row["tokens"] for row in shown] == expected
    assert [row["answer"] for row in shown] == batch.answer.tolist()
    by_scope = {"answer": batch.answer[:, 1:], "all": filled[:, 1:], "unshifted": batch.answer[:, :-1]}
    ids = torch.where(filled, batch.ids, CHAT.end_id)  # padding has the end token's id
    for scope, mask in by_scope.items():
        kept = mask_by_padding_id(ids[:, 1:], mask, CHAT.end_id)
        for by_id, expected in ((False, mask), (True, kept)):
            assert [call("m.counted(...x)", [row, scope, by_id]) for row in shown] == expected.tolist(), scope


def test_it_begins_with_the_answers_and_their_end_tokens(page):
    batch = CHAT.batch([CHAT.prompt(p) for p in PROMPTS], [CHAT.answer(a) for a in ANSWERS])
    assert [in_loss(page, k) for k in (1, 2)] == batch.answer[:, 1:].tolist()
    n = int(batch.answer.sum())
    assert fact(page, "targets in the loss") == f"{n} of {batch.answer[:, 1:].numel()}"
    assert fact(page, "end tokens in the loss") == "2 of 2"
    first = chips(page, 1)
    assert first[0][:2] == ["<end>", f"→ {TOKENIZER.decode([CHAT.prompt(PROMPTS[0])[1]])}"]
    assert first[len(CHAT.prompt(PROMPTS[0])) - 1][0] == "<answer>"
    assert first[-1][:2] == ["<end>", "–"]
    terms = [x for k in (0, 1) for x, on in zip(graded(k).nats, batch.answer[k, 1:]) if on]
    loss = re.search(r"loss ([\d.]+) nats per token", page.locator(".ig-facts").inner_text())[1]
    assert float(loss) == pytest.approx(np.mean(terms), abs=0.0006)


def test_padding_by_its_id_takes_the_end_tokens_out(page):
    before = [in_loss(page, k) for k in (1, 2)]
    page.get_by_label("Whatever has the padding's id is left out").check()
    after = [in_loss(page, k) for k in (1, 2)]
    assert sum(map(sum, before)) - sum(map(sum, after)) == 2
    assert fact(page, "end tokens in the loss") == "0 of 2"
    expect(page.locator(".ig-figure")).to_contain_text("nothing tells the model to stop")


def test_prompts_have_no_gradient_and_answers_have(page):
    page.get_by_role("radio", name="its gradient").check()
    on, n = in_loss(page, 1), int(fact(page, "targets in the loss").split()[0])
    shown = [float(chip[2]) for chip in chips(page, 1)[:-1]]
    expected = [slope / n * counts for slope, counts in zip(graded(0).slopes, on)]
    assert shown == pytest.approx(expected, abs=0.0006)
    assert all((x == 0) == (not counts) for x, counts in zip(shown, on))
    page.get_by_role("radio", name=SCOPES["all"]).check()
    assert all(float(chip[2]) > 0 for chip in chips(page, 1)[:-1])


def test_a_mask_that_is_not_shifted_misses_the_first_token_and_learns_padding(page):
    page.get_by_role("radio", name=SCOPES["unshifted"]).check()
    n_prompt = len(CHAT.prompt(PROMPTS[1]))
    second = in_loss(page, 2)
    assert second.index(True) == n_prompt
    last = length(PROMPTS[1], ANSWERS[1]) - 1  # reads the end token, is asked for padding
    assert second[last]
    expect(page.locator(".ig-figure")).to_contain_text("the first token of an answer is not learned")


def test_packed_chats_share_a_row(page):
    page.get_by_role("radio", name="packed").check()
    expect(page.get_by_role("list")).to_have_count(1)
    row, both = chips(page, 1), sum(length(p, a) for p, a in zip(PROMPTS, ANSWERS))
    assert len(row) == 100
    assert fact(page, "padding") == str(100 - both)
    assert fact(page, "end tokens in the loss") == "2 of 2"


# ---- the reader's own chat


def test_own_texts_are_cut_and_have_no_numbers(page):
    page.get_by_label("Prompt").fill("Momo, paint the lamp! 🤖")
    page.get_by_label("Answer", exact=True).fill("It is red <|endoftext|>")  # spelled out, it is ordinary text
    prompt = [CHAT.end_id, *TOKENIZER.encode("Momo, paint the lamp! 🤖")]
    answer = TOKENIZER.encode(" It is red <|endoftext|>", disallowed_special=())
    row = chips(page, 1)
    assert len(row) == len(prompt) + 1 + len(answer) + 1
    assert sum(in_loss(page, 1)) == len(answer) + 1
    assert [chip[0] for chip in row].count("<end>") == 2
    expect(page.locator(".ig-figure")).to_contain_text("This page cannot run the model")
    assert "nats" not in page.locator(".ig-facts").inner_text()
    page.get_by_role("radio", name="its gradient").check()
    assert {chip[2] for chip in chips(page, 1)[:-1]} == {"0", "not 0"}
    page.get_by_label("The answer ends with an end token").uncheck()
    assert fact(page, "end tokens in the loss") == "1 of 1"
    page.get_by_role("button", name="Back to the example").click()
    assert page.get_by_label("Answer", exact=True).input_value() == ANSWERS[0]
    assert fact(page, "end tokens in the loss") == "2 of 2"


def test_an_empty_answer_is_an_end_token_and_an_empty_prompt_is_said(page):
    page.get_by_label("Answer", exact=True).fill("")
    assert sum(in_loss(page, 1)) == 1
    page.get_by_label("Prompt").fill(" ")
    expect(page.locator(".ig-figure")).to_contain_text("The prompt is empty: there is nothing to answer.")
    page.get_by_label("Prompt").fill("q" * 200)
    expect(page.locator(".ig-figure")).to_contain_text("more than the 160 of a row")
    expect(page.get_by_role("list")).to_have_count(0)


def test_the_summary_says_it_in_words(page):
    n = len(CHAT.answer(ANSWERS[0])) + len(CHAT.answer(ANSWERS[1]))
    expect(page.get_by_role("status")).to_contain_text(f"{n} of ")
    expect(page.get_by_role("status")).to_contain_text("2 of 2 end tokens among them. The loss is")


def test_keys_alone_reach_everything(page):
    page.get_by_role("radio", name=SCOPES["answer"]).focus()
    page.keyboard.press("ArrowRight")
    assert all(in_loss(page, 1)[:5])
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert fact(page, "end tokens in the loss") == "0 of 2"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("list")).to_have_count(1)


# ---- with a kernel


def test_with_a_kernel_own_chats_have_numbers(open_figure):
    def ask(prompt, answer, finished):
        if "hurt" in answer:
            raise ValueError(f"{answer!r} cannot be graded")
        n = length(prompt, answer, finished)
        return [0.5] * n, [1.0] * n

    own = figure(ask=ask)
    page = open_figure(own, kernel=True)
    assert page.evaluate("kernel.saved") == []  # the example is known
    page.get_by_label("Answer", exact=True).fill("Momo, no.")
    sync(page, own)
    assert own.asked == [PROMPTS[0], "Momo, no.", "finished"]
    assert {chip[2] for chip in chips(page, 1)[:-1]} == {"0.50"}
    page.get_by_label("The answer ends with an end token").uncheck()
    page.get_by_label("Answer", exact=True).fill("hurt")
    sync(page, own)
    assert own.asked == [PROMPTS[0], "hurt", ""]
    expect(page.get_by_role("alert")).to_have_text("'hurt' cannot be graded")


# ---- what cannot be shown


def test_an_example_without_numbers_is_cut_all_the_same():
    assert figure(Graded(PROMPTS[0], ANSWERS[0]), Graded(PROMPTS[1], ANSWERS[1])).known == []


FAULTS = [
    ({"first": Graded(" ", "no")}, "the prompt is ' ': there is nothing to answer"),
    ({"room": 10}, r"chats of \[\d+, \d+\] tokens, room=10, n_ctx=160: each has to fit into the next"),
    ({"n_ctx": 90}, "room=100, n_ctx=90"),
    ({"first": Graded(PROMPTS[0], "no", [1.0], [1.0])}, r"nats has shape \(1,\), expected"),
    ({"second": Graded(PROMPTS[1], ANSWERS[1], [np.nan] * length(PROMPTS[1], ANSWERS[1]), [1.0])}, "NaN or inf"),
]
