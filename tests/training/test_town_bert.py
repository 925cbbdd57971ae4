"""The run that trains the town's BERT, blanks, and the committed model that came out."""

import json
import math
from dataclasses import asdict, replace

import pytest
import torch

from course_lib import data, town
from course_lib.models import BERT, GPT, GPTConfig
from course_lib.tokens import Tokenizer
from course_lib.training import blanks as holes
from course_lib.training import town as town_run
from course_lib.training import town_bert
from course_lib.training.blanks import among, blank, blank_ids, blanks, candidates, fill, fill_by_trying, fill_from_left
from course_lib.training.evaluation import document_nats
from course_lib.training.town_bert import Recipe, Stage, bert_model, bert_tokens, framed, masked_batches

TOKENIZER = bert_tokens(data.town_tokenizer())
SPECIAL = TOKENIZER.special_tokens
TINY = Recipe(stages=(Stage("repeats", 2, 0.3, 20), Stage("full", 3, 0.15, 3)), n_embd=16, n_layer=1, n_head=2)


# ---- rows


def test_ids_of_words_stay_and_special_tokens_come_behind():
    old = data.town_tokenizer()
    assert TOKENIZER.encode("Anna asks Bip.") == old.encode("Anna asks Bip.")
    assert [SPECIAL[name] for name in ("[PAD]", "[CLS]", "[SEP]", "[MASK]")] == list(range(493, 497))
    assert framed("Bip", TOKENIZER) == [494, *old.encode("Bip"), 495]


def test_batches_are_made_of_their_number_alone():
    a, b = masked_batches(TINY, TOKENIZER), masked_batches(TINY, TOKENIZER)
    for number in (0, 7, 19, 21):
        one, two = a(number), b(number)
        for name in ("inputs", "targets", "real"):
            assert torch.equal(getattr(one, name), getattr(two, name))
    assert [len(a(i).inputs) for i in (0, 19, 20, 22)] == [2, 2, 3, 3]


def test_no_document_comes_twice_in_a_stage_and_each_is_whole():
    rows = town_bert.document_rows(TOKENIZER, Stage("full", 2, 0.15, 32))
    texts = [TOKENIZER.decode(row[1:-1]) for number in range(32) for row in rows(number)]
    assert sorted(texts) == sorted(d.text for d in town.documents(64))


def test_targets_are_what_stood_there_and_padding_is_told():
    batch = masked_batches(TINY, TOKENIZER)
    for number in range(20, 23):
        part = batch(number)
        asked = part.targets != -100
        assert asked.any()
        assert torch.equal(part.real, part.inputs.ne(SPECIAL["[PAD]"]) | asked)
        assert not torch.isin(part.targets, torch.tensor(list(SPECIAL.values()))).any()
        kept = torch.where(asked, part.targets, part.inputs)[part.real].tolist()
        assert TOKENIZER.decode(kept).count("[CLS]") == 3


def test_the_recipe_stays_clear_of_the_documents_that_are_held_out():
    assert max(stage.rows * (stage.steps + town_bert.GROUP) for stage in Recipe().stages) < holes.HELD_OUT


# ---- the run


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(town_run, "town_tokens", lambda recipe: data.town_tokenizer())
    monkeypatch.setattr(town_bert, "look", lambda model, tokenizer: {"loss": model.bias.sum().item()})


class Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on_to_the_same_model(tmp_path, quick, monkeypatch):
    whole = town_bert.train_town_bert(tmp_path / "whole", TINY, evaluate_every=5)
    saved = town_bert.save_state

    def interrupt(path, model, optimisers, step, **more):
        saved(path, model, optimisers, step, **more)
        if step == 10:
            raise Interrupted

    monkeypatch.setattr(town_bert, "save_state", interrupt)
    with pytest.raises(Interrupted):
        town_bert.train_town_bert(tmp_path / "two", TINY, evaluate_every=5)
    monkeypatch.setattr(town_bert, "save_state", saved)
    with pytest.raises(ValueError, match="another recipe"):
        town_bert.train_town_bert(tmp_path / "two", replace(TINY, seed=1), evaluate_every=5)
    again = town_bert.train_town_bert(tmp_path / "two", TINY, evaluate_every=5)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values()))
    reports = [json.loads((tmp_path / name / "recipe.json").read_text()) for name in ("whole", "two")]
    assert reports[0]["sha256"] == reports[1]["sha256"]
    assert [row["step"] for row in reports[1]["log"]] == [0, 5, 10, 15, 20, 23]
    assert not (tmp_path / "two" / "run.pt").exists()
    assert BERT.from_pretrained(tmp_path / "two").config == whole.config
    assert Tokenizer.load(tmp_path / "two" / "tokenizer.json") == TOKENIZER


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
    model = bert_model(replace(TINY, seed=3), TOKENIZER).eval()
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


# ---- the committed model

REPORT = json.loads((data.TOWN_BERT / "recipe.json").read_text())


def test_the_files_are_those_of_the_recipe():
    for name, expected in REPORT["sha256"].items():
        assert town_run.sha256(data.TOWN_BERT / name) == expected, name
    assert set(REPORT["sha256"]) == {"model.safetensors", "tokenizer.json"}
    assert (data.TOWN_BERT / "model.safetensors").stat().st_size <= 4_000_000
    assert REPORT["recipe"] == json.loads(json.dumps(asdict(Recipe())))
    assert data.town_bert_tokenizer() == TOKENIZER


def test_its_log_is_what_it_does():
    """On the first hundred of the four hundred blanks; the tolerance is for the others."""
    model, first = data.town_bert(), REPORT["look"]["first_document"]
    some = blanks(100, first)
    log_q = fill(model, some, TOKENIZER)
    right = torch.tensor(holes.word_ids([hole.word for hole in some], TOKENIZER))
    assert (log_q.argmax(-1) == right).double().mean().item() == pytest.approx(REPORT["log"][-1]["accuracy"], abs=0.1)
    assert REPORT["log"][0]["loss"] == pytest.approx(math.log(497), abs=0.6)
    assert [row["step"] for row in REPORT["log"]][-1] == Recipe().steps


def test_it_looks_to_the_right():
    """Before the blank all objects are alike; what stands behind it tells which."""
    before, model = "Anna asks Bip to paint the ", data.town_bert()
    for thing in town.WORLD.objects:
        after = f" blue. Bip paints it blue. Anna is glad. At the end the {thing} is blue."
        log_q = fill(model, [holes.Blank(before, thing, after, "short story")], TOKENIZER)
        assert TOKENIZER.decode([int(log_q.argmax())]) == " " + thing


def test_it_opens_in_transformers():
    from transformers import BertForMaskedLM

    ids = torch.tensor([framed("Anna asks Bip to take the ball to the park.", TOKENIZER)])
    theirs = BertForMaskedLM.from_pretrained(data.TOWN_BERT).eval()
    assert (theirs(ids).logits - data.town_bert()(ids)).abs().max().item() <= 1e-3
