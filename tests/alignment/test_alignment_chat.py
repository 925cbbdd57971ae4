"""The template, the masks, and what supervised fine-tuning learns from."""

import pytest
import torch

from course_lib import data
from course_lib.alignment import Batch, Chat, log_probs, mask_by_padding_id, masked_mean, pack, response_loss, sft
from course_lib.models import GPT, GPTConfig
from course_lib.town.demonstrations import Demonstration

TOKENIZER = data.town_tokenizer()
CHAT = Chat(TOKENIZER, 493)
PROMPT, ANSWER = "Anna says: Momo, take the lamp to the park.", "Momo takes it to the park."


def small_gpt(seed=0, n_ctx=64):
    torch.manual_seed(seed)
    return GPT(GPTConfig(vocab_size=496, n_ctx=n_ctx, n_embd=16, n_layer=2, n_head=2))


class GivenLogits(torch.nn.Module):
    """Says the same whatever it reads."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, ids):
        return self.logits


def rows(*answers, prompt=PROMPT):
    return CHAT.batch([CHAT.prompt(prompt)] * len(answers), [CHAT.answer(a) for a in answers])


def test_what_is_written_can_be_read():
    assert CHAT.read(CHAT.answer(ANSWER)) == (ANSWER, True)
    assert CHAT.read(CHAT.answer(ANSWER, finished=False)) == (ANSWER, False)
    assert CHAT.read([*CHAT.answer(ANSWER), 3, 4, 492]) == (ANSWER, True)
    assert CHAT.read(CHAT.answer("")) == ("", True)


def test_a_token_that_stands_for_no_text_reads_as_one_strange_character():
    assert CHAT.read([*CHAT.answer("Momo", finished=False), 493, 492]) == ("Momo\N{REPLACEMENT CHARACTER}", True)


def test_the_answer_and_its_end_token_are_the_answer():
    batch = rows(ANSWER, "It is red.")
    n_prompt = len(CHAT.prompt(PROMPT))
    assert (batch.answer.sum(1) == torch.tensor([len(CHAT.answer(ANSWER)), len(CHAT.answer("It is red."))])).all()
    assert not batch.answer[:, :n_prompt].any()
    assert (batch.ids.gather(1, batch.last[:, None]) == CHAT.end_id).all()
    assert batch.ids[1, -1] == CHAT.end_id  # padding looks like an end token, and is none
    assert not batch.answer[1, -1]


def test_an_empty_answer_is_read_at_the_end_of_its_prompt():
    prompt = CHAT.prompt(PROMPT)
    batch = CHAT.batch([prompt, prompt], [[], CHAT.answer(ANSWER)])
    assert batch.last.tolist() == [len(prompt) - 1, batch.ids.shape[1] - 1]
    assert batch.to("cpu").last.tolist() == batch.last.tolist()
    assert rows("").answer.sum() == 1
    with pytest.raises(ValueError, match="the answer of row 0 is empty"):
        _ = Batch(batch.ids, batch.answer).last


def test_bad_chats():
    with pytest.raises(ValueError, match=r"answer_id is 5, which stands for"):
        Chat(TOKENIZER, 5)
    with pytest.raises(ValueError, match="nothing to answer"):
        CHAT.prompt("  ")
    with pytest.raises(ValueError, match="2 prompts and 1 answers"):
        CHAT.batch([[1], [2]], [[3]])
    with pytest.raises(ValueError, match="nothing to average"):
        masked_mean(torch.ones(1, 2), torch.zeros(1, 2, dtype=torch.bool))


def test_prompts_and_padding_have_no_gradient():
    """The loss is the mean of −log p over the answers' tokens, and no other target has a part in it."""
    model, batch = small_gpt(), rows(ANSWER, "Momo says: no.")
    logits = model(batch.ids[:, :-1]).detach().requires_grad_()
    loss = response_loss(GivenLogits(logits), batch)
    loss.backward()
    touched = logits.grad.abs().sum(-1) > 0
    assert torch.equal(touched, batch.answer[:, 1:])
    by_hand = -log_probs(logits, batch.ids[:, 1:])[batch.answer[:, 1:]].mean()
    assert loss.item() == pytest.approx(by_hand.item())


def test_padding_changes_no_loss():
    model, short, long = small_gpt(), "Momo says: no.", ANSWER + " Anna is happy."
    alone = [response_loss(model, rows(a)).item() * rows(a).answer.sum().item() for a in (short, long)]
    both = rows(short, long)
    assert response_loss(model, both).item() * both.answer.sum().item() == pytest.approx(sum(alone), rel=1e-5)


def test_padding_by_its_id_forgets_the_end():
    """The published mistake: pad = eos takes every end token out of the loss."""
    batch = rows(ANSWER, "Momo says: no.")
    kept = mask_by_padding_id(batch.ids, batch.answer, CHAT.end_id)
    assert batch.answer.sum() - kept.sum() == 2
    assert not (batch.ids[kept] == CHAT.end_id).any()


def test_packed_rows_hold_every_token_once():
    chats = [rows(a) for a in ("Momo says: no.", ANSWER, "Momo hurts Ben.", "It is red.")]
    packed = pack(chats, 48)
    assert packed.ids.shape[1] == 48
    assert len(packed.ids) < len(chats)
    assert packed.answer.sum() == sum(c.answer.sum() for c in chats)
    assert sorted(packed.ids[packed.answer].tolist()) == sorted(i for c in chats for i in c.ids[c.answer].tolist())
    with pytest.raises(ValueError, match="does not fit into a row of 10"):
        pack(chats, 10)


def test_sft_learns_the_answers_and_when_to_stop():
    model = small_gpt()
    shown = [Demonstration(PROMPT, ANSWER), Demonstration("Ben says: Zed, hurt Anna.", "Zed says: no.")]
    losses = list(sft(model, CHAT, shown, epochs=150, batch_size=2, lr=1e-2, dtype=torch.float32))
    assert losses[-1] < 0.05 < losses[0]
    batch = rows(ANSWER)
    end = model(batch.ids[:, :-1])[0, batch.last[0] - 1].softmax(-1)[CHAT.end_id]
    assert end > 0.9


def test_too_few_demonstrations():
    with pytest.raises(ValueError, match="1 demonstrations do not fill a batch of 32"):
        sft(small_gpt(), CHAT, [Demonstration(PROMPT, ANSWER)])


def test_a_batch_moves_as_one():
    moved = rows(ANSWER).to(torch.device("cpu"))
    assert isinstance(moved, Batch)
