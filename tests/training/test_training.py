"""Batches, schedule, optimisers, loop, state and evaluation."""

import itertools
import math

import numpy as np
import pytest
import torch

from course_lib import town
from course_lib.alignment import Batch, response_loss
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.training import (
    Muon,
    adamw,
    document_nats,
    fill_row,
    load_state,
    mean_loss,
    muon_and_adamw,
    next_token_loss,
    orthogonalise,
    save_state,
    scores,
    text_rows,
    train,
    warmup_cosine,
    windows,
)
from course_lib.training.masking import NOT_ASKED, MaskedRows

BYTES = Tokenizer(special_tokens=[ENDOFTEXT])  # one token per byte; end-of-text is 256


def small_gpt(n_ctx=64):
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=257, n_ctx=n_ctx, n_embd=16, n_layer=2, n_head=2))


def test_a_row_is_texts_between_end_tokens_cut_to_length():
    assert fill_row(iter(["ab", "c", "de"]), BYTES, 6) == [256, 97, 98, 256, 99, 256, 100]
    assert fill_row(iter(["ab"]), BYTES, 3) == [256, 97, 98, 256]


def test_every_row_starts_at_the_start_of_a_text():
    batch = text_rows(lambda number: ["abcde", "fgh"][number % 2], BYTES, batch_size=4, length=7)
    for rows in map(batch, range(3)):
        assert rows.shape == (4, 8)
        assert (rows[:, 0] == 256).all()
        assert {chr(i) for i in rows[:, 1].tolist()} <= {"a", "f"}


def test_no_text_comes_twice():
    """Each row of each batch has numbers of its own."""
    seen = []
    batch = text_rows(lambda number: seen.append(number) or "abcdefg", BYTES, batch_size=3, length=20)
    for i in range(4):
        batch(i)
    assert len(seen) == len(set(seen)) == 4 * 3 * 3


def test_windows_are_pieces_of_the_text_and_depend_on_their_number_alone():
    ids = np.arange(1000, dtype=np.uint16)
    batch = windows(ids, batch_size=5, length=7, seed=3)
    rows = batch(11)
    assert rows.shape == (5, 8)
    assert (rows[:, 1:] - rows[:, :-1] == 1).all()
    assert torch.equal(rows, windows(ids, 5, 7, seed=3)(11))
    assert not torch.equal(rows, batch(12))
    assert not torch.equal(rows, windows(ids, 5, 7, seed=4)(11))


def test_windows_reach_both_ends():
    starts = torch.cat([windows(np.arange(12), 8, 9)(i)[:, 0] for i in range(20)])
    assert set(starts.tolist()) == {0, 1, 2}
    assert windows(np.arange(10), 8, 9)(0)[:, -1].tolist() == [9] * 8


def test_every_other_window_begins_as_a_text_does():
    rows = windows(np.arange(50), 4, 9, end=99)(0)
    assert (rows[:, 0] == 99).tolist() == [True, False, True, False]
    assert (rows[:, 1:] < 50).all()


def test_windows_of_a_short_text_are_refused():
    with pytest.raises(ValueError, match="9 tokens are too few for a row of 9 and its targets: give at least 10"):
        windows(np.arange(9), 4, 9)


def test_schedule_warms_up_holds_and_decays():
    factor = [warmup_cosine(s, n_steps=100, warmup=10, decay_from=0.4, least=0.1) for s in range(101)]
    assert factor[:3] == [0.1, 0.2, pytest.approx(0.3)]
    assert factor[9:41] == [1.0] * 32
    assert factor[70] == pytest.approx(0.55)  # half way down
    assert factor[100] == pytest.approx(0.1)
    assert all(a >= b for a, b in itertools.pairwise(factor[9:]))


def test_a_schedule_may_never_decay_or_only_warm_up():
    assert [warmup_cosine(s, 4, warmup=1, decay_from=1.0) for s in range(5)] == [1.0] * 5
    assert [warmup_cosine(s, 2, warmup=4) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


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


@pytest.mark.parametrize("make", [lambda model: adamw(model, 0.001), lambda model: muon_and_adamw(model, 0.01, 0.001)])
def test_every_parameter_has_one_optimiser(make):
    model = small_gpt()
    held = [p for o in make(model) for group in o.param_groups for p in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))


