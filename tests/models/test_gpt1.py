"""GPT-1 in PyTorch: what it shares with GPT-2 and what not, saving and opening, bad input."""

import math

import pytest
import torch

from course_lib.generation import generate
from course_lib.models import GPT, GPT1, GPTConfig, KVCache

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT1(SMALL).eval()


def test_it_has_gpt2s_weights_but_the_last_norm(model):
    gpt2 = {name: weight.shape for name, weight in GPT(SMALL).state_dict().items()}
    mine = {name: weight.shape for name, weight in model.state_dict().items()}
    assert gpt2.items() - mine.items() == {("ln_f.weight", (24,)), ("ln_f.bias", (24,))}
    assert not mine.items() - gpt2.items()


def test_every_state_leaves_a_block_normalised(model):
    """With gains of 1 and biases of 0: mean 0 and variance 1, after each block and so at the end."""
    h = model.embed(torch.randint(61, (2, 16)))
    for block in model.h:
        h = block(h)
        assert h.mean(-1).abs().max() < 1e-5
        assert h.var(-1, correction=0).sub(1).abs().max() < 0.01
    assert torch.equal(model.ln_f(h), h)


def test_an_untrained_model_is_nearly_as_unsure_as_can_be(model):
    ids, targets = torch.randint(61, (2, 8, 16))
    loss = torch.nn.functional.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
    assert loss.item() == pytest.approx(math.log(61), abs=0.05)


def test_all_weights_start_alike(model):
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            assert weight.std().item() == pytest.approx(0.02, rel=0.1), name  # c_proj too, unlike GPT-2's
    assert {round(w.sum().item()) for n, w in model.named_parameters() if "ln" in n} == {0, 24}


def test_future_gradient_is_exactly_zero(model):
    x = model.embed(torch.randint(61, (1, 10))).detach().requires_grad_()
    h = x
    for block in model.h:
        h = block(h)
    for t in range(10):
        (slope,) = torch.autograd.grad((h[0, t] * torch.arange(24)).sum(), x, retain_graph=True)
        assert (slope[0, t + 1 :] == 0).all()
        assert (slope[0, : t + 1] != 0).any(-1).all()


def test_saved_model_opens_again_byte_for_byte(model, tmp_path):
    model.save_pretrained(tmp_path / "a")
    again = GPT1.from_pretrained(tmp_path / "a")
    assert isinstance(again, GPT1)
    assert again.config == SMALL
    ids = torch.randint(61, (2, 16))
    assert torch.equal(again(ids), model(ids))
    again.save_pretrained(tmp_path / "b")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_it_writes_with_and_without_a_cache_alike(model):
    ids = torch.randint(61, (1, 5))
    with torch.inference_mode():
        cache = KVCache(model, 1, 16)
        rows = [model(ids[:, t : t + 1], cache) for t in range(5)]
        assert (torch.cat(rows, 1) - model(ids)).abs().max() < 1e-5
    assert generate(model, ids, 4, temperature=0) is not None


def test_what_is_missing_is_named_as_the_file_names_it(model, tmp_path):
    model.save_pretrained(tmp_path)
    GPT1(GPTConfig(60, 16, 24, 3, 4)).save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "config.json").write_bytes((tmp_path / "config.json").read_bytes())
    with pytest.raises(ValueError, match=r"tokens_embed\.weight is \[60, 24\], not \[61, 24\]"):
        GPT1.from_pretrained(tmp_path / "other")


def test_bad_input_is_refused_by_name(model, tmp_path):
    with pytest.raises(ValueError, match="17 tokens exceed n_ctx = 16"):
        model(torch.zeros(1, 17, dtype=torch.long))
    with pytest.raises(ValueError, match="token id 61 is not in the vocabulary"):
        model(torch.tensor([[1, 61]]))
    with pytest.raises(FileNotFoundError, match="no model has that name: openai-gpt, owner/name"):
        GPT1.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"GPT1\.from_pretrained\('openai-gpt'\) downloads it once"):
        GPT1.from_pretrained("openai-gpt", download=False)
