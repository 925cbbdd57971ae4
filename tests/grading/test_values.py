"""Values as records: what counts as the same, and how a difference is put into words."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.grading.check_cell import Check
from course_lib.grading.values import LARGEST, describe, difference, same, show

ARRAY = np.array([[1.0, 2.0], [3.0, -4.5]])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (ARRAY, ARRAY.astype(np.float32)),
        (ARRAY, ARRAY * (1 + 2e-6)),
        (ARRAY, torch.tensor(ARRAY, requires_grad=True)),
        (1.5, np.float32(1.5)),
        (3, np.int64(3)),
        (3, 3.0),
        (np.array(2.5), 2.5),
        ((1, 2), [1, 2]),
        (np.array([np.nan, np.inf]), np.array([np.nan, np.inf])),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
    ],
)
def test_the_same_value(a, b):
    assert same(describe(a), describe(b))
    assert difference(describe(a), describe(b)) is None


@pytest.mark.parametrize(
    ("expected", "came", "words"),
    [
        (ARRAY, ARRAY.tolist(), "a list came, an array of floats was expected"),
        (ARRAY, ARRAY.T, "2 of 4 entries differ, by up to 1"),
        (ARRAY, ARRAY[:1], "the shape is 1 × 2, expected was 2 × 2"),
        (ARRAY > 0, (ARRAY > 0).astype(int), "it holds integers, expected were booleans"),
        (ARRAY, ARRAY * np.nan, "4 of 4 entries differ"),
        (np.array([np.inf]), np.array([-np.inf]), "1 of 1 entries differ"),
        (ARRAY, None, "None came"),
        (ARRAY, np.zeros((3000, 1000)), "an array of shape 3000 × 1000 came"),
        (True, 1, "a number came, True was expected"),
        ([1, 2], [1, 3], "item 1: another number"),
        (["a"], ["b"], "item 0: a text came"),
        ({"a": 1}, {"b": 1}, "the key 'b' came"),
        (1.0, 1.001, "another number"),
    ],
)
def test_another_value_and_the_words_for_it(expected, came, words):
    assert words in difference(describe(expected), describe(came))


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.complex_numbers()
THINGS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(THINGS)
def test_anything_becomes_json_that_equals_itself(thing):
    record = json.loads(json.dumps(describe(thing)))
    assert same(record, describe(thing))
    assert isinstance(show(record), str)


def test_a_list_in_itself_and_a_huge_list_have_an_end():
    loop = []
    loop.append(loop)
    assert json.dumps(describe(loop))
    assert describe([0] * (LARGEST + 1))["kind"] == "too large"


def printed_by(check, *args, how="__call__"):
    from unittest.mock import patch

    with patch("IPython.display.display") as display:
        getattr(check, how)(*args)
    (data,) = display.call_args.args
    return data["application/vnd.inside-gpt.check+json"], data["text/plain"]


def test_a_check_prints_an_exception_as_a_value():
    record, text = printed_by(Check(), "it fails", lambda: 1 / 0)
    assert record == {
        "label": "it fails",
        "value": {"kind": "error", "type": "ZeroDivisionError", "message": "division by zero"},
    }
    assert "division by zero" in text


def test_an_expected_exception_is_a_value_too_but_not_that_of_a_blank():
    def blank():
        raise NotImplementedError

    assert printed_by(Check(), "x", lambda: [][0], how="raises")[0]["value"] == {"kind": "text", "value": "IndexError"}
    assert printed_by(Check(), "x", blank, how="raises")[0]["value"]["kind"] == "error"


def test_a_salt_changes_hidden_inputs_and_a_global_seed_does_not():
    np.random.seed(1)
    a = Check(salt=1).rng(5).normal()
    np.random.seed(2)
    assert a == Check(salt=1).rng(5).normal()
    assert a != Check(salt=2).rng(5).normal()


def test_what_an_answer_prints_is_not_shown(capsys):
    printed_by(Check(), "quiet", lambda: print("loud"))
    assert capsys.readouterr().out == ""
