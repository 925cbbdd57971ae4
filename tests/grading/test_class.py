"""A class of 30 with five hostile ones in its middle; killed on the way, gone on with, graded twice."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys

import psutil
import pytest

from tests.grading.conftest import BOXED, by_name, grade, write_class
from tests.grading.submissions import RIGHT, WRONG, Maker, Submission, everything

ROOT = pathlib.Path(__file__).resolve().parents[2]
IN_THE_MIDDLE = ["kills its parent", "swallows interrupts", "os._exit", "allocates 50 GB", "forged checks"]


def class_of_30(released, public):
    """Make 25 honest learners, each with a mark of their own, and five others among them."""
    maker, made = Maker(released, public), {}
    others = everything(released, public)
    dice = random.Random(7)
    for i in range(25):
        right = [dice.random() < 0.6 for _ in RIGHT]
        answers = {name: (RIGHT if ok else WRONG)[name] for name, ok in zip(RIGHT, right)}
        mark = sum(points for points, ok in zip((4, 2, 4), right) if ok)
        maker.add(f"learner {i:02}", mark, maker.notebook(answers))
    for i, (name, submission) in enumerate(maker.all.items()):
        made[name] = submission
        if 10 <= i < 15:
            made[f"learner {i:02}x"] = others[IN_THE_MIDDLE[i - 10]]
    return made


def start(small, folder, state, *options):
    reference = ["--reference", str(small.reference.parent), "--state", str(state), "--timeout", "3"]
    box = ["--sandbox", "auto" if BOXED else "off", "--jobs", "2"]
    command = [sys.executable, "-m", "course_lib", "grade", str(folder), *reference, *box, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    here = {"PYTHONPATH": str(ROOT), "TMPDIR": str(state.parent / "t")}
    (state.parent / "t").mkdir(exist_ok=True)
    return subprocess.Popen(command, **quiet, env={**os.environ, **here})


def kept(state):
    return {p.name: p.stat().st_mtime_ns for p in state.glob("*.json")}


def family(process):
    return psutil.Process(process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def killed(small, released, public, tmp_path_factory):
    """Grade the class, kill -9 the grader at a random moment, and let the same command go on."""
    folder = tmp_path_factory.mktemp("thirty")
    made = class_of_30(released, public)
    write_class(folder / "class", made)
    state = folder / "state"
    first, moment = start(small, folder / "class", state), random.randint(1, 25)
    while len(kept(state)) < moment and first.poll() is None:
        try:
            first.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    assert first.poll() is None, first.stderr.read()
    children = family(first)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    before, litter = kept(state), list((folder / "t").iterdir())
    second = start(small, folder / "class", state, "--json", str(folder / "r.json"))
    _, errors = second.communicate()
    results = json.loads((folder / "r.json").read_text("utf8"))["results"]
    ended = {"rc": second.returncode, "errors": errors, "alive": alive, "litter": litter, "moment": moment}
    return ended | {"made": made, "before": before, "after": kept(state), "results": results, "folder": folder}


def test_no_mark_is_lost_or_doubled(killed):
    names = [r["submission"] for r in killed["results"]]
    assert names == sorted({f"{name}.ipynb" for name in killed["made"]})
    assert len(names) == 30
    assert killed["rc"] == 1, killed["errors"]


def test_what_was_graded_before_the_kill_is_not_graded_again(killed):
    assert len(killed["before"]) >= killed["moment"]
    assert {name: killed["after"].get(name) for name in killed["before"]} == killed["before"]
    assert len(killed["after"]) == 30


def test_the_neighbours_of_the_hostile_are_unharmed(killed):
    results = by_name(killed["results"])
    deserved: dict[str, Submission] = killed["made"]
    assert {n: r["points"] for n, r in results.items()} == {n: s.deserves for n, s in deserved.items()}


def test_nothing_is_left_running_or_lying_about_after_a_kill(killed):
    assert killed["alive"] == []
    assert killed["litter"] == []
    assert list((killed["folder"] / "t").iterdir()) == []


def test_grading_twice_gives_identical_json(killed, small, tmp_path):
    chosen = [n for i, n in enumerate(killed["made"]) if i % 6 == 0 or "14x" in n or "12x" in n]
    write_class(tmp_path / "class", {n: killed["made"][n] for n in chosen})
    again = grade(small, tmp_path / "class", tmp_path / "state", BOXED)
    first = [r for r in killed["results"] if r["submission"].removesuffix(".ipynb") in chosen]
    assert json.dumps(again, sort_keys=True) == json.dumps(first, sort_keys=True)


def test_a_changed_submission_is_graded_anew_and_a_damaged_result_too(killed, small, tmp_path):
    names = ["learner 00", "learner 01"]
    folder = write_class(tmp_path / "class", {n: killed["made"][n] for n in names})
    state = tmp_path / "state"
    grade(small, folder, state, BOXED)
    first = kept(state)
    (folder / "learner 01.ipynb").write_bytes(killed["made"]["learner 02"].data)
    (state / sorted(first)[0]).write_text("{", "utf8")
    results = by_name(grade(small, folder, state, BOXED))
    assert results["learner 01"]["points"] == killed["made"]["learner 02"].deserves
    assert results["learner 00"]["points"] == killed["made"]["learner 00"].deserves


def test_a_class_that_is_stopped_leaves_nothing_behind_and_keeps_what_was_graded(killed, small, tmp_path):
    names = [f"learner {i:02}" for i in range(6)]
    folder = write_class(tmp_path / "class", {n: killed["made"][n] for n in names})

    def stop(path, done, of):
        raise KeyboardInterrupt

    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(KeyboardInterrupt):
        grade(small, folder, tmp_path / "state", BOXED, jobs=2, told=stop)
    assert set(psutil.Process().children(recursive=True)) - before == set()
    assert 1 <= len(kept(tmp_path / "state")) < len(names)
