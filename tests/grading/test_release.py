"""What the build makes of a master, and each fault for which it refuses one."""

import json
import re
import subprocess
import sys

import nbformat
import pytest

from course_lib.grading import master
from course_lib.grading.master import Refused, read_master
from course_lib.grading.notebooks import open_reference
from course_lib.grading.release import leaks, release
from tests.grading.conftest import SMALL

TEXT = SMALL.read_text("utf8")
MASK = (
    TEXT[: TEXT.index("# %% exercise softmax")]
    + TEXT[TEXT.index("# %% exercise mask") : TEXT.index("# %% exercise att")]
)


def refusal(tmp_path, text):
    """Release a master that is refused; return why. Nothing may have been written."""
    path = tmp_path / "master.py"
    path.write_text(text, "utf8")
    with pytest.raises(Refused) as refused:
        release(read_master(path), *(tmp_path / name for name in "nrks"))
    assert [p.name for p in tmp_path.iterdir()] == ["master.py"]
    return str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("### BEGIN SOLUTION", "", "no solution region"),
        ("### END SOLUTION", "", "no solution region"),
        ("def causal_mask(n):\n    ### BEGIN", "### BEGIN", "outside of a function"),
        (" points=2", "", "no points"),
        (" minutes=5", "", "no minutes"),
        ("# %% hint\n# tril\n", "", "no hint"),
        ("# %% hidden\n", "# %% check\n", "no hidden"),
        ('# %% check\ncheck("mask of 3", lambda: causal_mask(3))\n', "", "no check"),
        ("# %% mutant strict", "# %% text strict", "unknown role 'text'"),
        ("# %% mutant strict", "# %% alternative strict", "2 mutants, and needs 3"),
        ('"It hides the position itself: k=-1."', '""', "strict has no sentence"),
        ("# %% mutant future", "# %% mutant strict", "called 'strict'"),
        ("# %% alternative compare", "# %% show", "no alternative"),
        ("# %% sheet small", "# %% setup", "begins with one cell"),
    ],
)
def test_a_master_with_a_part_missing_is_refused(tmp_path, old, new, why):
    assert old in MASK
    assert why in refusal(tmp_path, MASK.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("k=-1)", "k=0)", "the mutant 'strict' is wrong and passes every check: too lax"),
        ("return np.triu(np.ones((n, n), dtype=bool))", "return np.tri(n, k=-1, dtype=bool)", "apart"),
        ("np.arange(n)[:, None] >= np.arange(n)", "np.tri(n)", "the alternative 'compare' is right and fails"),
        ('check("mask of 3", lambda: causal_mask(3))', "causal_mask(3)", "it prints no value"),
        ('check("mask of 3", lambda: causal_mask(3))', "print(causal_mask(3))", "it gives an stream"),
        ('check("mask of 3", lambda: causal_mask(3))', "causal_mask(3) / 'x'", "it gives an error"),
        (
            'check("mask of 3", lambda: causal_mask(3))',
            'check("m", lambda: causal_mask(3) / "x")',
            "the right answer gives",
        ),
        ('"mask of 3"', '"mask, size"', "two checks print the label 'mask, size'"),
        (
            "# Write mask.",
            "# Write `return np.tril(np.ones((n, n), dtype=bool))`.",
            "of the solution of mask stands in it",
        ),
    ],
)
def test_a_master_whose_run_shows_a_fault_is_refused(tmp_path, old, new, why):
    assert old in MASK
    assert why in refusal(tmp_path, MASK.replace(old, new, 1))


def test_an_exercise_that_needs_another_answer_is_refused(tmp_path):
    text = TEXT.replace("return by_hand.softmax(np.where(seen", "return softmax(np.where(seen")
    assert "attention-check-1: the right answer gives no answer yet" in refusal(tmp_path, text)


def test_the_released_notebook_holds_blanks_hints_and_public_checks_alone(released, small):
    ids = [c.id for c in released.cells]
    assert [i for i in ids if "hidden" in i] == []
    text = nbformat.writes(released)
    assert text.count("raise NotImplementedError") == 3
    assert text.count("<details>") == 3
    assert "SOLUTION" not in text
    assert not any(c.get("outputs") for c in released.cells)
    assert leaks(small.sheet, {"x": text + small.key.read_text("utf8")}) == []
    assert leaks(small.sheet, {"x": text + "seen = np.tri(len(q), dtype=bool)"}) != []


def test_the_key_holds_no_solution_and_nothing_hidden(small):
    key = small.key.read_text("utf8")
    assert "hidden-" not in key
    assert "a batch" not in key
    assert all(m["source"] == "" for e in json.loads(key)["exercises"] for m in e["mutants"])
    assert all(e["solution"] == "" and not e["alternatives"] for e in json.loads(key)["exercises"])


def test_plain_nbval_passes_the_reference(small, tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, str(small.reference)], capture_output=True, text=True, check=False)
    assert "passed" in done.stdout, done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("damage", ["outputs", "count", "sheet", "cell"])
def test_a_stripped_reference_is_refused(small, tmp_path, damage):
    notebook = nbformat.read(small.reference, 4)
    check = next(c for c in notebook.cells if c.metadata.get("course", {}).get("role") == "check")
    if damage == "outputs":
        check.outputs = []
    elif damage == "count":
        check.execution_count = None
    elif damage == "sheet":
        del notebook.metadata["course"]
    else:
        notebook.cells.remove(check)
    nbformat.write(notebook, tmp_path / "x.reference.ipynb")
    with pytest.raises(Refused, match=r"no reference|no stored output"):
        open_reference(tmp_path / "x.reference.ipynb")


def test_a_reference_says_once_what_is_expected_and_gives_the_sheet_back(small):
    kept = nbformat.read(small.reference, 4).metadata["course"]["reference"]
    assert [c["expected"] for e in kept["exercises"] for c in e["checks"] if c["expected"]] == []
    assert open_reference(small.reference) == small.sheet


def test_a_master_may_be_a_notebook_too(tmp_path):
    cells = []
    for part in master._parts_of_code(TEXT):
        kind = "markdown" if part.role in master.PROSE else "code"
        course = {"role": part.role, "name": part.name, "text": part.title, **part.options}
        cells.append({"cell_type": kind, "source": part.text, "metadata": {"course": course}})
    (tmp_path / "m.ipynb").write_text(json.dumps({"cells": cells}), "utf8")
    assert read_master(tmp_path / "m.ipynb") == read_master(SMALL)


def test_the_page_of_the_site_has_every_hint_folded_and_no_solution(small):
    page = small.page.read_text("utf8")
    assert page.count(":::{dropdown} Hint") == sum(len(e.hints) for e in small.sheet.exercises)
    assert leaks(small.sheet, {"page": page}) == []


def test_the_solutions_page_has_every_answer_and_mistake(small):
    page = small.solutions.read_text("utf8")
    for e in small.sheet.exercises:
        assert all(line in page for line in master.solution_lines(e.solution))
        assert all(m.sentence in page for m in e.mutants)
    assert "SOLUTION" not in page
    assert len(re.findall(r"^:::\{dropdown\}", page, re.M)) == len(re.findall(r"^:::$", page, re.M))
