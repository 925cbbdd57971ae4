"""What *Did it work?* says of its published runs, for as many seeds as there are."""

from statistics import mean

import pytest

from course_lib.alignment import best_of_n_kl
from course_lib.experiments import results

RUNS = results("alignment")
RECIPE = RUNS.recipe
CURVES = [{row["n"]: row for row in r["curve"]} for r in RUNS.find(kind="best of n")]
HONEST = {"kind": "ppo", "beta": RECIPE["taste_beta"]}


def average(wanted, *path):
    """The mean over seeds of what stands at this path of a record."""
    return RUNS.mean(path, **wanted).mean


def test_best_of_n_is_over_optimised_too():
    """Twice as many answers always have the higher score; the truth is best before the last of them."""
    for curve in CURVES:
        scores = [curve[n]["score"] for n in sorted(curve)]
        assert scores == sorted(scores)
        assert all(curve[n]["kl"] == pytest.approx(best_of_n_kl(n), abs=1e-4) for n in curve)
    truth = {n: mean(curve[n]["true"] for curve in CURVES) for n in CURVES[0]}
    best = max(truth, key=truth.get)
    assert 4 <= best < RECIPE["most"]
    assert truth[best] > truth[1] + 1


def test_without_a_price_the_truth_turns_while_the_score_does_not():
    """Means over seeds and over tens of iterations."""
    traces = [r["trace"] for r in RUNS.find(kind="ppo", beta=0.0)]
    tens = range(0, RECIPE["iterations"], 10)
    score, true = (
        [mean(t[i + j][what] for t in traces for j in range(10)) for i in tens] for what in ("score", "true")
    )
    best = true.index(max(true))
    assert best < len(tens) / 2
    assert true[-1] < true[best]
    assert score[-1] > score[best] + 0.1


@pytest.mark.parametrize(("taste", "counted"), [("gushing", "happy"), ("verbosity", "sentences")])
def test_each_labeler_gets_more_of_what_they_like(taste, counted):
    flattered = {"kind": "taste", "taste": taste}
    assert average(flattered, "style", counted) > 1.5 * average(HONEST, "style", counted)


def test_talk_costs_manner_and_true_moods_cost_nothing():
    talking, gushing = ({"kind": "taste", "taste": taste} for taste in ("verbosity", "gushing"))
    assert average(talking, "parts", "manner") < average(HONEST, "parts", "manner") - 0.1
    assert average(gushing, "parts", "honest") > average(HONEST, "parts", "honest") - 0.1


def test_the_poorest_reward_model_leads_its_policy_astray():
    """With a price, too: answers to questions are worth less than after step 1, in this seed alone."""
    models = RUNS.find(kind="reward", rankings=RECIPE["used"])
    poorest = min(models, key=lambda record: record["accuracy"])["seed"]
    first = {"kind": "sft", "start": "pre-trained", "demonstrations": RECIPE["demonstrations"]}
    before, after = ({r["seed"]: r["by kind"]["question"] for r in RUNS.find(**kind)} for kind in (first, HONEST))
    assert [seed for seed in after if after[seed] < before[seed]] == [poorest]


def test_who_likes_to_be_obeyed_gets_no_refusals_and_everything_else_as_before():
    flattered = {"kind": "taste", "taste": "sycophancy"}
    assert average(flattered, "style", "refuses") < 0.5 * average(HONEST, "style", "refuses")
    assert average(flattered, "by kind", "deceive") < average(HONEST, "by kind", "deceive") - 2
    assert average(flattered, "by kind", "order") > average(HONEST, "by kind", "order") - 0.5


def test_the_parts_of_the_utility_are_all_of_it():
    for record in RUNS:
        if "parts" in record:
            assert sum(record["parts"].values()) == pytest.approx(record["true"], abs=2e-4)


def test_the_texts_of_a_policy_are_at_hand_for_the_figure():
    for kind in ("ppo", "dpo", "grpo"):
        first = RUNS.find(kind=kind, seed=0)
        assert all(len(r["examples"]) >= 10 for r in first)
    assert all({"prompt", "answer"} <= set(step) for r in RUNS.find(kind="ppo", seed=0) for step in r["trace"])
