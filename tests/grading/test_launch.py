"""What a sandboxed process can see."""

import subprocess

import pytest

from course_lib.grading.launch import HOME, sandbox
from tests.grading.conftest import BOXED, NO_SANDBOX


def inside(tmp_path, readable, *command):
    sockets = tmp_path / "sockets"
    sockets.mkdir(exist_ok=True)
    plan = {"readable": [str(path) for path in readable], "sockets": str(sockets)}
    return subprocess.run([*sandbox(plan), *map(str, command)], capture_output=True, text=True)


@pytest.mark.skipif(not BOXED, reason=NO_SANDBOX)
def test_a_course_that_lies_in_tmp_is_seen_and_its_neighbours_are_not(tmp_path):
    """pytest's own folders lie in /tmp, which is another one inside."""
    course, neighbour = tmp_path / "course", tmp_path / "neighbour"
    for folder in (course, neighbour):
        folder.mkdir()
        (folder / "file.txt").write_text("a robot")
    assert inside(tmp_path, [course], "/bin/cat", course / "file.txt").stdout == "a robot"
    assert inside(tmp_path, [course], "/bin/cat", neighbour / "file.txt").returncode != 0
    assert inside(tmp_path, [course], "/bin/touch", course / "new").returncode != 0
    assert inside(tmp_path, [course], "/bin/touch", f"{HOME}/new", "/tmp/new").returncode == 0
    assert not (course / "new").exists()
