"""Rows, schedule, loop, Muon and evaluation."""

import itertools
import math

import pytest
import torch

from course_lib import town
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.training import (
    Muon,
    batches,
    document_nats,
    fill_row,
    optimisers,
    orthogonalise,
    scores,
    train,
    warmup_cosine,
)
from course_lib.training.town import Recipe, Stage, town_model, town_rows, train_town, waves

BYTES = Tokenizer(special_tokens=[ENDOFTEXT])  # one token per byte; end-of-text is 256


def small_gpt(n_ctx=64):
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=257, n_ctx=n_ctx, n_embd=16, n_layer=2, n_head=2))


def test_a_row_is_texts_between_end_tokens_cut_to_length():
    assert fill_row(iter(["ab", "c", "de"]), BYTES, 6) == [256, 97, 98, 256, 99, 256, 100]
    assert fill_row(iter(["ab"]), BYTES, 3) == [256, 97, 98, 256]


def test_every_row_starts_at_the_start_of_a_text():
    texts = itertools.cycle(["abcde", "fgh"])
    for batch in batches(texts, BYTES, n_batches=3, batch_size=4, length=7):
        assert batch.shape == (4, 8)
        assert (batch[:, 0] == 256).all()
        assert {chr(i) for i in batch[:, 1].tolist()} <= {"a", "f"}


def test_too_few_texts_are_refused():
    with pytest.raises(ValueError, match="ran out after 1 of 3 batches"):
        list(batches(["abc"] * 3, BYTES, n_batches=3, batch_size=2, length=3))


def test_schedule_warms_up_holds_and_decays():
    factor = [warmup_cosine(s, n_steps=100, warmup=10, decay_from=0.4, least=0.1) for s in range(101)]
    assert factor[:3] == [0.1, 0.2, pytest.approx(0.3)]
    assert factor[9:41] == [1.0] * 32
    assert factor[70] == pytest.approx(0.55)  # half way down
    assert factor[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(factor[9:]))


@pytest.mark.parametrize("shape", [(8, 8), (4, 16), (16, 4)])
def test_orthogonalise_brings_all_singular_values_near_one(shape):
    torch.manual_seed(0)
    u, s, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    steep = u @ torch.diag(torch.linspace(1, 0.05, len(s))) @ v
    turned = orthogonalise(steep)
    values = torch.linalg.svdvals(turned)
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert torch.allclose(u.T @ turned @ v.T, torch.diag(torch.diag(u.T @ turned @ v.T)), atol=1e-4)  # same directions


def test_muon_refuses_what_is_no_matrix():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        Muon([torch.nn.Parameter(torch.zeros(3))], lr=0.01)


def test_every_parameter_has_one_optimiser():
    model = small_gpt()
    held = [p for o in optimisers(model, 0.01, 0.001) for group in o.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))


def test_one_batch_is_learned_by_heart():
    model, batch = small_gpt(), next(batches(["robot", "order"], BYTES, 1, 2, 5))
    losses = list(train(model, [batch] * 150, optimisers(model, 0.01, 0.01), lambda step: 1.0))
    assert losses[0] == pytest.approx(math.log(257), rel=0.05)
    assert losses[-1] < 0.2  # the first letter stays a guess between two: ln 2 / 5 = 0.14


def test_training_repeats_exactly():
    runs = []
    for _ in range(2):
        model = small_gpt()
        rows = batches((town.document(i).text for i in itertools.count()), BYTES, 5, 4, 32)
        runs.append(list(train(model, rows, optimisers(model, 0.01, 0.01), lambda step: 1.0)))
    assert runs[0] == runs[1]


def test_the_schedule_scales_every_learning_rate():
    model = small_gpt()
    both = optimisers(model, 0.01, 0.002)
    before = {n: p.clone() for n, p in model.named_parameters()}
    rows = [torch.zeros(2, 6, dtype=torch.long)] * 3
    list(train(model, rows, both, lambda step: 0.0))
    assert [o.param_groups[0]["lr"] for o in both] == [0, 0]
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    list(train(model, rows, optimisers(model, 0.01, 0.002), lambda step: 1.0))
    assert not any(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_a_loss_that_is_no_number_stops_training():
    model = small_gpt()
    model.wte.weight.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="loss at step 0 is nan"):
        list(train(model, [torch.zeros(2, 6, dtype=torch.long)], optimisers(model, 0.01, 0.01), lambda step: 1.0))


def test_document_nats_is_the_surprise_of_each_text_and_its_end():
    model, texts = small_gpt().eval(), ["a robot", "must", "obey the orders", ""]
    together = document_nats(model, texts, BYTES, batch_size=3)
    for text, nats in zip(texts, together.tolist()):
        ids = torch.tensor([[256, *text.encode(), 256]])
        log_p = model(ids[:, :-1]).log_softmax(-1)[0]
        assert nats == pytest.approx(-sum(log_p[t, i].item() for t, i in enumerate(ids[0, 1:])), rel=1e-5)


def test_a_text_longer_than_the_window_is_refused():
    with pytest.raises(ValueError, match="exceed n_ctx = 64"):
        document_nats(small_gpt(), ["x" * 64], BYTES)


def test_scores_stand_beside_the_floor():
    model, documents = small_gpt(600).eval(), list(town.documents(12))
    by_kind = scores(model, documents, BYTES)
    n_tokens = sum(len(d.text.encode()) + 1 for d in documents)
    assert by_kind["all"].floor == pytest.approx(town.entropy_floor(documents, n_tokens))
    assert by_kind["all"].loss == pytest.approx(
        document_nats(model, [d.text for d in documents], BYTES).sum().item() / n_tokens, rel=1e-5
    )
    kinds = {kind: score for kind, score in by_kind.items() if kind != "all"}
    assert set(kinds) == {d.kind for d in documents}
    assert sum(s.documents for s in kinds.values()) == 12
    assert sum(s.loss * s.tokens for s in kinds.values()) == pytest.approx(by_kind["all"].loss * n_tokens)


def test_positions_start_as_waves():
    positions = waves(160, 128)
    assert positions.shape == (160, 128)
    assert torch.allclose(positions.square().sum(-1), torch.tensor(64.0))
    assert torch.allclose(positions[:, 0], torch.arange(160.0).sin(), atol=1e-5)
    near, far = positions[50] @ positions[51], positions[50] @ positions[90]
    assert near > far


TINY = Recipe(
    stages=(Stage("repeats", 16, 2), Stage("full", 24, 3)),
    n_embd=16,
    n_layer=1,
    n_head=2,
    vocab_size=300,
    n_ctx=400,
    tokenizer_documents=200,
    batch_size=2,
)


def test_the_stages_follow_one_another():
    assert [tuple(rows.shape) for rows in town_rows(TINY, BYTES)] == 2 * [(2, 17)] + 3 * [(2, 25)]


def test_the_town_model_depends_on_its_seed_alone():
    a, b, c = (town_model(Recipe(seed=seed)).h[0].mlp.c_fc.weight for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_train_town_writes_a_folder_that_opens(tmp_path, monkeypatch):
    monkeypatch.setattr("course_lib.training.town.N_HELD_OUT", 20)
    model = train_town(tmp_path, TINY)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "recipe.json",
        "tokenizer.json",
    ]
    assert torch.equal(GPT.from_pretrained(tmp_path).wte.weight, model.wte.weight)
    assert Tokenizer.load(tmp_path / "tokenizer.json").vocab_size == 300
