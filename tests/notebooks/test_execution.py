"""Every chapter runs, cell by cell: what the site shows is looked at, what it lacks or outgrew is executed here."""

import nbformat
import pytest

from press.execute import ChapterError, chapters, executed

SPREAD_BY = "path"  # chapters may run on different workers
PASSES = ("raises-exception", "skip-execution", "NBVAL_")  # marks that let a cell fail, or leave it out


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def let_off(notebook):
    """Name the cells that carry a mark with which an error would pass."""
    said = {cell.id: [*cell.metadata.get("tags", []), cell.source] for cell in code_cells(notebook)}
    return [name for name, words in said.items() if any(mark in word for mark in PASSES for word in words)]


def not_run(notebook):
    """Name the cells that did not run in their turn: counts of execution go up by one from the first to the last."""
    return [c.id for turn, c in enumerate(code_cells(notebook), 1) if c.source.strip() and c.execution_count != turn]


def failed(notebook):
    """Name the cells that put out an error, and the error."""
    outputs = [(cell.id, output) for cell in code_cells(notebook) for output in cell.outputs]
    return [f"{name}: {o.ename}: {o.evalue}" for name, o in outputs if o.output_type == "error"]


@pytest.mark.parametrize("path", chapters(), ids=lambda p: p.stem)
def test_every_cell_runs(path):
    assert let_off(nbformat.read(path, 4)) == []
    try:
        notebook = executed(path)
    except ChapterError as error:
        pytest.fail(str(error), pytrace=False)
    assert failed(notebook) == []
    assert not_run(notebook) == []


def test_each_fault_is_found():
    def notebook(**changes):
        cells = [nbformat.v4.new_code_cell(f"{i} + {i}", id=f"sum-{i}", execution_count=i) for i in (1, 2, 3)]
        cells[1].update(changes)
        return nbformat.from_dict(nbformat.v4.new_notebook(cells=cells))

    error = nbformat.v4.new_output("error", ename="ValueError", evalue="too odd")
    assert let_off(notebook()) == failed(notebook()) == not_run(notebook()) == []
    assert let_off(notebook(source="# NBVAL_RAISES_EXCEPTION\n1 / 0")) == ["sum-2"]
    assert let_off(notebook(metadata={"tags": ["raises-exception"]})) == ["sum-2"]
    assert not_run(notebook(execution_count=None)) == ["sum-2"]
    assert failed(notebook(outputs=[error])) == ["sum-2: ValueError: too odd"]
