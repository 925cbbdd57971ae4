"""Results: found by their fields, summed up by one rule, and every committed file is what its experiment says."""

import math
import statistics

import pytest

from course_lib.data import DATA
from course_lib.experiments import Results, find, mechanism, names, results, spread
from course_lib.experiments.reading import RESULTS
from press.execute import chapters

SOME = Results("some", {}, {}, [
    {"way": way, "seed": seed, "right": right, "by kind": {"order": [right, 0.0]}}
    for way, seed, right in (("a", 1, 0.5), ("a", 0, 0.25), ("b", 0, 1.0), ("a", 2, 0.75))
])  # fmt: skip


def test_records_are_found_by_fields_in_the_order_of_seeds():
    assert [r["seed"] for r in SOME.find(way="a")] == [0, 1, 2]
    assert SOME.one(way="b")["right"] == 1.0
    assert len(SOME.find(way="c")) == 0
    with pytest.raises(ValueError, match=r"no record of some has \['wey'\]: the fields are \['by kind', 'right'"):
        SOME.find(wey="a")
    with pytest.raises(ValueError, match=r"some has 3 records with {'way': 'a'}, not one"):
        SOME.one(way="a")


def test_means_have_the_deviation_of_a_sample():
    found = SOME.mean("right", way="a")
    assert (found.mean, found.least, found.most, found.n) == (0.5, 0.25, 0.75, 3)
    assert found.sd == statistics.stdev([0.25, 0.5, 0.75])
    assert SOME.mean(("by kind", "order", 0), way="a") == found
    assert SOME.mean(lambda r: 2 * r["right"], way="b").mean == 2.0
    with pytest.raises(ValueError, match=r"no record of some has {'way': 'c'}"):
        SOME.mean("right", way="c")
    with pytest.raises(ValueError, match="no number"):
        spread([])


def test_a_spread_is_written_with_its_deviation_and_one_number_without():
    assert f"{SOME.mean('right', way='a')}" == "0.50 ± 0.25"
    assert f"{SOME.mean('right', way='a'):.0%}" == "50% ± 25%"
    assert str(SOME.mean("right", way="b")) == "1.00"
    assert math.isnan(SOME.mean("right", way="b").sd)


def test_records_are_parted_by_fields():
    parts = dict(SOME.by("way"))
    assert [len(parts[key]) for key in (("a",), ("b",))] == [3, 1]
    assert parts["a",].mean("right") == SOME.mean("right", way="a")


def test_unpublished_results_are_told_with_the_published_names():
    with pytest.raises(FileNotFoundError, match=r"no results of 'recal' are published: there are .*recall"):
        results("recal")


# ---- what is committed

EXPERIMENTS = [find(name) for name in names()]


@pytest.fixture(params=EXPERIMENTS, ids=lambda e: e.name)
def experiment(request):
    return request.param


def test_names_are_those_of_the_files(experiment):
    assert experiment is find(experiment.name)
    slugs = {path.stem.partition("_")[2] for path in chapters()}
    assert experiment.chapters
    assert set(experiment.chapters) <= slugs


def test_committed_results_are_of_this_recipe_and_of_the_plan(experiment):
    found = results(experiment.name)
    assert found.recipe == mechanism.recipe_of(experiment.recipe)
    plan = mechanism.plan_of(experiment, found)
    hits = [record for job in plan if (record := mechanism.record_of(job, found))]
    assert len(hits) == len(found) > 0
    assert all(any(hit is record for hit in hits) for record in found)
    assert set(found.made) >= {"command", "torch", "dtype", "models", "files"}


def test_committed_models_are_those_of_the_results(experiment):
    made = results(experiment.name).made
    assert made["files"] == {name: mechanism.sha256(DATA / name) for name in made["files"]}
    assert made["models"] == {n: mechanism.sha256(DATA / n / "model.safetensors") for n in experiment.models}


def test_every_result_and_every_model_has_an_experiment():
    assert {path.stem for path in RESULTS.glob("*.jsonl")} == set(names())
    kept = {name for e in EXPERIMENTS for name in results(e.name).made["files"]}
    lies = {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    assert {name for name in lies if not name.endswith((".py", ".pyc"))} == kept
