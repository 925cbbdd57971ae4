"""The tree of merges that makes a token out of bytes or letters."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from .picture import Picture, show
from .plots import visible
from .style import PALETTE, STYLE

Tree = bytes | tuple[Any, Any]  # a leaf, or a pair of trees


def merge_tree(tree: Any, word: str | None = None, *, alt: str, title: str | None = None) -> Picture:
    """Draw how merges build a word: letters at the bottom, each pair joined above.

    `tree` is nested pairs such as `(("l", "o"), "w")`, a node of `tokens.merge_tree`, a list of either (drawn side
    by side), or a Tokenizer, whose merges are then applied to `word`.
    """
    if hasattr(tree, "merges"):
        if not word:
            raise ValueError(f"merge_tree(tokenizer, word={word!r}): say which word to draw")
        from course_lib import tokens

        tree = tokens.merge_tree(tree, word)
    trees = [_as_pairs(t) for t in (tree if isinstance(tree, list) else [tree])]
    with plt.rc_context(STYLE):
        width = sum(len(_leaves(t)) for t in trees)
        height = max(_depth(t) for t in trees)
        fig, ax = plt.subplots(figsize=(min(5.2, 0.6 + 0.55 * width), 0.6 + 0.42 * height))
        left = 0
        for t in trees:
            _draw(ax, t, left)
            left += len(_leaves(t))
        ax.set(xlim=(-0.6, width - 0.4), ylim=(-0.5, height + 0.35), title=title)
        ax.axis("off")
        return show(fig, alt)


def _as_pairs(tree: Any) -> Tree:
    if isinstance(tree, str):
        return tree.encode()
    if hasattr(tree, "parts"):  # tokens.Node
        tree = tree.parts or tree.token
    if isinstance(tree, bytes):
        return tree
    if not isinstance(tree, tuple) or len(tree) != 2:
        raise ValueError(f"{tree!r} is neither a string nor a pair of trees")
    return _as_pairs(tree[0]), _as_pairs(tree[1])


def _leaves(tree: Tree) -> list[bytes]:
    return [tree] if isinstance(tree, bytes) else _leaves(tree[0]) + _leaves(tree[1])


def _depth(tree: Tree) -> int:
    return 0 if isinstance(tree, bytes) else 1 + max(map(_depth, tree))


def _text(token: bytes) -> str:
    try:
        return visible(token.decode())
    except UnicodeDecodeError:
        return token.hex(" ").upper()


def _draw(ax: Axes, tree: Tree, left: int) -> float:
    """Draw a tree whose first leaf stands at `left`; return the horizontal place of its root."""
    y = _depth(tree)
    if isinstance(tree, bytes):
        x = float(left)
    else:
        first, second = tree
        places = _draw(ax, first, left), _draw(ax, second, left + len(_leaves(first)))
        x = sum(places) / 2
        for place, part in zip(places, (first, second)):
            ax.plot([place, place, x], [_depth(part) + 0.3, y - 0.5, y - 0.5], color=PALETTE["muted"], lw=1.2)
        ax.plot([x, x], [y - 0.5, y - 0.3], color=PALETTE["muted"], lw=1.2)
    text = _text(b"".join(_leaves(tree)))
    box = {"boxstyle": "round,pad=0.35", "facecolor": PALETTE["paper"], "edgecolor": PALETTE["blue"], "lw": 1.2}
    ax.text(x, y, text, ha="center", va="center_baseline", fontweight="bold" if y else "normal", bbox=box)
    return x
