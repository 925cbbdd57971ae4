"""Tasks as text: tokens, phrasing, batches, the loss, and what is judged."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib import data, town
from course_lib.models import T5, T5Config
from course_lib.training.spans import restore
from course_lib.training.text_to_text import (
    N_SENTINELS,
    PAD,
    as_text,
    corrupted_pair,
    padded,
    pair_batches,
    salient_ids,
    share_right,
    t5_tokens,
    task_pair,
    text_to_text_loss,
)

TOWN = data.town_tokenizer()
TOKENS = t5_tokens(TOWN)
END, PAD_ID, V = 492, 493, 512


# ---- tokens and words


def test_new_tokens_stand_behind_all_others():
    text = town.document(3).text
    assert TOKENS.encode(text) == TOWN.encode(text)
    assert TOKENS.vocab_size == V == TOWN.vocab_size + 1 + N_SENTINELS
    assert TOKENS.special_tokens[PAD] == PAD_ID
    assert [TOKENS.special_tokens[f"<extra_id_{i}>"] for i in range(N_SENTINELS)] == list(range(511, 493, -1))


def test_sentinels_suffice_for_every_document_in_training():
    longest = max((town.document(i, "long retelling").text for i in range(300)), key=lambda t: len(TOKENS.encode(t)))
    for seed in range(20):
        corrupted, target = corrupted_pair(longest, TOKENS, 0.3, np.random.default_rng(seed))
        assert restore(corrupted[:-1], target[:-1], V, N_SENTINELS) == TOKENS.encode(longest)


@pytest.mark.parametrize("name", town.TASKS)
def test_an_answer_is_the_label_in_words(name):
    for number in range(40):
        example = town.task(name, number)
        question, answer = as_text(name, example)
        assert answer == (example.options or town.LABELS[name])[example.label]
        assert question.startswith(f"{name.split('_')[0]}: {example.texts[0]} ") or question.endswith(example.texts[0])
        assert all(text in question for text in (*example.texts, *example.options))


def test_questions_of_two_labels_differ_only_in_the_stories():
    """Nothing but the example goes in: the same example with another label gives the same question."""
    for name in town.TASKS:
        example = town.task(name, 0)
        assert as_text(name, example)[0] == as_text(name, replace(example, label=1 - min(example.label, 1)))[0]


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="no task called 'sing': choose one of classify, entail"):
        as_text("sing", town.task("classify", 0))


def test_pairs_end_and_can_be_read_back():
    ids, target = task_pair("choose", 7, TOKENS)
    question, answer = as_text("choose", town.task("choose", 7))
    assert ids[-1] == target[-1] == END
    assert TOKENS.decode(ids[:-1]) == question
    assert TOKENS.decode(target[:-1]) == " " + answer


def test_salient_gaps_take_places_colours_and_moods_alone():
    salient = salient_ids(TOKENS)
    assert {TOKENS.decode([i]) for i in salient} >= {" park", " red", " sad", " glad"}
    taken = []
    for number in range(60):
        text = town.document(number, "story").text
        corrupted, target = corrupted_pair(text, TOKENS, 0.25, np.random.default_rng(number), salient)
        gone = [i for i in target[:-1] if i < V - N_SENTINELS]
        assert gone
        assert set(gone) <= salient
        assert restore(corrupted[:-1], target[:-1], V, N_SENTINELS) == TOKENS.encode(text)
        taken.append(len(gone) / sum(i in salient for i in TOKENS.encode(text)))
    assert 0.25 < np.mean(taken) < 0.4  # at least one in each text
    with pytest.raises(ValueError, match="no token of the text is salient"):
        corrupted_pair("Anna asks Bip", TOKENS, 0.25, np.random.default_rng(0), salient)


# ---- batches and the loss


def test_batches_hold_every_pair_once():
    pairs = [([i + 2] * (1 + i * 7 % 13), [i + 2]) for i in range(64)]
    batch = pair_batches(lambda i: pairs[i], 4, 0)
    batches = [batch(number) for number in range(16)]
    assert sorted(row[0].item() for b in batches for row in b.ids) == list(range(2, 66))
    assert sum((b.ids == 0).sum().item() for b in batches) < 64  # little padding
    again = batch(3)  # from its number alone
    assert torch.equal(again.ids, batches[3].ids)


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    return T5(T5Config(V, 16, 1, 2, 8, 8, pad_id=PAD_ID, end_id=END)).eval()


def test_the_loss_is_the_mean_over_the_tokens_to_be_written(tiny):
    pairs = [task_pair("classify", 1, TOKENS), task_pair("entail", 2, TOKENS), task_pair("choose", 3, TOKENS)]
    alone = [
        F.cross_entropy(tiny(torch.tensor([ids]), torch.tensor([target]))[0], torch.tensor(target), reduction="sum")
        for ids, target in pairs
    ]
    together = text_to_text_loss(tiny, padded(pairs, PAD_ID))
    assert together.item() == pytest.approx(sum(alone).item() / sum(len(t) for _, t in pairs), rel=1e-5)


def test_right_is_every_token_and_the_end(tiny):
    target = [5, 6, END]
    answers = {1: [5, 6, END], 2: [5, 6, 7], 3: [5, END, PAD_ID], 4: [6, 6, END]}
    tiny.generate = lambda ids, n: torch.tensor([answers[row[0].item()][:n] for row in ids])
    for first, share in ((1, 1.0), (2, 0.0), (3, 0.0), (4, 0.0)):
        assert share_right(tiny, [([first], target)]) == share
    assert share_right(tiny, [([i], target) for i in answers], batch_size=3) == 0.25
