"""The layers by hand: what each must do whatever its weights."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.by_hand import block, gelu, layer_norm, linear, mlp, self_attention


def test_linear_mixes_channels_with_an_in_out_weight():
    assert linear(np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, 5.0], [0.0, 1.0, 5.0]]), np.ones(3)).tolist() == [
        [2, 3, 16]
    ]


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_layer_norm_gives_mean_zero_and_variance_one(c, seed):
    x = 100 * np.random.default_rng(seed).standard_normal((3, c)) + 7
    y = layer_norm(x, np.ones(c), np.zeros(c), eps=0.0)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-9)
    np.testing.assert_allclose(y.var(-1), 1)


def test_layer_norm_adds_eps_inside_the_root():
    x, eps = np.array([[-1e-3, 1e-3]]), 1e-5  # a variance of 1e-6, less than eps
    np.testing.assert_allclose(layer_norm(x, np.ones(2), np.zeros(2), eps), x / math.sqrt(1.1e-5))


def test_layer_norm_then_applies_gain_and_bias():
    y = layer_norm(np.array([[-2.0, 2.0]]), np.array([3.0, 5.0]), np.array([10.0, 20.0]), eps=0.0)
    np.testing.assert_allclose(y, [[7, 25]])


def test_layer_norm_of_a_constant_is_the_bias():
    np.testing.assert_array_equal(layer_norm(np.full((2, 3), 7.0), np.ones(3), np.arange(3.0)), [[0, 1, 2]] * 2)


def test_gelu_known_values():
    assert gelu(np.array([0.0])).tolist() == [0]
    np.testing.assert_allclose(gelu(np.array([-20.0, 20.0])), [0, 20], atol=1e-12)
    np.testing.assert_allclose(gelu(np.array([1.0])), [0.8411919906082768], rtol=1e-15)  # the erf form gives 0.84134


@settings(deadline=None)
@given(st.floats(-10, 10))
def test_gelu_of_x_and_minus_x_differ_by_x(x):
    assert (gelu(np.array([x])) - gelu(np.array([-x])))[0] == pytest.approx(x, abs=1e-12)


def test_mlp_thinks_about_each_position_alone(params):
    x = np.random.default_rng(0).standard_normal((5, 12))
    p = params["h"][0]["mlp"]
    np.testing.assert_allclose(mlp(x, p)[2:3], mlp(x[2:3], p), atol=1e-13)


def test_self_attention_does_not_see_the_future(params):
    x = np.random.default_rng(0).standard_normal((5, 12))
    other = x.copy()
    other[3:] = 1e3
    p = params["h"][0]["attn"]
    np.testing.assert_array_equal(self_attention(x, p, 3)[:3], self_attention(other, p, 3)[:3])
    assert np.abs(self_attention(x, p, 3)[3:] - self_attention(other, p, 3)[3:]).min() > 0


def test_a_block_with_silent_output_layers_leaves_the_stream_alone(params):
    p, x = params["h"][0], np.random.default_rng(0).standard_normal((5, 12))
    for part in (p["attn"]["c_proj"], p["mlp"]["c_proj"]):
        part["weight"], part["bias"] = 0 * part["weight"], 0 * part["bias"]
    np.testing.assert_array_equal(block(x, p, 3), x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype, params_as):
    p, x = params_as(dtype)["h"][0], np.ones((2, 5, 12), dtype)
    for y in (
        linear(x, **p["attn"]["c_attn"]),
        layer_norm(x, **p["ln_1"]),
        gelu(x),
        mlp(x, p["mlp"]),
        self_attention(x, p["attn"], 3),
        block(x, p, 3),
    ):
        assert y.dtype == dtype
