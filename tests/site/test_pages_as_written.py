"""The built pages as files: links, anchors, pictures, formulas and buttons."""

import functools
import json
import pathlib
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.site.conftest import all_pages

ROOT = pathlib.Path(__file__).resolve().parents[2]
FETCHED = ("a[href]", "link[href]", "img[src]", "script[src]")


@functools.cache
def soup_of(path: pathlib.Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@functools.cache
def ids_of(path: pathlib.Path) -> frozenset[str]:
    return frozenset(str(element["id"]) for element in soup_of(path).select("[id]"))


@functools.cache
def contents() -> dict[str, dict[str, list[str]]]:
    """Read the table of contents: {part: {chapter: the pages directly beneath it}}."""
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))["parts"]
    return {
        part["caption"]: {c["file"]: [s["file"] for s in c.get("sections", ())] for c in part["chapters"]}
        for part in parts
    }


def chapters() -> list[str]:
    """List the chapters in order; the back matter has none beneath its pages."""
    return [name for part in contents().values() for name, beneath in part.items() if beneath]


def title_of(site: pathlib.Path, name: str) -> str:
    """Return the title that stands on a page, with its number where it has one."""
    head = soup_of(site / f"{name}.html").select_one("article h1")
    assert head is not None
    return head.get_text().removesuffix("#").strip()


def in_the_side_bar(soup: BeautifulSoup, page: pathlib.Path, site: pathlib.Path) -> list[tuple[str, str]]:
    """List what the side bar shows: (page, text), a page beneath another one indented by two spaces."""
    rows = []
    for link in soup.select("#pst-primary-sidebar nav.bd-links li > a"):
        href = str(link["href"])
        target = page if href == "#" else (page.parent / href).resolve()
        depth = len(link.find_parents("li")) - 1
        rows.append((str(target.relative_to(site).with_suffix("")), "  " * depth + link.get_text(strip=True)))
    return rows


@pytest.fixture
def soup(site: pathlib.Path, page_name: str) -> BeautifulSoup:
    return soup_of(site / page_name)


def broken(site: pathlib.Path, page: pathlib.Path, link: str) -> bool:
    """Tell whether a link within the site leads nowhere."""
    parts = urlsplit(link)
    if parts.scheme:
        return False
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_relative_to(site.resolve()) and target != page:
        return True
    is_anchor = parts.fragment and target.suffix == ".html"
    return not target.exists() or bool(is_anchor and unquote(parts.fragment) not in ids_of(target))


def test_links_and_anchors_lead_somewhere(soup: BeautifulSoup, site: pathlib.Path, page_name: str):
    elements = soup.select(", ".join(FETCHED))
    links = [str(element.get("href") or element.get("src")) for element in elements]
    assert [link for link in links if broken(site, site / page_name, link)] == []


def test_nothing_is_loaded_from_another_host(soup: BeautifulSoup):
    elements = soup.select("link[rel=stylesheet], script[src], img[src]")
    loaded = [str(element.get("href") or element.get("src")) for element in elements]
    assert [link for link in loaded if urlsplit(link).netloc] == []


def test_ids_are_unique(soup: BeautifulSoup):
    ids = [str(element["id"]) for element in soup.select("[id]")]
    assert sorted({one for one in ids if ids.count(one) > 1}) == []


def test_pictures_say_what_is_to_be_seen(soup: BeautifulSoup):
    assert [str(image) for image in soup.select("img:not([alt])")] == []
    assert [str(image) for image in soup.select("article img") if not str(image["alt"]).strip()] == []
    assert [str(image)[:200] for image in soup.select('svg[role="img"]') if not image.get("aria-label")] == []


def test_formulas_are_drawn_and_carry_mathml(soup: BeautifulSoup):
    drawn = soup.select(".katex")
    assert len(soup.select("article .math")) <= len(drawn)
    assert [str(formula) for formula in drawn if formula.find("math") is None] == []
    assert bool(drawn) == bool(soup.select('link[href*="katex.min.css"]'))
    assert soup.select('script[src*="mathjax" i], .katex-error') == []


def test_some_page_has_formulas(site: pathlib.Path):
    assert soup_of(site / "book" / "notation.html").select(".katex math")


def test_every_page_tells_others_what_it_is(soup: BeautifulSoup, page_name: str):
    assert soup.title is not None
    assert "Inside GPT" in soup.title.get_text()
    if page_name.startswith("book/"):
        assert soup.select('meta[property="og:title"]')


def test_the_site_opens_at_its_first_page(site: pathlib.Path):
    refresh = soup_of(site / "index.html").select_one("meta[http-equiv=Refresh], meta[http-equiv=refresh]")
    assert refresh is not None
    assert "book/index.html" in str(refresh["content"])


