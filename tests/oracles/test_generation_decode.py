"""Decoding against transformers' cached `generate` on the same random weights: identical tokens."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from course_lib.generation import generate
from course_lib.models import GPT, GPTConfig

SIZES = {"vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4}


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(3)
    config = GPT2Config(**SIZES, n_positions=48, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    theirs = GPT2LMHeadModel(config).double().eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.5 * torch.randn_like(p))  # LayerNorm's gains and biases too
    ours = GPT(GPTConfig(**SIZES, n_ctx=48)).double().eval()
    ours.load_state_dict(theirs.transformer.state_dict())
    return ours, theirs


def write(theirs, ids, **options):
    """Their tokens; end-of-text never stops them unless `eos_token_id` says so."""
    return theirs.generate(ids, **({"eos_token_id": None, "do_sample": False, "use_cache": True} | options))


def test_greedy_tokens_are_theirs(pair):
    ours, theirs = pair
    ids = torch.randint(61, (4, 6), generator=torch.Generator().manual_seed(1))
    text = generate(ours, ids, 42, temperature=0)
    assert torch.equal(text, write(theirs, ids, max_new_tokens=42))
    assert len(text[:, 6:].unique()) > 8  # not one token for ever, which would show little


def test_greedy_tokens_after_prompts_of_different_lengths_are_theirs(pair):
    """Convention: left padding with an attention mask, from which transformers counts each row's positions."""
    ours, theirs = pair
    prompts = [torch.randint(61, (n,), generator=torch.Generator().manual_seed(n)) for n in (3, 8, 5)]
    ids, mask = torch.zeros(3, 8, dtype=torch.long), torch.zeros(3, 8, dtype=torch.long)
    for row, real, prompt in zip(ids, mask, prompts):
        row[8 - len(prompt) :], real[8 - len(prompt) :] = prompt, 1
    texts = write(theirs, ids, attention_mask=mask, max_new_tokens=40)
    for prompt, ours_row, theirs_row in zip(prompts, generate(ours, prompts, 40, temperature=0), texts):
        assert ours_row.tolist() == theirs_row[8 - len(prompt) :].tolist()


def test_greedy_tokens_with_a_repetition_penalty_are_theirs(pair):
    ours, theirs = pair
    ids = torch.randint(61, (1, 6), generator=torch.Generator().manual_seed(1))
    text = generate(ours, ids, 42, temperature=0, repetition_penalty=1.2)
    assert torch.equal(text, write(theirs, ids, max_new_tokens=42, repetition_penalty=1.2))
    assert not torch.equal(text, generate(ours, ids, 42, temperature=0))


def test_rows_stop_where_theirs_stop(pair):
    """Convention: the stop token is part of the text; what follows it in a rectangle is filled up (theirs: pad)."""
    ours, theirs = pair
    ids = torch.randint(61, (4, 6), generator=torch.Generator().manual_seed(1))
    stop = generate(ours, ids, 42, temperature=0)[0, 15].item()
    text = generate(ours, ids, 42, temperature=0, stop=stop)
    assert torch.equal(text, write(theirs, ids, max_new_tokens=42, eos_token_id=stop, pad_token_id=stop))
    assert (text == stop).any()


def test_draws_of_one_row_are_theirs(pair):
    """The same global seed: both draw with torch.multinomial from the same float32 probabilities."""
    ours, theirs = pair
    ids = torch.randint(61, (1, 6), generator=torch.Generator().manual_seed(1))
    rules = {"temperature": 1.4, "top_k": 30, "top_p": 0.95}
    torch.manual_seed(7)
    text = generate(ours, ids, 42, **rules)
    torch.manual_seed(7)
    assert torch.equal(text, write(theirs, ids, max_new_tokens=42, **rules, do_sample=True))
