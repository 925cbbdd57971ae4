"""Every page of the built site, in a real browser: nothing fails, nothing leaves the machine, everybody can read it."""

import gzip
import pathlib
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Page, expect

from tests.site.conftest import Visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LIMIT = 450_000  # bytes over the wire, all requests of a page together, figures included
# Boxes that scroll sideways, but cannot be reached by keyboard or have no name.
UNREACHABLE = """() => [...document.querySelectorAll(".formula, .pst-scrollable-table-container, div.highlight pre")]
  .filter(box => box.checkVisibility() && box.scrollWidth > box.clientWidth + 1)
  .filter(box => box.tabIndex !== 0 || !box.getAttribute("aria-label"))"""
PACKED = {".woff2", ".png", ".jpg", ".webp"}  # do not get smaller by gzip
SPREAD_BY = "page_name"  # pages may be visited by different workers


def violations(page: Page) -> list[str]:
    """Run axe-core, with every folded box open."""
    page.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_FILE_PATH.read_text("utf-8"))
    found = page.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", RULES)["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def packed(file: pathlib.Path) -> int:
    """Return the size of a file as it travels."""
    data = file.read_bytes()
    return len(data if file.suffix in PACKED else gzip.compress(data, 6))


def weight(site: pathlib.Path, requests: list[str], home: str) -> dict[str, int]:
    """Weigh what was asked for, packed as a server sends it: {path: bytes}."""
    paths = {unquote(urlsplit(url).path).lstrip("/") for url in requests if url.startswith(home)}
    return {path: packed(site / path) for path in paths}


def test_loads_without_a_fault_and_without_leaving_this_machine(opened: Visit):
    assert opened.problems == []


def test_opens_from_a_disk_as_well(visit: Callable[..., Visit], page_name: str):
    assert visit(page_name, disk=True).problems == []


def test_weighs_little(opened: Visit, site: pathlib.Path, address: str):
    parts = weight(site, opened.requests, address)
    heaviest = sorted(parts.items(), key=lambda part: -part[1])[:8]
    assert sum(parts.values()) <= LIMIT, f"{sum(parts.values()):,} bytes, most of them in {heaviest}"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(opened: Visit, scheme: str, width: int):
    page = opened.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, "the page scrolls sideways"
    page.wait_for_function(f"({UNREACHABLE})().length === 0")
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_search_box_and_the_side_bar_of_a_phone_are_for_everybody(visit: Callable[..., Visit], scheme: str):
    page = visit("book/index.html").page
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    page.click(".search-button")
    page.wait_for_selector("#pst-search-dialog[open] input")
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.click(".primary-toggle")
    page.wait_for_selector("#pst-primary-sidebar-modal[open] nav")
    assert violations(page) == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [1280, 390])
def test_exercises_are_unfolded_and_reached_from_the_keyboard(browser: Browser, address: str, width: int, script: bool):
    page = browser.new_page(java_script_enabled=script, viewport={"width": width, "height": 900})
    page.goto(f"{address}book/index.html")
    if width < 960 and script:
        page.locator(".primary-toggle").press("Enter")
    chapter = page.locator("nav.bd-links li.has-children").first
    exercises = chapter.get_by_role("link", name="Exercises")
    expect(exercises).to_be_hidden()
    chapter.get_by_role("link").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(exercises).to_be_visible()
    page.keyboard.press("Tab")
    expect(exercises).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/sheets/*.html")
    page.close()


@pytest.mark.parametrize("disk", [False, True], ids=["http", "disk"])
def test_search_finds_a_word(visit: Callable[..., Visit], disk: bool):
    seen = visit("search.html?q=notation", disk=disk)
    seen.page.wait_for_selector("#search-results ul.search li a")
    assert seen.page.locator('#search-results ul.search li > a[href^="book/notation.html"]').count() >= 1
    assert seen.problems == []
    assert violations(seen.page) == []


def test_the_theme_switch_works_and_is_remembered(visit: Callable[..., Visit]):
    page = visit("book/index.html").page
    switch = page.locator(".theme-switch-button:visible")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    switch.click()  # system (light) -> dark
    assert page.evaluate("document.documentElement.dataset.mode") == "dark"
    assert page.evaluate(paper) != light
    assert switch.locator("svg:visible").count() == 1
    page.goto(page.url.replace("index.html", "notation.html"), wait_until="load")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("localStorage.clear()")


def test_a_folded_box_opens_from_the_keyboard(visit: Callable[..., Visit], site: pathlib.Path):
    folded = [p for p in sorted(site.glob("book/*.html")) if "<details class=" in p.read_text("utf-8")]
    for path in folded[:1]:
        box = visit(f"book/{path.name}").page.locator("details.admonition:not(.hide)").first
        box.locator("summary").press("Enter")
        assert box.get_attribute("open") is not None
