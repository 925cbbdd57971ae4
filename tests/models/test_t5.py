"""T5: who sees whom, padding, greedy answers, errors, folders."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file

from course_lib.models import T5, T5_SIZES, T5Config, count_t5_parameters
from course_lib.models.t5 import buckets, shift_right

SMALL = T5Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, d_head=6, d_ff=24)
PAD, END = SMALL.pad_id, SMALL.end_id


@pytest.fixture
def model():
    torch.manual_seed(0)
    return T5(SMALL).eval()


def draw(*shape, seed=0):
    return torch.randint(2, 40, shape, generator=torch.Generator().manual_seed(seed))


def support(f, x):
    """Which inputs move which outputs: [T_out, T_in] for f: [1, T_in, C] -> [1, T_out, C]."""
    jacobian = torch.autograd.functional.jacobian(f, x)[0, :, :, 0]  # [T_out, C, T_in, C]
    return jacobian.abs().sum((1, 3)) > 0


def test_the_encoder_sees_everything_and_the_decoder_what_is_written(model):
    model.double()
    ids, targets = draw(1, 7), draw(1, 5)
    x, y = model.embed(ids).detach(), model.embed(shift_right(targets, PAD)).detach()
    nothing = torch.zeros(1, 7, dtype=torch.bool)
    assert support(lambda x: model.encoder(x, nothing), x).all()
    memory = model.encode(ids).detach()
    written = support(lambda y: model.decoder(y, None, memory, nothing), y)
    assert torch.equal(written, torch.ones(5, 5, dtype=torch.bool).tril())
    assert support(lambda m: model.decoder(y, None, m, nothing), memory).all()


def test_padding_changes_nothing(model):
    model.double()
    ids, targets = draw(2, 9), draw(2, 4)
    alone = model(ids, targets)
    padded = torch.cat([ids, torch.full((2, 6), PAD)], dim=1)
    assert torch.allclose(model(padded, targets), alone, atol=1e-12, rtol=0)
    left = torch.cat([torch.full((2, 6), PAD), ids], dim=1)  # distances stay what they were
    assert torch.allclose(model(left, targets), alone, atol=1e-12, rtol=0)


def test_only_distances_matter(model):
    """No place has a vector of its own: the same tokens further on, behind what nobody sees, give the same."""
    table = model.encoder.scores_by_distance(30)
    assert torch.equal(table[..., 3:13, 3:13], table[..., 12:22, 12:22])
    assert not torch.equal(table[..., 3, 5], table[..., 5, 3])  # ahead is not behind


def test_a_decoder_hides_what_is_ahead(model):
    table = model.decoder.scores_by_distance(6)
    assert torch.equal(table[0, 0].isfinite(), torch.ones(6, 6, dtype=torch.bool).tril())


def test_buckets_are_exact_then_logarithmic():
    one_sided = buckets(-torch.arange(400), two_sided=False).tolist()
    assert one_sided[:16] == list(range(16))
    assert one_sided == sorted(one_sided)
    assert max(one_sided) == one_sided[128] == 31
    assert one_sided[112] == 30
    assert set(buckets(torch.arange(1, 50), two_sided=False).tolist()) == {0}
    ahead, behind = (buckets(sign * torch.arange(1, 400), two_sided=True) for sign in (1, -1))
    assert torch.equal(ahead, behind + 16)


# ---- writing


def test_writing_is_the_likeliest_token_again_and_again(model):
    ids = draw(1, 8)
    written = model.generate(ids, 6)[0].tolist()
    for i, token in enumerate(written):
        logits = model(ids, torch.tensor([[*written[:i], 5]]))[0, -1]  # what stands last is not looked at
        assert logits.argmax().item() == token


def say(model, *tokens):
    """Make a model that writes these tokens, whatever it reads, and then the end."""
    chain = dict(zip((PAD, *tokens), (*tokens, END)))

    def decode(written, memory, ids):
        nxt = torch.tensor([[chain.get(i, END) for i in row] for row in written.tolist()])
        return torch.nn.functional.one_hot(nxt, SMALL.vocab_size).float()

    model.decode = decode
    return model


def test_writing_stops_at_the_end_token(model):
    assert say(model, 7, 8, 9).generate(draw(1, 4), 20).tolist() == [[7, 8, 9, END]]
    assert say(model, 7, 8, 9).generate(draw(1, 4), 2).tolist() == [[7, 8]]


def test_rows_that_have_ended_are_filled_up(model):
    real, ids = model.decode, draw(2, 4)

    def decode(written, memory, ids):
        logits = real(written, memory, ids).clone()
        logits[..., END] = -1e9
        logits[0, :, END] = 1e9 if written.shape[1] >= 3 else -1e9
        return logits

    model.decode = decode
    first, second = model.generate(ids, 5).tolist()
    assert first[2:] == [END, PAD, PAD]
    assert len(second) == 5
    assert END not in second


def test_rows_do_not_disturb_each_other(model):
    ids = draw(3, 9)
    ids[1, 5:] = PAD
    together = model.double().generate(ids, 6)
    for row, written in zip(ids, together):
        alone = model.generate(row[row != PAD][None], 6)[0]
        assert torch.equal(written[: len(alone)], alone)


# ---- errors


def test_bad_input_is_named(model):
    with pytest.raises(ValueError, match="token id 40 is not in the vocabulary: ids run from 0 to 39"):
        model(torch.tensor([[3, 40]]), draw(1, 2))
    with pytest.raises(ValueError, match="token id -1 is not"):
        model(draw(1, 2), torch.tensor([[-1, 3]]))
    with pytest.raises(ValueError, match="row 1 of the input is nothing but padding"):
        model(torch.tensor([[3, 4], [PAD, PAD]]), draw(2, 2))
    with pytest.raises(ValueError, match="max_new_tokens is 0"):
        model.generate(draw(1, 2), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 0}, "n_layer is 0"),
        ({"d_ff": -1}, "d_ff is -1"),
        ({"pad_id": 40}, "pad_id is 40: ids run from 0 to 39"),
        ({"end_id": -1}, "end_id is -1"),
        ({"n_buckets": 30}, "n_buckets is 30"),
        ({"max_distance": 16}, "max_distance 16"),
    ],
)
def test_bad_sizes_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change)


# ---- folders and counts


def test_opening_and_saving_goes_round(model, tmp_path):
    model.save_pretrained(tmp_path / "a")
    again = T5.from_pretrained(tmp_path / "a")
    assert again.config == SMALL
    again.save_pretrained(tmp_path / "b")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_copies_of_the_embedding_and_an_unused_table_are_understood(model, tmp_path):
    """As in the files of the published models."""
    model.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    for name in ("lm_head", "encoder.embed_tokens", "decoder.embed_tokens"):
        weights[f"{name}.weight"] = weights["shared.weight"].clone()
    weights["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(32, 2)
    save_file(weights, tmp_path / "model.safetensors")
    again = T5.from_pretrained(tmp_path).state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in model.state_dict().items())
    weights["lm_head.weight"][3] += 1
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"lm_head\.weight of its own: 1 of its 40 rows are not those of shared"):
        T5.from_pretrained(tmp_path)


def test_stacks_of_different_depths_are_refused(model, tmp_path):
    deeper = T5(dataclasses.replace(SMALL, n_layer=3))
    model.save_pretrained(tmp_path / "two")
    deeper.save_pretrained(tmp_path / "three")
    config = (tmp_path / "three" / "config.json").read_text().replace('"num_layers": 3', '"num_layers": 2')
    (tmp_path / "three" / "config.json").write_text(config)
    with pytest.raises(ValueError, match=r"block\.2\..*is unknown"):
        T5.from_pretrained(tmp_path / "three")


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model has that name: t5-small, t5-base"):
        T5.from_pretrained(tmp_path / "nowhere")


def test_the_count_is_that_of_the_model(model):
    assert count_t5_parameters(SMALL) == sum(p.numel() for p in model.parameters())
    assert count_t5_parameters(T5_SIZES["t5-small"]) == 60_506_624
