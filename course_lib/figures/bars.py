"""Bars on one axis, with a line that they are measured against."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from .checks import Numbers, checked
from .picture import Picture, show
from .plots import visible
from .style import PALETTE, STYLE


def bars(
    labels: Sequence[str],
    values: Numbers,
    *,
    alt: str,
    line: tuple[str, float] | None = None,
    xlabel: str = "",
    title: str | None = None,
) -> Picture:
    """Show numbers ≥ 0 as horizontal bars; `line`, a name and a number, is a dashed mark across all of them.

    Raises ValueError when lengths differ, a number is negative or not finite, or there is none.
    """
    x = checked("values", values, len(labels))
    name, mark = line or ("", 0.0)
    everything = np.append(x, checked("line", [mark], 1))
    if everything.min() < 0:
        raise ValueError(f"bars start at 0, but there is a {everything.min():.4g}")
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(5.2, 0.9 + 0.3 * len(x)))
        ax.barh(np.arange(len(x)), x, height=0.7)
        for y, value in enumerate(x):
            ax.annotate(f"{value:.3f}", (value, y), (4, 0), textcoords="offset points", va="center_baseline")
        if line:
            ax.axvline(mark, color=PALETTE["vermillion"], linestyle="--")
            place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontweight": "bold"}
            ax.annotate(f"{name} {mark:.3f}", (mark, 1), (3, 3), color=PALETTE["vermillion"], **place)
        ax.set_yticks(np.arange(len(x)), [_label(label) for label in labels])
        ax.set(xlim=(0, 1.15 * everything.max() or 1), xlabel=xlabel, title=title)
        ax.invert_yaxis()
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.grid(False)
        return show(fig, alt)


def _label(text: str) -> str:
    """Show the space of a token such as " a"; the spaces inside a name need no mark."""
    return text if text == text.strip() else visible(text)
