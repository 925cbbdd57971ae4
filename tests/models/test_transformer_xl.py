"""Transformer-XL: segments are one pass, the memory is empty at first, holds so much and no gradient; its reach."""

import math

import pytest
import torch

from course_lib.models import Memory, TransformerXL, TransformerXLConfig
from course_lib.models.transformer_xl import distance_waves, reach, relative_shift, visible

SMALL = TransformerXLConfig(vocab_size=61, n_embd=24, n_layer=3, n_head=4, mem_len=6)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = TransformerXL(SMALL).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def difference(a, b):
    return (a - b).abs().max().item()


def in_segments(model, ids, segment, mem_len=None):
    memory = Memory(model, mem_len)
    return torch.cat([model(part, memory) for part in ids.split(segment, dim=1)], dim=1)


# ---- one pass and many


@pytest.mark.parametrize("segment", [1, 4, 7, 20])
def test_segment_by_segment_is_one_pass_where_the_memory_holds_all(model, segment):
    ids = torch.randint(61, (2, 20))
    assert difference(in_segments(model, ids, segment, mem_len=20), model(ids)) <= 1e-12


def test_the_first_segment_sees_no_memory_at_all(model):
    ids = torch.randint(61, (2, 6))
    assert torch.equal(model(ids, Memory(model)), model(ids))
    zeros = Memory(model)
    zeros.states = [torch.zeros(2, 6, 24, dtype=torch.float64) for _ in range(3)]
    assert difference(model(ids, zeros), model(ids)) > 1e-3  # zeros are not nothing: each gets its share of weight


def test_a_memory_of_zero_positions_is_no_memory(model):
    ids = torch.randint(61, (2, 12))
    apart = torch.cat([model(part) for part in ids.split(4, dim=1)], dim=1)
    assert torch.equal(in_segments(model, ids, 4, mem_len=0), apart)


def test_text_may_stand_anywhere_only_distances_count(model):
    """The same seven tokens, in a segment of their own and as the tail of a memory that forgot the rest."""
    ids = torch.randint(61, (1, 9))
    memory = Memory(model, mem_len=0)
    model(torch.randint(61, (1, 30)), memory)
    assert torch.equal(model(ids, memory), model(ids))


@pytest.mark.parametrize("mem_len", [0, 1, 3, 6, 50])
def test_memory_holds_the_last_positions_and_no_more(model, mem_len):
    memory, inputs = Memory(model, mem_len), [[] for _ in range(3)]
    for layer, block in enumerate(model.h):
        block.register_forward_pre_hook(lambda _, args, layer=layer: inputs[layer].append(args[0]))
    for part in torch.randint(61, (2, 11)).split((4, 2, 5), dim=1):
        model(part, memory)
    assert memory.length == min(mem_len, 11)
    for state, seen in zip(memory.states, inputs, strict=True):
        assert torch.equal(state, torch.cat(seen, dim=1)[:, 11 - memory.length :])  # each layer's own input


# ---- gradients


def test_no_gradient_flows_into_the_memory(model):
    memory, first, second = Memory(model), torch.randint(30, (2, 6)), torch.randint(30, 61, (2, 6))
    model(first, memory)
    assert not any(state.requires_grad for state in memory.states)
    hidden = model.hidden(second, memory)
    hidden.sum().backward()
    rows = model.wte.weight.grad.abs().sum(-1)
    assert (rows[first.unique()] == 0).all()  # the first segment's words have their effect but no blame
    assert (rows[second.unique()] > 0).all()


def test_within_a_pass_the_gradient_does_flow(model):
    ids = torch.cat([torch.randint(30, (2, 6)), torch.randint(30, 61, (2, 6))], dim=1)
    model.hidden(ids)[:, 6:].sum().backward()
    assert (model.wte.weight.grad.abs().sum(-1)[ids[:, :6].unique()] > 0).all()


def test_future_gradient_is_exactly_zero(model):
    ids, memory = torch.randint(61, (1, 8)), Memory(model)
    model(torch.randint(61, (1, 5)), memory)
    embedded = model.wte(ids).detach().requires_grad_()
    model.wte.forward = lambda _: embedded
    out = model.hidden(ids, memory)
    for t in range(8):
        (slope,) = torch.autograd.grad(out[0, t, 0], embedded, retain_graph=True)
        assert (slope[0, t + 1 :] == 0).all()
        assert (slope[0, : t + 1] != 0).any(-1).all()


# ---- pieces


def test_the_shift_puts_every_distance_where_its_key_stands():
    T, S = 4, 7
    distances = torch.arange(S - 1, -1, -1.0).expand(2, T, S)  # what column c stands for
    moved = relative_shift(distances)
    for i in range(T):
        for j in range(S - T + i + 1):
            assert (moved[:, i, j] == S - T + i - j).all()


