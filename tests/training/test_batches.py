"""Numbered batches: stages one after another, and items of like length together."""

import doctest
from dataclasses import dataclass

import pytest
import torch

from course_lib import town
from course_lib.training import batches, by_length, in_stages, shuffled, similar_lengths


def test_stages_follow_one_another_and_each_counts_from_0():
    batch = in_stages([lambda n: ("a", n), lambda n: ("b", n), lambda n: ("c", n)], [2, 3, 1])
    assert [batch(number) for number in range(6)] == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("c", 0)]
    assert batch(3) == ("b", 1)  # from its number alone, in any order


def test_a_stage_without_steps_is_passed_over():
    batch = in_stages([lambda n: "a", lambda n: "b", lambda n: "c"], [1, 0, 1])
    assert [batch(0), batch(1)] == ["a", "c"]


@pytest.mark.parametrize("number", [-1, 5, 500])
def test_there_is_no_batch_outside_the_stages(number):
    batch = in_stages([lambda n: n, lambda n: n], [2, 3])
    with pytest.raises(ValueError, match=f"no batch {number}: the stages have 5, numbered from 0"):
        batch(number)


def test_every_stage_has_its_number_of_steps():
    with pytest.raises(ValueError, match="1 stages and 2 numbers of steps"):
        in_stages([lambda n: n], [1, 2])


def test_a_lot_is_sorted_and_its_batches_come_in_turn():
    """The order that the town's models were trained in: the fifth, tenth, … of 16 batches of a lot, modulo 16."""
    texts = [d.text for d in town.documents(2 * 16 * 3)]
    batch = by_length(texts.__getitem__, 3)
    for lot in (0, 1):
        in_order = sorted(texts[lot * 48 : (lot + 1) * 48], key=len)
        taken = [0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11]
        expected = [in_order[3 * place : 3 * place + 3] for place in taken]
        assert [batch(lot * 16 + number) for number in range(16)] == expected
    assert batch(2) == sorted(texts[:48], key=len)[30:33]  # back in the first lot


def test_items_may_have_a_length_of_another_kind():
    items = [("a" * n, "b" * (16 - n)) for n in range(16)]
    batch = by_length(items.__getitem__, 1, length=lambda item: len(item[1]))
    assert [len(batch(number)[0][1]) for number in range(4)] == [1, 6, 11, 16]


def test_a_lot_is_made_once():
    asked = []
    batch = by_length(lambda number: asked.append(number) or "x" * number, 2)
    batch(0), batch(15), batch(7)
    assert asked == list(range(32))


def test_every_epoch_has_an_order_of_its_own():
    batch = shuffled("abcdefghij", 3, seed=1)
    epochs = [[batch(3 * epoch + i) for i in range(3)] for epoch in range(4)]
    for epoch in epochs:
        assert len({letter for these in epoch for letter in these}) == 9  # none twice, and one is left over
    assert len({str(epoch) for epoch in epochs}) == 4
    assert batch(4) == epochs[1][1]  # from its number alone
    assert shuffled("abcdefghij", 3, seed=2)(0) != batch(0)
    with pytest.raises(ValueError, match="2 robots do not fill a batch of 3"):
        shuffled("ab", 3, what="robots")


def test_places_from_the_shortest_row_to_the_longest():
    assert list(similar_lengths([5, 2, 9, 2, 7], 2)) == [[1, 3], [0, 4], [2]]  # equal ones stay in order
    assert list(similar_lengths([], 2)) == []


def test_the_tensors_of_a_batch_move_together():
    @dataclass(frozen=True)
    class Pair(batches.Tensors):
        left: torch.Tensor
        right: torch.Tensor

    @dataclass(frozen=True)
    class Pairs(batches.Tensors):
        pair: Pair
        ranks: torch.Tensor

    there = Pairs(Pair(torch.ones(2), torch.zeros(3)), torch.ones(1)).to("meta")
    assert isinstance(there.pair, Pair)
    assert [x.device.type for x in (there.pair.left, there.pair.right, there.ranks)] == ["meta"] * 3


def test_the_examples_in_the_docstrings_are_true():
    result = doctest.testmod(batches)
    assert (result.failed, result.attempted) == (0, 5)
