"""Our Transformer-XL against transformers' XLNet, which has its attention (Dai et al. and Yang et al. share authors).

Convention. XLNet with attn_type="uni" and bi_data=False looks back only, and its memory starts with nothing. Its
weights are [C, H, D] where nn.Linear has [H·D, C]; it has biases u and v (r_w_bias, r_r_bias) in each layer, which
all get ours; no factor √C on the embeddings, so its table gets ours times √C and its output layer is not tied to it;
erf-GELU unless asked for ReLU; and a LayerNorm epsilon of 1e-12 unless told 1e-5. It numbers one distance more (S,
which nobody needs) and makes its waves in float32 in models of any dtype: here `Tensor.float` gives float64, so that
the rest of its code, as it is, is compared in float64 throughout.
"""

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import XLNetConfig, XLNetLMHeadModel

from course_lib.models import Memory, TransformerXL, TransformerXLConfig

SIZES = TransformerXLConfig(vocab_size=61, n_embd=24, n_layer=3, n_head=4, mem_len=6)
LINEAR = {"q": "query", "k": "key", "v": "value", "r": "place"}


@pytest.fixture
def ours():
    torch.manual_seed(0)
    model = TransformerXL(SIZES).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # gains of 1 and biases of 0 would test nothing
    return model


@pytest.fixture
def waves_in_float64(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def xlnet(ours, mem_len=SIZES.mem_len):
    """Their model with our weights."""
    config = XLNetConfig(
        vocab_size=SIZES.vocab_size,
        d_model=SIZES.n_embd,
        n_layer=SIZES.n_layer,
        n_head=SIZES.n_head,
        d_inner=4 * SIZES.n_embd,
        ff_activation="relu",
        attn_type="uni",
        bi_data=False,
        mem_len=mem_len,
        dropout=0,
        layer_norm_eps=1e-5,
        tie_word_embeddings=False,
        use_mems_eval=True,
        use_mems_train=True,
    )
    theirs = XLNetLMHeadModel(config).double().eval()
    with torch.no_grad():
        theirs.transformer.word_embedding.weight.copy_(ours.wte.weight * math.sqrt(SIZES.n_embd))
        theirs.lm_loss.weight.copy_(ours.wte.weight)
        theirs.lm_loss.bias.copy_(ours.bias)
        for mine, layer in zip(ours.h, theirs.transformer.layer):
            other = layer.rel_attn
            for name, linear in LINEAR.items():
                getattr(other, name).copy_(getattr(mine.attn, linear).weight.T.unflatten(1, (SIZES.n_head, -1)))
            other.o.copy_(mine.attn.out.weight.unflatten(1, (SIZES.n_head, -1)))  # they write it [C, H, D], too
            other.r_w_bias.copy_(ours.u)
            other.r_r_bias.copy_(ours.v)
            other.layer_norm.load_state_dict(mine.ln_1.state_dict())
            layer.ff.layer_1.load_state_dict(mine.c_fc.state_dict())
            layer.ff.layer_2.load_state_dict(mine.c_proj.state_dict())
            layer.ff.layer_norm.load_state_dict(mine.ln_2.state_dict())
    return theirs


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.mark.parametrize("length", [1, 5, 16])
def test_one_segment_is_theirs(ours, waves_in_float64, length):
    ids = torch.randint(61, (3, length))
    assert difference(ours(ids), xlnet(ours)(ids).logits) <= 1e-12


@pytest.mark.parametrize("mem_len", [1, 3, 6, 40])
@pytest.mark.parametrize("lengths", [(4, 4, 4, 4), (7, 1, 2, 9)])
def test_segment_by_segment_logits_and_memories_are_theirs(ours, waves_in_float64, mem_len, lengths):
    theirs, mems = xlnet(ours, mem_len), None
    memory = Memory(ours, mem_len)
    for ids in torch.randint(61, (2, sum(lengths))).split(lengths, dim=1):
        expected = theirs(ids, mems=mems)
        mems = expected.mems
        assert difference(ours(ids, memory), expected.logits) <= 1e-12
        assert memory.length == len(mems[0])
        for state, theirs_too in zip(memory.states, mems, strict=True):
            assert difference(state, theirs_too.transpose(0, 1)) <= 1e-12  # they put time first


def test_loss_and_gradients_of_a_second_segment_are_theirs(ours, waves_in_float64):
    """Through a memory of the first: so the gradient that both refuse to send into it is the same, too."""
    theirs, ids = xlnet(ours), torch.randint(61, (2, 13))
    memory = Memory(ours)
    ours(ids[:, :6], memory)
    mems = theirs(ids[:, :6]).mems
    for logits in (ours(ids[:, 6:12], memory), theirs(ids[:, 6:12], mems=mems).logits):
        F.cross_entropy(logits.flatten(0, 1), ids[:, 7:].flatten()).backward()
    body = theirs.transformer
    table = body.word_embedding.weight.grad * math.sqrt(SIZES.n_embd) + theirs.lm_loss.weight.grad
    assert difference(ours.wte.weight.grad, table) <= 1e-12
    assert difference(ours.bias.grad, theirs.lm_loss.bias.grad) <= 1e-12
    for mine, bias in (("u", "r_w_bias"), ("v", "r_r_bias")):
        total = sum(getattr(layer.rel_attn, bias).grad for layer in body.layer)
        assert difference(ours.get_parameter(mine).grad, total) <= 1e-12
    for mine, layer in zip(ours.h, body.layer):
        for name, linear in LINEAR.items():
            grad = getattr(layer.rel_attn, name).grad.flatten(1).T
            assert difference(getattr(mine.attn, linear).weight.grad, grad) <= 1e-12, linear
        assert difference(mine.attn.out.weight.grad, layer.rel_attn.o.grad.flatten(1)) <= 1e-12
        pairs = [(mine.ln_1, layer.rel_attn.layer_norm), (mine.ln_2, layer.ff.layer_norm)]
        pairs += [(mine.c_fc, layer.ff.layer_1), (mine.c_proj, layer.ff.layer_2)]
        for module, other in pairs:
            assert difference(module.weight.grad, other.weight.grad) <= 1e-12
            assert difference(module.bias.grad, other.bias.grad) <= 1e-12


def test_as_it_comes_theirs_differs_by_its_waves_in_float32(ours):
    ids = torch.randint(61, (3, 16))
    assert 0 < difference(ours(ids), xlnet(ours)(ids).logits) <= 1e-4
