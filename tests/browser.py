"""One real browser for all tests that need one: Chromium, driven by playwright, without any network."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from press.browser import HOW_TO, find_chromium

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
BLIND = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # no host but this machine has an address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser once; without one, fail where CI=true and skip elsewhere."""
    path = find_chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(HOW_TO)
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=QUIET + BLIND)
        yield running
        running.close()


def open_page(browser: Browser, folder: Path, name: str = "light", *, width: int = 1280, **options: Any) -> Page:
    """Open a page of a folder that holds one movable figure; `faults` gathers complaints and calls to the network."""
    page = browser.new_page(viewport={"width": width, "height": 900}, **options)
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else page.faults.append(r.url))
    page.goto((folder / f"{name}.html").as_uri())
    expect(page.locator(".ig-figure")).to_have_count(1)
    return page


@pytest.fixture
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    """Open the light page of the test module's own `folder`, which must not have complained by the end."""
    page = open_page(browser, folder)
    yield page
    assert page.faults == []
    page.close()
