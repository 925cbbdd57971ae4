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
    cells = [nbformat.v4.new_code_cell(code, id=name) for name, code in {"fine": "1", "divides": "1 / 0"}.items()]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "02_two.ipynb")
    with pytest.raises(execute.ChapterError, match=r"02_two.*cell divides:(?s:.*)ZeroDivisionError"):
        execute.bring_up_to_date(folder / "cache")
    with pytest.raises(KeyError):
        output(folder / "cache", folder / "02_two.ipynb")


def test_a_chapter_is_executed_once_for_the_site_and_for_the_tests(book, monkeypatch):
    folder, _ = book
    cache, path = folder / "cache", folder / "01_one.ipynb"
    assert execute.executed(path, cache).cells[0].outputs[0].text == "one\n"
    assert execute.bring_up_to_date(cache) == ["02_two"]

    monkeypatch.setattr(execute, "run", lambda path: pytest.fail(f"{path.stem} is executed again"))
    assert execute.executed(path, cache).cells[0].outputs[0].text == "one\n"


def test_what_is_out_of_date_is_executed_anew_for_a_test_too(book):
    folder, prints = book
    cache, path = folder / "cache", folder / "01_one.ipynb"
    (folder / "said").write_text("one")
    write(path, "print(open('said').read())")
    assert execute.executed(path, cache).cells[0].outputs[0].text == "one\n"
    (folder / "said").write_text("two")
    assert execute.executed(path, cache).cells[0].outputs[0].text == "one\n"
    prints["01_one"] = "the library changed"
    assert execute.executed(path, cache).cells[0].outputs[0].text == "two\n"


def test_two_processes_may_open_a_new_cache_at_once(tmp_path):
    """The second to finish finds a cache with a record in it, and leaves that alone."""
    first = execute.open_cache(tmp_path)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    execute.keep(first, tmp_path / "x.ipynb", (notebook, 1.0), "first")
    (tmp_path / "global.db").rename(tmp_path / "aside")

    def late(name):
        (tmp_path / "aside").rename(tmp_path / "global.db")
        return get_cache(name)

    with pytest.MonkeyPatch.context() as patch:
        made = iter([late, get_cache])
        patch.setattr(execute, "get_cache", lambda name: next(made)(name))
        assert len(execute.open_cache(tmp_path).list_cache_records()) == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == ["executed"]
