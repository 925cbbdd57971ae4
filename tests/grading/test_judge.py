"""The judge's processes: each notebook has its own, started before it came; on any system, under any user's limits."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import psutil
import pytest

from course_lib.grading.judges import JudgeProcess, scrubbed
from course_lib.grading.kernel import Kernel, Limits
from course_lib.grading.launch import threads_of_user
from tests.grading.conftest import BOXED, NO_SANDBOX

BOXES = [pytest.param(True, marks=pytest.mark.skipif(not BOXED, reason=NO_SANDBOX), id="boxed"), False]
UNIX_ALONE = ["resource", "fcntl", "termios", "pwd", "grp"]  # modules that Windows lacks
PRINTS = "from course_lib.grading.check_cell import Check\nCheck()('found', lambda: {})"
LEAVES = """
import builtins, pathlib
builtins.seen = 1
for folder in ('/tmp', pathlib.Path.home()):
    pathlib.Path(folder, 'course-left-behind').write_text('x')
"""
FINDS = (
    "[hasattr(__import__('builtins'), 'seen'), "
    "__import__('pathlib').Path('/tmp/course-left-behind').exists(), "
    "(__import__('pathlib').Path.home() / 'course-left-behind').exists()]"
)


def cells(answer, thunk):
    """Make a merged notebook: one answer, and one check of the value of a thunk."""

    def cell(id, source, role):
        ran = {"execution_count": 1 if role == "check" else None, "outputs": []}
        course = {"role": role, "exercise": "one"}
        return {"id": id, "cell_type": "code", "source": source, "metadata": {"course": course}, **ran}

    return [cell("answer", answer, "answer"), cell("check", PRINTS.format(thunk), "check")]


def found(outcomes):
    """Read the value that the check printed."""
    (item,) = outcomes["check"]["printed"]
    return [i["value"] for i in item["value"]["items"]]


@pytest.fixture
def judging():
    made = []

    def start(**limits):
        made.append(JudgeProcess(Limits(timeout=30.0, **limits)))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.close()
    pathlib.Path("/tmp/course-left-behind").unlink(missing_ok=True)


@pytest.mark.parametrize("box", BOXES)
def test_a_notebook_finds_nothing_of_the_one_before(judging, box):
    one = judging(sandbox=box)
    assert found(one(cells(LEAVES, FINDS), more=True)) == ["True", "True", "True"]
    assert found(one(cells("x = 1", FINDS), more=True)) == ["False", "False" if box else "True", "False"]


def kernels():
    everybody = psutil.Process().children(recursive=True)
    return [p for p in everybody if "ipykernel_launcher" in p.cmdline() and "launch.py" not in str(p.cmdline())]


def test_a_waiting_kernel_that_is_killed_costs_nobody_a_mark(judging):
    one = judging()
    one(cells("x = 1", "[x]"), more=True)
    while not (waiting := kernels()):  # it was started while the first was judged
        assert psutil.Process(one._process.pid).is_running()
    for process in waiting:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(waiting, timeout=30)
    assert found(one(cells("x = 1", "[x + 41]"))) == [42]


def test_nothing_waits_when_nothing_more_is_to_come(judging):
    judging()(cells("x = 1", "[x]"), more=False)
    assert kernels() == []


@pytest.fixture
def short_folder():
    """Under the system's own folder: the path of a socket has room for about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield pathlib.Path(folder)


def test_no_settings_of_anybody_run_in_the_judge(monkeypatch, short_folder):
    monkeypatch.setenv("TMPDIR", str(short_folder))
    (short_folder / "conftest.py").write_text(f"open({str(short_folder / 'ran')!r}, 'w')")
    (short_folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    one = JudgeProcess(Limits(timeout=30.0))
    try:
        assert one(cells("x = 1", "[x]"))["check"]["printed"]
    finally:
        one.close()
    assert sorted(p.name for p in short_folder.iterdir()) == ["conftest.py", "pytest.ini"]


def test_a_kernel_starts_beside_a_user_s_many_threads():
    """On a desktop a browser alone runs hundreds, and Linux counts them all."""
    over, before = threading.Event(), threads_of_user() if sys.platform == "linux" else 0
    crowd = [threading.Thread(target=over.wait) for _ in range(300)]
    try:
        for thread in crowd:
            thread.start()
        if sys.platform == "linux":
            assert threads_of_user() >= before + 250
        Kernel(Limits(sandbox=BOXED)).close()
    finally:
        over.set()
        for thread in crowd:
            thread.join()


def elsewhere(code, *words, **pipes):
    """Run Python as on a system that has neither fork nor Unix's own modules."""
    without = f"import os, sys; sys.modules.update(dict.fromkeys({UNIX_ALONE})); del os.fork; {code}"
    command = [sys.executable, "-c", without, *map(str, words)]
    here = {**os.environ, **scrubbed(), "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, env=here, encoding="utf8", check=False, **pipes)


def test_every_verb_is_there_on_other_systems(small, tmp_path):
    for verb in ("check", "grade", "release", "doctor"):
        done = elsewhere("from course_lib.__main__ import main; main()", verb, "--help")
        assert done.returncode == 0, done.stderr
    done = elsewhere("from course_lib.__main__ import main; main()", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    words = ["check", small.notebook, "--keys", small.key.parent]
    done = elsewhere("from course_lib.__main__ import main; main()", *words)
    assert done.returncode == 1, done.stderr
    assert "no answer yet" in done.stdout


def test_without_fork_the_judge_answers_the_same(small, judging):
    notebooks = [cells("x = 1", "[x]"), cells("x = 1 / 0", "[x]")]
    orders = "".join(json.dumps({"cells": c, "more": True}) + "\n" for c in notebooks)
    limits = json.dumps({"timeout": 30.0})
    done = elsewhere("from course_lib.grading.server import serve; serve()", limits, os.getpid(), input=orders)
    one = judging()
    assert [json.loads(line)["outcomes"] for line in done.stdout.splitlines()] == [one(c) for c in notebooks]


def test_limits_are_left_out_where_there_are_none():
    done = elsewhere("from course_lib.grading.launch import limit; limit(1, 1)")
    assert done.returncode == 0, done.stderr