def test_waves_are_sines_then_cosines_of_falling_distances():
    waves = distance_waves(3, 4)
    expected = [[math.sin(x), math.sin(x / 100), math.cos(x), math.cos(x / 100)] for x in (2, 1, 0)]
    assert difference(waves, torch.tensor(expected, dtype=torch.float64)) <= 1e-15


def test_scores_are_the_four_terms_of_the_paper(model):
    """(q + u)·k + (q + v)·(W_R R) in loops, over √D, softmax over memory and past."""
    attn, (B, T, M, H, D) = model.h[0].attn, (2, 3, 4, 4, 6)
    h = torch.randn(B, T, 24, dtype=torch.float64)
    context = torch.cat([torch.randn(B, M, 24, dtype=torch.float64), h], dim=1)
    waves = distance_waves(M + T, 24)
    rows = []
    for b in range(B):
        for i in range(T):
            q = attn.query(h[b, i]).view(H, D)
            scores = []
            for j in range(M + i + 1):
                k = attn.key(context[b, j]).view(H, D)
                r = attn.place(distance_waves(M + i - j + 1, 24)[0]).view(H, D)
                scores.append(((q * k + model.u * k + q * r + model.v * r).sum(-1)) / math.sqrt(D))
            weights = torch.stack(scores).softmax(0)  # [S, H]
            values = attn.value(context[b, : M + i + 1]).view(-1, H, D)
            rows.append(attn.out((weights[..., None] * values).sum(0).flatten()))
    found = attn(h, context, waves, model.u, model.v)
    assert difference(found, torch.stack(rows).view(B, T, 24)) <= 1e-12


# ---- reach


@pytest.mark.parametrize(("segment", "mem_len"), [(4, 4), (4, 3), (4, 1), (3, 7), (5, 0), (1, 2)])
@pytest.mark.parametrize("n_layer", [1, 2, 3])
def test_reach_is_the_exact_support_of_influence(model, segment, mem_len, n_layer):
    """Change one token: exactly the outputs that `reach` names change, all others not by a bit."""
    model.h = model.h[:n_layer]
    model.config = TransformerXLConfig(61, 24, n_layer, 4, mem_len)
    n, said = 24, reach(24, segment, mem_len, n_layer)
    ids = torch.randint(61, (1, n))
    plain = in_segments(model, ids, segment)
    for j in range(n):
        other = ids.clone()
        other[0, j] = (other[0, j] + 1) % 61
        changed = (in_segments(model, other, segment) != plain).any(-1)[0]
        assert torch.equal(changed, said[:, j]), j


@pytest.mark.parametrize("n_layer", [1, 2, 5])
def test_reach_grows_by_the_memory_with_each_layer(n_layer):
    seen = reach(60, 6, 6, n_layer)
    first = 48  # of a segment
    assert seen[first].nonzero().min() == max(0, first - 6 * n_layer)
    assert torch.equal(reach(60, 6, 6, 1), visible(60, 6, 6))


# ---- the model


def test_the_default_has_as_many_parameters_as_the_authors_say():
    """41 million in the paper (table 2): embeddings and their bias, u and v, twelve layers."""
    with torch.device("meta"):
        model = TransformerXL(TransformerXLConfig())
    by_hand = 256 * 513 + 2 * 512 + 12 * (13 * 512**2 + 9 * 512)
    assert sum(p.numel() for p in model.parameters()) == by_hand == 41_082_112


def test_an_untrained_model_is_nearly_as_unsure_as_can_be():
    torch.manual_seed(0)
    model = TransformerXL(SMALL)
    ids, targets = torch.randint(61, (2, 8, 16))
    loss = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(61), abs=0.05)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_layer": 0}, "n_layer is 0"),
        ({"mem_len": -1}, "mem_len is -1: it must be at least 0"),
        ({"n_embd": 100, "n_head": 3}, "n_embd = 100 cannot be cut into n_head = 3"),
        ({"n_embd": 9, "n_head": 3}, "n_embd = 9 is odd"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        TransformerXLConfig(**sizes)


def test_bad_input_is_named(model):
    for bad in (61, -1):
        with pytest.raises(ValueError, match=f"token id {bad} is not in the vocabulary"):
            model(torch.tensor([[1, bad]]))
    with pytest.raises(ValueError, match="mem_len is -2"):
        Memory(model, -2)
    memory = Memory(model)
    model(torch.zeros(2, 4, dtype=torch.long), memory)
    with pytest.raises(ValueError, match="the memory is of 2 texts, the segment of 3"):
        model(torch.zeros(3, 4, dtype=torch.long), memory)
    with pytest.raises(ValueError, match="segment = 0, mem_len = 3"):
        visible(5, 0, 3)
