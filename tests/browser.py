"""One real browser for all tests that need one: Chromium, driven by playwright, without any network."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

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
