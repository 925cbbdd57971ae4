"""Our Sphinx extension: what the website needs beyond Jupyter Book and its theme."""

from __future__ import annotations

from sphinx.application import Sphinx

from press.site import exercises, formulas, freshness, order, pages, redirects


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the parts of the extension to Sphinx."""
    for part in (exercises, formulas, freshness, order, pages, redirects):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
