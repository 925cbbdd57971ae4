"""Our T5 against transformers' T5ForConditionalGeneration (version 1.0: ReLU, tied output times 1/√C, no dropout).

Conventions: their RMSNorm takes the mean square in float32 whatever the model's dtype, which would limit a comparison
in float64 to 1e-7; so it is replaced by torch's own rms_norm, which nobody of us wrote either. Their mask over the
input is 1 where ours finds no padding. Their `labels` are our `targets`; the shift by one is inside both.
"""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import T5Config as TheirConfig
from transformers import T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5Attention, T5LayerNorm

from course_lib.models import T5, T5_SIZES, T5Config, count_t5_parameters
from course_lib.models.t5 import FILES, Stack, buckets, name_in_files, shift_right

SIZES = T5Config(vocab_size=61, n_embd=24, n_layer=3, n_head=4, d_head=5, d_ff=40)  # 4 · 5 is not 24


def their_config(config, **changes):
    sizes = {theirs[0]: getattr(config, ours) for ours, theirs in FILES.sizes.items()}
    return TheirConfig(**sizes, decoder_start_token_id=config.pad_id, dropout_rate=0.0, **changes)


@pytest.fixture(autouse=True)
def norms_in_the_models_own_dtype(monkeypatch):
    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, self.variance_epsilon)

    monkeypatch.setattr(T5LayerNorm, "forward", forward)


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(their_config(SIZES)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))  # gains of the norms too
    return model


@pytest.fixture
def ours(theirs):
    model = T5(SIZES).eval()
    their_weights = theirs.state_dict()
    model.load_state_dict({name: their_weights[name_in_files(name)] for name in model.state_dict()})
    return model


@pytest.fixture
def texts():
    """Inputs with padding on the right, on the left and none; targets without any."""
    generator = torch.Generator().manual_seed(1)
    ids, targets = (torch.randint(2, 61, (3, n), generator=generator) for n in (40, 35))
    ids[0, 30:] = ids[1, :4] = SIZES.pad_id
    return ids, targets


def difference(a, b):
    return (a - b).abs().max().item()


# ---- the network


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_logits_and_loss_are_theirs(ours, theirs, texts, dtype, tolerance):
    ids, targets = texts
    expected = theirs.to(dtype)(input_ids=ids, attention_mask=(ids != 0).long(), labels=targets)
    logits = ours.to(dtype)(ids, targets)
    assert difference(logits, expected.logits) <= tolerance
    assert difference(F.cross_entropy(logits.flatten(0, 1), targets.flatten()), expected.loss) <= tolerance


def test_gradients_are_theirs(ours, theirs, texts):
    ids, targets = texts
    theirs.double()(input_ids=ids, attention_mask=(ids != 0).long(), labels=targets).loss.backward()
    F.cross_entropy(ours.double()(ids, targets).flatten(0, 1), targets.flatten()).backward()
    names = [name for name, _ in ours.named_parameters()]
    assert len(names) == 1 + 3 * (8 + 13) + 2 + 2
    for name in names:
        expected = theirs.get_parameter(name_in_files(name)).grad
        assert expected.abs().max() > 0
        assert difference(ours.get_parameter(name).grad, expected) <= 1e-12, name


def test_the_encoder_alone_is_theirs(ours, theirs, texts):
    ids, _ = texts
    expected = theirs.double().encoder(input_ids=ids, attention_mask=(ids != 0).long()).last_hidden_state
    seen = ids != 0
    assert difference(ours.double().encode(ids)[seen], expected[seen]) <= 1e-12


@torch.inference_mode()
def test_greedy_answers_are_theirs(ours, theirs, texts):
    ids, _ = texts
    ours.double(), theirs.double()
    for row in ids[:, :20].clamp(min=2):
        ours_written = ours.generate(row[None], 12)
        expected = theirs.generate(row[None], max_new_tokens=12, do_sample=False, eos_token_id=1, pad_token_id=0)
        assert torch.equal(ours_written, expected[:, 1:])  # theirs keep the pad id at the start


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (16, 40), (64, 512), (8, 20)])
def test_buckets_are_theirs(two_sided, n_buckets, max_distance):
    distances = torch.arange(-700, 700)
    expected = T5Attention._relative_position_bucket(distances, two_sided, n_buckets, max_distance)
    assert torch.equal(buckets(distances, two_sided, n_buckets, max_distance), expected)


