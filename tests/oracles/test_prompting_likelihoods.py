"""Log-likelihood scores against Hugging Face's GPT-2 with random weights, in float64.

Convention: labels of −100 leave the prompt out of their loss, which is a mean over the answer's tokens, so our score
is −loss · tokens. Their loss is taken in float32 even for a float64 model; their logits are not, and are held closer.
"""

import pytest
import torch
from torch.nn import functional as F

from course_lib.models import GPT
from course_lib.prompting import Form, Shot, few_shot, log_likelihoods, scores, token_counts, zero_shot
from course_lib.tokens import gpt2_encoding

transformers = pytest.importorskip("transformers")
FORM = Form("Is the review good or bad?\n", "Review: ", "\nAnswer:", "\n\n")
SHOTS = [Shot("The robot did as it was told.", "good"), Shot("It painted my hat.", "bad")]
PROMPTS = [few_shot(FORM, SHOTS, "It was late."), zero_shot(FORM, "Momo lost the key of the tower!")]
ANSWERS = [[FORM.answer(text) for text in ("good", "bad", "neither of them")]] * 2


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    torch.manual_seed(3)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=24, n_layer=2, n_head=3, n_positions=96))
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.2 * torch.randn_like(p))
    theirs.double().eval().save_pretrained(folder)
    return GPT.from_pretrained(folder, dtype=torch.float64).eval(), theirs


def theirs_of(theirs, prompt, answer):
    """Their loss of the answer alone, and the same from their logits: both as sums."""
    encoding = gpt2_encoding()
    start = encoding.encode("<|endoftext|>" + prompt, allowed_special="all")
    ids = torch.tensor([start + encoding.encode(answer)])
    labels = ids.clone()
    labels[:, : len(start)] = -100
    with torch.no_grad():
        out = theirs(ids, labels=labels)
    n = ids.shape[1] - len(start)
    exact = F.cross_entropy(out.logits[0, :-1], labels[0, 1:], reduction="sum")
    return -out.loss.item() * n, -exact.item(), n


def test_scores_are_their_losses(models):
    ours, theirs = models
    got = log_likelihoods(ours, gpt2_encoding(), PROMPTS, ANSWERS)
    counts = token_counts(gpt2_encoding(), PROMPTS, ANSWERS)
    means = scores(ours, gpt2_encoding(), PROMPTS, ANSWERS, "mean")
    for i, prompt in enumerate(PROMPTS):
        for k, answer in enumerate(ANSWERS[i]):
            loss, exact, n = theirs_of(theirs, prompt, answer)
            assert got[i, k].item() == pytest.approx(exact, abs=1e-11)
            assert got[i, k].item() == pytest.approx(loss, rel=2e-6)
            assert means[i, k].item() == pytest.approx(exact / n, abs=1e-11)
            assert counts[i, k] == n
