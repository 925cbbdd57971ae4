"""Decoding: cached as uncached, a batch as its rows alone, long texts as defined, stop tokens, streams, bad input."""

import pytest
import torch

from course_lib import generation
from course_lib.generation import Context, generate, stream
from course_lib.models import GPT, GPTConfig

SMALL = GPTConfig(vocab_size=61, n_ctx=16, n_embd=24, n_layer=3, n_head=4)


@pytest.fixture
def model():
    """A GPT that is sure of itself: small random weights would write one token for ever."""
    torch.manual_seed(0)
    model = GPT(SMALL).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


def rows(*lengths):
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(61, (n,), generator=generator) for n in lengths]


def window(text, n_prompt, n_ctx=16):
    """Which tokens the model sees, by the definition: begin with the last n_ctx, and halve whenever they outgrow it."""
    start = max(0, n_prompt - n_ctx)
    for end in range(n_prompt, len(text) + 1):
        if end - start > n_ctx:
            start = end - n_ctx // 2
    return text[start:]


@torch.no_grad()
def plainly(model, row, n):
    """Greedy decoding with nothing remembered; the logits of each step as well."""
    text, steps = row.tolist(), []
    for _ in range(n):
        seen = torch.tensor([window(text, len(row), model.config.n_ctx)])
        steps.append(model(seen)[0, -1])
        text.append(int(steps[-1].argmax()))
    return text, torch.stack(steps)


@torch.no_grad()
def with_context(model, prompts, n, use_cache=True):
    context, steps = Context(model, prompts, n, use_cache), []
    for _ in range(n):
        steps.append(context.logits())
        context.append(steps[-1].argmax(-1))
    return torch.stack(steps, 1)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize(("n_prompt", "n_new"), [(5, 8), (1, 16), (3, 40), (16, 20), (23, 30)])
def test_cached_logits_are_the_uncached(model, dtype, tolerance, n_prompt, n_new, use_cache):
    model, (row,) = model.to(dtype), rows(n_prompt)
    text, logits = plainly(model, row, n_new)
    assert generate(model, row, n_new, temperature=0, use_cache=use_cache).tolist() == text
    assert (with_context(model, [row], n_new, use_cache)[0] - logits).abs().max().item() <= tolerance


@pytest.mark.parametrize(
    "lengths",
    [(4, 4, 4), (1, 9, 5), (16, 2), (30, 3, 16), (15, 14, 8)],  # short, ragged, full, beyond the context
)
def test_a_batch_is_its_rows_one_by_one(model, lengths):
    prompts = rows(*lengths)
    together = with_context(model, prompts, 40)
    for prompt, logits, text in zip(prompts, together, generate(model, prompts, 40, temperature=0)):
        alone, expected = plainly(model, prompt, 40)
        assert (logits - expected).abs().max().item() <= 1e-12
        assert text.tolist() == alone


def test_the_longest_context_is_used_before_the_window_halves(model, monkeypatch):
    seen = []
    hidden = model.hidden
    monkeypatch.setattr(model, "hidden", lambda ids, cache: seen.append(ids.shape[1]) or hidden(ids, cache))
    generate(model, rows(14)[0], 12, temperature=0)
    assert seen == [14, 1, 1, 8, *[1] * 8]  # 16 tokens seen; then the last 8, which grow to 16 again


def test_a_context_of_one_position_works():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=7, n_ctx=1, n_embd=8, n_layer=1, n_head=1))
    assert len(generate(model, [1, 2, 3], 5)) == 8


def test_only_the_last_position_is_scored_against_the_vocabulary(model, monkeypatch):
    shapes = []
    unembed = model.unembed
    monkeypatch.setattr(model, "unembed", lambda x: shapes.append(tuple(x.shape)) or unembed(x))
    generate(model, torch.stack(rows(6, 6)), 3)
    assert shapes == [(2, 24)] * 3


def test_what_comes_back_has_the_form_of_what_went_in(model):
    one, two = rows(4)[0], torch.stack(rows(4, 4))
    greedy = {"max_new_tokens": 3, "temperature": 0}
    text = generate(model, one, **greedy)
    assert text.shape == (7,)
    assert text.dtype == torch.long
    assert torch.equal(text[:4], one)
    assert torch.equal(generate(model, one.tolist(), **greedy), text)
    assert torch.equal(generate(model, one.numpy(), **greedy), text)
    assert torch.equal(generate(model, one.int(), **greedy), text)
    assert generate(model, two, **greedy).shape == (2, 7)
    ragged = generate(model, [one, [1], (2, 3)], **greedy)
    assert [len(row) for row in ragged] == [7, 4, 5]
    assert torch.equal(ragged[0], text)
    assert torch.equal(generate(model, two, 0), two)
    assert [row.tolist() for row in generate(model, [one, [1]], 0)] == [one.tolist(), [1]]


def test_what_comes_back_can_be_trained_on(model):
    model.train()
    model(generate(model, rows(3, 5)[0], 4)[None]).sum().backward()  # no leftover of inference mode
    assert model.wte.weight.grad is not None


