"""`make test` runs every check, `make test CHAPTER=…` those of one chapter; a failure ends in 1 and hides no other."""

import pathlib

import pytest

from press import check
from press.execute import chapters
from tests.spread import spread

ROOT = check.ROOT
CHAPTER = chapters()[-1].stem


@pytest.fixture
def ran(monkeypatch):
    """What was run, in order; what stands in `broken` fails."""
    done, broken = [], []

    def run(arguments):
        done.append(arguments)
        return not any(word in arguments for word in broken)

    monkeypatch.setattr(check, "run", run)
    return done, broken


@pytest.mark.parametrize(
    "name", [CHAPTER, CHAPTER.partition("_")[2], f"{CHAPTER}.ipynb", f"book/{CHAPTER}.ipynb"], ids=lambda name: name
)
def test_a_chapter_is_found_with_its_number_and_without(name):
    assert check.full_name(name) == CHAPTER


@pytest.mark.parametrize("name", ["nothing", "", CHAPTER[:2], CHAPTER[:-1]])
def test_another_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(SystemExit, match=rf"^test: no chapter is called {name!r}; there are .*{CHAPTER}"):
        check.full_name(name)


def test_the_site_is_built_after_the_chapters_ran_and_before_it_is_looked_at(ran):
    done, _ = ran
    check.main()
    without, build, site = done
    assert {"tests", "--ignore=tests/site"} <= set(without)
    assert build == ("-m", "press.build")
    assert "tests/site" in site
    assert not any("-k" in arguments for arguments in done)


@pytest.mark.parametrize(
    ("fault", "steps"),
    [("--ignore=tests/site", 3), ("press.build", 2), ("tests/site", 3)],
    ids=lambda value: str(value),
)
def test_a_failure_anywhere_fails_and_the_rest_is_run_all_the_same(ran, fault, steps):
    done, broken = ran
    broken.append(fault)
    with pytest.raises(SystemExit) as ended:
        check.main()
    assert ended.value.code not in (0, None)
    assert len(done) == steps


def test_the_makefile_runs_just_this():
    recipe = (ROOT / "Makefile").read_text("utf8").split("\ntest:")[1].split("\n\n")[0]
    assert recipe.count("pytest") == 0
    assert recipe.rstrip().endswith("@$(RUN) -m press.check $(CHAPTER)")
    assert (ROOT / ".ci" / "run").read_text("utf8").rstrip().endswith("exec make test")


def test_the_tests_of_a_chapter_are_there(ran):
    done, _ = ran
    check.main(CHAPTER)
    places = [word for arguments in done for word in arguments if word.startswith("tests/")]
    assert len(places) >= 3
    assert all((ROOT / place).exists() for place in places)
    assert all(CHAPTER in " ".join(arguments) for arguments in done if "pytest" in arguments)
    assert f"def {check.LINKS}(" in (ROOT / check.SITE / "test_pages_as_written.py").read_text("utf8")


class Item:
    """As much of a test as `spread` looks at."""

    def __init__(self, file, by=None, **params):
        self.path, self.unit = pathlib.Path(file), None
        self.module = type("module", (), {"SPREAD_BY": by} if by else {})
        if params:
            self.callspec = type("callspec", (), {"params": params})

    def add_marker(self, mark):
        (self.unit,) = mark.args


def test_a_file_stays_together_except_where_it_says_otherwise():
    items = [
        Item("tests/tokens/test_a.py", text="a"),
        Item("tests/tokens/test_a.py", text="b"),
        Item("tests/models/test_a.py"),
        Item("tests/notebooks/test_e.py", by="path", path=pathlib.Path("book/03_x.ipynb")),
        Item("tests/notebooks/test_e.py", by="path", path=pathlib.Path("book/04_y.ipynb")),
        Item("tests/notebooks/test_e.py", by="path"),
        Item("tests/site/test_p.py", by="page_name", page_name="book/x.html", width=3),
        Item("tests/site/test_p.py", by="page_name", page_name="book/x.html", width=4),
    ]
    spread(items)
    assert [item.unit for item in items] == [
        "notebooks/test_e 03_x",
        "notebooks/test_e 04_y",
        "notebooks/test_e",
        *["tokens/test_a"] * 2,
        "models/test_a",
        *["site/test_p book/x.html"] * 2,
    ]
