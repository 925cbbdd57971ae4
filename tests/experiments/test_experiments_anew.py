"""What is published can be done again, and publishing trains nothing: a model that lies in the library alone stays."""

import pytest
from click.testing import CliRunner

from course_lib.__main__ import main
from course_lib.experiments import mechanism, results


@pytest.fixture
def published(toy):
    """Three of four jobs are done and published; the desk is empty."""
    toy.run(most=3)
    toy.publish()
    toy.runs = toy.runs.with_name("another")
    toy.asked.clear()
    return toy


def test_published_jobs_are_done_again_where_that_is_asked_for(published):
    published.run(anew=True, seed=1)
    assert published.asked == [{"kind": "draw", "seed": 1}]
    published.run(anew=True, seed=1)
    assert len(published.asked) == 1  # it lies on the desk now
    published.publish()
    assert len(results("toy", published.results)) == 3


@pytest.mark.parametrize(("more", "anew"), [([], False), (["--anew"], True)])
def test_the_command_can_ask_for_it(toy, monkeypatch, more, anew):
    asked = []
    monkeypatch.setattr(mechanism, "find", lambda name: toy.experiment)
    monkeypatch.setattr(mechanism, "run", lambda *_, **named: asked.append(named) or [])
    answer = CliRunner().invoke(main, ["experiment", "run", "toy", "--only", "seed=2", *more])
    assert answer.exit_code == 0, answer.output
    assert asked == [{"anew": anew, "seed": 2}]


def test_a_record_that_is_made_again_stands_in_the_place_of_the_published_one(published):
    """The sum is taken over three draws, not four."""
    published.run(anew=True, seed=1)
    records = published.run()
    assert [(r["kind"], r["seed"]) for r in records] == [("draw", 0), ("draw", 2), ("draw", 1), ("sum", 0)]
    assert records[3]["value"] == pytest.approx(sum(r["value"] for r in records[:3]))


def test_a_kept_model_stays_where_the_desk_has_none(published):
    before = published.library()
    published.run()  # the fourth job, which needs no model
    assert [job["kind"] for job in published.asked] == ["sum"]
    published.publish()
    after = published.library()
    assert len(results("toy", published.results)) == 4
    model = published.data / "toy" / "model.safetensors"
    assert after[model] == before[model]
    assert results("toy", published.results).made["files"] == {"toy/model.safetensors": mechanism.sha256(model)}
    assert not list(published.runs.rglob("*.safetensors"))  # nothing was trained for it


def test_a_kept_model_that_is_nowhere_is_told(published):
    published.run()
    (published.data / "toy" / "model.safetensors").write_bytes(b"another")
    before = published.library()
    with pytest.raises(ValueError, match=r"no .*w0.safetensors, nor a model made alike in .*data: run with --anew"):
        published.publish()
    assert published.library() == before
    assert not list(published.data.glob(".*"))


def test_a_remark_stays(published):
    path = published.results / "toy.jsonl"
    path.write_text(path.read_text().replace('"dtype"', '"remark": "seconds are those of the clock", "dtype"', 1))
    published.run()
    published.publish()
    assert results("toy", published.results).made["remark"] == "seconds are those of the clock"
