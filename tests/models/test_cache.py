"""The KV cache: the same logits in pieces as in one go, padding that nobody sees, and its limits."""

import pytest
import torch

from course_lib.models import GPT, GPTConfig, KVCache

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = GPT(SMALL).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("pieces", [[16], [1] * 16, [5, 1, 1, 9], [15, 1], [1, 15]])
@torch.inference_mode()
def test_pieces_give_the_logits_of_one_pass(model, pieces, dtype, tolerance):
    model, ids = model.to(dtype), torch.randint(61, (3, 16))
    cache = KVCache(model, 3, 16)
    logits = torch.cat([model(piece, cache) for piece in ids.split(pieces, dim=1)], dim=1)
    assert cache.length == 16
    scale = model(ids).abs().max().item()
    assert (logits - model(ids)).abs().max().item() <= tolerance * max(1, scale)


@pytest.mark.parametrize("pieces", [[12], [8, 1, 1, 1, 1], [1] * 12])
@torch.inference_mode()
def test_left_padding_changes_nothing(model, pieces):
    model, texts = model.double(), [torch.randint(61, (n,)) for n in (12, 7, 1)]
    padding = torch.tensor([0, 5, 11])
    ids = torch.stack([torch.cat([torch.full((n,), 60), text]) for n, text in zip(padding.tolist(), texts)])
    cache = KVCache(model, 3, 12, padding=padding)
    logits = torch.cat([model(piece, cache) for piece in ids.split(pieces, dim=1)], dim=1)
    assert logits.isfinite().all()  # also where a padding token looks
    for row, text, n in zip(logits, texts, padding.tolist()):
        assert (row[n:] - model(text[None])[0]).abs().max().item() <= 1e-12


@torch.inference_mode()
def test_what_stands_in_the_padding_cannot_be_seen(model):
    padding, ids = torch.tensor([4, 0]), torch.randint(61, (2, 9))
    others = ids.clone()
    others[0, :4] = torch.tensor([7, 1, 7, 3])
    a, b = (model(x, KVCache(model, 2, 9, padding=padding)) for x in (ids, others))
    assert torch.equal(a[0, 4:], b[0, 4:])
    assert torch.equal(a[1], b[1])


def test_positions_count_from_the_first_real_token(model):
    cache = KVCache(model, 2, 16, padding=torch.tensor([0, 3]))
    assert cache.positions(5).tolist() == [[0, 1, 2, 3, 4], [0, 0, 0, 0, 1]]
    cache.length = 5
    assert cache.positions(2).tolist() == [[5, 6], [2, 3]]


def test_no_padding_at_all_is_the_plain_cache(model):
    cache = KVCache(model, 2, 16, padding=torch.tensor([0, 0]))
    assert cache.padding is None
    _, _, mask = cache.extend(0, *torch.zeros(2, 2, 4, 1, 6))
    assert mask is None  # one new token may look at everything


def test_buffers_are_made_once_in_the_models_dtype(model):
    cache = KVCache(model.half(), 2, 10)
    assert cache.keys.shape == (3, 2, 4, 10, 6)
    assert cache.keys.dtype == torch.float16
    k, v, _ = cache.extend(1, *torch.ones(2, 2, 4, 3, 6).half())
    assert k.untyped_storage().data_ptr() == cache.keys.untyped_storage().data_ptr()
    assert v.untyped_storage().data_ptr() == cache.values.untyped_storage().data_ptr()


@torch.inference_mode()
def test_a_full_cache_says_so(model):
    with pytest.raises(ValueError, match="17 positions exceeds n_ctx = 16"):
        KVCache(model, 1, 17)
    cache = KVCache(model, 1, 4)
    model(torch.tensor([[1, 2, 3]]), cache)
    with pytest.raises(ValueError, match="5 positions exceed the 4 that this cache was made for"):
        model(torch.tensor([[4, 5]]), cache)
    cache = KVCache(model, 1, 16)
    model(torch.zeros(1, 16, dtype=torch.long), cache)
    with pytest.raises(ValueError, match="17 tokens exceed n_ctx = 16"):
        model(torch.tensor([[1]]), cache)
