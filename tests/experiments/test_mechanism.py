"""Jobs are done once; what is killed goes on; nothing but `publish` writes into the library, whole or not at all."""

import itertools
import random
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from course_lib.__main__ import main
from course_lib.experiments import Desk, Experiment, mechanism, results, run

ROOT = Path(__file__).parents[2]


def values(records):
    return {(r["kind"], r["seed"]): r["value"] for r in records}


def test_a_job_is_done_once_and_later_jobs_see_earlier_records(toy):
    first = toy.run()
    assert [job["kind"] for job in toy.asked] == ["draw", "draw", "draw", "sum"]
    assert first[3]["value"] == pytest.approx(sum(r["value"] for r in first[:3]))
    assert all("seconds" in record for record in first)
    assert values(toy.run()) == values(first)
    assert len(toy.asked) == 4


def test_a_job_that_is_named_twice_is_done_and_published_once(toy):
    toy.experiment = replace(toy.experiment, jobs=lambda recipe, results: iter([{"kind": "draw", "seed": 0}] * 2))
    toy.run()
    toy.publish()
    assert len(toy.asked) == len(results("toy", toy.results)) == 1


def test_a_run_does_what_is_asked_for(toy):
    assert [r["seed"] for r in toy.run(seed=1)] == [1]
    assert [job["seed"] for job in toy.asked] == [1]
    toy.run(most=1)
    assert [job["seed"] for job in toy.asked] == [1, 0]


def test_a_run_writes_nothing_into_the_library(toy):
    toy.run()
    assert toy.library() == {}


def test_a_failed_job_leaves_the_ones_before(toy):
    toy.experiment = replace(toy.experiment, measure=lambda recipe, job, desk: {"value": 1 / (1 - job["seed"])})
    with pytest.raises(ZeroDivisionError):
        toy.run()
    desk = mechanism.desk_of(toy.experiment, toy.runs, mechanism.made_with(toy.experiment))
    assert [record["value"] for _, record, _ in desk.records()] == [1]


def test_published_results_are_read_back(toy):
    toy.run()
    path = toy.publish()
    found = results("toy", toy.results)
    assert path == toy.results / "toy.jsonl"
    assert values(found) == values(toy.run())
    assert found.recipe == {"seeds": 3, "size": 2.0}
    assert found.made["torch"] == torch.__version__
    assert found.made["dtype"] == "float32"
    assert found.made["command"] == "python -m course_lib experiment run toy"
    assert found.made["files"] == {
        "toy/model.safetensors": mechanism.sha256(toy.data / "toy" / "model.safetensors")
    }
    assert toy.kept()["weight"].dtype == torch.float16
    assert len(path.read_text().splitlines()) == 1 + 4  # a record a line


def test_published_records_count_as_done_in_a_new_folder(toy):
    toy.run()
    toy.publish()
    toy.asked.clear()
    toy.runs = toy.runs.with_name("another")
    toy.changed(seeds=3)
    assert len(toy.run()) == 4
    assert toy.asked == []


def test_a_quick_try_with_another_recipe_destroys_nothing(toy):
    toy.run()
    toy.publish()
    before = toy.library()
    toy.changed(size=5.0)
    toy.run(seed=0, kind="draw")
    with pytest.raises(ValueError, match=r"recipe was .*'size': 2.0.*now it is .*'size': 5.0.* 3 jobs are not done"):
        toy.publish()
    assert toy.library() == before
    toy.run()
    toy.publish()  # all jobs are done: the new results replace the old ones
    assert results("toy", toy.results).recipe["size"] == 5.0
    assert len(results("toy", toy.results)) == 4


def test_records_of_another_version_are_never_mixed(toy, monkeypatch):
    toy.run(most=2)
    toy.publish()
    before = toy.library()
    monkeypatch.setattr(torch, "__version__", "9.9.0")
    with pytest.raises(ValueError, match=r"made with .*'9.9.0'"):
        toy.run()
    with pytest.raises(ValueError, match=r"made with .*'9.9.0'"):
        toy.publish()
    toy.runs = toy.runs.with_name("another")
    toy.asked.clear()
    toy.run(most=1)
    assert toy.asked == [{"kind": "draw", "seed": 0}]  # the published record was made with another version
    with pytest.raises(ValueError, match=r"torch was .*now it is 9.9.0"):
        toy.publish()
    assert toy.library() == before


