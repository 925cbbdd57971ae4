"""Still pictures that chapters use again and again. Each checks its numbers and returns a Picture."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter

from .checks import Numbers, checked
from .picture import Picture, described, show
from .style import PALETTE, SERIES, STYLE, css_variables

DASHES = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (8, 3)), (0, (1, 2)), (0, (4, 1)))
MARKERS = "os^DvPX*"


def visible(text: str) -> str:
    """Make white space visible: a space is "·", a new line "⏎", a tab "⇥"."""
    return text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")


def token_strip(
    tokens: Sequence[str], values: Numbers | None = None, *, alt: str, decimals: int = 2, full: float | None = None
) -> Picture:
    """Show tokens as a row of chips; `values` (one per token) shade them and stand below them.

    The darkest shade is for `full`, or for the largest value: strips that are compared need one `full` for all.
    Raises ValueError when the lengths differ, a value is not finite, or one exceeds `full`.
    """
    alt = described(alt)
    if values is None:
        chips = "".join(_chip(token, _chip_colour(i), "") for i, token in enumerate(tokens))
    else:
        numbers = checked("values", values, len(tokens))
        largest = float(np.abs(numbers).max(initial=0.0))
        if full is not None and largest > full:
            raise ValueError(f"a value of {largest:.4g} exceeds full={full:.4g}, the darkest shade")
        top = max(largest if full is None else full, 1e-12)
        chips = "".join(
            _chip(token, _share("heat", abs(x) / top), f"{x:.{decimals}f}".replace("-", "−"))
            for token, x in zip(tokens, numbers)
        )
    style = (
        f"{css_variables({'heat', 'muted', 'blue', 'amber', 'grid'})}display:flex;flex-wrap:wrap;gap:6px 4px;"
        "margin:.75rem 0;color:var(--c-ink);font-family:var(--ig-sans,inherit)"
    )
    content = f'<div class="ig-strip" role="img" aria-label="{html.escape(alt)}" style="{style}">{chips}</div>'
    return Picture(content, alt)


def _chip(token: str, background: str, below: str) -> str:
    box = (
        f"background:{background};border:1px solid var(--c-grid);border-radius:5px;padding:2px 6px;"
        "font-family:var(--ig-mono,ui-monospace,monospace);white-space:pre"
    )
    number = f'<span style="font-size:.8em;font-variant-numeric:tabular-nums">{below}</span>' if below else ""
    column = "display:inline-flex;flex-direction:column;align-items:center"
    return f'<span style="{column}"><span style="{box}">{html.escape(visible(token))}</span>{number}</span>'


def _chip_colour(i: int) -> str:
    return _share(("blue", "amber")[i % 2], 0.2)


def _share(name: str, share: float) -> str:
    return f"color-mix(in srgb,var(--c-{name}) {100 * share:.0f}%,transparent)"


def attention_map(
    weights: Numbers,
    tokens: Sequence[str],
    *,
    alt: str,
    title: str | None = None,
    keys: Sequence[str] | None = None,
) -> Picture:
    """Show attention weights `[T, T]`: a row for each query, a column for each key; exact zeros stay empty.

    `keys` names the columns when they are not the rows' tokens. Raises ValueError unless every weight lies
    in 0…1 and the shape fits the tokens.
    """
    keys = tokens if keys is None else keys
    weights = checked("weights", weights, len(tokens), len(keys))
    if weights.min() < 0 or weights.max() > 1 + 1e-6:
        raise ValueError(f"weights run from {weights.min():.4g} to {weights.max():.4g}: apply the softmax first")
    numbers = [["" if w == 0 else f"{w:.2f}".lstrip("0") for w in row] for row in weights]
    names = [visible(token) for token in tokens], [visible(token) for token in keys]
    return _heat_map(weights, *names, numbers, alt, title, ("query", "key"))


def count_table(
    rows: Sequence[str],
    columns: Sequence[str],
    counts: Numbers,
    *,
    alt: str,
    title: str | None = None,
    row_label: str = "",
    column_label: str = "",
) -> Picture:
    """Show a table of counts or of other numbers ≥ 0 `[R, C]`, shaded by size; zeros stay empty.

    Raises ValueError when the shape does not fit the names, or a count is negative.
    """
    table = checked("counts", counts, len(rows), len(columns))
    if table.min() < 0:
        raise ValueError(f"counts has a negative entry, {table.min():.4g}")
    numbers = [["" if x == 0 else f"{x:.3g}" if x % 1 else f"{x:,.0f}" for x in row] for row in table]
    names = [visible(row) for row in rows], [visible(column) for column in columns]
    return _heat_map(table, *names, numbers, alt, title, (row_label, column_label))


def _heat_map(
    values: np.ndarray,
    rows: list[str],
    columns: list[str],
    numbers: list[list[str]],
    alt: str,
    title: str | None,
    labels: tuple[str, str],
) -> Picture:
    height, width = values.shape
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(min(5.2, 1.3 + 0.48 * width), 1.0 + 0.27 * height))
        ax.pcolormesh(values, vmin=0, vmax=max(float(values.max()), 1e-12), edgecolor=PALETTE["grid"], linewidth=0.6)
        ax.set_xticks(np.arange(width) + 0.5, columns, rotation=0 if _narrow(columns) else 40)
        ax.set_yticks(np.arange(height) + 0.5, rows)
        if not _narrow(columns):
            plt.setp(ax.get_xticklabels(), ha="left", rotation_mode="anchor")
        ax.set(ylabel=labels[0], xlabel=labels[1], title=title)
        _plain(ax)
        _write_in_cells(ax, numbers)
        return show(fig, alt)


def _narrow(columns: list[str]) -> bool:
    return max(map(len, columns)) * len(columns) <= 40


def _plain(ax: Axes) -> None:
    """Take away what a table does not need: spines, grid, ticks; its head stands on top."""
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.spines[:].set_visible(False)
    ax.grid(False)
    ax.tick_params(length=0)


def _write_in_cells(ax: Axes, numbers: list[list[str]]) -> None:
    longest = max(len(text) for row in numbers for text in row)
    room = 4.2 * 72 / len(numbers[0])  # points that a cell has
    size = min(9.0, room / (0.62 * max(longest, 1)))
    if size < 5.5:
        return  # too many columns: the shade has to say it
    for y, row in enumerate(numbers):
        for x, text in enumerate(row):
            ax.text(x + 0.5, y + 0.5, text, ha="center", va="center_baseline", fontsize=size)


def distribution(
    labels: Sequence[str],
    probabilities: Numbers,
    *,
    alt: str,
    title: str | None = None,
    highlight: str | None = None,
) -> Picture:
    """Show probabilities as horizontal bars from top to bottom; `highlight` names the one bar that matters.

    Raises ValueError when lengths differ, a value lies outside 0…1, or the sum exceeds 1.
    """
    p = checked("probabilities", probabilities, len(labels))
    if p.min() < 0 or p.sum() > 1 + 1e-4:
        raise ValueError(f"probabilities run from {p.min():.4g} to {p.max():.4g} and sum to {p.sum():.6g}, not ≤ 1")
    if highlight is not None and highlight not in labels:
        raise ValueError(f"highlight={highlight!r} is not one of the labels: {list(labels)}")
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots(figsize=(5.2, 0.5 + 0.24 * len(p)))
        colours = [PALETTE["vermillion" if label == highlight else "blue"] for label in labels]
        ax.barh(np.arange(len(p)), p, color=colours, height=0.7)
        for y, x in enumerate(p):
            ax.annotate(f"{x:.3f}", (x, y), (4, 0), textcoords="offset points", va="center_baseline", fontsize=9.5)
        ax.set_yticks(np.arange(len(p)), [visible(label) for label in labels])
        ax.set(xlim=(0, float(p.max()) * 1.15 or 1), title=title)
        ax.invert_yaxis()
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.tick_params(length=0, labelbottom=False)
        ax.grid(False)
        return show(fig, alt)


def lines(
    x: Numbers,
    series: Mapping[str, Numbers],
    *,
    alt: str,
    xlabel: str = "",
    ylabel: str = "",
    title: str | None = None,
    logx: bool = False,
    logy: bool = False,
) -> Picture:
    """Draw each series over the same `x`, named at its right end; dashes and markers differ as colours do.

    Raises ValueError when lengths differ, for NaN or infinity, and for more than 8 series.
    """
    x = checked("x", x, None)
    if not 0 < len(series) <= len(SERIES):
        raise ValueError(f"{len(series)} series: a reader can tell 1 to {len(SERIES)} lines apart")
    with plt.rc_context(STYLE):
        fig, ax = plt.subplots()
        ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
        ax.set(xscale="log" if logx else "linear", yscale="log" if logy else "linear")
        for i, (name, y) in enumerate(series.items()):
            y = checked(name, y, len(x))
            marks = np.unique(np.linspace(0, len(x) - 1, 8).astype(int)).tolist()
            ax.plot(x, y, linestyle=DASHES[i], marker=MARKERS[i], markevery=marks, label=name)
        if not logx and np.all(x == x.round()):
            ax.xaxis.get_major_locator().set_params(integer=True)  # there is no layer 1.5
        for axis, is_log in ((ax.xaxis, logx), (ax.yaxis, logy)):
            if is_log:
                _plain_numbers(axis)
        if len(series) > 1:
            _name_lines(ax)
        return show(fig, alt)


def _plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis 1, 2, 5, 10, … where it is short, and by powers of ten alone where it is long."""
    low, high = axis.get_view_interval()
    if high / low < 1000:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda x, _: f"{x:,g}")
        axis.set_minor_formatter(NullFormatter())


def _name_lines(ax: Axes) -> None:
    """Write each line's name beside its last point, at least a line of text apart."""
    ax.autoscale_view()
    ends = sorted(((_axes_height(ax, line), line) for line in ax.get_lines()), key=lambda end: end[0])
    gap, places = 0.075, [height for height, _ in ends]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    places = [place - max(0.0, places[-1] - 1.0) for place in places]
    for place, (_, line) in zip(places, ends):
        label = ax.annotate(
            str(line.get_label()), (1.02, place), xycoords="axes fraction", va="center", color=line.get_color()
        )
        label.set_fontweight("bold")


def _axes_height(ax: Axes, line: Any) -> float:
    last = (line.get_xdata()[-1], line.get_ydata()[-1])
    return float(ax.transAxes.inverted().transform(ax.transData.transform(last))[1])
