"""Pages of exercises and solutions stand before Sphinx looks for them, and who wants to edit one gets its master."""

from __future__ import annotations

import pathlib
import re

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from press import sheets

PAGE = re.compile(r"/book/sheets/([^/]+?)(_solutions)?\.md$")


def write(app: Sphinx) -> None:
    """Make the pages: a plain `jupyter-book build .` has them, too."""
    sheets.write(pathlib.Path(app.srcdir))


def edit_the_master(soup: BeautifulSoup) -> None:
    """A page that is made from a master is edited there."""
    for link in soup.select('a[href*="/edit/"]'):
        link["href"] = PAGE.sub(r"/masters/\1.py", str(link["href"]))


def setup(app: Sphinx) -> None:
    """Connect to the moment before Sphinx looks which pages there are."""
    app.connect("builder-inited", write)
