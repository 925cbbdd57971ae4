"""Old addresses: the page that stands there leads to where its section is now, and a wrong list stops the build."""

import io
import pathlib
import re

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from press.site import redirects

LONG = "\n\n".join(f"Paragraph {i}." for i in range(200))
NEW = f"# New & better\n\n{LONG}\n\n## The floor\n\n{LONG}"
PAGES = {"index": "# Home", "book/index": "# Book", "book/09_new": NEW}
MOVED = '"book/07_old" = "book/09_new"\n"away" = "book/09_new"\n'


@pytest.fixture(scope="module")
def patched():
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch


def build(folder: pathlib.Path, moved: str, patched: pytest.MonkeyPatch) -> pathlib.Path:
    """Build a small site whose list of moved pages is this; return its folder."""
    for name, text in PAGES.items():
        file = folder / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    (folder / "conf.py").write_text(
        "project = 'Robots'\nextensions = ['myst_parser', 'redirects_only']\nhtml_theme = 'basic'\n"
        "myst_heading_anchors = 2\nsuppress_warnings = ['toc.not_included']\n"
    )
    (folder / "redirects_only.py").write_text("from press.site.redirects import setup\n")
    (folder / "moved.toml").write_text(moved, "utf-8")
    patched.syspath_prepend(str(folder))
    patched.setattr(redirects, "MOVED", folder / "moved.toml")
    with docutils_namespace():  # another build may follow in this process
        Sphinx(folder, folder, folder / "out", folder / "doctrees", "html", status=None, warning=io.StringIO()).build()
    return folder / "out"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, patched: pytest.MonkeyPatch) -> pathlib.Path:
    return build(tmp_path_factory.mktemp("moved"), MOVED, patched)


@pytest.mark.parametrize("old", ["book/07_old", "away"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_an_old_address_leads_to_the_section_from_a_disk(small: pathlib.Path, browser: Browser, old: str, script: bool):
    page = browser.new_page(java_script_enabled=script)
    page.goto((small / f"{old}.html").as_uri() + "?from=mail#the-floor")
    new = (small / "book" / "09_new.html").as_uri()
    page.wait_for_url(f"{new}?from=mail#the-floor" if script else new)
    head = page.get_by_role("heading", name="The floor" if script else "New & better")
    head.wait_for()
    assert head.bounding_box()["y"] < page.viewport_size["height"]
    page.close()


def test_the_page_says_where_it_leads(small: pathlib.Path):
    page = BeautifulSoup((small / "away.html").read_text("utf-8"), "html.parser")
    assert page.select_one("link[rel=canonical]")["href"] == "book/09_new.html"
    assert page.select_one("main a[href='book/09_new.html']").get_text() == "New & better"
    assert page.title.get_text() == "New & better has moved · Robots"


@pytest.mark.parametrize(
    ("moved", "complaint"),
    [
        ('"book/07_old" = "book/nowhere"', '"book/07_old" leads to "book/nowhere", which is no page of the book'),
        ('"book/09_new" = "book/index"', '"book/09_new" is a page of the book, so it cannot lead to "book/index"'),
    ],
)
def test_a_wrong_list_stops_the_build(tmp_path: pathlib.Path, patched: pytest.MonkeyPatch, moved: str, complaint: str):
    with pytest.raises(redirects.MovedError, match=re.escape(complaint)):
        build(tmp_path, moved, patched)
    assert not list(tmp_path.glob("out/**/*.html"))


def test_every_moved_page_of_the_book_stands_in_the_site(site: pathlib.Path):
    for old in redirects.read(pathlib.Path(redirects.__file__).with_name("moved.toml")):
        page = BeautifulSoup((site / f"{old}.html").read_text("utf-8"), "html.parser")
        link = str(page.select_one("main a")["href"])
        assert (site / f"{old}.html").parent.joinpath(link).exists()