def test_records_of_another_dtype_are_never_mixed(toy):
    toy.run(most=1)
    with pytest.raises(ValueError, match=r"'float32'.*'bfloat16'"):
        toy.run(dtype=torch.bfloat16)


def test_records_of_another_model_are_never_mixed(toy):
    (toy.data / "base").mkdir()
    (toy.data / "base" / "model.safetensors").write_bytes(b"one")
    toy.experiment = replace(toy.experiment, models=("base",))
    one = mechanism.made_with(toy.experiment, data=toy.data)
    (toy.data / "base" / "model.safetensors").write_bytes(b"two")
    two = mechanism.made_with(toy.experiment, data=toy.data)
    mechanism.desk_of(toy.experiment, toy.runs, one).keep_record({"seed": 0}, {"seed": 0})
    with pytest.raises(ValueError, match=f"{one['models']['base']}.*{two['models']['base']}"):
        mechanism.done(toy.experiment, mechanism.desk_of(toy.experiment, toy.runs, two), None)


def test_nothing_is_published_before_anything_is_done(toy):
    with pytest.raises(ValueError, match=r"no job of toy is done in .*runs.toy"):
        toy.publish()
    assert toy.library() == {}


def test_a_publication_that_fails_leaves_the_old_one(toy):
    toy.run(most=3)
    toy.publish()
    before = toy.library()
    toy.run()

    def keep(recipe, desk, folder):
        toy.keep(recipe, desk, folder)
        raise OSError("no space left on device")

    toy.experiment = replace(toy.experiment, keep=keep)
    with pytest.raises(OSError, match="no space left"):
        toy.publish()
    assert toy.library() == before
    assert not list(toy.data.glob(".*"))


def test_a_number_that_is_none_is_no_record(toy):
    toy.experiment = replace(toy.experiment, measure=lambda recipe, job, desk: {"value": float("nan")})
    with pytest.raises(ValueError, match=r"[Oo]ut of range float"):
        toy.run()
    assert not list(toy.runs.rglob("*.json"))


KILLED = """
import sys
from pathlib import Path

from course_lib.experiments import run
from tests.experiments.test_mechanism import long_experiment

run(long_experiment(lambda: print("a step", flush=True)), Path(sys.argv[1]))
"""


@dataclass(frozen=True)
class Steps:
    steps: int = 30


def long_experiment(step=lambda: None):
    """Four jobs of 30 steps, with a look after every third; `step` is called at each."""

    def batch(number):
        step()
        return torch.randn(4, 8, generator=torch.Generator().manual_seed(number))

    def loss(model, x):
        return (model(x) - x).square().mean()

    def measure(recipe, job, desk):
        torch.manual_seed(job["seed"])
        model = torch.nn.Linear(8, 8)
        optimisers, name = [torch.optim.AdamW(model.parameters(), lr=0.01)], f"m{job['seed']}"
        log = desk.train(name, model, batch, optimisers, lambda step: 1.0, recipe.steps, every=3, loss=loss)
        return {"log": log, "weights": model.weight.flatten().tolist()}

    return Experiment("long", (), Steps(), lambda recipe, results: ({"seed": s} for s in range(4)), measure)


def without_seconds(records):
    return [{name: value for name, value in record.items() if name != "seconds"} for record in records]


