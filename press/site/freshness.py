"""Chapters are executed and read anew when what they run has changed, not only when their own cells have.

Sphinx looks at a chapter's file; its outputs also depend on the library's modules and on the pinned packages.
"""

from __future__ import annotations

import pathlib

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from press.dependencies import ROOT, fingerprint


def fingerprints(env: BuildEnvironment) -> dict[str, str]:
    """Return {docname: fingerprint at the last reading}, which is kept with Sphinx's own data."""
    if not hasattr(env, "inside_gpt_fingerprints"):
        env.inside_gpt_fingerprints = {}  # type: ignore[attr-defined]
    return env.inside_gpt_fingerprints  # type: ignore[attr-defined]


def is_chapter(path: str) -> bool:
    """Tell whether a source is a notebook."""
    return pathlib.Path(path).suffix == ".ipynb"


def execute(app: Sphinx) -> None:
    """Bring the chapters' outputs up to date before a page is read: a plain `jupyter-book build .` shows none stale."""
    if pathlib.Path(app.srcdir) == ROOT:
        from press.execute import bring_up_to_date  # slow to import

        beside_the_pages = pathlib.Path(app.outdir).parent / ".jupyter_cache"  # where myst-nb looks
        bring_up_to_date(pathlib.Path(app.config["nb_execution_cache_path"] or beside_the_pages))


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Name the chapters whose fingerprint is not the one that stood when they were read."""
    known = set(env.found_docs) - added - removed
    paths = {name: str(env.doc2path(name)) for name in known}
    recorded = fingerprints(env)
    return [
        name
        for name, path in sorted(paths.items())
        if is_chapter(path) and recorded.get(name) != fingerprint(pathlib.Path(path))
    ]


def record(app: Sphinx, docname: str, source: list[str]) -> None:
    """Keep the fingerprint of a chapter that is being read."""
    path = str(app.env.doc2path(docname))
    if is_chapter(path):
        fingerprints(app.env)[docname] = fingerprint(pathlib.Path(path))


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Drop the record of a chapter that is gone or about to be read again."""
    fingerprints(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: list[str], other: BuildEnvironment) -> None:
    """Take over what another process recorded."""
    theirs = fingerprints(other)
    fingerprints(env).update({name: theirs[name] for name in docnames if name in theirs})


def setup(app: Sphinx) -> None:
    """Connect to the moments at which Sphinx finds, reads and drops documents."""
    app.connect("builder-inited", execute)
    app.connect("env-get-outdated", outdated)
    app.connect("source-read", record)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
