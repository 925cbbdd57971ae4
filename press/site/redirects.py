"""Old addresses are kept alive: a small page stands where a page used to be, and leads to where it is now.

`moved.toml` lists them: `"book/old_name" = "book/new_name"`.
"""

from __future__ import annotations

import html
import pathlib
import tomllib
from collections.abc import Container, Mapping

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


def check(moved: Mapping[str, str], pages: Container[str]) -> None:
    """Raise MovedError where an old page is a page of the book, or where a new one is none."""
    for old, new in moved.items():
        if old in pages:
            raise MovedError(f'"{old}" is a page of the book, so it cannot lead to "{new}": remove its line')
        if new not in pages:
            raise MovedError(f'"{old}" leads to "{new}", which is no page of the book: name the one that is')


def page(title: str, address: str, project: str) -> str:
    """Write the page that stands at an old address; `address` is the new one, seen from there."""
    return PAGE.format(title=html.escape(title), address=html.escape(address), project=html.escape(project))


def check_first(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Stop the build before it reads a page where the list is wrong."""
    check(read(MOVED), env.found_docs)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write all redirections into the finished site."""
    if exception or app.builder.format != "html":
        return
    for old, new in read(MOVED).items():
        there, here = app.builder.get_target_uri(old), app.builder.get_target_uri(new)
        file = pathlib.Path(app.outdir, there)
        file.parent.mkdir(parents=True, exist_ok=True)
        title = app.env.titles[new].astext()
        file.write_text(page(title, relative_uri(there, here), app.config.project), "utf-8")


def setup(app: Sphinx) -> None:
    """Connect to the moments when pages are known, and when they are written."""
    app.connect("env-before-read-docs", check_first)
    app.connect("build-finished", write, priority=1000)  # after `pages`, which finishes what the theme wrote
