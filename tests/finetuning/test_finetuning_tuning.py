"""The two losses, the schedule, and fine-tuning itself: on the town's model and from the published settings."""

import math

import pytest
import torch

from course_lib.data import town_gpt, town_tokenizer
from course_lib.finetuning import (
    Encoded,
    Settings,
    TaskModel,
    accuracy,
    classification_loss,
    collate,
    encode_example,
    finetune,
    finetune_optimisers,
    language_loss,
    losses,
    predict,
    warmup_linear,
    widen,
)
from course_lib.models import GPT, GPTConfig
from course_lib.town import task


def small(seed=0):
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size=10, n_ctx=16, n_embd=16, n_layer=1, n_head=2))
    special = widen(model)
    task = TaskModel(model, "classification", 2, seed=seed)
    rows = [[special.start, i % 10, i % 7, *[i % 3] * (i % 4), special.extract] for i in range(40)]
    return task, [Encoded((tuple(row),), int(row[1] > 4)) for row in rows]


def test_the_published_settings():
    s = Settings()
    assert (s.lr, s.batch_size, s.epochs, s.warmup, s.lm_weight) == (6.25e-5, 32, 3, 0.002, 0.5)
    assert (s.clip, s.weight_decay, s.betas, s.lm_mean) == (1.0, 0.01, (0.9, 0.999), "sequence")
    assert s.steps(1000) == 96  # 31 batches of 32 and one of 8, three times
    assert TaskModel(GPT(GPTConfig(10, 4, 8, 1, 2)), "entailment").dropout == 0.1


def test_the_schedule_and_its_quirks():
    assert warmup_linear(0, 1000) == 0.0  # the first step moves nothing
    assert warmup_linear(1, 1000) == 0.5 * 0.999  # the way up is multiplied by 1 − x too
    assert warmup_linear(2, 1000) == 1 - 0.002
    assert warmup_linear(500, 1000) == 0.5
    assert warmup_linear(999, 1000) == pytest.approx(0.001)
    assert warmup_linear(0, 1000, warmup=0.0) == 1.0
    assert max(warmup_linear(s, 1000, 0.1) for s in range(1000)) == 0.9


def test_the_language_loss_is_that_of_each_sequence_or_of_all_tokens():
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 9, dtype=torch.float64)
    ids = torch.tensor([[7, 1, 8, 0, 0], [7, 1, 2, 3, 8]])
    nats = -logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    first, second = nats[0, :2], nats[1]  # up to and with the extract token, 8
    extract = torch.tensor([2, 4])
    assert language_loss(logits, ids, extract) == pytest.approx((first.mean() + second.mean()).item() / 2, abs=1e-15)
    by_token = language_loss(logits, ids, extract, "token")
    assert by_token == pytest.approx(torch.cat([first, second]).mean().item(), abs=1e-15)


def test_the_losses_are_added_with_their_weight():
    task, examples = small()
    task.eval()
    batch = collate(examples[:8])
    scores, task_loss, lm_loss = losses(task, batch)
    assert task_loss == classification_loss(task(batch.ids, batch.extract), batch.labels)
    logits = task.model(batch.ids[:, 0])[:, :-1]
    assert lm_loss.item() == pytest.approx(language_loss(logits, batch.ids[:, 0], batch.extract[:, 0]).item(), abs=1e-6)
    assert losses(task, batch, lm_weight=0.0)[2] == 0
    assert scores.shape == (8, 2)


def one_step(**settings):
    """The parameters before and after one step with plain numbers."""
    task, examples = small()
    task.dropout = 0.0
    before = [p.detach().clone() for p in task.parameters()]
    options = {"lr": 1e-3, "epochs": 1, "batch_size": 40, "warmup": 0.0, **settings}
    (step,) = finetune(task, examples, Settings(**options))
    return task, examples, before, step


def test_one_step_is_adamw_on_both_losses_with_decay_on_matrices_alone():
    lr, decay = 1e-3, 0.01
    after, examples, before, step = one_step(lr=lr, weight_decay=decay, clip=1e9)
    reference, _ = small()
    reference.dropout = 0.0
    _, task_loss, lm_loss = losses(reference, collate(examples))
    (task_loss + 0.5 * lm_loss).backward()
    assert step.task_loss == pytest.approx(task_loss.item(), abs=1e-6)
    assert step.lm_loss == pytest.approx(lm_loss.item(), abs=1e-6)
    for old, new, p in zip(before, after.parameters(), reference.parameters()):
        shrunk = old * (1 - lr * decay) if old.ndim == 2 else old
        moved = shrunk - lr * p.grad / (p.grad.abs() + 1e-8)  # Adam's first step: the sign of the gradient
        large = p.grad.abs() > 1e-4
        assert (moved - new)[large].abs().max() < 1e-6