@pytest.mark.parametrize("decoder", [True, False])
def test_numbers_per_distance_are_theirs(theirs, decoder):
    stack = Stack(SIZES, decoder)
    attention = (theirs.decoder if decoder else theirs.encoder).block[0].layer[0].SelfAttention
    stack.distance_bias.weight = attention.relative_attention_bias.weight
    ours, expected = stack.scores_by_distance(150), attention.compute_bias(150, 150)
    seen = torch.ones(150, 150, dtype=torch.bool).tril() if decoder else torch.ones(150, 150, dtype=torch.bool)
    assert torch.equal(ours[:, :, seen], expected[:, :, seen])
    assert (ours[:, :, ~seen] == -torch.inf).all()


def test_the_shift_is_theirs(theirs):
    targets = torch.randint(2, 61, (3, 9))
    assert torch.equal(shift_right(targets, 0), theirs._shift_right(targets))


def test_weights_start_as_large_as_theirs():
    """Standard deviations of every matrix of a wide model, each by thousands of numbers: 10 % is five sigma."""
    config = T5Config(vocab_size=500, n_embd=128, n_layer=1, n_head=4, d_head=16, d_ff=200)
    torch.manual_seed(0)
    ours, theirs = T5(config), T5ForConditionalGeneration(their_config(config))
    for name, p in ours.named_parameters():
        expected = theirs.get_parameter(name_in_files(name))
        tolerance = 0.3 if "distance_bias" in name else 0.1
        assert p.std().item() == pytest.approx(expected.std().item(), rel=tolerance, abs=1e-12), name


# ---- files


def test_their_folder_opens_in_our_model(theirs, texts, tmp_path):
    theirs.save_pretrained(tmp_path)
    model = T5.from_pretrained(tmp_path).double()
    assert model.config == SIZES
    ids, targets = texts
    expected = theirs.double()(input_ids=ids, attention_mask=(ids != 0).long(), labels=targets).logits
    assert difference(model(ids, targets), expected) <= 1e-12


def test_our_folder_opens_in_their_model(ours, texts, tmp_path):
    ours.double().save_pretrained(tmp_path)
    again, report = T5ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float64, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert again.config.decoder_start_token_id == 0
    ids, targets = texts
    expected = again.eval()(input_ids=ids, attention_mask=(ids != 0).long(), labels=targets).logits
    assert difference(ours(ids, targets), expected) <= 1e-12
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "t5"


def test_their_version_1_1_is_refused(tmp_path):
    config = their_config(SIZES, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"another network than T5: .*gated-gelu"):
        T5.from_pretrained(tmp_path)


# ---- sizes


@pytest.mark.parametrize("name", T5_SIZES)
def test_their_t5_has_as_many_parameters(name):
    with torch.device("meta"):
        model = T5ForConditionalGeneration(their_config(T5_SIZES[name]))
    assert sum(p.numel() for p in model.parameters()) == count_t5_parameters(T5_SIZES[name])


def test_published_counts():
    counts = {name: count_t5_parameters(config) for name, config in T5_SIZES.items()}
    assert (counts["t5-small"], counts["t5-base"]) == (60_506_624, 222_903_552)
    rounded = dict(zip(T5_SIZES, (60e6, 220e6, 770e6, 2.8e9, 11e9), strict=True))  # Raffel et al. 2020, section 3.7
    assert all(abs(counts[name] / claimed - 1) < 0.05 for name, claimed in rounded.items())


def test_the_defaults_are_those_of_t5_small():
    default = TheirConfig()
    assert all(getattr(T5Config(), ours) == getattr(default, names[0]) for ours, names in FILES.sizes.items())
    assert np.isclose(default.layer_norm_epsilon, 1e-6)
