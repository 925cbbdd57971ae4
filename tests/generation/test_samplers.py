"""Rules of sampling by hand-made distributions: what stays, what goes, in which order, and what is refused."""

import math

import pytest
import torch
from scipy.stats import chisquare

from course_lib import generation
from course_lib.generation import Sampler

P = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)  # likeliest first: 1, 3, 2, 0
LOGITS = P.log() + 5


def kept(logits):
    return torch.isfinite(logits).nonzero().flatten().tolist()


def test_temperature_divides_the_logits():
    p = generation.scale_by_temperature(LOGITS, 0.5).softmax(-1)
    assert p == pytest.approx(P**2 / (P**2).sum(), abs=1e-15)


@pytest.mark.parametrize(("k", "ids"), [(1, [1]), (2, [1, 3]), (4, [0, 1, 2, 3]), (9, [0, 1, 2, 3])])
def test_top_k_keeps_the_k_likeliest(k, ids):
    logits = generation.keep_top_k(LOGITS, k)
    assert kept(logits) == ids
    assert torch.equal(logits[ids], LOGITS[ids])


def test_top_k_keeps_what_ties_with_the_last():
    assert kept(generation.keep_top_k(torch.tensor([1.0, 3.0, 1.0, 0.0]), 2)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("p", "holtzman", "openai"),
    [
        (0.05, [1], [1]),
        (0.39, [1], [1]),
        (0.41, [1, 3], [1]),  # the token that crosses p: in, or out
        (0.69, [1, 3], [1]),
        (0.71, [1, 2, 3], [1, 3]),
        (0.95, [0, 1, 2, 3], [1, 2, 3]),
        (1.0, [0, 1, 2, 3], [0, 1, 2, 3]),
    ],
)
def test_two_nuclei(p, holtzman, openai):
    assert kept(generation.keep_nucleus(LOGITS, p)) == holtzman
    assert kept(generation.keep_nucleus_openai(LOGITS, p)) == openai


def test_rules_work_on_each_row_alone():
    rows = torch.stack([LOGITS, LOGITS.flip(0)])[:, None]  # [2, 1, V]
    for rule in (
        lambda x: generation.keep_top_k(x, 2),
        lambda x: generation.keep_nucleus(x, 0.6),
        lambda x: generation.keep_nucleus_openai(x, 0.6),
    ):
        assert torch.equal(rule(rows), torch.stack([rule(LOGITS), rule(LOGITS.flip(0))])[:, None])


def test_the_penalty_always_makes_less_likely_and_counts_a_token_once():
    logits = torch.tensor([2.0, -2.0, 0.0, 1.0])
    penalised = generation.penalise_repetition(logits, torch.tensor([0, 1, 0, 2]), 2.0)
    assert penalised.tolist() == [1.0, -4.0, 0.0, 1.0]
    assert generation.penalise_repetition(logits, torch.tensor([], dtype=torch.long), 2.0).tolist() == logits.tolist()


def test_temperature_comes_before_the_nucleus():
    # at temperature 2 the first token has 0.36 of the probability, at 1 it has 0.4
    assert kept(Sampler(temperature=2, top_p=0.38).logits(LOGITS)) == [1, 3]
    assert kept(Sampler(top_p=0.38).logits(LOGITS)) == [1]


def test_top_k_comes_before_the_nucleus():
    # of the two likeliest, the first has 4/7 = 0.57
    assert kept(Sampler(top_k=2, top_p=0.5).logits(LOGITS)) == [1]
    assert kept(Sampler(top_p=0.5).logits(LOGITS)) == [1, 3]


def test_the_penalty_comes_before_temperature():
    ids = torch.tensor([1])
    ours = Sampler(temperature=3.0, repetition_penalty=1.5).logits(LOGITS, ids)
    assert ours[1].item() == pytest.approx(LOGITS[1].item() / 1.5 / 3, abs=1e-15)
    assert ours[0].item() == pytest.approx(LOGITS[0].item() / 3, abs=1e-15)


