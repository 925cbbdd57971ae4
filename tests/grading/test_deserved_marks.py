"""Every submission gets the mark that it deserves: careless, broken and hostile ones, in the sandbox and without it."""

import pytest

from course_lib.grading.master import read_master
from course_lib.grading.notebooks import released
from tests.grading.conftest import BOXED, NO_SANDBOX, SMALL, by_name, grade, write_class
from tests.grading.submissions import everything

ALL = everything(released(read_master(SMALL)), {})
HOSTILE = [name for name, s in ALL.items() if s.hostile and "sandbox only" not in s.tags]


def needs_sandbox(tags):
    if tags and not BOXED:
        pytest.skip(NO_SANDBOX)


@pytest.mark.parametrize("name", ALL)
def test_it_gets_the_mark_that_it_deserves(name, graded):
    needs_sandbox("sandbox only" in ALL[name].tags)
    result = graded.by_name[name]
    assert result["points"] == ALL[name].deserves, result
    assert ALL[name].says in str(result)


@pytest.mark.parametrize("name", HOSTILE)
def test_without_the_sandbox_it_gets_the_same(name, graded_without_sandbox):
    result = graded_without_sandbox.by_name[name]
    assert result["points"] == ALL[name].deserves, result


def test_what_cannot_be_graded_has_no_points_and_a_reason(graded):
    lost = [name for name, s in ALL.items() if s.deserves is None]
    assert len(lost) >= 8
    assert all(graded.by_name[name]["status"] == "unreadable" for name in lost)
    assert all(len(graded.by_name[name]["reason"]) > 10 for name in lost)
    assert not any(r["status"] == "unjudged" for r in graded.results)


def test_the_sandbox_has_no_network(graded):
    needs_sandbox(True)
    assert graded.listener.calls == 0


def test_without_the_sandbox_the_listener_would_have_heard(graded_without_sandbox):
    assert graded_without_sandbox.listener.calls == 1


def test_the_sandbox_lets_nothing_be_written_outside(graded):
    needs_sandbox(True)
    assert graded.written == []


def test_without_the_sandbox_it_would_have_been_written(graded_without_sandbox):
    assert graded_without_sandbox.written == graded_without_sandbox.outside


def test_hidden_checks_show_no_values(graded):
    checks = [c for r in graded.results for e in r["exercises"] for c in e["checks"] if c["hidden"]]
    assert len(checks) > 100
    assert all(c["expected"] is None and c["came"] is None for c in checks)
    told = {c["why"] for c in checks}
    assert not any(character.isdigit() for why in told for character in why if "seconds" not in why), told


def test_a_learners_mutant_is_called_by_its_name(graded):
    first = graded.by_name["mutant made by a learner"]["exercises"][0]
    assert first["mistake"]["name"] == "axis"
    assert graded.by_name["all right"]["exercises"][0]["mistake"] is None
    assert graded.by_name["blank"]["exercises"][0]["mistake"] is None


def test_public_checks_count_when_they_are_given_weight(graded, small, tmp_path):
    folder = tmp_path / "class"
    name = "public values hard-coded"
    write_class(folder, {})
    (folder / f"{name}.ipynb").write_bytes((graded.folder / f"{name}.ipynb").read_bytes())
    result = by_name(grade(small, folder, tmp_path / "state", BOXED, weight=1.0))[name]
    assert result["points"] == pytest.approx(4 * 2 / 4 + 2 * 1 / 2 + 4 * 1 / 2)
