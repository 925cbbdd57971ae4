"""Learning rates for two optimisers: what is committed, and a tiny run."""

from course_lib.experiments import Desk, results
from course_lib.experiments.desk import recipe_of
from course_lib.experiments.optimisers import EXPERIMENT, Recipe
from course_lib.experiments.town_gpt import Recipe as TownRecipe
from course_lib.experiments.town_gpt import Stage

FOUND = results("optimisers")


def test_the_results_are_those_of_the_jobs():
    assert FOUND.recipe == recipe_of(Recipe())
    for job, record in zip(EXPERIMENT.jobs(Recipe(), FOUND), FOUND, strict=True):
        assert job.items() <= record.items()
        assert len(record["second copy"]) == Recipe().steps // Recipe().every


def test_within_these_steps_muon_learns_to_copy_and_adamw_does_not():
    ends = {name: [r["second copy"][-1] for r in FOUND.find(optimiser=name)] for name in ("AdamW", "Muon")}
    assert min(ends["AdamW"]) > 1 > min(ends["Muon"])


def test_a_tiny_run_is_measured(tmp_path):
    town = TownRecipe(stages=(Stage("repeats", 48, 2, 4),), n_embd=16, n_layer=1, n_head=2)
    recipe, desk = Recipe(town, every=2, last=3), Desk(tmp_path, {"dtype": "float32"})
    for job in ({"optimiser": "AdamW", "lr": 0.001, "seed": 0}, {"optimiser": "Muon", "lr": 0.002, "seed": 0}):
        record = EXPERIMENT.measure(recipe, job, desk)
        assert set(job | record) == set(FOUND[0])
        assert len(record["second copy"]) == 2
        assert record == EXPERIMENT.measure(recipe, job, desk)
