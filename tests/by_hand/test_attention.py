"""Attention by hand: masks, heads, softmax. Property tests draw shapes and masks at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.by_hand import (
    attention,
    attention_weights,
    causal_mask,
    merge_heads,
    softmax,
    split_heads,
)

sizes = st.integers(1, 7)
seeds = st.integers(0, 2**32 - 1)


def draw(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def random_mask(seed, rows, columns):
    """A random boolean mask in which each query sees at least one key."""
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < 0.5
    mask[np.arange(rows), rng.integers(columns, size=rows)] = True
    return mask


@settings(deadline=None)
@given(sizes, sizes, sizes, seeds)
def test_masked_weights_are_exactly_zero_and_rows_sum_to_one(tq, tk, d, seed):
    mask = random_mask(seed, tq, tk)
    weights = attention_weights(10 * draw(seed, 2, tq, d), 10 * draw(seed + 1, 2, tk, d), mask)
    assert (weights[:, ~mask] == 0).all()
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-14)


@settings(deadline=None)
@given(sizes, sizes, seeds)
def test_what_is_masked_does_not_matter(t, d, seed):
    q, k, v, mask = draw(seed, t, d), draw(seed + 1, t, d), draw(seed + 2, t, d), random_mask(seed, t, t)
    for i in range(t):
        k_other, v_other = np.where(mask[i][:, None], k, 1e6), np.where(mask[i][:, None], v, -1e6)
        np.testing.assert_array_equal(attention(q, k, v, mask)[i], attention(q, k_other, v_other, mask)[i])


@settings(deadline=None)
@given(sizes, sizes, seeds)
def test_without_a_mask_order_is_not_seen(t, d, seed):
    q, k, v = draw(seed, t, d), draw(seed + 1, t, d), draw(seed + 2, t, d)
    order = np.random.default_rng(seed).permutation(t)
    np.testing.assert_allclose(attention(q[order], k[order], v[order]), attention(q, k, v)[order], atol=1e-14)
    np.testing.assert_allclose(attention(q, k[order], v[order]), attention(q, k, v), atol=1e-14)


def test_with_a_causal_mask_order_is_seen():
    q, k, v = draw(0, 5, 3), draw(1, 5, 3), draw(2, 5, 3)
    backwards = attention(q[::-1], k[::-1], v[::-1], causal_mask(5))
    assert np.abs(backwards - attention(q, k, v, causal_mask(5))[::-1]).max() > 0.1


@settings(deadline=None)
@given(sizes, seeds)
def test_a_mask_broadcasts_over_batches_and_queries(t, seed):
    q, k = draw(seed, 2, 3, t, 4), draw(seed + 1, 2, 3, t, 4)
    mask = random_mask(seed, 1, t)
    whole = np.broadcast_to(mask, (2, 3, t, t))
    np.testing.assert_array_equal(attention_weights(q, k, mask), attention_weights(q, k, whole))
    np.testing.assert_array_equal(attention_weights(q, k, mask[0]), attention_weights(q, k, whole))


def test_causal_mask_lets_each_position_see_itself_and_those_before():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_a_score_of_minus_15000_stays_masked():
    q, k = np.array([[1.0]]), np.array([[-15000.0], [0.0]])  # the key that may be seen scores -15,000
    assert attention_weights(q, k, np.array([[True, False]])).tolist() == [[1, 0]]
    assert softmax(np.array([-15000.0, -1e4])).tolist() == [0, 1]  # what a mask of -1e4 would have done


def test_scores_are_divided_by_the_root_of_the_head_size():
    q, k = np.ones((1, 4)), np.stack([np.ones(4), np.zeros(4)])  # scores 4 and 0, over the root of 4: 2 and 0
    np.testing.assert_allclose(attention_weights(q, k), [[1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))]])


@settings(deadline=None)
@given(sizes, sizes, st.integers(0, 1), seeds)
def test_softmax_sums_to_one_and_ignores_a_constant(a, b, axis, seed):
    x = draw(seed, a, b)
    np.testing.assert_allclose(softmax(x, axis=axis).sum(axis), 1)
    np.testing.assert_allclose(softmax(x + 700, axis=axis), softmax(x, axis=axis), atol=1e-12)


def test_softmax_survives_large_scores():
    assert softmax(np.array([1e4, 1e4, -1e4], dtype=np.float32)).tolist() == [0.5, 0.5, 0]
    assert softmax(np.array([2.0, -np.inf, 2.0])).tolist() == [0.5, 0, 0.5]


@settings(deadline=None)
@given(st.lists(st.integers(1, 3), max_size=2), sizes, st.integers(1, 4), sizes, seeds)
def test_merge_heads_undoes_split_heads(batch, t, n_head, d, seed):
    x = draw(seed, *batch, t, n_head * d)
    heads = split_heads(x, n_head)
    assert heads.shape == (*batch, n_head, t, d)
    np.testing.assert_array_equal(merge_heads(heads), x)


def test_a_head_is_a_run_of_neighbouring_channels():
    heads = split_heads(np.arange(12.0).reshape(2, 6), 3)  # 2 positions, 6 channels, 3 heads
    assert heads[1].tolist() == [[2, 3], [8, 9]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    x = draw(0, 2, 5, 6, dtype=dtype)
    for y in (
        softmax(x),
        attention(x, x, x),
        attention(x, x, x, causal_mask(5)),
        split_heads(x, 2),
        merge_heads(split_heads(x, 2)),
    ):
        assert y.dtype == dtype


def test_a_mask_of_the_wrong_shape_names_both_shapes():
    x = draw(0, 5, 4)
    for mask in (causal_mask(4), np.ones((1, 5, 5), bool), np.ones((5, 2), bool)):
        with pytest.raises(ValueError, match=r"mask of shape \(.*\) .* scores' shape \(5, 5\)"):
            attention(x, x, x, mask)


def test_a_mask_that_is_not_boolean_is_refused():
    x = draw(0, 5, 4)
    with pytest.raises(TypeError, match="float64, not bool"):
        attention(x, x, x, causal_mask(5).astype(float))


def test_a_query_that_sees_nothing_is_named():
    x, mask = draw(0, 2, 5, 4), np.ones((2, 5, 5), bool)
    mask[1, 3] = False
    with pytest.raises(ValueError, match=r"row \[1, 3\] of the mask hides every key"):
        attention(x, x, x, mask)


@pytest.mark.parametrize("n_head", [0, -2, 4])
def test_heads_must_divide_the_channels(n_head):
    with pytest.raises(ValueError, match=f"6 channels cannot be cut into {n_head}"):
        split_heads(draw(0, 5, 6), n_head)
