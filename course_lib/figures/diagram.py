"""The plan of a GPT: one residual stream, and what reads from it and adds to it."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from .picture import Picture, show
from .style import PALETTE, STYLE

STREAM, NORM, PART, BACK = 0.0, 1.6, 3.65, 4.95  # columns: the stream, two boxes, and the way back


def decoder_diagram(n_layer: int | str = "L", *, alt: str) -> Picture:
    """Draw a pre-LN decoder from the ids at the bottom to the logits on top; `n_layer` says how often its block stands.

    Raises ValueError for an empty `alt`.
    """
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(5.2, 5.0))
        ax.plot([STREAM, STREAM], [0.25, 7.5], color=PALETTE["ink"], lw=1.4)
        ax.plot([STREAM, STREAM], [0.95, 6.8], color=PALETTE["blue"], lw=5, solid_capstyle="butt")
        _block(ax, n_layer)
        for y, name in ((0.95, "embed"), (6.8, "unembed")):
            _box(ax, STREAM, y, name)
        for y, name in ((0, "ids  [T]"), (7.75, "logits  [T, V]")):
            ax.text(STREAM, y, name, ha="center", va="center_baseline", fontweight="bold")
        notes = {0.95: "what the token is, plus where it stands", 6.8: "a last layer_norm, then every token's vector"}
        for y, note in notes.items():
            ax.text(1.25, y, note, va="center_baseline", color=PALETTE["muted"])
        ax.text(-0.22, 3.85, "residual stream  [T, C]", rotation=90, ha="right", va="center", color=PALETTE["blue"])
        ax.set(xlim=(-1.25, 5.6), ylim=(-0.3, 8.1))
        ax.axis("off")
        return show(fig, alt)


def _block(ax: Axes, n_layer: int | str) -> None:
    frame = {"fill": False, "edgecolor": PALETTE["muted"], "linestyle": "--", "lw": 1.2}
    ax.add_patch(plt.Rectangle((-1.1, 1.6), 6.5, 4.5, **frame))
    ax.text(5.25, 5.75, f"block, {n_layer} times", ha="right", va="center_baseline", fontweight="bold")
    _branch(ax, 2.0, "self_attention", "each with those before it")
    _branch(ax, 4.1, "mlp", "each position alone")


def _branch(ax: Axes, y: float, name: str, note: str) -> None:
    """Leave the stream at height y, pass a LayerNorm and a part, come back higher up and be added."""
    way = {"color": PALETTE["ink"], "lw": 1.4, "solid_capstyle": "butt"}
    ax.plot([STREAM, BACK, BACK, 0.35], [y, y, y + 1.15, y + 1.15], **way)
    arrow = {"arrowstyle": "-|>", "color": PALETTE["ink"], "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (0.17, y + 1.15), (0.6, y + 1.15), arrowprops=arrow)
    _box(ax, NORM, y, "layer_norm")
    _box(ax, PART, y, name)
    ax.text(PART, y + 0.6, note, ha="center", va="center_baseline", color=PALETTE["muted"])
    disc = {"boxstyle": "circle,pad=0.15", "facecolor": PALETTE["paper"], "edgecolor": PALETTE["blue"], "lw": 1.6}
    ax.text(STREAM, y + 1.15, "+", ha="center", va="center_baseline", fontweight="bold", bbox=disc)


def _box(ax: Axes, x: float, y: float, name: str) -> None:
    box = {"boxstyle": "round,pad=0.4", "facecolor": PALETTE["paper"], "edgecolor": PALETTE["blue"], "lw": 1.2}
    ax.text(x, y, name, ha="center", va="center_baseline", bbox=box)
