"""Training held to others: transformers' model and schedule in a loop of PyTorch's own parts, AdamW by its formula."""

import math

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, get_cosine_schedule_with_warmup

from course_lib import town
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, character_tokenizer
from course_lib.training import adamw, train, warmup_cosine, windows

SIZES = {"vocab_size": 300, "n_ctx": 32, "n_embd": 32, "n_layer": 2, "n_head": 4}
STEPS, WARMUP, LR = 30, 5, 3e-3


def batches():
    texts = [town.document(i).text for i in range(80)]
    tokenizer = character_tokenizer(texts, [ENDOFTEXT])
    return windows(tokenizer.encode("\n\n".join(texts)), batch_size=4, length=32)


def reference_run(model, batch, accumulate):
    """A loop as in a textbook: transformers' model and its loss, torch's AdamW and scheduler, clipping at 1."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=LR, betas=(0.9, 0.95))
    schedule = get_cosine_schedule_with_warmup(optimiser, WARMUP, STEPS)
    for step in range(STEPS):
        total = 0.0
        for i in range(accumulate):
            rows = batch(step * accumulate + i)
            logits = model(rows[:, :-1]).logits
            loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()) / accumulate
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        yield total


@pytest.mark.parametrize("accumulate", [1, 3])
def test_our_run_on_characters_is_the_reference_run(accumulate):
    """The same weights, the same batches: the same loss at every step, but for rounding, which training enlarges.

    Their warm-up starts at factor 0, ours at 1 / warmup: their schedule is ours one step late, up to the top.
    """
    torch.manual_seed(0)
    ours = GPT(GPTConfig(**SIZES))
    names = {
        "n_positions": SIZES["n_ctx"],
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    theirs = GPT2LMHeadModel(GPT2Config(**SIZES, **names))
    theirs.transformer.load_state_dict(ours.state_dict())

    def schedule(step):
        late = step - 1
        return 0.0 if step == 0 else warmup_cosine(late, STEPS, WARMUP) if step <= WARMUP else their_cosine(step)

    def their_cosine(step):
        return 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))

    batch = batches()
    one = list(train(ours, batch, adamw(ours, LR), schedule, STEPS, accumulate=accumulate))
    other = list(reference_run(theirs.train(), batch, accumulate))
    assert one == pytest.approx(other, abs=2e-4)
    assert one[-1] < one[0] - 1.5


def test_the_schedule_is_transformers_between_its_ends():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = get_cosine_schedule_with_warmup(optimiser, 10, 100)
    for step in range(100):
        if step >= 10:
            assert warmup_cosine(step, 100, 10) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


def test_the_first_steps_are_adamws_formula():
    """Loshchilov & Hutter 2019, algorithm 2, in float64 and written out: decay, then m / (√v + eps), bias-corrected."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SIZES)).double()
    name = "h.0.mlp.c_fc.weight"
    p = model.get_parameter(name)
    expected, m, v = p.detach().clone(), torch.zeros_like(p), torch.zeros_like(p)
    (optimiser,) = adamw(model, lr=0.01, weight_decay=0.1, betas=(0.9, 0.95))
    for step in range(1, 4):
        for q in model.parameters():
            q.grad = torch.randn_like(q)
        m = 0.9 * m + 0.1 * p.grad
        v = 0.95 * v + 0.05 * p.grad**2
        expected *= 1 - 0.01 * 0.1
        expected -= 0.01 * (m / (1 - 0.9**step)) / ((v / (1 - 0.95**step)).sqrt() + 1e-8)
        optimiser.step()
    assert (p - expected).abs().max().item() <= 1e-12
