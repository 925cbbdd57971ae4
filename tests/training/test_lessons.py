"""What the town's T5 is taught: spans in stages, and lessons of all tasks."""

from collections import Counter
from dataclasses import replace

import torch

from course_lib import data
from course_lib.training.lessons import Lesson, Stage, held_out_pairs, lesson_batches, span_batches
from course_lib.training.text_to_text import N_SENTINELS, salient_ids, t5_tokens, task_pair

TOKENS = t5_tokens(data.town_tokenizer())
END, PAD_ID, V = 492, 493, 512
STAGES = (Stage(("short story", "retelling"), 4, 0.3, 3), Stage(("story",), 2, 0.5, 3, salient=True))
LESSON = Lesson({"classify": 8, "entail": 32, "similar_order": 16, "choose": 8}, epochs=2, rows=8)
SECOND = Lesson({"entail": 32}, first=1000, epochs=1, rows=8)


def test_stages_follow_one_another_and_a_number_is_always_the_same_batch():
    batch, again = span_batches(STAGES, TOKENS), span_batches(STAGES, TOKENS)
    assert [len(batch(number).ids) for number in range(6)] == [4, 4, 4, 2, 2, 2]
    assert torch.equal(batch(4).targets, again(4).targets)
    assert not torch.equal(span_batches(STAGES, TOKENS, seed=1)(0).targets, batch(0).targets)
    gone = set(batch(5).targets.flatten().tolist()) - {END, PAD_ID, *range(V - N_SENTINELS, V)}
    assert gone <= salient_ids(TOKENS)


def test_held_out_pairs_are_tasks_or_gaps():
    assert held_out_pairs("choose", 2, TOKENS, 7) == [task_pair("choose", 7, TOKENS), task_pair("choose", 8, TOKENS)]
    assert all(any(i >= V - N_SENTINELS for i in ids) for ids, _ in held_out_pairs("spans", 5, TOKENS))


def test_a_lesson_shows_each_label_once_in_each_epoch_and_gaps_between():
    batch = lesson_batches(LESSON, TOKENS)
    assert LESSON.steps == 2 * 16 * 4 * 5 // (4 * 8) == 20
    rows = [tuple(row[row != PAD_ID].tolist()) for n in range(32) for row in batch(n).ids]  # two whole lots
    counts = Counter(rows)
    for name, n in LESSON.labels.items():
        for number in range(n):
            assert counts[tuple(task_pair(name, number, TOKENS)[0])] == 2
    assert sum(any(i > PAD_ID for i in row) for row in rows) == len(rows) - 128


def test_a_lesson_seen_once_goes_by_numbers_and_may_have_no_gaps():
    lesson = Lesson({"entail": 64, "classify": 64}, first=5, epochs=1, gap_every=0, rows=8)
    assert lesson.steps == 16
    batch = lesson_batches(lesson, TOKENS)
    rows = {tuple(row[row != PAD_ID].tolist()) for n in range(16) for row in batch(n).ids}  # one whole lot
    assert rows == {tuple(task_pair(name, 5 + i, TOKENS)[0]) for name in lesson.labels for i in range(64)}
    first = lesson_batches(replace(lesson, labels={"entail": 256, "classify": 256}), TOKENS)
    again = {tuple(row[row != PAD_ID].tolist()) for n in range(16) for row in first(n).ids}
    assert again == rows  # a longer lesson begins as a shorter one


def test_lessons_share_no_example_and_a_seed_is_another_order():
    a, b = (lesson_batches(lesson, TOKENS) for lesson in (LESSON, SECOND))
    first, second = ({tuple(row.tolist()) for n in range(16) for row in batch(n).ids} for batch in (a, b))
    assert not first & second
    assert tuple(task_pair("entail", 1000, TOKENS)[0]) in {row[: row.index(END) + 1] for row in second}
    other = lesson_batches(LESSON, TOKENS, seed=1)(0).ids
    assert not torch.equal(other, lesson_batches(LESSON, TOKENS)(0).ids)
