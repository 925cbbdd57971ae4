"""BERT in PyTorch: who sees whom, tied weights, saving and opening, bad input."""

import json
import math
from dataclasses import replace

import pytest
import torch

from course_lib.models import BERT, BERT_SIZES, BERTConfig, bert_parameter_table, count_bert_parameters

SMALL = BERTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BERT(SMALL).eval()


def support(model, visible=None, length=10):
    """Which position's input moves which position's output: [T, T], by gradients."""
    x = model.embed(torch.randint(61, (1, length))).detach().requires_grad_()
    h = x
    for block in model.h:
        h = block(h, visible)
    rows = [torch.autograd.grad(h[0, t].pow(3).sum(), x, retain_graph=True)[0][0] for t in range(length)]
    return (torch.stack(rows) != 0).any(-1)


def test_every_position_sees_all_others(model):
    assert support(model).all()


def test_what_is_hidden_has_a_gradient_of_exactly_zero(model):
    causal = torch.ones(10, 10, dtype=torch.bool).tril()
    prefix = causal | (torch.arange(10) < 4)
    for visible in (causal, prefix):
        assert torch.equal(support(model, visible[None]), visible)


def test_padding_changes_nothing(model):
    ids = torch.randint(1, 61, (1, 9))
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    logits = model(padded, visible=(padded != 0)[:, None])[:, :9]
    assert (logits - model(ids)).abs().max() <= 1e-6
    assert (model(padded)[:, :9] - model(ids)).abs().max() > 1e-4


def test_segments_are_all_the_first_unless_told(model):
    ids = torch.randint(61, (2, 9))
    assert torch.equal(model(ids), model(ids, torch.zeros_like(ids)))
    assert not torch.equal(model(ids), model(ids, torch.ones_like(ids)))


def test_an_untrained_model_is_nearly_as_unsure_as_can_be(model):
    ids = torch.randint(61, (8, 16))
    loss = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), ids.flatten())
    assert loss.item() == pytest.approx(math.log(61), abs=0.1)


def test_output_is_tied_to_the_embedding(model):
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert [name for name, shape in shapes.items() if 61 in shape] == ["bias", "wte.weight"]
    model(torch.tensor([[1]])).sum().backward()
    assert (model.wte.weight.grad.abs().sum(-1) > 0).all()  # every token is scored, so every row learns


def test_sizes_are_counted_without_a_model():
    for config in (SMALL, replace(SMALL, pooler=True)):
        assert sum(p.numel() for p in BERT(config).parameters()) == count_bert_parameters(config)
    table = bert_parameter_table(BERT_SIZES["bert-base-uncased"])
    assert table["wte"] == 30522 * 768
    assert count_bert_parameters(SMALL) - count_bert_parameters(SMALL, head=False) == table_of_head(SMALL)


def table_of_head(config):
    head = BERT(config).head
    return sum(p.numel() for p in head.parameters()) + config.vocab_size


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, pooler=True, gelu="erf", n_segment=3)])
def test_saved_model_opens_again(config, tmp_path):
    model = BERT(config).eval()
    model.save_pretrained(tmp_path / "new" / "folder")
    again = BERT.from_pretrained(tmp_path / "new" / "folder")
    assert again.config == config
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name


def test_without_a_pooler_nothing_is_pooled(model):
    with pytest.raises(ValueError, match=r"no pooler: make it with BERTConfig\(pooler=True\)"):
        model.pool(torch.zeros(1, 2, 24))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_layer": 0}, "n_layer is 0"),
        ({"n_segment": -1}, "n_segment is -1"),
        ({"n_embd": 100, "n_head": 3}, "n_embd = 100 cannot be cut into n_head = 3"),
        ({"gelu": "relu"}, "gelu is 'relu': choose one of tanh, erf"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        BERTConfig(**sizes)


def test_bad_ids_and_segments_are_named(model):
    with pytest.raises(ValueError, match="17 tokens exceed n_ctx = 16"):
        model(torch.zeros(1, 17, dtype=torch.long))
    for bad in (61, -1):
        with pytest.raises(ValueError, match=f"no token id {bad}: they run from 0 to 60"):
            model(torch.tensor([[1, bad]]))
    with pytest.raises(ValueError, match="no segment 2: they run from 0 to 1"):
        model(torch.tensor([[1, 1]]), torch.tensor([[0, 2]]))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"model_type": "roberta"}, "describes another network than BERT"),
        ({"hidden_act": "relu"}, "describes another network than BERT"),
        ({"position_embedding_type": "relative_key"}, "describes another network than BERT"),
        ({"is_decoder": True}, "describes another network than BERT"),
        ({"intermediate_size": 48}, "an intermediate_size of 48"),
        ({"type_vocab_size": None}, "lacks type_vocab_size: is it a BERT configuration"),
        ({"num_hidden_layers": 4}, r"do not fit its config.*encoder\.layer\.3.*is missing"),
    ],
)
def test_settings_of_another_network_are_refused(model, tmp_path, setting, message):
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | setting))
    with pytest.raises(ValueError, match=message):
        BERT.from_pretrained(tmp_path)


def test_names_of_the_hub_are_berts(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"google-bert/bert-base-uncased is neither .*BERT\.from_pretrained"):
        BERT.from_pretrained("bert-base-uncased", download=False)
    with pytest.raises(FileNotFoundError, match="no model has that name: bert-base-uncased, bert-large"):
        BERT.from_pretrained("bert-giant")
