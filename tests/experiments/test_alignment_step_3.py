"""What *PPO* says of its published runs, for as many seeds as there are. The truth is for *Did it work?*"""

from statistics import mean

import pytest

from course_lib.experiments import results

RESULTS = results("alignment")
RUNS = RESULTS.find(kind="ppo")
BETAS = sorted({r["beta"] for r in RUNS})


def test_the_runs_are_whole():
    assert set(RESULTS.recipe["betas"]) == set(BETAS)
    assert {len(r["trace"]) for r in RUNS} == {RESULTS.recipe["iterations"]}
    assert all({"prompt", "answer"} <= step.keys() for r in RUNS if r["seed"] == 0 for step in r["trace"])


@pytest.mark.parametrize("run", RUNS, ids=lambda r: f"seed {r['seed']}, β {r['beta']}")
def test_a_run_begins_at_the_reference_and_ends_with_a_higher_score(run):
    first, last = run["trace"][0], run["trace"][-10:]
    assert first["kl"] == pytest.approx(0, abs=0.02)  # bfloat16 may round two equal models differently
    assert mean(step["score"] for step in last) > first["score"] + 0.8
    assert run["score"] > first["score"] + 0.8


def test_the_higher_the_price_the_nearer_the_policy_ends():
    kl = [mean(r["kl"] for r in RUNS if r["beta"] == beta) for beta in BETAS]
    assert kl == sorted(kl, reverse=True)
    assert kl[0] > 1.5 * kl[1], "without a price nothing holds it"
    assert all(distance < 8 for distance in kl[1:])
