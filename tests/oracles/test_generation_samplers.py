"""The rules of sampling against transformers' logits processors, and against OpenAI's sample.py restated."""

import pytest
import torch
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from course_lib import generation


@pytest.fixture(params=["smooth", "ties", "steep"])
def logits(request):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 500, generator=generator)
    return {"smooth": logits, "ties": (2 * logits).round(), "steep": 20 * logits}[request.param]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
def test_temperature(logits, temperature):
    assert torch.equal(
        generation.scale_by_temperature(logits, temperature), TemperatureLogitsWarper(temperature)(None, logits)
    )


@pytest.mark.parametrize("k", [1, 2, 40, 500, 600])
def test_top_k(logits, k):
    assert torch.equal(generation.keep_top_k(logits, k), TopKLogitsWarper(k)(None, logits))


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_nucleus(logits, p):
    """Convention: the smallest set that reaches p. Ties are cut where the sort left them."""
    assert torch.equal(generation.keep_nucleus(logits, p), TopPLogitsWarper(p)(None, logits))


@pytest.mark.parametrize("p", [1e-6, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_nucleus_of_openai(logits, p):
    """Convention: cumulative probability ≤ p, at least one token (openai/gpt-2, src/sample.py, top_p_logits)."""
    probabilities = generation.Sampler(top_p=p, nucleus="openai").probabilities(logits)
    theirs = torch.stack([top_p_logits(row, p) for row in logits])
    assert torch.equal(probabilities, theirs.softmax(-1))  # theirs writes -1e10 where ours writes −inf


def top_p_logits(logits, p):
    """One row of OpenAI's function, in its own steps and names."""
    sorted_logits, _ = torch.sort(logits, descending=True)
    cumulative_probs = torch.cumsum(torch.softmax(sorted_logits, -1), -1)
    index = max(int((cumulative_probs <= p).int().sum()) - 1, 0)
    min_value = sorted_logits[index]
    return torch.where(logits < min_value, torch.ones_like(logits) * -1e10, logits)


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 5.0])
def test_repetition_penalty(logits, penalty):
    ids = torch.randint(500, (64, 30), generator=torch.Generator().manual_seed(1))
    assert torch.equal(
        generation.penalise_repetition(logits, ids, penalty), RepetitionPenaltyLogitsProcessor(penalty)(ids, logits)
    )


def test_the_rules_follow_one_another_as_theirs_do(logits):
    """Order in transformers' generate: repetition penalty, temperature, top-k, top-p."""
    ids = torch.randint(500, (64, 30), generator=torch.Generator().manual_seed(1))
    theirs = logits
    for step in (
        RepetitionPenaltyLogitsProcessor(1.3),
        TemperatureLogitsWarper(0.8),
        TopKLogitsWarper(30),
        TopPLogitsWarper(0.9),
    ):
        theirs = step(ids, theirs)
    ours = generation.Sampler(temperature=0.8, top_k=30, top_p=0.9, repetition_penalty=1.3)
    assert torch.equal(ours.logits(logits, ids), theirs)
