"""New tokens, heads and freezing; and the checks that cannot be argued with: padding, order, permutations."""

import pytest
import torch

from course_lib.finetuning import (
    Encoded,
    Settings,
    TaskModel,
    at_extract,
    collate,
    finetune,
    format_classification,
    format_entailment,
    format_multiple_choice,
    format_similarity,
    freeze,
    losses,
    predict,
    widen,
)
from course_lib.models import GPT, GPT1, GPTConfig

ROUNDING = 1e-13  # float64: a matrix product adds up in another order when its rows are others
TEXTS = [[7, 3, 5, 1], [2, 9], [4, 4, 8, 6, 1, 3], [5], [3, 1, 2]]


def gpt(seed=0, dtype=torch.float64):
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size=10, n_ctx=32, n_embd=16, n_layer=3, n_head=2))
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)  # far from an untrained model, whose states are all alike
    return model.to(dtype).eval()


def task_model(form, n_labels=3, dropout=0.1):
    model = gpt()
    special = widen(model)
    task = TaskModel(model, form, n_labels, dropout).eval()
    torch.nn.init.normal_(task.head.weight)
    torch.nn.init.normal_(task.head.bias)
    return task, special


def forms(form, special):
    make = {
        "classification": lambda a, b: format_classification(a, special, 32),
        "entailment": lambda a, b: format_entailment(a, b, special, 32),
        "similarity": lambda a, b: format_similarity(a, b, special, 32),
        "multiple_choice": lambda a, b: format_multiple_choice(a, b, [[1], [2, 3], [4, 4, 5]], special, 32),
    }[form]
    pairs = zip(TEXTS, TEXTS[1:] + TEXTS[:1])
    return [Encoded(tuple(map(tuple, make(a, b))), i % 3) for i, (a, b) in enumerate(pairs)]


def as_batch(rows):
    return collate([Encoded(tuple(map(tuple, rows)), 0)])


FORMS = ["classification", "entailment", "similarity", "multiple_choice"]


def test_widen_adds_three_rows_and_leaves_the_others():
    model, before = gpt(), gpt()
    special = widen(model, std=0.02)
    assert (special.start, special.delimiter, special.extract) == (10, 11, 12)
    assert model.config.vocab_size == 13
    assert before.config.vocab_size == 10
    assert torch.equal(model.wte.weight[:10], before.wte.weight)
    assert model.wte.weight.dtype == torch.float64
    assert model.wte.weight.requires_grad
    ids = torch.tensor([[1, 2, 3]])
    assert torch.equal(model.hidden(ids), before.hidden(ids))
    assert (model(ids)[..., :10] - before(ids)).abs().max() < ROUNDING
    assert model(torch.tensor([[10, 3, 12]])).shape == (1, 3, 13)
    with pytest.raises(ValueError, match="token id 13 is not in the vocabulary: ids run from 0 to 12"):
        model(torch.tensor([[13]]))


def test_the_new_rows_are_drawn_as_asked():
    model = GPT(GPTConfig(vocab_size=10, n_ctx=4, n_embd=2048, n_layer=1, n_head=2))
    widen(model, std=0.5)
    new = model.wte.weight[10:].detach()
    assert abs(new.std() - 0.5) < 0.02
    assert new.mean().abs() < 0.03
    assert len({tuple(row[:5].tolist()) for row in new}) == 3


def test_the_start_token_can_begin_as_a_copy():
    model = gpt()
    widen(model, start_as=4)
    weight = model.wte.weight
    assert torch.equal(weight[10], weight[4])
    assert not torch.equal(weight[11], weight[4])
    assert torch.equal(model.hidden(torch.tensor([[10, 1]])), model.hidden(torch.tensor([[4, 1]])))
    with pytest.raises(ValueError, match="start_as is 10: ids run from 0 to 9"):
        widen(gpt(), start_as=10)


def test_a_widened_model_is_saved_and_opened(tmp_path):
    model = gpt(dtype=torch.float32)
    widen(model)
    model.save_pretrained(tmp_path)
    ids = torch.tensor([[10, 2, 11, 4, 12]])
    assert torch.equal(GPT.from_pretrained(tmp_path)(ids), model(ids))


