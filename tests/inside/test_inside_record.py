"""What `run` writes down is what happens: the pieces add up to the stream, the logits are the model's own."""

import numpy as np
import pytest
import torch

from course_lib import by_hand, inside
from course_lib.models import KVCache


def close(a, b, tolerance=1e-12):
    assert a.shape == b.shape
    assert (a - b).abs().max() <= tolerance


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (5, 7)])
def test_shapes_and_logits(model, shape):
    ids = torch.randint(23, shape)
    record, (B, T) = inside.run(model, ids), shape
    assert record.stream.shape == (4, B, T, 24)
    assert record.weights.shape == (3, B, 4, T, T)
    assert record.heads.shape == (3, B, 4, T, 24)
    assert record.mlps.shape == (3, B, T, 24)
    assert torch.equal(record.logits, model(ids))


def test_the_pieces_add_up_to_the_stream(model, ids):
    record = inside.run(model, ids)
    close(record.stream[0], model.embed(ids))
    for layer, block in enumerate(model.h):
        attention = record.heads[layer].sum(1) + block.attn.c_proj.bias
        close(attention, block.attn(block.ln_1(record.stream[layer])))
        close(record.stream[layer + 1], record.stream[layer] + attention + record.mlps[layer])
        close(record.stream[layer + 1], block(record.stream[layer]))


def test_weights_are_causal_and_sum_to_one_and_give_what_the_heads_write(model, ids):
    record = inside.run(model, ids)
    close(record.weights.sum(-1), torch.ones(3, 5, 4, 11, dtype=torch.float64))
    assert (record.weights.triu(1) == 0).all()
    for layer, block in enumerate(model.h):
        qkv = block.attn.c_attn(block.ln_1(record.stream[layer]))
        v = qkv[..., 48:].unflatten(-1, (4, 6)).transpose(1, 2)  # [B, H, T, D]
        rows = block.attn.c_proj.weight.unflatten(0, (4, 6))  # [H, D, C]
        close(record.heads[layer], record.weights[layer] @ v @ rows)


def test_the_stream_is_that_of_the_numpy_gpt(model, ids, tmp_path):
    model.save_pretrained(tmp_path)
    params = by_hand.load_params(tmp_path, dtype=np.float64)
    record = inside.run(model, ids)
    for row in range(len(ids)):
        theirs = by_hand.residual_stream(ids[row].numpy(), params, 4)
        np.testing.assert_allclose(record.stream[:, row].numpy(), np.stack(theirs), atol=1e-11)


def hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_nothing_is_left_behind(model, ids):
    before = model(ids)
    inside.run(model, ids)
    assert hooks(model) == 0
    assert torch.equal(model(ids), before)
    with pytest.raises(ValueError, match="13 tokens exceed n_ctx = 12"):
        inside.run(model, torch.zeros(1, 13, dtype=torch.long))
    with pytest.raises(ValueError, match="token id 23 is not in the vocabulary"):
        inside.run(model, torch.tensor([[23]]))
    assert hooks(model) == 0


def test_no_gradient_is_kept(model, ids):
    assert not inside.run(model, ids).stream.requires_grad


def test_a_cached_pass_is_not_disturbed(model, ids):
    inside.run(model, ids)
    cache = KVCache(model, 5, 11)
    close(torch.cat([model(ids[:, :4], cache), model(ids[:, 4:], cache)], 1), model(ids))