def test_adamw_decays_matrices_alone():
    """With a gradient of 0, Adam's step is 0 and what remains is the decay: a factor of 1 − lr · decay."""
    model = small_gpt()
    for p in model.parameters():
        torch.nn.init.ones_(p)
        p.grad = torch.zeros_like(p)
    (optimiser,) = adamw(model, lr=0.01, weight_decay=0.1)
    optimiser.step()
    for name, p in model.named_parameters():
        expected = 0.999 if p.ndim == 2 else 1.0
        assert torch.allclose(p, torch.full_like(p, expected), atol=1e-7), name


def both(model, muon_lr=0.01, adam_lr=0.01):
    return muon_and_adamw(model, muon_lr, adam_lr)


def town_batches(batch_size=4, length=32):
    return text_rows(lambda number: town.document(number).text, BYTES, batch_size, length)


def test_one_batch_is_learned_by_heart():
    model, rows = small_gpt(), text_rows(lambda number: ["robot", "order"][number % 2], BYTES, 2, 5)(0)
    rows[1, 1:] = torch.tensor(list(b"order"))
    losses = list(train(model, lambda number: rows, both(model), lambda step: 1.0, 150))
    assert losses[0] == pytest.approx(math.log(257), rel=0.05)
    assert losses[-1] < 0.2  # the first letter stays a guess between two: ln 2 / 5 = 0.14


def test_training_repeats_exactly():
    runs = []
    for _ in range(2):
        model = small_gpt()
        runs.append(list(train(model, town_batches(), both(model), lambda step: 1.0, 5)))
    assert runs[0] == runs[1]


def test_accumulated_batches_are_one_large_batch():
    """Rows of one length: the mean of means is the mean. Losses differ by rounding only."""
    small, large = small_gpt(), small_gpt()
    batch = town_batches(2)
    joined = lambda number: torch.cat([batch(3 * number + i) for i in range(3)])  # noqa: E731
    one = list(train(small, batch, adamw(small, 0.01), lambda step: 1.0, 4, accumulate=3))
    other = list(train(large, joined, adamw(large, 0.01), lambda step: 1.0, 4))
    assert one == pytest.approx(other, abs=1e-5)
    assert one[0] != one[1]


def test_batches_with_many_targets_weigh_more_than_batches_with_few():
    """Two masked batches, of 2 targets and of 9: their step is that of all 11 targets, not a mean of two means."""
    small, large = small_gpt(), small_gpt()
    ids = torch.randint(100, (2, 1, 12), generator=torch.Generator().manual_seed(0))
    answer = torch.arange(12) >= torch.tensor([[[10]], [[3]]])  # [2, 1, 12]
    parts = [Batch(*both) for both in zip(ids, answer)]
    whole = Batch(ids.flatten(0, 1), answer.flatten(0, 1))
    descent = lambda model: [torch.optim.SGD(model.parameters(), 0.1)]  # noqa: E731
    rules = {"schedule": lambda step: 1.0, "steps": 1, "loss": response_loss, "clip": 1e9}
    (one,) = train(small, parts.__getitem__, optimisers=descent(small), accumulate=2, **rules)
    (other,) = train(large, lambda number: whole, optimisers=descent(large), **rules)
    assert one == pytest.approx(other, abs=1e-6)
    for p, q in zip(small.parameters(), large.parameters()):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-7)


def test_a_masked_row_weighs_by_what_is_asked():
    targets = torch.tensor([[NOT_ASKED, 3, 4]])
    assert MaskedRows(torch.zeros_like(targets), targets, targets >= 0).n_targets == 2


def test_gradients_are_clipped_to_their_norm():
    model = small_gpt()
    norms = []
    for _ in train(model, town_batches(), [torch.optim.SGD(model.parameters(), 0.0)], lambda step: 1.0, 2, clip=0.01):
        norms.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item())
    assert norms == pytest.approx([0.01, 0.01], rel=1e-3)


