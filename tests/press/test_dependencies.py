"""What a chapter depends on: neither less than it reaches, nor the whole library."""

import nbformat
import pytest

from press import dependencies

MODELS = """
from pathlib import Path

HERE = Path(__file__).parent
GPT = HERE / "town-gpt"
T5: Path = HERE / "town-t5"

def tokenizer():
    return load(GPT / "steps")

def named(name):
    return load(HERE / name)
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small course_lib: a reaches b through a function and c for its types alone, d is a package with data.

    Two experiments have results; one of them reads the other's. Three models lie in data, of which one has no name.
    """
    files = {
        "requirements.txt": "numpy==1",
        "constraints.txt": "",
        "course_lib/__init__.py": "",
        "course_lib/a.py": "if TYPE_CHECKING:\n    from . import c\nelse:\n    def f():\n        from . import b\n",
        "course_lib/b.py": "X = 1",
        "course_lib/c.py": "X = 1",
        "course_lib/d/__init__.py": "from .inner import Y",
        "course_lib/d/inner.py": "Y = 1",
        "course_lib/d/js/figure.js": "let a",
        "course_lib/experiments/__init__.py": "def results(name, folder=None): return name",
        "course_lib/experiments/cups.py": "from . import results\ndef f(): return results('cups')",
        "course_lib/experiments/ladder.py": "from . import cups, results\nresults('ladder', folder=0)\nresults(x)",
        "course_lib/experiments/results/cups.jsonl": "1",
        "course_lib/experiments/results/cups.recipe/first.json": "1",
        "course_lib/experiments/results/cups_and_balls.jsonl": "1",
        "course_lib/experiments/results/ladder.jsonl": "1",
        "course_lib/data/__init__.py": MODELS,
        "course_lib/data/town-gpt/model": "1",
        "course_lib/data/town-gpt/steps/1": "1",
        "course_lib/data/town-t5/model": "1",
        "course_lib/data/nameless/model": "1",
        "course_lib/data/LICENSE": "1",
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


def below(folder, *parts):
    """The files of `folder` in the library that stand under one of these parts."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)) for p in files if p.relative_to(folder).parts[0] in parts}


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
    assert names(library, code) == expected


RESULTS = "course_lib/experiments/results"
CUPS = {f"{RESULTS}/cups.jsonl", f"{RESULTS}/cups.recipe/first.json"}
LADDER = {f"{RESULTS}/ladder.jsonl"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("from course_lib import experiments", set()),
        ("from course_lib import experiments\nexperiments.results('cups').mean('x')", CUPS),
        ("from course_lib.experiments import results\n[results('ladder') for _ in 'ab']", LADDER),
        ("from course_lib.experiments import results\nresults('ladder'), results('cups')", CUPS | LADDER),
        ("from course_lib.experiments import cups", CUPS),
        ("from course_lib.experiments.ladder import x", CUPS | LADDER),
        ("from course_lib import c\nc.results()\nc.results('cups', 1)\n'results(\"cups\")'", set()),
    ],
)
def test_a_chapter_depends_on_the_results_that_it_asks_for_and_on_no_others(library, code, expected):
    assert {name for name in names(library, code) if name.startswith(RESULTS)} == expected


def test_a_chapter_that_hides_whose_results_it_reads_is_refused(library):
    with pytest.raises(ValueError, match=r"`experiments.results\(name\)` hides whose results"):
        names(library, "from course_lib import experiments\nfor name in 'ab': experiments.results(name)")


@pytest.mark.parametrize(
    ("code", "models"),
    [
        ("import course_lib.c\nx = 'town-gpt'", None),
        ("from course_lib import data\ndata.GPT", ["town-gpt"]),
        ("from course_lib import data as d\nd.tokenizer()", ["town-gpt"]),
        ("from course_lib.data import T5 as own", ["town-t5"]),
        ("from course_lib import data\ndata.T5, data.tokenizer", ["town-gpt", "town-t5"]),
        ("from course_lib import data\ndata.named('town-t5')", ["town-t5"]),
        ("from course_lib import data\ndata.HERE / 'nameless/model'", ["nameless"]),
        ("from course_lib import data\ndata.named(name)", ["town-gpt", "town-t5", "nameless"]),
        ("from course_lib.data import *", ["town-gpt", "town-t5", "nameless"]),
    ],
)
def test_a_chapter_depends_on_the_models_that_it_names(library, code, models):
    found = {name.removeprefix("course_lib/data/") for name in names(library, code) if "/data/" in name}
    expected = below(library / "course_lib" / "data", "__init__.py", "LICENSE", *models) if models else set()
    assert found == expected


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
    before = dependencies.fingerprint(path)
    (library / changed).write_text("Z = 2")
    dependencies.said_in.cache_clear()
    assert (dependencies.fingerprint(path) != before) == matters


def test_fingerprint_ignores_prose(library):
    one = dependencies.fingerprint(chapter(library, "import course_lib.a", "one"))
    assert dependencies.fingerprint(chapter(library, "import course_lib.a", "two")) == one
    assert dependencies.fingerprint(chapter(library, "import course_lib.c")) != one


def test_imports_for_types_alone_still_point_somewhere(library):
    assert "course_lib.c" in dependencies.imports_of(library / "course_lib" / "a.py")


def test_no_chapter_is_executed_again_for_a_changed_exercise():
    chapters = sorted((dependencies.ROOT / "book").glob("[0-9]*.ipynb"))
    assert chapters
    assert not [p for chapter in chapters for p in dependencies.dependencies(chapter) if p.parent.name == "keys"]
