"""The built pages as files: links, anchors, pictures, formulas and buttons."""

import functools
import json
import pathlib
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = pathlib.Path(__file__).resolve().parents[2]
FETCHED = ("a[href]", "link[href]", "img[src]", "script[src]")


@functools.cache
def soup_of(path: pathlib.Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@functools.cache
def ids_of(path: pathlib.Path) -> frozenset[str]:
    return frozenset(str(element["id"]) for element in soup_of(path).select("[id]"))


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
