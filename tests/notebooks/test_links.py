"""Chapters name each other by a link with the title, never by a number; every link leads somewhere."""

import pathlib

import nbformat
import pytest

from press import links


def test_no_chapter_is_named_by_its_number():
    assert links.numbers_left() == [], "name it by a link with its title, in code by its title"


def test_every_link_leads_to_the_chapter_that_it_names():
    assert links.faults_of_links() == []


@pytest.mark.parametrize(
    "said",
    ["chapter {}", "Chapters {} and 5", "(chapters {} to 6)", "chapter\n{}", "chapter\n# {}", "ch. {}", "chapter's {}"],
)
@pytest.mark.parametrize("number", ["7", "12", "seven", "Twelve"])
def test_numbers_are_found(said, number):
    assert len(links.numbers(f"As {said.format(number)} says.")) == 1


@pytest.mark.parametrize("place", ["next", "previous", "last", "fourth", "next two", "following\n"])
def test_neighbours_are_found_in_prose_alone(place):
    text = f"The {place} {'chapter' if 'two' not in place else 'chapters'} shows it."
    assert len(links.numbers(text)) == 1
    assert links.numbers(text, prose=False) == []


@pytest.mark.parametrize(
    "fine",
    ["this chapter has 7 parts", "every chapter", "Make a chapter\n\n1. One claim", "come next\nchapter.source(f)",
     "later chapters", "20 chapters", "the chapter on attention", "chapters in 5 parts"],
)  # fmt: skip
def test_what_is_no_number_of_a_chapter_is_let_alone(fine):
    assert links.numbers(fine) == []


@pytest.fixture
def book(tmp_path: pathlib.Path) -> pathlib.Path:
    """A book of two chapters, and exercises to one of them."""
    for stem, title in {"01_words": "Words", "03_sums": "Sums: an introduction"}.items():
        page(tmp_path / "book" / f"{stem}.ipynb", f"# {title}")
    page(tmp_path / "book" / "exercises" / "03_sums.ipynb", "# Exercises")
    (tmp_path / "book" / "sheets").mkdir()
    return tmp_path


def page(path: pathlib.Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [nbformat.v4.new_markdown_cell(text, id="title")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    path.write_text(text if path.suffix == ".md" else nbformat.writes(notebook), "utf8")


@pytest.mark.parametrize(
    ("where", "link", "fault"),
    [
        ("book/a.md", "[Words](01_words.ipynb)", ""),
        ("book/a.md", "[the sums](03_sums.ipynb#why)", ""),
        ("book/a.md", "[An\nintroduction](03_sums.ipynb)", ""),
        ("book/a.md", "[practise](exercises/03_sums.ipynb)", ""),
        ("book/a.md", "write `[Sums](07_sums.ipynb)`", ""),
        ("book/a.md", "[elsewhere](https://a.example/01_words.ipynb)", ""),
        ("book/exercises/03_sums.ipynb", "[Sums](../03_sums.ipynb)", ""),
        ("README.md", "[Words](book/01_words.ipynb)", ""),
        ("masters/03_sums.py", "# [Sums](../03_sums.ipynb)", ""),
        ("book/a.md", "[Words](02_words.ipynb)", "no file"),
        ("book/a.md", "[Words](03_sums.ipynb)", "'Sums: an introduction'"),
        ("book/a.md", "[here](01_words.ipynb)", "'Words'"),
        ("book/a.md", "[practise](exercises/01_words.ipynb)", "no file"),
        ("book/exercises/03_sums.ipynb", "[Sums](02_sums.ipynb)", "no file"),
        ("masters/03_sums.py", "# [Sums](03_sums.ipynb)", "no file"),
        ("masters/03_sums.py", "# [The\n# words](../03_sums.ipynb)", "'Sums: an introduction'"),
        ("book/03_sums.ipynb", "# Sums: an introduction\n\n[Words](04_words.ipynb)", "no file"),
    ],
)
def test_links_are_held_to_files_and_titles(book, where, link, fault):
    if where.endswith(".py"):
        (book / where).parent.mkdir()
        (book / where).write_text(f"# %% sheet\n{link}\n", "utf8")
    else:
        page(book / where, link)
    found = links.faults_of_links(book)
    assert len(found) == bool(fault)
    assert fault in "".join(found)
