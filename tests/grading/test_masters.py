"""The course's own exercise sheets: what is committed is what their masters give, and a blank notebook runs."""

import json
import pathlib

import nbformat
import pytest

from course_lib.grading.kernel import Kernel, Limits, run_cells
from course_lib.grading.master import clean, read_master
from course_lib.grading.release import release
from course_lib.grading.sheet import KEYS, from_json, printed_alike
from course_lib.grading.trial import faults_of_values, run_variants, with_values

ROOT = pathlib.Path(__file__).resolve().parents[2]
MASTERS = sorted((ROOT / "masters").glob("[0-9]*.py"))
SPREAD_BY = "built"  # sheets may run on different workers


@pytest.fixture(scope="module", params=MASTERS, ids=lambda path: path.stem)
def built(request, tmp_path_factory):
    """Release a master anew; that alone runs its mutants and alternatives."""
    folder = tmp_path_factory.mktemp("built")
    return release(read_master(request.param), *(folder / name for name in "nrks"))


def test_there_is_a_master():
    assert any(path.stem.endswith("_attention") for path in MASTERS)


def test_what_is_committed_is_what_the_master_gives(built):
    name = built.sheet.name
    again = "run `python -m course_lib release masters/*.py` and commit what it writes"
    assert (ROOT / "book" / "exercises" / f"{name}.ipynb").read_text("utf8") == built.notebook.read_text("utf8"), again
    old, new = (from_json(json.loads(p.read_text("utf8"))) for p in (KEYS / f"{name}.json", built.key))
    for a, b in zip(old.exercises, new.exercises, strict=True):
        assert (a.text, a.hints, a.blank) == (b.text, b.hints, b.blank), again
        assert [c.source for c in a.checks] == [c.source for c in b.checks], again
        for c, d in zip(a.checks, b.checks, strict=True):  # another machine rounds otherwise
            assert printed_alike(c.expected, d.expected), f"{again}: {c.id}"


@pytest.fixture(scope="module")
def kernel(built):
    """One kernel for all runs with other inputs: most of the time goes into its imports."""
    with Kernel(Limits(timeout=60.0)) as kernel:
        yield kernel


@pytest.mark.slow
@pytest.mark.parametrize("salt", [1, 20_261_124])
def test_other_hidden_inputs_catch_every_mutant_too(built, kernel, salt):
    found = run_variants(built.sheet, salt, kernel)
    assert faults_of_values(with_values(built.sheet, found), found) == []


def test_a_sheet_is_worth_doing(built):
    assert 3 <= len(built.sheet.exercises) <= 6
    assert built.sheet.exercises[-1].show, "the last exercise ends in something to enjoy"
    assert all(e.minutes <= 30 and 1 <= e.difficulty <= 3 for e in built.sheet.exercises)
    assert all(len(e.hints) >= 2 for e in built.sheet.exercises), "hints are graded: from gentle to plain"


def cells_of(built, solved):
    for cell in nbformat.read(built.notebook, 4).cells:
        role = cell.metadata.get("course", {}).get("role")
        if cell.cell_type == "code":
            e = next((e for e in built.sheet.exercises if role == "answer" and cell.id == f"{e.name}-answer"), None)
            yield cell.id, f"{e.marker}\n{clean(e.solution)}" if e and solved else cell.source


@pytest.mark.parametrize("solved", [False, True], ids=["blank", "solved"])
def test_the_notebook_runs_from_top_to_bottom(built, solved):
    with Kernel(Limits(timeout=120.0)) as fresh:
        outputs = run_cells(cells_of(built, solved), fresh)
    assert [(name, o["evalue"]) for name, outs in outputs.items() for o in outs if o["output_type"] == "error"] == []
    shown = [o for name, outs in outputs.items() for o in outs if name.endswith("-show")]
    drawn = [o for o in shown if "data" in o]  # a figure or a text; what does not run yet is said by print
    said = "".join(str(o["data"]["text/plain"]) for outs in outputs.values() for o in outs if "data" in o)
    if solved:
        assert drawn == shown
        assert "✗" not in said
    else:
        assert drawn == []
        assert "✓" not in said
