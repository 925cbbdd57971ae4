"""Tasks as text: tokens, phrasing, batches, the loss, what is judged, and what is committed."""

import json
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from course_lib import data, town
from course_lib.models import T5
from course_lib.training import text_to_text, town_t5
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
from course_lib.training.town import sha256

TOWN = data.town_tokenizer()
TOKENS = t5_tokens(TOWN)
END, PAD_ID, V = 492, 493, 512
TINY = town_t5.Recipe(
    stages=(
        town_t5.Stage(("short story", "retelling"), 4, 0.3, 3),
        town_t5.Stage(("story",), 4, 0.5, 3, salient=True),
    ),
    n_embd=16,
    n_layer=1,
    n_head=2,
    d_ff=8,
)
LESSON = town_t5.Lesson({"classify": 8, "entail": 32, "similar_order": 16, "choose": 8}, epochs=2, rows=8)
SECOND = town_t5.Lesson({"entail": 32}, first=1000, epochs=1, rows=8)


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
    return town_t5.t5_model(TINY, TOKENS).eval()


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


def test_a_lesson_shows_each_label_once_in_each_epoch_and_gaps_between():
    batch = town_t5.lesson_batches(LESSON, TOKENS)
    assert LESSON.steps == 2 * 16 * 4 * 5 // (4 * 8) == 20
    rows = [tuple(row[row != PAD_ID].tolist()) for n in range(32) for row in batch(n).ids]  # two whole lots
    counts = Counter(rows)
    for name, n in LESSON.labels.items():
        for number in range(n):
            assert counts[tuple(task_pair(name, number, TOKENS)[0])] == 2
    assert sum(any(i > PAD_ID for i in row) for row in rows) == len(rows) - 128


def test_a_lesson_seen_once_goes_by_numbers_and_may_have_no_gaps():
    lesson = town_t5.Lesson({"entail": 64, "classify": 64}, first=5, epochs=1, gap_every=0, rows=8)
    assert lesson.steps == 16
    batch = town_t5.lesson_batches(lesson, TOKENS)
    rows = {tuple(row[row != PAD_ID].tolist()) for n in range(16) for row in batch(n).ids}  # one whole lot
    assert rows == {tuple(task_pair(name, 5 + i, TOKENS)[0]) for name in lesson.labels for i in range(64)}
    first = town_t5.lesson_batches(replace(lesson, labels={"entail": 256, "classify": 256}), TOKENS)
    again = {tuple(row[row != PAD_ID].tolist()) for n in range(16) for row in first(n).ids}
    assert again == rows  # a longer lesson begins as a shorter one


def test_lessons_share_no_example_and_a_seed_is_another_order():
    a, b = (town_t5.lesson_batches(lesson, TOKENS) for lesson in (LESSON, SECOND))
    first, second = ({tuple(row.tolist()) for n in range(16) for row in batch(n).ids} for batch in (a, b))
    assert not first & second
    assert tuple(task_pair("entail", 1000, TOKENS)[0]) in {row[: row.index(END) + 1] for row in second}
    other = town_t5.lesson_batches(LESSON, TOKENS, seed=1)(0).ids
    assert not torch.equal(other, town_t5.lesson_batches(LESSON, TOKENS)(0).ids)
    ends = [lesson.first + max(lesson.labels.values()) for lesson in town_t5.LESSONS]
    assert all(end <= lesson.first for end, lesson in zip(ends, town_t5.LESSONS[1:]))


