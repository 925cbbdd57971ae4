"""A small GPT with random weights, biases and gains, in float64, and rows of tokens for it."""

import pytest
import torch

from course_lib.models import GPT, GPTConfig


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=23, n_ctx=12, n_embd=24, n_layer=3, n_head=4)).eval().double()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


@pytest.fixture
def ids():
    return torch.randint(23, (5, 11), generator=torch.Generator().manual_seed(1))
