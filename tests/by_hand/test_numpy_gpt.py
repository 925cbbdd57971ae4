"""The whole GPT by hand: causality, batches, the residual stream, sampling, bad input."""

import subprocess
import sys

import numpy as np
import pytest

from course_lib.by_hand import (
    attention_maps,
    block,
    embed,
    generate,
    gpt,
    residual_stream,
    sample,
    softmax,
    unembed,
)

IDS = [3, 1, 4, 1, 5, 9, 2]


def test_by_hand_needs_no_torch():
    code = "import sys, course_lib.by_hand; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_token_changes_no_logits_before_it(params):
    logits = gpt(IDS, params, 3)
    for t in range(len(IDS)):
        other = [*IDS[:t], 10, *IDS[t + 1 :]]
        changed = np.abs(gpt(other, params, 3) - logits).max(-1)
        assert (changed[:t] == 0).all()
        assert (changed[t:] > 0).all()


def test_the_jacobian_is_triangular(params):
    """d logits[i] / d x[j] by central differences, x being the embedded input: 0 for j > i, exactly."""

    def logits(x):
        for p in params["h"]:
            x = block(x, p, 3)
        return unembed(x, params)

    x, h = embed(IDS, params), 1e-5
    steps = np.random.default_rng(0).standard_normal(x.shape)
    size = np.zeros((len(IDS), len(IDS)))
    for j in range(len(IDS)):
        nudge = np.zeros_like(x)
        nudge[j] = h * steps[j]
        size[:, j] = np.abs((logits(x + nudge) - logits(x - nudge)) / (2 * h)).max(-1)
    assert (size[np.triu_indices(len(IDS), 1)] == 0).all()
    assert (size[np.tril_indices(len(IDS))] > 1e-6).all()


def test_position_matters(params):
    logits = gpt([7, 7, 7], params, 3)
    assert np.abs(logits[0] - logits[2]).max() > 0.01


def test_a_batch_is_its_rows(params):
    rows = np.array([IDS, IDS[::-1]], dtype=np.uint8)
    batch = gpt(rows, params, 3)
    assert batch.shape == (2, 7, 11)
    for one, row in zip(batch, rows):
        np.testing.assert_allclose(one, gpt(row, params, 3), atol=1e-13)


def test_residual_stream_starts_at_the_embedding_and_ends_at_the_logits(params):
    stream = residual_stream(IDS, params, 3)
    assert [x.shape for x in stream] == [(7, 12)] * 3
    np.testing.assert_array_equal(stream[0], embed(IDS, params))
    np.testing.assert_array_equal(unembed(stream[-1], params), gpt(IDS, params, 3))


def test_attention_maps_are_causal_averages(params):
    maps = attention_maps(IDS, params, 3)
    assert [m.shape for m in maps] == [(3, 7, 7)] * 2
    for m in maps:
        np.testing.assert_allclose(m.sum(-1), 1)
        assert (np.triu(m, 1) == 0).all()


def test_float32_stays_float32(params_as):
    params = params_as(np.float32)
    assert gpt(IDS, params, 3).dtype == np.float32
    assert {x.dtype for x in residual_stream(IDS, params, 3) + attention_maps(IDS, params, 3)} == {np.dtype("f4")}
    np.testing.assert_allclose(gpt(IDS, params, 3), gpt(IDS, params_as(), 3), rtol=1e-3, atol=1e-4)


def test_sample_follows_the_softmax():
    logits, rng, n = np.array([0.0, 1.0, 2.0, -np.inf]), np.random.default_rng(0), 4_000
    for temperature in (0.5, 1.0, 2.0):
        counts = np.bincount([sample(logits, temperature, rng) for _ in range(n)], minlength=4)
        p = softmax(logits / temperature)
        assert (np.abs(counts - n * p) <= 4 * np.sqrt(n * p * (1 - p))).all()  # four standard errors


@pytest.mark.parametrize("temperature", [0, 0.0, 1e-300])
def test_a_temperature_of_zero_takes_the_best(temperature):
    assert {sample(np.array([0.1, 7.0, 6.9], "f4"), temperature, np.random.default_rng(i)) for i in range(9)} == {1}


@pytest.mark.parametrize("temperature", [-0.5, float("nan")])
def test_a_bad_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature is {temperature}"):
        sample(np.zeros(3), temperature)


def test_generate_extends_the_prompt(params):
    ids = generate([3, 1], params, 3, n=5, temperature=0)
    assert ids[:2] == [3, 1]
    assert len(ids) == 7
    for t in range(2, 7):
        assert ids[t] == gpt(ids[:t], params, 3)[-1].argmax()


def test_generate_repeats_with_the_same_seed(params):
    runs = [generate([3], params, 3, 8, rng=np.random.default_rng(s)) for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_generate_stops_after_the_stop_token(params):
    ids = generate([3, 1], params, 3, n=5, temperature=0)
    assert generate([3, 1], params, 3, n=5, temperature=0, stop=ids[3]) == ids[: ids.index(ids[3], 2) + 1]


def test_generate_leaves_the_prompt_alone(params):
    prompt = [3, 1]
    generate(prompt, params, 3, n=2)
    assert prompt == [3, 1]


def test_too_many_tokens_are_refused(params):
    with pytest.raises(ValueError, match="10 tokens exceed n_ctx = 9"):
        gpt([1] * 10, params, 3)
    with pytest.raises(ValueError, match="4 tokens of prompt and 6 new ones exceed n_ctx = 9"):
        generate([1] * 4, params, 3, n=6)
    assert len(generate([1] * 4, params, 3, n=5)) == 9


@pytest.mark.parametrize("bad", [11, -1, 10**6])
def test_an_unknown_token_id_is_named(params, bad):
    with pytest.raises(ValueError, match=f"token id {bad} .* 0 to 10"):
        gpt([1, bad, 2], params, 3)


def test_no_ids_and_fractions_are_refused(params):
    with pytest.raises(ValueError, match="no ids"):
        gpt([], params, 3)
    with pytest.raises(ValueError, match="no ids"):
        generate([], params, 3, n=1)
    with pytest.raises(ValueError, match="12 channels cannot be cut into 5"):
        gpt(IDS, params, 5)
