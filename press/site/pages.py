"""What a page carries: only the styles and scripts it uses, icons drawn, faults mended."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx

from press.site import accessibility, exercises, icons, styles

# A file, and the words of which one must stand in the page's text for it to be of any use.
USED_BY = {
    "vendor/katex/katex.min.css": ("katex",),
    "sphinx-design.min.css": ("sd-",),
    "design-tabs.js": ("sd-tab-set",),
    "copybutton.css": ("highlight-",),
    "copybutton.js": ("highlight-",),
    "clipboard.min.js": ("highlight-",),
    "proof.css": (),  # inside-gpt.css has these two boxes
    "exercise.css": (),
    "mystnb.": ("cell_", "highlight-"),
}


def is_used(file: Any, body: str) -> bool:
    """Tell whether a page with this body has any use for a style sheet or a script."""
    name = str(getattr(file, "filename", file) or "").split("?")[0].removeprefix("_static/")
    words = next((words for start, words in USED_BY.items() if name.startswith(start)), None)
    return words is None or any(word in body for word in words)


def keep_what_is_used(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Drop the page's links to styles and scripts that it does not use."""
    body = str(context.get("body", ""))
    for kind in ("css_files", "script_files"):
        context[kind] = [file for file in context[kind] if is_used(file, body)]


def inline_pictures(soup: BeautifulSoup, folder: pathlib.Path) -> None:
    """Put the cover into the page itself, where it takes the colours of the reader's theme."""
    for image in soup.select('img.ig-cover[src$=".svg"]'):
        picture = BeautifulSoup((folder / str(image["src"])).read_text("utf-8"), "html.parser").svg
        assert picture is not None, f"{image['src']} is no SVG"
        picture.attrs.update({"class": "ig-cover", "aria-label": image.get("alt", ""), "role": "img"})
        image.replace_with(picture)


def finish(html: str, folder: pathlib.Path) -> str:
    """Turn a page of this folder as the theme writes it into the page that we send."""
    soup = BeautifulSoup(html, "html.parser")
    icons.draw_all(soup)
    inline_pictures(soup, folder)
    accessibility.mend(soup)
    exercises.edit_the_master(soup)
    for state in soup.select('script[type="application/vnd.jupyter.widget-state+json"]'):
        state.decompose()  # our widgets carry their state themselves, and nothing reads this second copy
    return str(soup)


def pages_of(site: pathlib.Path) -> list[pathlib.Path]:
    """List the pages of a built site."""
    pages = sorted(site.rglob("*.html"))
    return [path for path in pages if not {"_static", "_sources"} & set(path.relative_to(site).parts)]


def finish_all(app: Sphinx, exception: Exception | None) -> None:
    """Finish every page (a finished page stays as it is), and drop what nothing asks for any more."""
    if exception or app.builder.format != "html":
        return
    site = pathlib.Path(app.outdir)
    for path in pages_of(site):
        path.write_text(finish(path.read_text("utf-8"), path.parent), "utf-8")
    for leftover in (site / "_static" / "scripts").glob("fontawesome.js*"):
        leftover.unlink()
    shutil.rmtree(site / "_static" / "vendor" / "fontawesome", ignore_errors=True)
    styles.slim(site)


def setup(app: Sphinx) -> None:
    """Add our style sheet and script, and connect to the moments when pages are made."""
    app.add_css_file("vendor/katex/katex.min.css")
    app.add_css_file("inside-gpt.css", priority=900)
    app.add_js_file("inside-gpt.js", priority=900, defer="defer")
    app.connect("html-page-context", keep_what_is_used, priority=999)
    app.connect("build-finished", finish_all, priority=999)