@pytest.mark.parametrize("make", [both, lambda model: adamw(model, 0.01)], ids=["muon", "adamw"])
def test_a_resumed_run_is_the_uninterrupted_one(tmp_path, make):
    """The same losses and the same weights, to the last bit."""
    schedule = lambda step: warmup_cosine(step, 8, 2)  # noqa: E731
    whole, first, second = small_gpt(), small_gpt(), small_gpt()
    losses = list(train(whole, town_batches(), make(whole), schedule, 8))

    optimisers, begun = make(first), []
    for loss in train(first, town_batches(), optimisers, schedule, 8):
        begun.append(loss)
        if len(begun) == 3:
            break
    save_state(tmp_path / "run.pt", first, optimisers, 3, note="a robot")
    torch.nn.init.zeros_(second.wte.weight)
    optimisers = make(second)
    held = load_state(tmp_path / "run.pt", second, optimisers)
    assert held == {"step": 3, "note": "a robot"}
    rest = list(train(second, town_batches(), optimisers, schedule, 8, start=3))
    assert begun + rest == losses
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), second.state_dict().values()))


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    model, path = small_gpt(), tmp_path / "run.pt"
    save_state(path, model, both(model), 3)
    other = GPT(GPTConfig(vocab_size=257, n_ctx=64, n_embd=16, n_layer=1, n_head=2))
    with pytest.raises(ValueError, match=r"run\.pt is no state of this run"):
        load_state(path, other, both(other))
    with pytest.raises(ValueError, match="no state of this run"):
        load_state(path, model, adamw(model, 0.01))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="broken"):
        load_state(path, model, both(model))
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "none.pt", model, both(model))


class Bomb:
    """A pickle that would create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_state_cannot_run_code(tmp_path):
    model = small_gpt()
    torch.save({"step": 1, "model": Bomb(tmp_path / "boom"), "optimisers": []}, tmp_path / "run.pt")
    with pytest.raises(ValueError, match="no state of this run"):
        load_state(tmp_path / "run.pt", model, both(model))
    assert not (tmp_path / "boom").exists()


def test_a_writer_that_is_killed_leaves_the_old_state(tmp_path, monkeypatch):
    model, path = small_gpt(), tmp_path / "run.pt"
    save_state(path, model, both(model), 3)

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save_state(path, model, both(model), 4)
    assert load_state(path, model, both(model))["step"] == 3


def test_the_schedule_scales_every_learning_rate():
    model = small_gpt()
    optimisers = both(model, 0.01, 0.002)
    before = {n: p.clone() for n, p in model.named_parameters()}
    rows = torch.zeros(2, 6, dtype=torch.long)
    list(train(model, lambda number: rows, optimisers, lambda step: 0.0, 3))
    assert [o.param_groups[0]["lr"] for o in optimisers] == [0, 0]
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    list(train(model, lambda number: rows, optimisers, lambda step: 1.0, 3))
    assert not any(torch.equal(p, before[n]) for n, p in model.named_parameters())


def test_a_loss_that_is_no_number_stops_training():
    model = small_gpt()
    model.wte.weight.data.fill_(math.nan)
    with pytest.raises(FloatingPointError, match="loss at step 0 is nan"):
        list(train(model, town_batches(), both(model), lambda step: 1.0, 1))


def test_any_other_loss_can_be_trained():
    """Here: name the token that was just read."""
    model = small_gpt()
    batch = town_batches()

    def echo_loss(model, rows):
        return torch.nn.functional.cross_entropy(model(rows).flatten(0, 1), rows.flatten())

    losses = list(train(model, lambda _: batch(0), both(model), lambda step: 1.0, 60, loss=echo_loss))
    assert losses[0] == pytest.approx(echo_loss(small_gpt(), batch(0)).item(), rel=1e-6)
    assert losses[-1] < 0.1 * losses[0]


def test_bfloat16_multiplies_in_it_and_keeps_the_weights():
    model, seen = small_gpt(), []
    model.h[0].mlp.c_fc.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    exact = list(train(small_gpt(), town_batches(), [], lambda step: 1.0, 1))
    rough = list(train(model, town_batches(), [], lambda step: 1.0, 1, dtype=torch.bfloat16))
    assert seen == [torch.bfloat16]
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.01)
    assert {p.dtype for p in model.parameters()} == {p.grad.dtype for p in model.parameters()} == {torch.float32}


def test_mean_loss_is_the_mean_over_batches():
    model, batch = small_gpt(), town_batches()
    with torch.no_grad():
        losses = [next_token_loss(model, batch(i)).item() for i in range(3)]
    assert mean_loss(model, batch, 3) == pytest.approx(sum(losses) / 3)


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
