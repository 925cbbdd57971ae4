"""The runs of the shell game: equal tokens for every arm, all arms there."""

from course_lib.experiments import Desk, results
from course_lib.experiments.cups import ARMS, Recipe, jobs, measure, n_steps
from course_lib.prompting.cups import MOST, game, game_rows

RESULTS = results("cups")


def test_a_small_run_is_measured_at_every_length(tmp_path):
    recipe = Recipe(tokens=8_000, batch_size=8, n_head=2, n_embd=16, warmup=5, n_games=10)
    job = next(jobs(recipe, RESULTS)) | {"scratchpad": True}
    record = measure(recipe, job, Desk(tmp_path, {"dtype": "float32"}))
    assert len(record["accuracy"]) == MOST
    assert all(0 <= share <= 1 for share in record["accuracy"])


def test_every_run_computes_the_tokens_of_its_job():
    recipe = Recipe()
    for job in jobs(recipe, RESULTS):
        per_step = recipe.batch_size * (game_rows([game(0)], job["scratchpad"]).shape[1] - 1)
        assert 0 <= job["tokens"] - n_steps(recipe, job) * per_step < per_step


def test_all_arms_are_there_with_three_seeds():
    for scratchpad, n_layer in ARMS:
        found = RESULTS.find(scratchpad=scratchpad, n_layer=n_layer, tokens=1_500_000, muon_lr=0.03)
        assert [record["seed"] for record in found] == [0, 1, 2]
        assert all(len(record["accuracy"]) == MOST for record in found)
