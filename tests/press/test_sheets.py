"""Pages of exercises and solutions come from the masters: without running them, and only where something changed."""

import pathlib
import shutil

import pytest

from press import sheets

SMALL = pathlib.Path(__file__).parents[1] / "grading" / "sheets" / "small.py"


@pytest.fixture
def book(tmp_path: pathlib.Path) -> pathlib.Path:
    """A book with one master, whose code would say so if it were run."""
    (tmp_path / "masters").mkdir()
    master = tmp_path / "masters" / "03_small.py"
    shutil.copy(SMALL, master)
    text = master.read_text("utf-8")
    master.write_text(text.replace("# %% setup\n", f"# %% setup\nopen({str(tmp_path / 'ran')!r}, 'w')\n"), "utf-8")
    assert master.read_text("utf-8") != text
    return tmp_path


def test_a_master_gives_two_pages_and_is_not_run(book: pathlib.Path):
    exercises, solutions = sheets.write(book)
    assert solutions == exercises.replace(".md", "_solutions.md")
    folder = book / "book" / "sheets"
    assert sorted(page.name for page in folder.iterdir()) == sorted([exercises, solutions])
    assert "raise NotImplementedError" in (folder / exercises).read_text("utf-8")
    assert "raise NotImplementedError" not in (folder / solutions).read_text("utf-8")
    assert not (book / "ran").exists()


def test_a_page_is_written_again_only_when_its_text_changes(book: pathlib.Path):
    exercises, solutions = sheets.write(book)
    assert sheets.write(book) == []
    (book / "book" / "sheets" / solutions).unlink()
    assert sheets.write(book) == [solutions]
    (book / "book" / "sheets" / exercises).write_text("edited by hand")
    assert sheets.write(book) == [exercises]


def test_a_page_that_no_master_gives_any_more_goes(book: pathlib.Path):
    sheets.write(book)
    next((book / "masters").iterdir()).unlink()
    assert sheets.write(book) == []
    assert list((book / "book" / "sheets").iterdir()) == []


def test_a_master_that_cannot_be_read_is_named(book: pathlib.Path):
    (book / "masters" / "04_broken.py").write_text("# %% nonsense\n")
    with pytest.raises(sheets.SheetError, match=r"masters/04_broken\.py cannot be read:\n"):
        sheets.write(book)
