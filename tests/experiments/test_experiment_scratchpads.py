"""The runs with scratchpads: equal tokens for every arm, counts that add up, the models that come along."""

import numpy as np
import pytest
import torch

from course_lib.data import riddle_gpt
from course_lib.experiments import Desk, results
from course_lib.experiments.scratchpads import SHOWN, WAYS, Recipe, jobs, learn, measure, n_steps, trained
from course_lib.prompting import examine, split_riddles, trace_solution
from course_lib.prompting.riddles import NUMBERS, STEPS, RiddleTokens
from course_lib.prompting.riddles import WAYS as ALL_WAYS
from course_lib.prompting.scratchpads import riddle_rows

RESULTS = results("scratchpads")
TINY = Recipe(tokens=20_000, n_train=50, batch_size=16, n_layer=1, n_head=2, n_embd=16, warmup=5, voted=2, samples=3)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(tmp_path_factory.mktemp("desk"), {"dtype": "float32"})


@pytest.mark.parametrize("way", ALL_WAYS)
@pytest.mark.parametrize("numbers", NUMBERS)
def test_every_arm_computes_the_same_tokens(way, numbers):
    recipe = Recipe()
    row = riddle_rows(split_riddles().train[:3], RiddleTokens(numbers), way).shape[1] - 1
    used = n_steps(recipe, recipe.tokens, row) * recipe.batch_size * row
    assert 0 <= recipe.tokens - used < recipe.batch_size * row


def test_too_few_tokens_for_one_batch():
    with pytest.raises(ValueError, match="10 tokens do not fill one batch of 608"):
        n_steps(TINY, 10, 38)


def test_the_plan_has_every_arm_once_before_any_arm_twice():
    plan = list(jobs(Recipe(), RESULTS))
    arms = [[job | {"seed": 0} for job in plan[5 * seed : 5 * seed + 5]] for seed in range(3)]
    assert arms[0] == arms[1] == arms[2]
    assert [job["seed"] for job in plan[:15]] == [0] * 5 + [1] * 5 + [2] * 5


def test_a_run_learns_and_repeats(tmp_path):
    models, logs = zip(*(
        trained(TINY, learn(TINY, "scratchpad"), Desk(tmp_path / name, {"dtype": "float32"})) for name in ("a", "b")
    ))  # fmt: skip
    assert logs[0] == logs[1]
    assert logs[0][-1]["loss"] < 3.0 < logs[0][0]["loss"]
    assert all(torch.equal(*both) for both in zip(*(m.parameters() for m in models)))


@pytest.mark.parametrize("kind", ["learn", "vote", "mislead"])
def test_each_kind_of_job_gives_what_the_results_have(kind, desk):
    job = next(job for job in jobs(TINY, RESULTS) if job["kind"] == kind and job["n_layer"] == TINY.n_layer)
    record = measure(TINY, job, desk)
    assert set(job | record) == set(RESULTS.find(kind=kind)[0]) - {"seconds"}


def test_all_arms_are_there_with_three_seeds():
    recipe = Recipe()
    arms = [learn(recipe, way, numbers) for numbers in NUMBERS for way in WAYS]
    arms += [learn(recipe, "dots"), *(learn(recipe, way, n_layer=1) for way in WAYS)]
    for arm in arms:
        del arm["seed"]
        assert [record["seed"] for record in RESULTS.find(**arm)] == [0, 1, 2]


def test_counts_add_up():
    for record in RESULTS.find(kind="learn"):
        for part in ("new problems", "new numbers"):
            found = record[part]
            assert found["riddles"] == 500
            if record["way"] == "scratchpad":
                right = round(found["accuracy"] * 500)
                assert right - found["lucky"] + sum(found["mistakes"].values()) == 500
    misled = RESULTS.find(kind="mislead")
    assert all(m["followed"] + m["right"] + m["other"] == m["riddles"] for m in misled)
    assert {m["step"] for m in misled} == set(STEPS[:-1])


@pytest.mark.parametrize("way", WAYS)
def test_the_models_that_come_along_are_those_of_the_results(way):
    """Examined again, on a part: what the record says of all riddles cannot be far from it; the shown riddles agree."""
    model, tokens = riddle_gpt(way)
    record = RESULTS.one(**learn(Recipe(), way))
    for part, riddles in (("new problems", split_riddles().problems), ("new numbers", split_riddles().numbers)):
        again = examine(model, tokens, way, riddles[:100])["accuracy"]
        assert abs(again - record[part]["accuracy"]) < 0.12
    shown = RESULTS.one(kind="trace", way=way, numbers="digits")["riddles"]
    for riddle, before in zip(SHOWN, shown, strict=True):
        now = trace_solution(model, tokens, riddle)
        assert (now["written"], now["read"]) == (before["written"], before["read"])
        np.testing.assert_allclose(
            [row[0][1] for row in now["likeliest"]], [row[0][1] for row in before["likeliest"]], atol=2e-3
        )


def test_what_is_shown_was_not_trained_on():
    assert not set(SHOWN) & set(split_riddles(4484).train[:3000])


def test_there_is_no_third_model():
    with pytest.raises(ValueError, match="way is 'dots': there are models for scratchpad, answer"):
        riddle_gpt("dots")
