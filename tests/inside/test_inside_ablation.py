"""Ablated heads write what they should, everybody else goes on as before, and one wire can be cut alone."""

import copy

import pytest
import torch
from torch.nn import functional as F

from course_lib import inside

D = 6  # of the fixture's heads
HEADS = [(0, 1), (0, 3), (2, 0)]
LENGTH = 12


def without_rows(model, heads, means=None):
    """The same model with the rows of W_O of these heads at 0, and their mean output through W_O in the bias."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for layer, head in heads:
            projection, rows = model.h[layer].attn.c_proj, slice(head * D, (head + 1) * D)
            if means is not None:
                projection.bias += means[layer, head] @ projection.weight[rows]
            projection.weight[rows] = 0
    return model


def head_means(model, ids):
    """Mean output of each head, from the model's own modules: [L, H, D]."""
    stream, found = model.embed(ids), []
    for block in model.h:
        qkv = block.attn.c_attn(block.ln_1(stream)).unflatten(-1, (3, 4, D)).permute(2, 0, 3, 1, 4)
        z = F.scaled_dot_product_attention(*qkv, is_causal=True)  # [B, H, T, D]
        found.append(z.mean((0, 2)))
        stream = block(stream)
    return torch.stack(found)


@torch.no_grad()
def test_zero_ablation_is_a_model_without_those_rows(model, ids):
    with inside.ablate(model, HEADS):
        ablated = model(ids)
    assert (ablated - without_rows(model, HEADS)(ids)).abs().max() <= 1e-12
    assert (ablated - model(ids)).abs().max() > 0.1


@torch.no_grad()
def test_mean_ablation_puts_the_mean_into_the_bias(model, ids):
    others = torch.randint(23, (7, 12))
    with inside.ablate(model, HEADS, inside.mean_outputs(model, others)):
        ablated = model(ids)
    expected = without_rows(model, HEADS, head_means(model, others))(ids)
    assert (ablated - expected).abs().max() <= 1e-12
    assert (ablated - without_rows(model, HEADS)(ids)).abs().max() > 0.01


@torch.no_grad()
def test_afterwards_the_model_is_what_it_was(model, ids):
    before = model(ids)
    with pytest.raises(KeyError), inside.ablate(model, HEADS):
        raise KeyError
    with inside.cut(model, [(0, 1)], [(1, 2)], "keys"):
        pass
    assert torch.equal(model(ids), before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@torch.no_grad()
def test_run_sees_the_ablated_model(model, ids):
    with inside.ablate(model, HEADS):
        record = inside.run(model, ids)
    for layer, head in HEADS:
        assert (record.heads[layer, :, head] == 0).all()
    assert (record.heads[1] != 0).any()
    assert (record.logits - without_rows(model, HEADS)(ids)).abs().max() <= 1e-12


@torch.no_grad()
def test_no_head_and_the_same_head_twice(model, ids):
    with inside.ablate(model, []):
        assert torch.equal(model(ids), model(ids))
    with inside.ablate(model, [(1, 1), (1, 1)]):
        twice = model(ids)
    with inside.ablate(model, [(1, 1)]), inside.ablate(model, [(1, 1)]):
        nested = model(ids)
    assert (twice - without_rows(model, [(1, 1)])(ids)).abs().max() <= 1e-12
    assert (twice - nested).abs().max() <= 1e-12


def by_definition(model, ids, writers, readers, part, means=None):
    """Logits where the readers' part (0 query, 1 key, 2 value) comes from a model without the writers; no hooks."""
    x = model.embed(ids)
    other = without_rows(model, writers, means)
    y = other.embed(ids)
    for layer, (block, its) in enumerate(zip(model.h, other.h)):
        qkv = block.attn.c_attn(block.ln_1(x)).unflatten(-1, (3, 4, D)).clone()
        theirs = its.attn.c_attn(its.ln_1(y)).unflatten(-1, (3, 4, D))
        for head in [head for at, head in readers if at == layer]:
            qkv[:, :, part, head] = theirs[:, :, part, head]
        z = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4), is_causal=True).transpose(1, 2)
        x = x + block.attn.c_proj(z.flatten(2))
        x, y = x + block.mlp(block.ln_2(x)), its(y)
    return model.unembed(model.ln_f(x))


@torch.no_grad()
@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("mean", [False, True])
def test_a_cut_is_what_it_says(model, ids, part, mean):
    writers, readers = [(0, 1), (0, 3)], [(1, 0), (2, 0), (2, 2)]
    others = torch.randint(23, (7, 12)) if mean else None
    means = head_means(model, others) if mean else None
    instead = inside.mean_outputs(model, others) if mean else None
    with inside.cut(model, writers, readers, ("queries", "keys", "values")[part], instead):
        model(others if mean else ids.flip(0))  # an earlier text leaves nothing behind
        found = model(ids)
    assert (found - by_definition(model, ids, writers, readers, part, means)).abs().max() <= 1e-12
    assert (found - model(ids)).abs().max() > 1e-3


@pytest.fixture
def copying():
    return inside.copying_gpt(vocab_size=14, n_ctx=1 + 2 * LENGTH)


@pytest.fixture
def rows():
    return inside.repeated(range(1, 14), 6, LENGTH, [0], torch.Generator().manual_seed(0))


def induction(model, rows):
    return inside.induction_scores(inside.run(model, rows).weights, rows)[1, 0].item()


@pytest.mark.parametrize(("into", "score"), [("queries", 1), ("keys", 0), ("values", 1)])
def test_the_built_head_needs_its_keys_from_the_head_below(copying, rows, into, score):
    """It knows its own token from the embedding; which token stood before a place only head (0, 0) tells."""
    with inside.cut(copying, [(0, 0)], [(1, 0)], into):
        assert induction(copying, rows) == pytest.approx(score, abs=0.1)
    with inside.ablate(copying, [(0, 0)]):
        assert induction(copying, rows) < 0.1


@pytest.mark.parametrize("heads", [[(3, 0)], [(-1, 0)], [(0, 0), (1, 4)], [(0, -1)]])
def test_a_head_that_does_not_exist_is_named(model, heads):
    bad = heads[-1]
    message = rf"there is no head \({bad[0]}, {bad[1]}\): layers run from 0 to 2 and heads from 0 to 3"
    with pytest.raises(ValueError, match=message), inside.ablate(model, heads):
        pass
    with pytest.raises(ValueError, match=message), inside.cut(model, heads, [], "keys"):
        pass


def test_a_cut_that_makes_no_sense(model):
    with pytest.raises(ValueError, match="into='key': choose one of queries, keys, values"):
        inside.cut(model, [(0, 0)], [(1, 0)], "key").__enter__()
    for writer in ((1, 2), (2, 0)):
        with pytest.raises(
            ValueError, match=rf"head \({writer[0]}, {writer[1]}\) writes in layer {writer[0]}: head \(1, 0\)"
        ):
            inside.cut(model, [(0, 0), writer], [(1, 0)], "keys").__enter__()


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 4, 6), (3, 3, 6)])
def test_replacements_of_another_shape_are_named(model, shape):
    message = rf"instead has shape \({shape[0]}, {shape[1]}, {shape[2]}\), and the heads' outputs have \(3, 4, 6\)"
    with pytest.raises(ValueError, match=message), inside.ablate(model, HEADS, torch.zeros(shape)):
        pass
