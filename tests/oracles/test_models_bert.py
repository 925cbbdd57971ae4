"""Our BERT against transformers' BertForMaskedLM with random weights, and files going both ways.

Noise is added to all parameters: with gains of 1 and biases of 0, half of them would go untested. HF masks padding with
the smallest number of the dtype, we with -inf: after the softmax both are 0. The pooler is that of their BertModel.
"""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel

from course_lib.models import BERT, BERT_SIZES, BERTConfig, count_bert_parameters
from course_lib.models.bert_files import their_name

SIZES = {"vocab_size": 61, "n_ctx": 16, "n_embd": 24, "n_layer": 3, "n_head": 4}
THEIR_SIZES = {
    "vocab_size": 61,
    "max_position_embeddings": 16,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "hidden_dropout_prob": 0,
    "attention_probs_dropout_prob": 0,
}
GELUS = {"tanh": "gelu_new", "erf": "gelu"}


def noisy(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # LayerNorm's gains and biases, and the output's bias, too
    return model.eval()


def their_model(gelu="tanh", model=BertForMaskedLM):
    torch.manual_seed(0)
    return noisy(model(BertConfig(**THEIR_SIZES, hidden_act=GELUS[gelu])))


def our_model(theirs, gelu="tanh", pooler=False):
    model = BERT(BERTConfig(**SIZES, gelu=gelu, pooler=pooler)).eval()
    weights = theirs.state_dict()
    model.load_state_dict({name: weights[their_name(name)] for name in model.state_dict()})
    return model


@pytest.fixture(params=["tanh", "erf"])
def both(request):
    theirs = their_model(request.param)
    return our_model(theirs, request.param), theirs


@pytest.fixture
def texts():
    """Three texts of different length, padded on the right, each in two segments."""
    torch.manual_seed(1)
    ids = torch.randint(1, 61, (3, 16))
    real = torch.arange(16) < torch.tensor([16, 11, 5])[:, None]
    segments = (torch.arange(16) >= torch.tensor([9, 4, 2])[:, None]).long()
    return ids * real, segments, real


def difference(a, b):
    return (a - b).abs().max().item()


# ---- the network


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("length", [1, 5, 16])
def test_logits_are_theirs(both, dtype, tolerance, length):
    ours, theirs = (model.to(dtype) for model in both)
    ids = torch.randint(61, (3, length))
    assert difference(ours(ids), theirs(ids).logits) <= tolerance


def test_logits_are_theirs_with_padding_and_segments(both, texts):
    (ours, theirs), (ids, segments, real) = (model.double() for model in both), texts
    logits = ours(ids, segments, real[:, None])
    other = theirs(ids, attention_mask=real.long(), token_type_ids=segments).logits
    assert difference(logits[real], other[real]) <= 1e-12
    assert difference(logits[real], ours(ids, None, real[:, None])[real]) > 0.1  # segments count
    assert difference(logits[real], ours(ids, segments)[real]) > 0.1  # and so does padding


def test_any_visibility_is_theirs(both, texts):
    """Their attention takes a mask for each pair of positions as well: 1 where one may look."""
    (ours, theirs), (ids, segments, _) = (model.double() for model in both), texts
    visible = torch.rand(3, 16, 16) < 0.5
    visible |= torch.eye(16, dtype=torch.bool)
    other = theirs(ids, attention_mask=visible[:, None].double().log(), token_type_ids=segments).logits
    assert difference(ours(ids, segments, visible), other) <= 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_loss_and_gradients_are_theirs(both, texts, dtype, tolerance):
    """Loss on the chosen positions alone: theirs leaves out labels of -100."""
    (ours, theirs), (ids, segments, real) = (model.to(dtype) for model in both), texts
    labels = ids.masked_fill(~real | (torch.rand(ids.shape) > 0.4), -100)
    losses = []
    for logits in (
        ours(ids, segments, real[:, None]),
        theirs(ids, attention_mask=real.long(), token_type_ids=segments).logits,
    ):
        losses.append(F.cross_entropy(logits[labels != -100], labels[labels != -100]))
        losses[-1].backward()
    assert difference(*losses) <= tolerance
    hf = theirs(ids, attention_mask=real.long(), token_type_ids=segments, labels=labels).loss
    assert difference(losses[0], hf) <= 1e-5  # computed in float32, whatever the model's dtype
    names = [name for name, _ in ours.named_parameters()]
    assert len(names) == 5 + 3 * 16 + 5 == len(list(theirs.parameters()))
    for name in names:
        assert difference(ours.get_parameter(name).grad, theirs.get_parameter(their_name(name)).grad) <= tolerance, name


def test_the_pooler_is_theirs(texts):
    ids, segments, real = texts
    theirs = their_model(model=BertForPreTraining).double()
    ours = our_model(theirs, pooler=True).double()
    other = theirs.bert(ids, attention_mask=real.long(), token_type_ids=segments).pooler_output
    assert difference(ours.pool(ours.hidden(ids, segments, real[:, None])), other) <= 1e-12


def test_the_two_gelus_are_not_one(texts):
    ids = texts[0]
    tanh, erf = our_model(their_model()).double(), our_model(their_model(), gelu="erf").double()
    assert 1e-6 < difference(tanh(ids), erf(ids)) < 1e-1


def test_a_block_is_torchs_encoder_layer(both):
    """Linear is the same there; the mask says who may NOT look. With gradients, so no fast lane."""
    ours, _ = both
    block = ours.double().h[1]
    layer = nn.TransformerEncoderLayer(
        24,
        4,
        96,
        dropout=0,
        activation=nn.GELU(block.mlp[1].approximate),
        layer_norm_eps=1e-12,
        norm_first=False,
        batch_first=True,
        dtype=torch.float64,
    )
    parts = [block.attn.query, block.attn.key, block.attn.value]
    pairs = [
        (layer.self_attn.in_proj_weight, torch.cat([part.weight for part in parts])),
        (layer.self_attn.in_proj_bias, torch.cat([part.bias for part in parts])),
    ]
    modules = [
        (layer.self_attn.out_proj, block.attn.proj),
        (layer.norm1, block.ln_1),
        (layer.linear1, block.mlp[0]),
        (layer.linear2, block.mlp[2]),
        (layer.norm2, block.ln_2),
    ]
    pairs += [(getattr(a, kind), getattr(b, kind)) for a, b in modules for kind in ("weight", "bias")]
    with torch.no_grad():
        for theirs, mine in pairs:
            theirs.copy_(mine)
    x = torch.randn(2, 16, 24, dtype=torch.float64, requires_grad=True)
    real = torch.arange(16) < torch.tensor([16, 10])[:, None]
    assert difference(block(x, real[:, None]), layer(x, src_key_padding_mask=~real)) <= 1e-12


# ---- files


@pytest.mark.parametrize("gelu", GELUS)
def test_their_file_opens_in_our_model(gelu, texts, tmp_path):
    theirs, ids = their_model(gelu), texts[0]
    theirs.save_pretrained(tmp_path)
    model = BERT.from_pretrained(tmp_path).double()
    assert model.config == BERTConfig(**SIZES, gelu=gelu)
    assert difference(model(ids), theirs.double()(ids).logits) <= 1e-12


def test_their_shards_and_their_pre_training_model_open_too(texts, tmp_path):
    """The latter has a pooler, and a head for next sentences that we leave out."""
    theirs, ids = their_model(model=BertForPreTraining), texts[0]
    theirs.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*-of-*.safetensors"))) > 2
    model = BERT.from_pretrained(tmp_path).double()
    assert model.config.pooler
    assert difference(model(ids), theirs.double()(ids).prediction_logits) <= 1e-12
    assert difference(model.pool(model.hidden(ids)), theirs.bert(ids).pooler_output) <= 1e-12


def test_old_files_with_gamma_and_beta_open(texts, tmp_path):
    """So the published BERTs are stored, with the tied output a second time; transformers renames them, too."""
    theirs, ids = their_model(), texts[0]
    theirs.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weight
        for name, weight in weights.items()
    }
    old["cls.predictions.decoder.weight"] = weights["bert.embeddings.word_embeddings.weight"].clone()
    old["cls.predictions.decoder.bias"] = weights["cls.predictions.bias"].clone()
    old["bert.embeddings.position_ids"] = torch.arange(16)[None]
    old["cls.seq_relationship.weight"] = torch.zeros(2, 24)
    assert len(set(old) - set(weights)) == 20
    save_file(old, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert difference(BERT.from_pretrained(tmp_path).double()(ids), theirs.double()(ids).logits) <= 1e-12
    old["cls.predictions.decoder.weight"][7] += 1
    save_file(old, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="1 of its 61 rows are not those of"):
        BERT.from_pretrained(tmp_path)


@pytest.mark.parametrize("gelu", GELUS)
def test_our_file_opens_in_their_model(gelu, texts, tmp_path):
    ours, ids = our_model(their_model(gelu), gelu).double(), texts[0]
    ours.save_pretrained(tmp_path)
    again, report = BertForMaskedLM.from_pretrained(tmp_path, dtype=torch.float64, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert difference(ours(ids), again.eval()(ids).logits) <= 1e-12
    assert json.loads((tmp_path / "config.json").read_text())["hidden_act"] == GELUS[gelu]


def test_our_file_with_a_pooler_opens_in_their_bare_model(texts, tmp_path):
    ours, ids = our_model(their_model(model=BertForPreTraining), pooler=True).double(), texts[0]
    ours.save_pretrained(tmp_path)
    again = BertModel.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert difference(ours.hidden(ids), again(ids).last_hidden_state) <= 1e-12
    assert difference(ours.pool(ours.hidden(ids)), again(ids).pooler_output) <= 1e-12


# ---- sizes


@pytest.mark.parametrize(
    ("name", "bare", "whole"),
    [("bert-base-uncased", 109_482_240, 110_106_428), ("bert-large-uncased", 335_141_888, 336_226_108)],
)
def test_their_bert_has_as_many_parameters(name, bare, whole):
    """The bare model has the pooler; the whole one fills blanks, and says with 1,538 more whether B follows A."""
    config = BERT_SIZES[name]
    sizes = BertConfig(
        hidden_size=config.n_embd,
        num_hidden_layers=config.n_layer,
        num_attention_heads=config.n_head,
        intermediate_size=4 * config.n_embd,
    )

    def count(model):
        return sum(p.numel() for p in model.parameters())

    with torch.device("meta"):
        assert count(BertModel(sizes)) == count_bert_parameters(config, head=False) == bare
        assert count(BertForPreTraining(sizes)) == count_bert_parameters(config) + 2 * config.n_embd + 2 == whole
        assert count(BERT(config)) == count_bert_parameters(config)
