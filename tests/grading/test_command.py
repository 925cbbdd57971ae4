"""The verbs as a person types them: what they print, what they write, and how they end."""

import json
import os
import pathlib
import subprocess
import sys

import nbformat
import pytest
from click.testing import CliRunner

from course_lib.__main__ import main
from course_lib.grading import command
from tests.grading.conftest import BOXED, NO_SANDBOX, SMALL
from tests.grading.submissions import RIGHT, Maker

ROOT = pathlib.Path(__file__).resolve().parents[2]


def course(*words, cwd=None, **environment):
    """Run python -m course_lib; return how it ended and what it said."""
    full = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment}
    command = [sys.executable, "-m", "course_lib", *map(str, words)]
    how = {"encoding": "utf8", "errors": "replace"}
    return subprocess.run(command, capture_output=True, cwd=cwd, env=full, check=False, **how)


@pytest.fixture
def mine(released, public, tmp_path):
    """Write a learner's notebook with these answers."""

    def write(**over):
        path = tmp_path / "my own name.ipynb"
        nbformat.write(Maker(released, public).notebook(RIGHT, **over), path)
        return path

    return write


def test_check_says_which_check_what_came_and_which_mistake_and_leaves_the_file_alone(small, mine):
    path = mine(softmax=RIGHT["softmax"].replace("e.sum(axis=-1", "e.sum(axis=0"))
    before = path.read_bytes()
    done = course("check", path, "--keys", small.key.parent, "--hints", "1")
    assert done.returncode == 1, done.stderr
    for words in (
        "A known mistake",
        "softmax, two rows",
        "6 of 6 entries differ",
        "expected",
        "came",
        "Hint 1.",
        "✓ Mask",
    ):
        assert words in done.stdout
    assert "Hint 2" not in done.stdout
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_check_speaks_in_a_code_page_that_lacks_its_signs(small, mine):
    done = course("check", mine(), "--keys", small.key.parent, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert "+ Mask" in done.stdout
    assert "Traceback" not in done.stderr


def test_check_of_right_answers_ends_with_0_and_can_speak_json(small, mine, tmp_path):
    done = course("check", mine(), "--keys", small.key.parent, "--json", "--html", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["points"] == result["of"] == 10
    assert "✓ passed" in (tmp_path / "page.html").read_text("utf8")


def test_grade_writes_every_report_and_ends_with_what_it_found(small, mine, tmp_path):
    folder = mine(mask="def causal_mask(n):\n    return None\n").parent
    (folder / "empty.ipynb").write_bytes(b"")
    out = tmp_path / "out"
    files = ["--json", out / "r.json", "--csv", out / "r.csv", "--junit", out / "r.xml", "--html", out / "html"]
    options = ["--reference", small.reference.parent, "--state", tmp_path.parent / "state", "--sandbox", "off"]
    done = course("grade", folder / "my own name.ipynb", *options, *files)
    assert done.returncode == 1, done.stderr
    assert "8 of 10" in done.stdout
    assert all((out / name).exists() for name in ("r.json", "r.csv", "r.xml", "html/index.html"))
    assert course("grade", folder / "empty.ipynb", *options).returncode == 2


def test_wrong_use_ends_with_3(tmp_path):
    here, run = str(tmp_path), CliRunner().invoke
    for words in (["grade"], ["grade", "nowhere"], ["grade", here, "--jobs", "0"], ["check", "nowhere"], ["release"]):
        assert run(main, words).exit_code == 3, words
    assert run(main, ["grade", here, "--memory", "much"]).exit_code == 3
    assert course("check", "nowhere").returncode == 3


def test_a_broken_reference_ends_with_4_and_writes_no_grades(small, mine, tmp_path):
    notebook = nbformat.read(small.reference, 4)
    sheet = notebook.metadata["course"]["reference"]
    sheet["exercises"][0]["solution"] = sheet["exercises"][0]["solution"].replace("axis=-1", "axis=9")
    (tmp_path / "refs").mkdir()
    nbformat.write(notebook, tmp_path / "refs" / "small.reference.ipynb")
    words = [
        "grade",
        mine(),
        "--reference",
        tmp_path / "refs",
        "--json",
        tmp_path / "r.json",
        "--state",
        tmp_path / "s",
    ]
    done = course(*words)
    assert done.returncode == 4
    assert "No grades were written" in done.stderr
    assert not (tmp_path / "r.json").exists()
    assert course(*words[:3], tmp_path / "empty", "--state", tmp_path / "s").returncode == 4


def test_without_bubblewrap_auto_says_so_loudly_and_require_refuses(small, mine, tmp_path):
    folder = tmp_path / "bin"  # a PATH that has no bwrap on it
    folder.mkdir()
    words = ["grade", mine(), "--reference", small.reference.parent, "--state", tmp_path / "s"]
    done = course(*words, PATH=str(folder))
    assert done.returncode == 0, done.stderr
    assert "NO SANDBOX" in done.stderr
    assert course(*words, "--sandbox", "require", PATH=str(folder)).returncode == 4


def test_doctor_says_what_works():
    done = course("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a kernel without the sandbox runs" in done.stdout
    if not BOXED:
        pytest.skip(NO_SANDBOX)
    assert "a kernel in the sandbox runs" in done.stdout


def test_release_writes_its_files_or_says_why_not(tmp_path):
    where = [
        "-o",
        tmp_path / "n",
        "--reference",
        tmp_path / "r",
        "--keys",
        tmp_path / "k",
        "--pages",
        tmp_path / "s",
    ]
    done = course("release", SMALL, *where)
    assert done.returncode == 0, done.stderr
    assert "3 exercises, 10 points, 9 mutants caught" in done.stdout
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 5
    (tmp_path / "bad.py").write_text(SMALL.read_text("utf8").replace(" points=4", "", 1), "utf8")
    bad = course("release", tmp_path / "bad.py", *where)
    assert bad.returncode == 4
    assert "exercise softmax: it has no points" in bad.stderr


@pytest.mark.parametrize(("text", "size"), [("4G", 4 << 30), ("512M", 512 << 20), ("1.5g", 3 << 29), ("1024", 1024)])
def test_sizes(text, size):
    assert command.Memory().convert(text, None, None) == size
