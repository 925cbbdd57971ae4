"""The comparison of GPT and BERT that was committed."""

import pytest

from course_lib import town
from course_lib.data import DATA
from course_lib.experiments import Desk, results
from course_lib.experiments.desk import recipe_of, sha256
from course_lib.experiments.two_sides import EXPERIMENT, Recipe

RESULTS = results("two_sides")
FILLED, WRITTEN = RESULTS.find(task="fill"), RESULTS.find(task="write")
NAMES = ("BERT", "GPT, left", "GPT, trying")
WRITERS = ("GPT", "BERT, at the end", *(f"BERT, over masks, {n} sweeps" for n in (0, 1, 4)))


def test_it_is_of_the_committed_models():
    assert RESULTS.made["models"] == {name: sha256(DATA / name / "model.safetensors") for name in EXPERIMENT.models}
    assert RESULTS.recipe == recipe_of(Recipe())
    assert all(job.items() <= r.items() for job, r in zip(EXPERIMENT.jobs(Recipe(), RESULTS), RESULTS, strict=True))


def test_a_piece_of_it_comes_out_again(tmp_path):
    desk = Desk(tmp_path, {"dtype": "float32"})
    for old in FILLED[:3]:
        new = EXPERIMENT.measure(Recipe(), {"task": "fill", "document": old["document"]}, desk)
        assert {"task", "document", *new} == set(old)
        assert (new["word"], new["kind"]) == (old["word"], old["kind"])
        assert new["exact"] == pytest.approx(old["exact"], abs=1e-4)
        for name in NAMES:
            assert new[name]["nats"] == pytest.approx(old[name]["nats"], abs=0.02)
            assert new[name]["kl"] == pytest.approx(old[name]["kl"], abs=0.02)
    new = EXPERIMENT.measure(Recipe(), {"task": "write", "document": WRITTEN[0]["document"]}, desk)
    prompt = town.document(WRITTEN[0]["document"], "short story").text.split(".")[0]
    assert tuple(new) == WRITERS
    assert all(row["text"].startswith(prompt) for row in new.values())


def test_what_was_written_is_judged_by_the_grammar():
    for record in WRITTEN[:4]:
        for way in WRITERS:
            assert record[way]["told"] == (town.probability(record[way]["text"]) > 0)


def test_no_model_beats_the_exact_posterior_on_average():
    assert all(record[name]["kl"] >= -1e-3 for record in FILLED for name in NAMES)


def test_records_can_be_chosen_by_what_was_measured():
    certain = FILLED.where(lambda r: r["words possible"] == 1)
    assert 0 < len(certain) < len(FILLED)
    assert certain.mean(("exact", "best")).least == 1.0