def test_gpt1_is_widened_tuned_and_frozen_in_the_same_way():
    torch.manual_seed(0)
    model = GPT1(GPTConfig(vocab_size=10, n_ctx=32, n_embd=16, n_layer=2, n_head=2))
    special = widen(model)
    task = TaskModel(model, "similarity")
    freeze(task, 1, tokens=True)
    before = {name: p.detach().clone() for name, p in task.named_parameters()}
    examples = forms("similarity", special)[:2]
    list(finetune(task, examples, Settings(lr=1e-2, epochs=2)))
    moved = {name for name, p in task.named_parameters() if not torch.equal(p, before[name])}
    assert {part(name) for name in moved} == {"wte", "h.1", "head"}
    assert torch.equal(model.wte.weight[:10], before["model.wte.weight"][:10])
    assert predict(task, examples).shape == (2, 2)


def test_an_opened_model_can_be_widened(tmp_path):
    gpt(dtype=torch.float32).save_pretrained(tmp_path)
    model = GPT.from_pretrained(tmp_path)
    special = widen(model)
    task = TaskModel(model, "classification")
    examples = [Encoded(((special.start, 3, special.extract),), 1)]
    list(finetune(task, examples, Settings(lr=1e-2, epochs=2)))
    assert torch.isfinite(predict(task, examples)).all()


@pytest.mark.parametrize("form", FORMS)
def test_the_head_begins_as_gpt1s(form):
    model = GPT(GPTConfig(vocab_size=10, n_ctx=4, n_embd=4096, n_layer=1, n_head=2))
    head = TaskModel(model, form, n_labels=3).head
    assert head.weight.shape == (1 if form == "multiple_choice" else 3, 4096)
    assert abs(head.weight.std().item() - 0.02) < 0.001
    assert (head.bias == 0).all()


@pytest.mark.parametrize("form", FORMS)
def test_padding_changes_nothing(form):
    task, special = task_model(form)
    examples = forms(form, special)
    batch = collate(examples)
    scores = task(batch.ids, batch.extract)
    after = torch.arange(batch.ids.shape[2]) > batch.extract[..., None]
    assert after.any()
    garbage = torch.where(after, torch.randint(13, batch.ids.shape), batch.ids)
    assert (task(garbage, batch.extract) - scores).abs().max() == 0.0  # whatever stands there
    alone = torch.cat([task(one.ids, one.extract) for one in (collate([e]) for e in examples)])
    assert (alone - scores).abs().max() < ROUNDING
    for mean in ("sequence", "token"):
        expected = losses(task, batch, lm_mean=mean)
        assert all(torch.equal(x, y) for x, y in zip(losses(task, _with_ids(batch, garbage), lm_mean=mean), expected))


def _with_ids(batch, ids):
    return type(batch)(ids, batch.extract, batch.labels)


@pytest.mark.parametrize("form", FORMS)
def test_reading_the_last_position_instead_breaks_it(form):
    task, special = task_model(form)
    batch = collate(forms(form, special))
    right = task(batch.ids, batch.extract)
    last = torch.full_like(batch.extract, batch.ids.shape[2] - 1)
    assert (task(batch.ids, last) - right).abs().max() > 0.1
    longer = torch.nn.functional.pad(batch.ids, (0, 4))
    assert (task(longer, last + 4) - task(batch.ids, last)).abs().max() > 0.1  # it depends on the padding
    assert (task(longer, batch.extract) - right).abs().max() < ROUNDING


def test_which_text_comes_first_does_not_matter():
    task, special = task_model("similarity")
    for a, b in zip(TEXTS, TEXTS[2:]):
        one, two = (as_batch(format_similarity(*pair, special, 32)) for pair in ((a, b), (b, a)))
        assert (task(one.ids, one.extract) - task(two.ids, two.extract)).abs().max() < ROUNDING