def test_launch_buttons_and_download_lead_to_the_chapter(site: pathlib.Path):
    options = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]["html_theme_options"]
    place = options["repository_url"].removeprefix("https://github.com/")
    branch = options["repository_branch"]
    for source in sorted((site / "_sources" / "book").glob("*.ipynb")):
        soup = soup_of(site / "book" / f"{source.stem}.html")
        links = {str(link["href"]) for link in soup.select(".article-header-buttons a")}
        assert f"https://colab.research.google.com/github/{place}/blob/{branch}/book/{source.name}" in links
        assert f"https://mybinder.org/v2/gh/{place}/{branch}?urlpath=lab/tree/book/{source.name}" in links
        assert f"https://github.com/{place}/edit/{branch}/book/{source.name}" in links
        assert f"../_sources/book/{source.name}" in links
        assert json.loads(source.read_text("utf-8"))["nbformat"] == 4


def test_the_side_bar_shows_chapters_with_their_exercises_folded_beneath(
    soup: BeautifulSoup, site: pathlib.Path, page_name: str
):
    expected = [("book/index", title_of(site, "book/index"))]
    for pages in contents().values():
        for name, beneath in pages.items():
            expected.append((name, title_of(site, name)))
            expected += [(sheet, "  Exercises") for sheet in beneath]
    assert in_the_side_bar(soup, site / page_name, site) == expected
    here = page_name.removesuffix(".html").replace("sheets/", "").removesuffix("_solutions")
    folds = soup.select("#pst-primary-sidebar nav.bd-links details")
    assert len(folds) == len(chapters())
    opened = [str(fold.find_parent("li").find("a")["href"]) for fold in folds if fold.has_attr("open")]
    assert len(opened) == (here in chapters()), "one's own chapter is unfolded, and no other"
    assert len({fold.summary["aria-label"] for fold in folds}) == len(folds)


def test_chapters_are_numbered_in_one_run_and_nothing_else_is(site: pathlib.Path):
    numbered = [name for name in all_docs(site) if soup_of(site / f"{name}.html").select("article h1 .section-number")]
    assert numbered == sorted(chapters())
    starts = [title_of(site, name).split()[0] for name in chapters()]
    assert starts == [f"{number}." for number in range(1, len(starts) + 1)]


def all_docs(site: pathlib.Path) -> list[str]:
    """List the pages of the book."""
    return [page.removesuffix(".html") for page in all_pages() if page.startswith("book/")]


def foot(site: pathlib.Path, name: str) -> dict[str, str]:
    """Read where the foot of a page leads: {"left-prev": page, "right-next": page, "ig-exercises": page}."""
    page = site / f"{name}.html"
    links = soup_of(page).select(".prev-next-area > a, .ig-exercises > a")
    return {
        str((link if link.has_attr("title") else link.parent)["class"][0]): str(
            (page.parent / str(link["href"])).resolve().relative_to(site).with_suffix("")
        )
        for link in links
    }


def test_one_chapter_leads_to_the_next_and_to_its_exercises(site: pathlib.Path):
    order = ["book/index", *(name for part in contents().values() for name in part)]
    for before, name, after in zip([None, *order], order, [*order[1:], None]):
        sheet = name.replace("book/", "book/sheets/") if name in chapters() else None
        ways = {"left-prev": before, "right-next": after, "ig-exercises": sheet}
        assert foot(site, name) == {kind: page for kind, page in ways.items() if page}
        if sheet:
            assert foot(site, sheet) == {"left-prev": name, "right-next": after}
            assert foot(site, f"{sheet}_solutions") == {"left-prev": sheet, "right-next": after}


def test_solutions_are_reached_from_their_sheet(site: pathlib.Path):
    for page in (name for name in all_docs(site) if name.endswith("_solutions")):
        sheet = site / f"{page.removesuffix('_solutions')}.html"
        assert soup_of(sheet).select(f'article a[href="{pathlib.Path(page).name}.html"]')


def test_the_map_links_every_chapter_by_its_title(site: pathlib.Path):
    rows = soup_of(site / "book" / "index.html").select("#the-map tbody tr")
    links = {
        row.td.get_text(strip=True): [(f"book/{str(a['href']).removesuffix('.html')}", a.get_text()) for a in row("a")]
        for row in rows
    }
    parts = {part: [name for name in pages if name in chapters()] for part, pages in contents().items()}
    titled = {part: [(name, title_of(site, name).split(" ", 1)[1]) for name in names] for part, names in parts.items()}
    assert {part: found for part, found in links.items() if found} == {part: all for part, all in titled.items() if all}
