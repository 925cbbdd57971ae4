"""One small sheet, released once; one class of every kind of submission, graded once."""

import json
import pathlib
import socket
import threading

import nbformat
import pytest

from course_lib.grading import classroom
from course_lib.grading.kernel import Limits, sandbox_works
from course_lib.grading.master import read_master
from course_lib.grading.release import Released, release
from course_lib.grading.store import Store
from tests.grading import submissions

SMALL = pathlib.Path(__file__).parent / "sheets" / "small.py"
BOXED = sandbox_works()
TIMEOUT = 3.0  # seconds for a cell: enough for a sheet this small on a busy machine
NO_SANDBOX = "bubblewrap is missing or may not make namespaces on this machine: `apt install bubblewrap`"


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Released:
    """The small sheet, released."""
    folder = tmp_path_factory.mktemp("small")
    return release(read_master(SMALL), *(folder / name for name in ("notebooks", "references", "keys", "pages")))


@pytest.fixture(scope="session")
def released(small):
    return nbformat.read(small.notebook, 4)


@pytest.fixture(scope="session")
def public(small):
    """What the public checks print for right answers: all that a forger can know."""
    checks = [c for e in small.sheet.exercises for c in e.checks if not c.hidden]
    return {item["label"]: item["value"] for c in checks for item in c.expected}


class Listener:
    """A server on this machine that counts who calls."""

    def __init__(self):
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                self.socket.accept()[0].close()
                self.calls += 1
            except OSError:
                return


def write_class(folder, made):
    """Write submissions into a folder, one file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, submission in made.items():
        (folder / f"{name}.ipynb").write_bytes(submission.data)
    return folder


def by_name(results):
    return {r["submission"].removesuffix(".ipynb"): r for r in results}


def grade(small, folder, state, sandbox, jobs=1, weight=0.0, told=lambda *a: None):
    options = classroom.Options(Limits(timeout=TIMEOUT, sandbox=sandbox), jobs, weight)
    room = classroom.Classroom(classroom.open_references(small.reference.parent), options, Store(state))
    return room.grade(folder, told)


class Graded:
    """Everything that was handed in, and its results; with and without the sandbox."""

    def __init__(self, small, released, public, folder, boxed, hostile_alone=False):
        self.listener = Listener()
        self.outside = [folder / "PWNED", small.reference.parent / "PWNED", pathlib.Path.home() / ".course-pwned"]
        made = submissions.everything(released, public, self.listener.port, tuple(map(str, self.outside)))
        if not boxed:
            made = {n: s for n, s in made.items() if "sandbox only" not in s.tags}
        if hostile_alone:
            made = {n: s for n, s in made.items() if s.hostile}
        self.folder = write_class(folder / "class", made)
        self.results = grade(small, self.folder, folder / "state", boxed, jobs=2)
        self.by_name = by_name(self.results)
        self.text = json.dumps(self.results)
        self.listener.socket.close()
        self.written = [path for path in self.outside if path.exists()]
        for path in self.written:
            path.unlink()


@pytest.fixture(scope="session")
def graded(small, released, public, tmp_path_factory):
    """Every submission, in the sandbox where there is one."""
    return Graded(small, released, public, tmp_path_factory.mktemp("everything"), BOXED)


@pytest.fixture(scope="session")
def graded_without_sandbox(small, released, public, tmp_path_factory):
    """The hostile submissions, without the sandbox."""
    return Graded(small, released, public, tmp_path_factory.mktemp("hostile"), False, True)