def test_entailment_does_depend_on_the_order():
    task, special = task_model("entailment")
    a, b = TEXTS[:2]
    one, two = (as_batch(format_entailment(*pair, special, 32)) for pair in ((a, b), (b, a)))
    assert (task(one.ids, one.extract) - task(two.ids, two.extract)).abs().max() > 0.01


def test_permuting_candidates_permutes_the_scores():
    task, special = task_model("multiple_choice")
    answers, order = [[1], [2, 3], [4, 4, 5], [6]], [2, 0, 3, 1]

    def scores(answers):
        batch = as_batch(format_multiple_choice(TEXTS[0], TEXTS[1], answers, special, 32))
        return task(batch.ids, batch.extract)

    assert (scores([answers[i] for i in order]) - scores(answers)[:, order]).abs().max() < ROUNDING


@pytest.mark.parametrize("form", FORMS)
def test_the_scores_are_one_linear_layer_on_the_states(form):
    task, special = task_model(form)
    batch = collate(forms(form, special))
    weight, bias = task.head.weight, task.head.bias
    for i in range(len(batch.labels)):
        states = [task.model.hidden(batch.ids[i, k, : e + 1][None])[0, -1] for k, e in enumerate(batch.extract[i])]
        if form == "multiple_choice":
            expected = torch.stack([weight[0] @ state + bias[0] for state in states])
        else:
            expected = weight @ sum(states) + bias  # the states are added, the bias counts once
        assert (task(batch.ids, batch.extract)[i] - expected).abs().max() < 1e-13


def test_dropout_acts_in_training_alone_and_alike_on_all_candidates():
    task, _ = task_model("multiple_choice", dropout=0.5)
    states = torch.ones(2, 3, 16, dtype=torch.float64)
    assert torch.equal(task.scores(states), task.scores(states))
    task.train()
    torch.manual_seed(0)
    first, second = task.scores(states), task.scores(states)
    assert not torch.equal(first, second)
    assert (first == first[:, :1]).all()  # equal candidates stay equal
    assert first[0, 0] != first[1, 0]


def test_freezing():
    examples = None
    for layers, tokens, moves in [
        (0, False, {"wte", "wpe", "h.0", "h.1", "h.2", "ln_f", "head"}),
        (2, False, {"h.2", "ln_f", "head"}),
        (2, True, {"new", "h.2", "ln_f", "head"}),
        (3, False, {"head"}),
        (3, True, {"new", "head"}),
    ]:
        task, special = task_model("entailment")
        examples = examples or forms("entailment", special)
        freeze(task, 3)
        freeze(task, layers, tokens)
        before = {name: p.detach().clone() for name, p in task.named_parameters()}
        list(finetune(task, examples, Settings(lr=1e-2, epochs=2, batch_size=3)))
        moved = {name for name, p in task.named_parameters() if not torch.equal(p, before[name])}
        weight = "model.wte.weight"
        if tokens:
            assert torch.equal(task.model.wte.weight[:-3], before[weight][:-3])
            assert (task.model.wte.weight[-3:] != before[weight][-3:]).any(1).all()
        parts = {"wte" if name == weight and not tokens else "new" if name == weight else part(name) for name in moved}
        assert parts == moves


def part(name):
    names = name.removeprefix("model.").split(".")
    return ".".join(names[:2]) if names[0] == "h" else names[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TaskModel(gpt(), "regression"), "no format called 'regression': choose one of classification, ent"),
        (lambda: TaskModel(gpt(), "entailment", 1), "n_labels is 1"),
        (lambda: freeze(TaskModel(gpt(), "entailment"), 4), "4 layers cannot be frozen: the model has 3"),
        (lambda: freeze(TaskModel(gpt(), "entailment"), -1), "-1 layers"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_states_are_taken_where_extract_says():
    hidden = torch.arange(2 * 2 * 5 * 1.0).view(2, 2, 5, 1)
    assert at_extract(hidden, torch.tensor([[0, 4], [2, 1]]))[..., 0].tolist() == [[0, 9], [12, 16]]
