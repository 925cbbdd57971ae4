"""Outputs are made once, made again when something that they depend on changed, and never kept when wrong."""

import nbformat
import pytest
from jupyter_cache import get_cache

from press import execute


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Two chapters in a book of their own; `prints` are their fingerprints, which a test may change."""
    prints = {}
    monkeypatch.setattr(execute, "BOOK", tmp_path)
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    monkeypatch.setattr(execute, "fingerprint", lambda path: prints.get(path.stem, "first"))
    for name, code in {"01_one": "print('one')", "02_two": "print('two')"}.items():
        write(tmp_path / f"{name}.ipynb", code)
    return tmp_path, prints


def write(path, code):
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)


def output(folder, path):
    _, notebook = get_cache(str(folder)).merge_match_into_notebook(nbformat.read(path, 4))
    return notebook.cells[0].outputs[0].text


def test_second_run_executes_nothing_and_a_change_executes_what_changed(book):
    folder, prints = book
    cache = folder / "cache"
    assert execute.bring_up_to_date(cache) == ["01_one", "02_two"]
    assert output(cache, folder / "01_one.ipynb") == "one\n"
    assert execute.bring_up_to_date(cache) == []

    prints["02_two"] = "the library changed"
    assert execute.bring_up_to_date(cache) == ["02_two"]

    write(folder / "01_one.ipynb", "print('uno')")
    assert execute.bring_up_to_date(cache) == ["01_one"]
    assert output(cache, folder / "01_one.ipynb") == "uno\n"


def test_a_broken_chapter_is_named_and_leaves_no_record(book):
    folder, _ = book
    write(folder / "02_two.ipynb", "1 / 0")
    with pytest.raises(execute.ChapterError, match=r"02_two.*(?s:.*)ZeroDivisionError"):
        execute.bring_up_to_date(folder / "cache")
    with pytest.raises(KeyError):
        output(folder / "cache", folder / "02_two.ipynb")