def test_what_a_step_reports():
    task, examples = small()
    task.dropout = 0.0
    expected = accuracy(task, examples)
    (step,) = finetune(task, examples, Settings(epochs=1, batch_size=40))
    assert step.step == 1
    assert step.accuracy == pytest.approx(expected)


def test_the_same_seed_gives_the_same_run_and_leaves_the_callers_dice_alone():
    results = []
    for seed in (0, 0, 1):
        task, examples = small()
        torch.manual_seed(seed + 5)  # must not matter
        before = torch.get_rng_state()
        list(finetune(task, examples, Settings(lr=1e-2, batch_size=8, seed=seed)))
        assert torch.equal(torch.get_rng_state(), before)
        results.append(predict(task, examples))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("stop", [1, 5, 7, 14])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(stop):
    settings = Settings(lr=1e-2, batch_size=8, similar_lengths=2)
    whole, examples = small()
    list(finetune(whole, examples, settings))
    parts, _ = small()
    optimisers = finetune_optimisers(parts, settings)
    for step in finetune(parts, examples, settings, optimisers=optimisers):
        if step.step == stop:
            break
    rest = list(finetune(parts, examples, settings, start=stop, optimisers=optimisers))
    assert [s.step for s in rest] == list(range(stop + 1, 16))
    assert torch.equal(predict(whole, examples), predict(parts, examples))


def test_predict_keeps_the_order_and_the_mode():
    task, examples = small()
    task.train()
    scores = predict(task, examples, batch_size=7)
    assert task.training
    alone = torch.cat([predict(task, [e]) for e in examples])
    assert (scores - alone).abs().max() < 1e-5
    right = [s.argmax().item() == e.label for s, e in zip(scores, examples)]
    assert accuracy(task, examples) == sum(right) / len(right)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Settings(batch_size=0), ValueError, "batch_size is 0"),
        (lambda: Settings(epochs=0), ValueError, "epochs is 0"),
        (lambda: Settings(warmup=1.5), ValueError, "warmup is 1.5: it is a fraction"),
        (lambda: Settings(lm_weight=-1.0), ValueError, "lm_weight is -1.0"),
        (lambda: Settings(lm_mean="sum"), ValueError, "the mean is over 'sum': choose sequence"),
        (lambda: next(finetune(small()[0], [])), ValueError, "0 examples to train on"),
        (lambda: predict(small()[0], []), ValueError, "0 examples to score"),
        (lambda: next(finetune(small()[0], [Encoded(((1, 12),), 2)])), ValueError, "label 2 is out of range: 2 scores"),
        (lambda: next(finetune(small()[0], [Encoded(((1, 12),), -1)])), ValueError, "label -1 is out of range"),
        (lambda: list(finetune(*small(), Settings(lr=math.inf))), FloatingPointError, "loss at step 1 is nan"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_towns_model_learns_to_classify_in_two_dozen_steps():
    tokenizer, model = town_tokenizer(), town_gpt()
    special = widen(model)
    n_ctx = model.config.n_ctx

    def examples(first, n):
        these = (task("classify", i) for i in range(first, first + n))
        return [encode_example(e, "classification", tokenizer, special, n_ctx) for e in these]

    tuned = TaskModel(model, "classification")
    test = examples(10_000_000, 100)
    assert accuracy(tuned, test) < 0.7
    steps = list(finetune(tuned, examples(0, 768), Settings(lr=5e-4, epochs=1, similar_lengths=8)))
    assert len(steps) == 24
    assert accuracy(tuned, test) > 0.9
    assert sum(s.accuracy for s in steps[-5:]) > 4.5


def test_dropout_is_another_at_every_step():
    task, examples = small()
    task.dropout = 0.5
    steps = list(finetune(task, examples[:8], Settings(lr=0.0, epochs=6)))
    assert len({round(step.task_loss, 5) for step in steps}) == 6
