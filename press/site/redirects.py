"""Old addresses are kept alive: a small page stands where a page used to be, and leads to where it is now.

`moved.toml` lists them, `"book/old_name" = "book/new_name"`. Lines stay for good: a page that
moves again gets one more.
"""

from __future__ import annotations

import html
import pathlib
import tomllib
from collections.abc import Container

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.util.osutil import relative_uri

MOVED = pathlib.Path(__file__).parent / "moved.toml"
# The script keeps ?query and #section; without one, the browser goes to the head of the page.
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} has moved · {project}</title>
<link rel="canonical" href="{address}">
<script>location.replace("{address}" + location.search + location.hash)</script>
<noscript><meta http-equiv="refresh" content="0; url={address}"></noscript>
</head>
<body><main><h1>This page has moved</h1><p>It is now here: <a href="{address}">{title}</a>.</p></main></body>
</html>
"""


class MovedError(SphinxError):
    """The list of moved pages does not fit the book; the message names the line."""

    category = "press/site/moved.toml"


def read(path: pathlib.Path) -> dict[str, str]:
    """Return {old page: new page}, both as paths below the site without `.html`."""
    return tomllib.loads(path.read_text("utf-8"))


def resolved(moved: dict[str, str], pages: Container[str]) -> dict[str, str]:
    """Follow each old page to where it is now, over several moves where there were several.

    Raises MovedError where an old page exists, or where a way leads to no page.
    """
    return {old: destination(old, moved, pages) for old in moved}


def destination(old: str, moved: dict[str, str], pages: Container[str]) -> str:
    """Follow one old page, as `resolved` does."""
    if old in pages:
        raise MovedError(f'"{old}" is a page of the book, so it cannot lead elsewhere: remove its line')
    way = [old]
    while way[-1] in moved and way.count(way[-1]) == 1:
        way.append(moved[way[-1]])
    if way[-1] not in pages:
        raise MovedError(f'"{old}" leads to no page of the book: {" → ".join(way)}')
    return way[-1]


def page(title: str, address: str, project: str) -> str:
    """Write the page that stands at an old address; `address` is the new one, seen from there."""
    return PAGE.format(title=html.escape(title), address=html.escape(address), project=html.escape(project))


def check(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Stop the build at once where the list is wrong."""
    resolved(read(MOVED), env.found_docs)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write all redirections into the finished site."""
    if exception or app.builder.format != "html":
        return
    address = app.builder.get_target_uri
    for old, new in resolved(read(MOVED), app.env.found_docs).items():
        file = pathlib.Path(app.outdir, address(old))
        file.parent.mkdir(parents=True, exist_ok=True)
        title = app.env.titles[new].astext()
        file.write_text(page(title, relative_uri(address(old), address(new)), app.config.project), "utf-8")


def setup(app: Sphinx) -> None:
    """Connect to the moments when pages are known, and when they are written."""
    app.connect("env-before-read-docs", check)
    app.connect("build-finished", write, priority=1000)  # after `pages`, which finishes what the theme wrote
