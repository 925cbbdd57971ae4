"""Rows with gaps for a BERT, and blanks: one word of a text, asked of a BERT and of a GPT."""

from dataclasses import replace

import pytest
import torch

from course_lib import data, town
from course_lib.models import BERT, GPT, BERTConfig, GPTConfig
from course_lib.training import blanks as holes
from course_lib.training.blanks import among, blank, blank_ids, blanks, candidates, fill, fill_by_trying, fill_from_left
from course_lib.training.evaluation import document_nats
from course_lib.training.masking import Stage, bert_tokens, document_rows, framed, masked_batches

TOKENIZER = bert_tokens(data.town_tokenizer())
SPECIAL = TOKENIZER.special_tokens
STAGES = (Stage("repeats", 2, 0.3, 20), Stage("full", 3, 0.15, 3))


# ---- rows


def test_ids_of_words_stay_and_special_tokens_come_behind():
    old = data.town_tokenizer()
    assert TOKENIZER.encode("Anna asks Bip.") == old.encode("Anna asks Bip.")
    assert [SPECIAL[name] for name in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")] == list(range(493, 497))
    assert framed("Bip", TOKENIZER) == [494, *old.encode("Bip"), 495]


def test_batches_are_made_of_their_number_alone():
    a, b = masked_batches(STAGES, TOKENIZER), masked_batches(STAGES, TOKENIZER)
    for number in (0, 7, 19, 21):
        one, two = a(number), b(number)
        for name in ("inputs", "targets", "real"):
            assert torch.equal(getattr(one, name), getattr(two, name))
    assert [len(a(i).inputs) for i in (0, 19, 20, 22)] == [2, 2, 3, 3]


def test_no_document_comes_twice_in_a_stage_and_each_is_whole():
    rows = document_rows(TOKENIZER, Stage("full", 2, 0.15, 32))
    texts = [TOKENIZER.decode(row[1:-1]) for number in range(32) for row in rows(number)]
    assert sorted(texts) == sorted(d.text for d in town.documents(64))


def test_targets_are_what_stood_there_and_padding_is_told():
    batch = masked_batches(STAGES, TOKENIZER)
    for number in range(20, 23):
        part = batch(number)
        asked = part.targets != -100
        assert asked.any()
        assert torch.equal(part.real, part.inputs.ne(SPECIAL["[PAD]"]) | asked)
        assert not torch.isin(part.targets, torch.tensor(list(SPECIAL.values()))).any()
        kept = torch.where(asked, part.targets, part.inputs)[part.real].tolist()
        assert TOKENIZER.decode(kept).count("[CLS]") == 3


def test_a_seed_chooses_other_tokens_of_the_same_texts():
    a, b = (masked_batches(STAGES, TOKENIZER, seed)(21) for seed in (0, 1))
    assert torch.equal(a.real, b.real)
    assert not torch.equal(a.targets, b.targets)


# ---- blanks


def test_a_blank_leaves_out_one_word_of_a_document():
    for number, hole in enumerate(blanks(60)):
        assert hole == blank(holes.HELD_OUT + number)
        text = town.document(holes.HELD_OUT + number).text
        assert hole.filled(hole.word) == text
        assert hole.before.endswith(" ")
        assert hole.word.isalnum()
        ids = blank_ids(hole, TOKENIZER)
        assert ids.count(SPECIAL["[MASK]"]) == 1
        ids[ids.index(SPECIAL["[MASK]"])] = TOKENIZER.encode(" " + hole.word)[0]
        assert ids == framed(text, TOKENIZER)


def test_every_word_that_may_be_left_out_is_a_candidate():
    words = candidates(TOKENIZER)
    assert len(set(words)) == len(words)
    assert {hole.word for hole in blanks(300)} <= set(words)
    with pytest.raises(ValueError, match=r"'zeppelin' takes \d tokens: a blank is one token wide"):
        holes.word_ids(["Bip", "zeppelin"], TOKENIZER)


@pytest.fixture(scope="module")
def gpt():
    torch.manual_seed(0)
    return GPT(GPTConfig(493, 160, 16, 1, 2)).eval()


def test_bert_is_asked_at_the_mask_and_padding_changes_nothing():
    torch.manual_seed(3)
    model = BERT(BERTConfig(TOKENIZER.vocab_size, 160, 16, 1, 2)).eval()
    some = blanks(7)
    together = fill(model, some, TOKENIZER, batch_size=4)
    for hole, row in zip(some, together):
        ids = torch.tensor([blank_ids(hole, TOKENIZER)])
        alone = model(ids)[0, ids[0].tolist().index(SPECIAL["[MASK]"])].log_softmax(-1)
        assert (row - alone).abs().max() <= 1e-4


def test_gpt_is_asked_from_the_left_alone(gpt):
    some = blanks(7)
    together = fill_from_left(gpt, some, TOKENIZER, batch_size=4)
    for hole, row in zip(some, together):
        ids = [SPECIAL["<|endoftext|>"], *TOKENIZER.encode(hole.before[:-1])]
        assert (row - gpt(torch.tensor([ids]))[0, -1].log_softmax(-1)).abs().max() <= 1e-4
    changed = [replace(hole, after=" is a robot.") for hole in some]
    assert (fill_from_left(gpt, changed, TOKENIZER) - together).abs().max() <= 1e-5


def test_trying_is_bayes_rule(gpt):
    words, hole = ["park", "shop", "tower"], blanks(1)[0]
    nats = document_nats(gpt, [hole.filled(word) for word in words], TOKENIZER)
    p = (-nats.double()).exp() / (-nats.double()).exp().sum()
    assert fill_by_trying(gpt, hole, words, TOKENIZER).exp().tolist() == pytest.approx(p.tolist(), rel=1e-3)


def test_words_share_all_the_probability():
    q = among(torch.randn(3, 497).log_softmax(-1), ["park", "shop"], TOKENIZER)
    assert q.exp().sum(-1).tolist() == pytest.approx([1, 1, 1])
