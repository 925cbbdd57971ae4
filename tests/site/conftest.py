"""The built website, served on this machine, and a browser that visits it."""

import functools
import http.server
import os
import pathlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

ROOT = pathlib.Path(__file__).resolve().parents[2]
HTML = pathlib.Path(os.environ.get("SITE", ROOT / "_build" / "html"))  # SITE: look at a site that lies elsewhere
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "masters/*.py", "press/site/**/*")
NOT_BUILT = "(no site)"


def leads_elsewhere(path: pathlib.Path) -> bool:
    """Tell whether a page only sends its reader on to another one."""
    with path.open(encoding="utf-8") as file:
        return 'http-equiv="refresh"' in file.read(2000).lower()


def all_pages() -> list[str]:
    """Return the built pages, as paths below the site's folder; one that leads elsewhere is none."""
    pages = sorted(str(path.relative_to(HTML)) for path in HTML.rglob("*.html") if not leads_elsewhere(path))
    return [page for page in pages if not page.startswith(("_static", "_sources"))]


def complaint() -> str | None:
    """Say in one line why the built site cannot be tested, or None."""
    pages = all_pages()
    if not pages:
        return f"{HTML} holds no site: run `make book` first"
    built = min((HTML / page).stat().st_mtime for page in pages)
    files = (path for pattern in SOURCES for path in ROOT.glob(pattern) if path.suffix != ".pyc")
    changed = [path for path in files if path.is_file() and path.stat().st_mtime > built]
    if changed and "SITE" not in os.environ:
        return f"the site is older than {changed[0].relative_to(ROOT)}: run `make book` first"
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give every test that asks for `page_name` all pages of the site, so that a new chapter is covered by itself."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", all_pages() or [NOT_BUILT], scope="session")


@pytest.fixture(scope="session")
def site() -> pathlib.Path:
    """Return the folder of the built site; fail where there is none, or an old one."""
    wrong = complaint()
    if wrong:
        pytest.fail(wrong, pytrace=False)
    return HTML


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files and keep silent about it."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: pathlib.Path) -> Iterator[str]:
    """Serve the site on this machine; return its address, which ends in a slash."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@dataclass
class Visit:
    """A page in the browser, what went wrong on the way, and everything that was asked for."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, home: str) -> None:
        """Note errors, warnings, failed requests and requests that leave this machine."""
        self.page.on("console", lambda message: self._hear(message.type, message.text))
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        self.page.on("response", lambda r: self.problems.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        self.page.on("request", lambda request: self._ask(request.url, home))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.problems.append(f"console {kind}: {text}")

    def _ask(self, url: str, home: str) -> None:
        self.requests.append(url)
        if not url.startswith((home, "data:", "blob:")):
            self.problems.append(f"request to another place: {url}")


def open_page(context: BrowserContext, home: str, name: str) -> Visit:
    """Open a page of the site and wait until it stands, its fonts included."""
    seen = Visit(context.new_page())
    seen.watch(home)
    seen.page.goto(home + name, wait_until="load")
    seen.page.wait_for_function("document.fonts.status === 'loaded'")
    return seen


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Keep one browser context, by day and on a wide screen until a test says otherwise; nothing moves on its own."""
    size = {"width": 1280, "height": 900}
    with browser.new_context(color_scheme="light", reduced_motion="reduce", viewport=size) as one:
        yield one


@pytest.fixture(scope="session")
def opened(context: BrowserContext, address: str, page_name: str) -> Iterator[Visit]:
    """Hold one page of the site open for all tests that look at it."""
    seen = open_page(context, address, page_name)
    yield seen
    seen.page.close()


@pytest.fixture
def visit(context: BrowserContext, address: str, site: pathlib.Path) -> Iterator[Callable[..., Visit]]:
    """Open pages for one test: `visit(name, disk=False)`."""
    pages: list[Page] = []

    def go(name: str, disk: bool = False) -> Visit:
        seen = open_page(context, f"{site.as_uri()}/" if disk else address, name)
        pages.append(seen.page)
        return seen

    yield go
    for page in pages:
        page.close()