def test_a_run_that_is_killed_anywhere_ends_as_if_it_had_not_been(tmp_path):
    for _ in range(2):
        steps = random.randint(1, 4 * 30 // 2)
        command = [sys.executable, "-c", KILLED, str(tmp_path / "killed")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
            seen = sum(1 for _ in itertools.islice(process.stdout, steps))
            process.kill()
        assert seen == steps, "the run ended before it was killed"
    whole, killed = (run(long_experiment(), tmp_path / name).find() for name in ("whole", "killed"))
    assert without_seconds(killed) == without_seconds(whole)
    assert len(whole) == 4


def training(desk, look, steps=9):
    torch.manual_seed(0)
    model = torch.nn.ModuleDict({"wte": torch.nn.Embedding(4, 4), "h": torch.nn.Linear(4, 4, bias=False)})

    def batch(number):
        return torch.randn(3, 4, generator=torch.Generator().manual_seed(number))

    def loss(model, x):
        return (model["h"](x) - x).square().mean() + model["wte"].weight.square().mean()

    optimisers = [torch.optim.AdamW(model.parameters(), lr=0.1)]
    return model, desk.train("m", model, batch, optimisers, lambda step: 1.0, steps, look, 3, loss=loss)


def test_training_goes_on_from_the_last_look(tmp_path):
    model, log = training(Desk(tmp_path / "whole", {"dtype": "float32"}), lambda step, loss: {"loss": loss})
    assert [row["step"] for row in log] == [3, 6, 9]

    looked_at = []

    def stop_at_8(step, loss):
        looked_at.append(step)
        if step == 9 and not (tmp_path / "again").exists():
            raise KeyboardInterrupt
        return {"loss": loss}

    desk = Desk(tmp_path / "cut", {"dtype": "float32"})
    with pytest.raises(KeyboardInterrupt):
        training(desk, stop_at_8)
    (tmp_path / "again").touch()
    again, same = training(desk, stop_at_8)
    assert looked_at == [3, 6, 9, 9]  # steps 1 to 6 were not taken again
    assert same == log
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters()))
    assert not list((tmp_path / "cut").glob("*.state"))
    _, read = training(desk, lambda step, loss: pytest.fail("it trained again"))
    assert read == log


# ---- the command


@pytest.fixture
def invoke(toy, monkeypatch):
    monkeypatch.setattr(mechanism, "names", lambda: ["toy"])
    monkeypatch.setattr(mechanism, "find", lambda name: toy.experiment)

    def invoke(*arguments):
        return CliRunner().invoke(main, ["experiment", *arguments, "--folder", str(toy.runs)])

    return invoke


def test_the_command_runs_lists_and_tells(toy, invoke):
    done = invoke("run", "toy", "--only", "seed=1")
    assert done.exit_code == 0, done.output
    assert toy.asked == [{"kind": "draw", "seed": 1}]
    assert "1 jobs are done" in done.output
    assert invoke("list").output.split()[-5:] == ["toy", "predicting", "1", "3", "0"]
    told = invoke("status", "toy").output
    assert 'to do      {"kind": "draw", "seed": 0}' in told
    assert "published  nothing" in told


@pytest.mark.parametrize(("arguments", "message"), [
    (["run", "toy", "--only", "seed"], "'seed' is not FIELD=VALUE"),
    (["run", "toy", "--most", "0"], "0 is not in the range"),
    (["publish", "toy"], "no job of toy is done"),
])  # fmt: skip
def test_the_command_says_what_is_wrong(invoke, arguments, message):
    answer = invoke(*arguments)
    assert answer.exit_code != 0
    assert message in answer.output


def test_an_unknown_name_is_told_with_the_known_ones():
    answer = CliRunner().invoke(main, ["experiment", "run", "recal"])
    assert answer.exit_code == 1
    assert "there is no experiment 'recal': choose one of" in answer.output
    assert "recall" in answer.output


def test_ctrl_c_is_told_and_loses_the_job_under_way_alone(toy, invoke):
    measure = toy.experiment.measure

    def interrupted(recipe, job, desk):
        if job["seed"] == 1:
            raise KeyboardInterrupt
        return measure(recipe, job, desk)

    toy.experiment = replace(toy.experiment, measure=interrupted)
    answer = invoke("run", "toy")
    assert answer.exit_code == 1
    assert "goes on with the job that was under way" in answer.output
    toy.experiment = replace(toy.experiment, measure=measure)
    invoke("run", "toy")
    assert [job["seed"] for job in toy.asked] == [0, 1, 2, 0]
