"""The chapters' files: committed without outputs, with stable ids, and citing only what exists."""

import json
import re

import nbformat
import pytest

from press.execute import BOOK, chapters
from press.notebooks import complaints, text, tidy

PATHS = chapters()
COMPONENTS = ("claim", "ask", "oracle", "break-it", "wrong")  # the anatomy of a chapter


def markdown(path):
    return "\n".join(c.source for c in nbformat.read(path, 4).cells if c.cell_type == "markdown")


def test_there_are_chapters():
    numbers = [int(p.stem[:2]) for p in PATHS]
    assert numbers == sorted(set(numbers)), "no number twice"
    assert numbers[-1] <= 24, "the plan has twenty-four chapters"


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_committed_form(path):
    assert complaints(path) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_anatomy(path):
    classes = re.findall(r":class: (\S+)", markdown(path))
    missing = [name for name in COMPONENTS if name not in classes]
    assert not missing, f"{path.name} lacks {missing}"


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_citations_exist(path):
    known = set(re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text("utf8"), re.M))
    cited = {key.strip() for keys in re.findall(r"\{cite:\w\}`([^`]+)`", markdown(path)) for key in keys.split(",")}
    assert cited, "a chapter says where things came from"
    assert cited <= known


def test_complaints_find_each_fault(tmp_path):
    good = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1", id="sum")])
    path = tmp_path / "01_x.ipynb"

    def found(change=lambda nb: None, written=text):
        nb = nbformat.from_dict(tidy(good))
        change(nb)
        path.write_text(written(nb), "utf8")
        return "; ".join(complaints(path))

    assert found() == ""
    assert "outputs" in found(lambda nb: nb.cells[0].update(execution_count=3))
    assert "readable" in found(lambda nb: nb.cells[0].update(id="3F"))
    assert "twice" in found(written=lambda nb: json.dumps(nb | {"cells": nb.cells * 2}))
    assert "committed form" in found(lambda nb: nb.metadata.update(kernelspec={"name": "mine"}))
    assert "committed form" in found(written=lambda nb: text(nb).replace(" ", "  ", 1))


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
def test_the_first_cell_says_how_to_get_the_library_and_seeds(path):
    first = next(c for c in nbformat.read(path, 4).cells if c.cell_type == "code").source
    assert first.startswith("# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt\n")
    assert re.search(r"^rng = chapter.begin\(seed=\d+\)", first, re.M), "its own seed, which no renumbering changes"
