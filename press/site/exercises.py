"""Pages of exercises and solutions: made before Sphinx looks for them, linked to, and edited in their master.

A chapter links the notebook of its exercises, `[…](exercises/NAME.ipynb)`: that is what JupyterLab shall open. On the
site the same link leads to the page, from where the notebook can be downloaded.
"""

from __future__ import annotations

import pathlib
import re

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from press import sheets

NOTEBOOK = re.compile(r"\]\(exercises/(\w+)\.ipynb")
PAGE = re.compile(r"/book/sheets/([^/]+?)(_solutions)?\.md$")


def write(app: Sphinx) -> None:
    """Make the pages: a plain `jupyter-book build .` has them, too."""
    sheets.write(pathlib.Path(app.srcdir))


def lead_to_the_page(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let links from a chapter to a notebook of exercises lead to the page of these exercises."""
    source[0] = NOTEBOOK.sub(r"](sheets/\1.md", source[0])


def edit_the_master(soup: BeautifulSoup) -> None:
    """A page that is made from a master is edited there."""
    for link in soup.select('a[href*="/edit/"]'):
        link["href"] = PAGE.sub(r"/masters/\1.py", str(link["href"]))


def setup(app: Sphinx) -> None:
    """Connect to the moments before Sphinx looks which pages there are, and before it reads one."""
    app.connect("builder-inited", write)
    app.connect("source-read", lead_to_the_page)