# ---- a whole run, tiny


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    monkeypatch.setattr(town_t5, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(text_to_text, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(town_t5.town, "town_tokens", lambda recipe: TOWN)
    monkeypatch.setattr(town_t5, "judge", lambda model, tokenizer, *which: {"classify": 0.5})
    return tmp_path


def interrupt(monkeypatch, run):
    """Call `run`, and end it during its fourth step."""
    real = town_t5.train

    def interrupted(*arguments, **named):
        for step, loss in enumerate(real(*arguments, **named), 1):
            if step == 4:
                raise KeyboardInterrupt
            yield loss

    with monkeypatch.context() as patched:
        patched.setattr(town_t5, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values()))


def test_pretraining_that_was_interrupted_ends_as_if_it_had_not_been(small_world, monkeypatch):
    whole, log = town_t5.pretrain(small_world / "whole", TINY, TOKENS, every=2)
    interrupt(monkeypatch, lambda: town_t5.pretrain(small_world / "cut", TINY, TOKENS, every=2))
    again, log_again = town_t5.pretrain(small_world / "cut", TINY, TOKENS, every=2)
    assert same(whole, again)
    assert [row["step"] for row in log_again[:-1]] == [2, 4, 6]
    assert log_again[:-1] == log[:-1]


def test_a_lesson_that_was_interrupted_ends_as_if_it_had_not_been(small_world, monkeypatch):
    whole, cut, again = (town_t5.t5_model(TINY, TOKENS) for _ in range(3))
    log, _ = town_t5.teach(small_world / "whole.pt", whole, LESSON, TOKENS, every=2)
    interrupt(monkeypatch, lambda: town_t5.teach(small_world / "cut.pt", cut, LESSON, TOKENS, every=2))
    assert not same(whole, cut)
    with pytest.raises(ValueError, match="is of another lesson"):
        town_t5.teach(small_world / "cut.pt", again, replace(LESSON, rows=4), TOKENS)
    assert town_t5.teach(small_world / "cut.pt", again, LESSON, TOKENS, every=2)[0] == log
    assert same(whole, again)
    assert [row["step"] for row in log] == list(range(2, LESSON.steps + 1, 2))
    assert log[-1]["right"] == {"classify": 0.5}


def test_all_runs_are_made_and_the_first_is_kept(small_world, monkeypatch, capsys):
    whole = town_t5.Run((LESSON, SECOND))
    runs, out = [whole, town_t5.Run((LESSON,), pretrained=False), replace(whole, seed=1)], small_world / "out"
    names = ["pre-trained, 2 lessons, seed 0", "from scratch, 1 lesson, seed 0", "pre-trained, 2 lessons, seed 1"]
    real, taught = town_t5.teach, []

    def teach(path, model, *arguments, **named):
        taught.append(path.stem)
        if len(taught) in (2, 6):
            raise KeyboardInterrupt
        return real(path, model, *arguments, **named)

    monkeypatch.setattr(town_t5, "teach", teach)
    for done in (False, True):
        with pytest.raises(KeyboardInterrupt):
            town_t5.run_all(out, TINY, runs, torch.float32)
        assert text_to_text.RESULTS.exists() == done
    kept = (out / "model.safetensors").read_bytes()
    assert list(text_to_text.results()["runs"]) == names[:2]
    with pytest.raises(ValueError, match="is of a run with another recipe"):
        town_t5.run_all(out, replace(TINY, seed=5), runs, torch.float32)

    town_t5.run_all(out, TINY, runs, torch.float32)
    results, recipe = text_to_text.results(), json.loads((out / "recipe.json").read_text())
    assert [len(rows) for rows in results["runs"].values()] == [2, 1, 2]
    assert list(results["runs"]) == names
    assert (out / "model.safetensors").read_bytes() == kept
    assert results["checkpoint"] == sha256(out / "model.safetensors")
    assert recipe["lessons"] == results["runs"][names[0]]
    assert [row["first"] for row in recipe["lessons"]] == [0, 1000]
    assert T5.from_pretrained(out, dtype=None).shared.weight.dtype == torch.float16
    written = {"config.json", "model.safetensors", "tokenizer.json", "recipe.json"}
    assert {path.name for path in out.iterdir()} == written  # what only an interrupted call needs is gone


# ---- what is committed


def committed():
    return json.loads((data.TOWN_T5 / "recipe.json").read_text("utf8"))


def test_the_committed_model_is_the_one_that_was_measured():
    recipe, results = committed(), text_to_text.results()
    for name, fingerprint in recipe["sha256"].items():
        assert sha256(data.TOWN_T5 / name) == fingerprint
    assert results["checkpoint"] == recipe["sha256"]["model.safetensors"]
    assert (data.TOWN_T5 / "model.safetensors").stat().st_size < 4_000_000
    assert data.town_t5_tokenizer() == TOKENS
    stages = tuple(town_t5.Stage(**{**stage, "mixes": tuple(stage["mixes"])}) for stage in recipe["recipe"]["stages"])
    assert town_t5.Recipe(**{**recipe["recipe"], "stages": stages}) == town_t5.Recipe()
    assert recipe["lessons"] == next(iter(results["runs"].values()))
    assert recipe["command"] == "make town-t5"


def test_the_committed_results_are_those_of_the_runs():
    found = text_to_text.results()["runs"]
    assert list(found) == [run.name for run in town_t5.RUNS]
    for run in town_t5.RUNS:
        for lesson, row in zip(run.lessons, found[run.name], strict=True):
            assert row.items() >= asdict(lesson).items()
            assert row["log"][-1]["step"] == row["steps"] == lesson.steps
            assert list(row["right"]) == list(town_t5.TASKS)
            for share, glance in zip(row["right"].values(), row["log"][-1]["right"].values(), strict=True):
                assert abs(share - glance) <= 0.2  # of other examples, and fewer


def test_the_committed_model_answers_as_its_recipe_says():
    """The first examples of those that were measured: within four standard errors of the share over all of them."""
    model, right = data.town_t5(), committed()["lessons"][-1]["right"]
    for name, share in right.items():
        pairs = town_t5.held_out_pairs(name, 48, TOKENS)
        assert abs(share_right(model, pairs) - share) <= 4 * max(share * (1 - share) / 48, 0.01 / 48) ** 0.5, name
