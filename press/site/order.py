"""The order of reading: one chapter leads to the next, and exercises and solutions stand beside the way.

Sphinx leads through every page of `_toc.yml`, in the order in which they stand there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

Tree = Mapping[str, Sequence[str]]  # page → the pages beneath it, in order


class Ways(NamedTuple):
    """Where a page leads: each a page's name, or None."""

    before: str | None
    after: str | None
    exercises: str | None


def ways(page: str, root: str, tree: Tree) -> Ways:
    """Say what comes before and after a page, and where its exercises are.

    Chapters follow one another. Beneath a chapter the way back leads one step up, the way on to the next chapter.
    """
    chapters = [root, *tree[root]]
    above = {child: parent for parent, children in tree.items() for child in children}
    chapter = page
    while chapter not in chapters:
        chapter = above[chapter]
    place = chapters.index(chapter)
    before = above[page] if page != chapter else chapters[place - 1] if place else None
    after = chapters[place + 1] if place + 1 < len(chapters) else None
    beneath = tree.get(page, ()) if page in tree[root] else ()
    return Ways(before, after, beneath[0] if beneath else None)


def show_the_way(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put these ways into the page's foot (and its head, for browsers and search engines)."""
    if pagename not in app.env.titles:
        return  # the search page and the like

    def link(page: str | None) -> dict[str, str] | None:
        if page is None:
            return None
        title = app.builder.render_partial(app.env.titles[page])["title"]  # type: ignore[attr-defined]
        return {"link": app.builder.get_relative_uri(pagename, page), "title": title}

    found = ways(pagename, app.config.root_doc, app.env.toctree_includes)
    context.update(prev=link(found.before), next=link(found.after), exercises=link(found.exercises))


def write_all_again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name every page where a title or the order has changed: all of them show it in their side bar."""
    now = [(page, env.titles[page].astext(), tuple(env.toctree_includes.get(page, ()))) for page in sorted(env.titles)]
    before, env.inside_gpt_order = getattr(env, "inside_gpt_order", None), now  # type: ignore[attr-defined]
    return sorted(env.titles) if before != now else []


def setup(app: Sphinx) -> None:
    """Connect to the moments when pages have been read, and when they are made."""
    app.connect("env-get-updated", write_all_again)
    app.connect("html-page-context", show_the_way)
