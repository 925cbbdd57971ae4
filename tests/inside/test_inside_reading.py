"""The logit lens, and the sum of all who wrote a logit."""

import pytest
import torch

from course_lib import inside


def test_the_lens_is_the_model_at_the_last_depth_and_the_embedding_at_the_first(model, ids):
    record = inside.run(model, ids)
    lens = inside.logit_lens(model, record.stream)
    assert lens.shape == (4, 5, 11, 23)
    assert (lens[-1] - record.logits).abs().max() <= 1e-12
    expected = model.ln_f(model.embed(ids)) @ model.wte.weight.T
    assert (lens[0] - expected).abs().max() <= 1e-12


def picked(logits, to):
    return logits.gather(-1, to[..., None])[..., 0]


@pytest.mark.parametrize("wrong", [False, True])
def test_the_parts_add_up_to_the_logit(model, ids, wrong):
    record = inside.run(model, ids)
    to, against = ids.flip(0), ids.roll(1) if wrong else None
    parts = inside.attribution(model, record, to, against)
    assert parts.heads.shape == (3, 4, 5, 11)
    assert parts.mlps.shape == (3, 5, 11)
    expected = picked(record.logits, to) - (picked(record.logits, against) if wrong else 0)
    assert (parts.total() - expected).abs().max() <= 1e-12


def test_a_part_is_the_logit_that_its_writing_alone_would_add(model, ids):
    """Take one head's writing out of the last stream, and leave the LayerNorm's division as it was."""
    record = inside.run(model, ids)
    parts = inside.attribution(model, record, ids)
    last = record.stream[-1]
    centred = last - last.mean(-1, keepdim=True)
    scale = 1 / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    for layer, head in ((0, 3), (2, 1)):
        left = last - record.heads[layer, :, head]
        normed = (left - left.mean(-1, keepdim=True)) * scale * model.ln_f.weight + model.ln_f.bias
        without = picked(model.unembed(normed), ids)
        assert (picked(record.logits, ids) - without - parts.heads[layer, head]).abs().max() <= 1e-12


def test_biases_are_those_of_a_model_that_writes_nothing(model, ids):
    for block in model.h:
        torch.nn.init.zeros_(block.attn.c_attn.weight)
        torch.nn.init.zeros_(block.attn.c_attn.bias)
        torch.nn.init.zeros_(block.mlp.c_proj.weight)
        torch.nn.init.zeros_(block.mlp.c_proj.bias)
    record = inside.run(model, ids)
    parts = inside.attribution(model, record, ids)
    assert (parts.heads == 0).all()
    assert (parts.mlps == 0).all()
    assert (parts.embedding + parts.biases - picked(record.logits, ids)).abs().max() <= 1e-12


@pytest.mark.parametrize(("name", "bad"), [("to", 23), ("against", -1)])
def test_an_id_outside_the_vocabulary_is_named(model, ids, name, bad):
    tokens = {"to": ids, "against": ids} | {name: torch.full_like(ids, bad)}
    with pytest.raises(ValueError, match=f"token id {bad} is not in the vocabulary: ids run from 0 to 22"):
        inside.attribution(model, inside.run(model, ids), **tokens)