def test_the_same_seed_writes_the_same_text(model):
    prompts = rows(3, 5)
    first, again, other = (
        torch.cat(generate(model, prompts, 30, generator=torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(5)
    unnamed = torch.cat(generate(model, prompts, 30))
    torch.manual_seed(5)
    assert torch.equal(torch.cat(generate(model, prompts, 30)), unnamed)


def test_the_cache_does_not_change_what_is_drawn(model):
    texts = [
        generate(model, rows(5)[0], 30, top_p=0.9, generator=torch.Generator().manual_seed(0), use_cache=use_cache)
        for use_cache in (True, False)
    ]
    assert torch.equal(*texts)


def test_rules_reach_the_sampler(model):
    prompt = rows(5)[0]
    greedy = generate(model, prompt, 20, temperature=0)
    for rules in ({"top_k": 1}, {"top_p": 1e-9}, {"top_p": 1e-9, "nucleus": "openai"}, {"temperature": 1e-6}):
        assert torch.equal(generate(model, prompt, 20, **rules), greedy)
    penalised = generate(model, prompt, 20, temperature=0, repetition_penalty=5)
    assert len(set(penalised.tolist())) > len(set(greedy.tolist()))


def test_padding_is_no_repetition(model):
    short, long = rows(2, 12)
    rules = {"temperature": 0, "repetition_penalty": 1.5}
    assert torch.equal(generate(model, [short, long], 20, **rules)[0], generate(model, short, 20, **rules))


def test_writing_stops_after_a_stop_token(model):
    prompt = rows(5)[0]
    text = generate(model, prompt, 30, temperature=0).tolist()
    stop = text[12]
    end = text.index(stop, 5) + 1
    for stops in (stop, [stop], {stop, 60}):
        assert generate(model, prompt, 30, temperature=0, stop=stops).tolist() == text[:end]
    assert generate(model, prompt, 30, temperature=0, stop=()).tolist() == text


def test_a_stop_token_in_the_prompt_stops_nothing(model):
    assert len(generate(model, [7, 7], 1, temperature=0, stop=7)) == 3


def test_rows_stop_one_by_one(model):
    prompts = rows(5, 5, 5)
    texts = [generate(model, prompt, 30, temperature=0).tolist() for prompt in prompts]
    stop = texts[0][8]
    ends = [text.index(stop, 5) + 1 if stop in text[5:] else len(text) for text in texts]
    assert len(set(ends)) > 1  # or the test shows nothing
    ragged = generate(model, prompts, 30, temperature=0, stop=stop)
    assert [row.tolist() for row in ragged] == [text[:end] for text, end in zip(texts, ends)]
    square = generate(model, torch.stack(prompts), 30, temperature=0, stop=stop).tolist()
    longest = max(ends)
    assert square == [text[:end] + [stop] * (longest - end) for text, end in zip(texts, ends)]


def test_nothing_is_computed_after_all_rows_have_stopped(model, monkeypatch):
    calls = []
    hidden = model.hidden
    monkeypatch.setattr(model, "hidden", lambda *given: calls.append(1) or hidden(*given))
    generate(model, rows(4, 6), 30, stop=range(61))
    assert len(calls) == 1


def test_a_stream_gives_each_token_as_soon_as_it_is_chosen(model, monkeypatch):
    calls = []
    hidden = model.hidden
    monkeypatch.setattr(model, "hidden", lambda *given: calls.append(1) or hidden(*given))
    prompt = rows(5)[0]
    tokens = stream(model, prompt, 30, temperature=0, generator=None)
    assert calls == []
    first = next(tokens)
    assert len(calls) == 1
    assert torch.is_grad_enabled()  # between two tokens the caller's own work is not in inference mode
    assert not torch.is_inference_mode_enabled()
    assert [*prompt.tolist(), first, *tokens] == generate(model, prompt, 30, temperature=0).tolist()


def test_a_stream_of_draws_is_what_generate_draws(model):
    prompt, rules = rows(5)[0], {"temperature": 1.3, "top_k": 20, "top_p": 0.9, "nucleus": "openai"}
    tokens = stream(model, prompt, 30, generator=torch.Generator().manual_seed(4), **rules)
    text = generate(model, prompt, 30, generator=torch.Generator().manual_seed(4), **rules)
    assert list(tokens) == text[5:].tolist()


def test_half_precision_decodes(model):
    model.bfloat16()
    assert len(generate(model, rows(5)[0], 30, top_p=0.9)) == 35


@pytest.mark.parametrize("call", [generate, stream])
@pytest.mark.parametrize(
    ("ids", "options", "message"),
    [
        ([], {}, "prompt 0 is empty: begin with one token at least, the end-of-text token"),
        (torch.zeros(0, dtype=torch.long), {}, "prompt 0 is empty"),
        (torch.zeros(0, 3, dtype=torch.long), {}, "the batch has no rows"),
        ([3, 61], {}, "token id 61 is not in the vocabulary: ids run from 0 to 60"),
        ([-1] + [1] * 30, {}, "token id -1 is not"),  # also where no window will reach it
        (torch.zeros(1, 1, 1, dtype=torch.long), {}, r"shape \[1, 1, 1\]"),
        ([1.0, 2.5], {}, "prompt 0 holds torch.float32 numbers"),
        ([1], {"max_new_tokens": -1}, "max_new_tokens is -1"),
        ([1], {"temperature": -1.0}, r"temperature is -1\.0"),
        ([1], {"top_k": -5}, "top_k is -5"),
        ([1], {"top_p": 1.5}, r"top_p is 1\.5"),
        ([1], {"repetition_penalty": -1.0}, r"repetition_penalty is -1\.0"),
        ([1], {"stop": 61}, "stop token 61 is not in the vocabulary"),
    ],
)
def test_bad_input_is_refused_at_once(model, call, ids, options, message):
    with pytest.raises(ValueError, match=message):
        call(model, ids, **({"max_new_tokens": 5} | options))


def test_an_empty_row_is_named(model):
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        generate(model, [[1], []], 5)


def test_a_stream_takes_one_prompt(model):
    with pytest.raises(ValueError, match="one prompt, not 2"):
        stream(model, rows(3, 3), 5)


def test_a_broken_model_is_named(model):
    with torch.no_grad():
        model.ln_f.weight[3] = torch.nan
    with pytest.raises(ValueError, match="largest logit is nan"):
        generation.generate(model, [1], 5, temperature=0)
