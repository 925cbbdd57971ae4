"""The order of weights in memory: the numbers and files stay, the strides are those that were promised."""

import pytest
import torch

from course_lib.generation import generate, lay_out
from course_lib.models import GPT, GPTConfig

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=2, n_head=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(SMALL).eval()


@pytest.mark.parametrize(
    ("dtype", "out_first"), [(torch.float32, False), (torch.float16, True), (torch.bfloat16, True)]
)
def test_matrices_lie_as_promised_and_keep_their_numbers(model, dtype, out_first):
    model = model.to(dtype)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    for _ in range(2):  # the second time there is nothing to do
        assert lay_out(model) is model
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    for layer in (model.h[1].attn.c_attn, model.h[0].attn.c_proj, model.h[0].mlp.c_fc, model.h[1].mlp.c_proj):
        assert (layer.weight.T if out_first else layer.weight).is_contiguous()  # Conv1D: [in, out]
    assert (model.wte.weight if out_first else model.wte.weight.T).is_contiguous()  # the embedding: [out, in]
    assert model.wpe.weight.is_contiguous()


def test_a_model_may_change_its_precision_and_be_laid_out_again(model):
    lay_out(lay_out(model.half()).float())
    assert model.h[0].mlp.c_fc.weight.is_contiguous()


def test_the_same_text_is_written(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    prompts = [torch.tensor([3, 1]), torch.tensor([5, 9, 2])]
    before = generate(model, prompts, 30, temperature=0)
    after = generate(lay_out(model), prompts, 30, temperature=0)
    assert [row.tolist() for row in before] == [row.tolist() for row in after]


def test_the_file_is_the_same(model, tmp_path):
    model.save_pretrained(tmp_path / "before")
    lay_out(model).save_pretrained(tmp_path / "after")
    before, after = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("before", "after"))
    assert before == after


def test_a_model_that_is_laid_out_can_be_trained(model):
    lay_out(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.randint(61, (4, 16))
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
