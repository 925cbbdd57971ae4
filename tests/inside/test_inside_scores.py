"""Scores find the heads that they are named after, in patterns and in a model whose weights were set by hand."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from course_lib import inside
from course_lib.models import GPT, GPTConfig

LENGTH = 12


@pytest.fixture
def copying():
    return inside.copying_gpt(vocab_size=14, n_ctx=1 + 2 * LENGTH)


@pytest.fixture
def rows():
    return inside.repeated(range(1, 14), 6, LENGTH, [0], torch.Generator().manual_seed(0))


def looking_back(n_rows, n_tokens, distance):
    """Weights of one head that always looks so far back (or at the first token)."""
    weights = torch.zeros(1, n_rows, 1, n_tokens, n_tokens)
    for t in range(n_tokens):
        weights[0, :, 0, t, max(0, t - distance)] = 1
    return weights


def loss(model, ids):
    losses = F.cross_entropy(model(ids)[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")  # [B, T - 1]
    return losses[:, LENGTH + 1 :].mean().item()


def test_repeated_rows_are_one_start_and_two_equal_halves(rows):
    assert rows.shape == (6, 25)
    assert (rows[:, 0] == 0).all()
    assert torch.equal(rows[:, 1:13], rows[:, 13:])
    assert all(len(set(row)) == 12 for row in rows[:, 1:13].tolist())
    assert len({tuple(row) for row in rows.tolist()}) == 6
    again = inside.repeated(range(1, 14), 6, LENGTH, [0], torch.Generator().manual_seed(0))
    assert torch.equal(rows, again)


def test_a_longer_start_and_none():
    assert inside.repeated([4], 2, 1, [7, 8]).tolist() == [[7, 8, 4, 4]] * 2
    assert inside.repeated([4], 2, 1, []).tolist() == [[4, 4]] * 2


def test_every_token_comes_up():
    assert set(inside.repeated([4, 7, 9], 50, 1, [0]).flatten().tolist()) == {0, 4, 7, 9}


@pytest.mark.parametrize("length", [0, 4])
def test_rows_longer_than_there_are_tokens(length):
    with pytest.raises(ValueError, match=f"length={length}: 3 different tokens make rows of 1 to 3"):
        inside.repeated([1, 2, 2, 3], 1, length, [])


def test_targets_by_hand():
    ids = torch.tensor([[5, 8, 5, 5, 8]])
    targets = inside.induction_targets(ids)[0].int().tolist()
    assert targets == [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],  # 5 stood at 0: look at 1
        [0, 1, 0, 1, 0],  # 5 stood at 0 and 2: look at 1 and 3
        [0, 0, 1, 0, 0],  # 8 stood at 1: look at 2
    ]


def test_targets_by_brute_force():
    ids = torch.randint(4, (3, 9), generator=torch.Generator().manual_seed(2))
    targets = inside.induction_targets(ids)
    for b, t, j in itertools.product(range(3), range(9), range(9)):
        assert targets[b, t, j] == (1 <= j <= t and ids[b, j - 1].item() == ids[b, t].item())


def test_scores_of_patterns(rows):
    perfect = looking_back(6, 25, LENGTH - 1)
    assert inside.induction_scores(perfect, rows).item() == 1
    assert inside.induction_scores(looking_back(6, 25, LENGTH), rows).item() == 0  # looks at the same token
    assert inside.previous_token_scores(looking_back(6, 25, 1)).item() == 1
    assert inside.previous_token_scores(looking_back(6, 25, 2)).item() == pytest.approx(1 / 24)  # t = 1 looks at 0
    evenly = torch.ones(25, 25).tril() / torch.arange(1, 26)[:, None]
    places = torch.arange(LENGTH + 1, 25)
    score = inside.induction_scores(evenly.expand(1, 6, 1, 25, 25), rows)
    assert score.item() == pytest.approx((1 / (places + 1)).mean().item())


def test_a_mean_over_all_queries_with_a_target():
    """Two rows with 1 and 3 such queries: the mean is over 4, not the mean of two means."""
    weights = looking_back(2, 5, 1)
    ids = torch.tensor([[1, 2, 3, 1, 4], [1, 2, 1, 2, 1]])
    assert inside.induction_scores(weights, ids).item() == pytest.approx(3 / 4)


def test_a_distance_is_no_induction(rows):
    """A head that looks 11 back scores 1 on copies of 12, and 0 on copies of 9."""
    weights = looking_back(6, 25, LENGTH - 1)
    assert inside.induction_scores(weights, rows).item() == 1
    shorter = inside.repeated(range(1, 14), 6, 9, [0])
    assert inside.induction_scores(weights[..., :19, :19], shorter).item() == 0


def test_without_a_repetition_there_is_nothing_to_score():
    with pytest.raises(ValueError, match="none of the 6 tokens has a target"):
        inside.induction_scores(torch.zeros(1, 2, 1, 3, 3), torch.tensor([[1, 2, 3], [4, 5, 6]]))
    with pytest.raises(ValueError, match="none of the 2 tokens has a target"):
        inside.previous_token_scores(torch.ones(1, 2, 1, 1, 1))


def test_the_built_gpt_copies_and_its_two_heads_are_found(copying, rows):
    weights = inside.run(copying, rows).weights
    assert inside.previous_token_scores(weights).tolist() == [[pytest.approx(1, abs=1e-6)], [pytest.approx(0, abs=0.1)]]
    assert inside.induction_scores(weights, rows).tolist() == [[pytest.approx(0)], [pytest.approx(1, abs=1e-6)]]
    assert loss(copying, rows) < 0.02


def test_the_built_gpt_copies_at_any_distance():
    model = inside.copying_gpt(vocab_size=9, n_ctx=20)
    text = [0, 3, 5, 1, 2, 5, 1, 7, 8, 3]
    assert model(torch.tensor([text]))[0, -1].argmax() == 5
    assert model(torch.tensor([[*text, 5]]))[0, -1].argmax() == 1


def test_it_is_content_that_counts(copying, rows):
    """With other words in the second half, the same places get nothing in particular."""
    other = rows.clone()
    other[:, LENGTH + 1 :] = rows[:, LENGTH + 1 :].flip(1)
    assert inside.induction_scores(inside.run(copying, other).weights, rows)[1, 0] < 0.15
    assert loss(copying, other) > 2


def test_a_random_model_scores_about_what_looking_everywhere_gives(rows):
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=14, n_ctx=25, n_embd=32, n_layer=2, n_head=4)).eval()
    weights = inside.run(model, rows).weights
    assert inside.induction_scores(weights, rows).max() < 0.1
    assert inside.previous_token_scores(weights).max() < 0.3
