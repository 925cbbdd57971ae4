"""What a chapter depends on: neither less than it reaches, nor the whole library."""

import nbformat
import pytest

from press import dependencies


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small course_lib: a reaches b through a function, c stands alone, d is a package with data."""
    files = {
        "requirements.txt": "numpy==1",
        "constraints.txt": "",
        "course_lib/__init__.py": "",
        "course_lib/a.py": "def f():\n    from . import b\n",
        "course_lib/b.py": "X = 1",
        "course_lib/c.py": "X = 1",
        "course_lib/d/__init__.py": "from .inner import Y",
        "course_lib/d/inner.py": "Y = 1",
        "course_lib/d/js/figure.js": "let a",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(dependencies, "ROOT", tmp_path)
    return tmp_path


def chapter(folder, code, prose="words"):
    cells = [nbformat.v4.new_markdown_cell(prose), nbformat.v4.new_code_cell(code)]
    path = folder / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def names(folder, code):
    return {str(p.relative_to(folder)) for p in dependencies.dependencies(chapter(folder, code))}


PINS = {"requirements.txt", "constraints.txt", "course_lib/__init__.py"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import numpy", {"requirements.txt", "constraints.txt"}),
        ("from course_lib import c", PINS | {"course_lib/c.py"}),
        ("%matplotlib inline\nimport course_lib.c", PINS | {"course_lib/c.py"}),
        ("from course_lib import a", PINS | {"course_lib/a.py", "course_lib/b.py"}),
        (
            "def f():\n    from course_lib.d import Y",
            PINS | {"course_lib/d/__init__.py", "course_lib/d/inner.py", "course_lib/d/js/figure.js"},
        ),
    ],
)
def test_dependencies(library, code, expected):
    dependencies.imports_of.cache_clear()
    assert names(library, code) == expected


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("course_lib/b.py", True),
        ("course_lib/c.py", False),
        ("course_lib/d/js/figure.js", False),
        ("requirements.txt", True),
    ],
)
def test_fingerprint_follows_what_matters(library, changed, matters):
    path = chapter(library, "from course_lib import a")
    dependencies.imports_of.cache_clear()
    before = dependencies.fingerprint(path)
    (library / changed).write_text("Z = 2")
    dependencies.imports_of.cache_clear()
    assert (dependencies.fingerprint(path) != before) == matters


def test_fingerprint_ignores_prose(library):
    one = dependencies.fingerprint(chapter(library, "import course_lib.a", "one"))
    assert dependencies.fingerprint(chapter(library, "import course_lib.a", "two")) == one
    assert dependencies.fingerprint(chapter(library, "import course_lib.c")) != one


def test_no_chapter_is_executed_again_for_a_changed_exercise():
    chapters = sorted((dependencies.ROOT / "book").glob("[0-9]*.ipynb"))
    assert chapters
    assert not [p for chapter in chapters for p in dependencies.dependencies(chapter) if p.parent.name == "keys"]