def test_greedy_is_the_first_of_the_likeliest_and_draws_nothing():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert generation.sample(torch.tensor([[0.0, 2.0, 2.0], [1.0, 0.0, 0.0]]), 0, generator=generator).tolist() == [
        1,
        0,
    ]
    assert torch.equal(generator.get_state(), before)
    assert Sampler(temperature=0).probabilities(LOGITS).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"temperature": 0.7},
        {"temperature": 1.8},
        {"top_k": 3},
        {"top_p": 0.8},
        {"top_p": 0.8, "nucleus": "openai"},
        {"repetition_penalty": 1.3},
        {"temperature": 1.5, "top_k": 6, "top_p": 0.9, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_draws_follow_the_distribution(rules):
    """χ² of 40,000 draws against probabilities worked out one by one in Python."""
    logits = torch.tensor([1.2, -0.3, 0.0, 2.1, 0.7, -1.5, 0.4, 1.9])
    text, n = torch.tensor([3, 5, 3]), 40_000
    expected = expect(logits.tolist(), {3, 5}, **rules)
    generator = torch.Generator().manual_seed(1)
    draws = Sampler(**rules).choose(logits.expand(n, -1), text.expand(n, -1), generator)
    counts = torch.bincount(draws, minlength=8).tolist()
    assert all(c == 0 for c, p in zip(counts, expected) if p == 0)
    observed, due = zip(*((c, n * p) for c, p in zip(counts, expected) if p > 0))
    assert chisquare(observed, due).pvalue > 0.01


def expect(x, seen, temperature=1.0, top_k=None, top_p=None, nucleus="holtzman", repetition_penalty=1.0):
    x = (
        [v * repetition_penalty if v < 0 else v / repetition_penalty for v in x]
        if not seen
        else [
            v if i not in seen else v * repetition_penalty if v < 0 else v / repetition_penalty for i, v in enumerate(x)
        ]
    )
    weights = {i: math.exp(v / temperature) for i, v in enumerate(x)}
    order = sorted(weights, key=weights.get, reverse=True)[:top_k]
    total, chosen, mass = sum(weights[i] for i in order), [], 0.0
    for i in order:
        crosses = top_p is not None and mass + weights[i] / total > top_p
        if top_p is not None and chosen and (mass >= top_p or (crosses and nucleus == "openai")):
            break
        chosen.append(i)
        mass += weights[i] / total
    total = sum(weights[i] for i in chosen)
    return [weights[i] / total if i in chosen else 0.0 for i in range(len(x))]


def test_the_same_seed_draws_the_same():
    logits = torch.randn(50, 20, generator=torch.Generator().manual_seed(3))
    first, again, other = (
        generation.sample(logits, top_p=0.9, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_half_precision_logits_are_summed_in_float32():
    logits = torch.zeros(1, 30_000, dtype=torch.bfloat16)  # in bfloat16 the sum of 1/30000 stands still far below 1
    p = Sampler(top_p=0.5).probabilities(logits)
    assert p.dtype == torch.float32
    assert (p > 0).sum().item() == pytest.approx(15_000, abs=10)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"temperature": -0.5}, r"temperature is -0\.5"),
        ({"temperature": math.nan}, "temperature is nan"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0.0}, r"top_p is 0\.0"),
        ({"top_p": 1.01}, r"top_p is 1\.01"),
        ({"top_p": math.nan}, "top_p is nan"),
        ({"top_p": -1.0, "nucleus": "openai"}, r"top_p is -1\.0"),
        ({"repetition_penalty": 0.0}, r"repetition_penalty is 0\.0"),
        ({"repetition_penalty": math.nan}, "repetition_penalty is nan"),
        ({"nucleus": "top"}, "nucleus is 'top': choose one of holtzman, openai"),
    ],
)
def test_senseless_rules_are_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        Sampler(**rules)
    if rules.get("temperature", 1.0) != rules.get("temperature", 1.0) or "temperature" in rules:
        with pytest.raises(ValueError, match=message):
            generation.scale_by_temperature(LOGITS, rules["temperature"])


def test_temperature_0_is_greedy_and_no_divisor():
    with pytest.raises(ValueError, match="temperature is 0"):
        generation.scale_by_temperature(LOGITS, 0)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    ("row", "message"),
    [([1.0, math.nan], "largest logit is nan"), ([math.inf, 0.0], "is inf"), ([-math.inf] * 2, "is -inf")],
)
def test_broken_logits_are_refused(row, message, temperature):
    with pytest.raises(ValueError, match=message):
        generation.sample(torch.tensor([[0.0, 0.0], row]), temperature)


def test_a_token_ruled_out_before_stays_out():
    logits = torch.tensor([[0.0, -math.inf, 1.0]]).expand(1000, 3)
    assert set(generation.sample(logits, generator=torch.Generator().manual_seed(0)).tolist()) == {0, 2}


@pytest.mark.parametrize("temperature", [1e-30, 1e-38, 1e-45, 1e-300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_coldest_temperatures_choose_the_likeliest(temperature, dtype):
    logits = torch.tensor([[-30.0, 4.0, 5.0, 4.9], [-3.0, -4.0, -9.0, -3.0]], dtype=dtype)
    p = Sampler(temperature).probabilities(logits)
    assert p.tolist() == [[0, 0, 1, 0], [0.5, 0, 0, 0.5]]  # a tie stays one
    assert Sampler(temperature, top_k=2, top_p=0.9).choose(logits)[0] == 2
