"""Recall over segments: the texts ask what they should, both models see what they should."""

import pytest
import torch

from course_lib.data import recall_model
from course_lib.experiments.recall import Recipe, new_model
from course_lib.models import Memory
from course_lib.training import recall


@pytest.mark.parametrize("distance", range(recall.FURTHEST + 1))
def test_a_text_says_the_name_once_and_asks_so_many_segments_on(distance):
    for number in range(200):
        ids = recall.text(number, distance)
        said, asked = ids.index(recall.WAITS) - 1, ids.index(recall.ASKED)
        assert len(ids) == recall.SEGMENT * (5 if distance == 4 else 4) + 1
        assert ids[asked - 1] == recall.WHO
        assert ids[said] == ids[asked + 1]
        assert (said + 1) // recall.SEGMENT == 0
        assert [i // recall.SEGMENT for i in (asked - 1, asked, asked + 1)] == [distance] * 3
        names = range(recall.NAMES.start, recall.NAMES.stop)
        assert sum(token in names for token in ids) == 2  # nothing else names anybody
        assert [ids.count(token) for token in (recall.WAITS, recall.WHO, recall.ASKED)] == [1, 1, 1]


def test_texts_are_the_same_every_time_and_distances_come_evenly():
    assert recall.text(7) == recall.text(7)
    assert recall.text(7) != recall.text(8)
    asked = [recall.text(n).index(recall.ASKED) // recall.SEGMENT for n in range(500)]
    assert all(85 < asked.count(distance) < 165 for distance in range(recall.SEGMENTS))
    with pytest.raises(ValueError, match="distance 5: choose one from 0 to 4"):
        recall.text(0, 5)


@pytest.mark.parametrize("kind", ["transformer_xl", "gpt"])
def test_a_layer_of_either_model_sees_the_segment_before_and_no_more(kind):
    """With one layer both change with the same earlier tokens, and with no others."""
    model, ids = new_model(kind, 1, 0, Recipe()).double(), recall.rows(1, 0)[:, :-1]
    plain = recall.read(model, ids)
    for j in (0, 11, 12, 30):
        other = ids.clone()
        other[0, j] = (other[0, j] + 1) % len(recall.VOCABULARY)
        changed = (recall.read(model, other) != plain).any(-1)[0].nonzero().flatten().tolist()
        assert changed == list(range(j, (j // recall.SEGMENT + 2) * recall.SEGMENT))


def test_reading_is_a_loop_over_segments_with_a_memory():
    model, ids = recall_model(), recall.rows(2, 0)[:, :-1]
    memory = Memory(model)
    loop = [model(ids[:, start : start + 12], memory) for start in range(0, 48, 12)]
    assert torch.equal(recall.read(model, ids), torch.cat(loop, dim=1))
    assert torch.equal(recall.read(model, ids, mem_len=0)[:, 12:24], model(ids[:, 12:24]))
