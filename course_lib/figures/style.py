"""One style for every picture: matplotlib's settings, and colours that follow the page's theme."""

from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap

# Okabe and Ito's colour-blind safe hues, darkened on white paper until text in them is legible (4.5:1).
PALETTE: dict[str, str] = {
    "ink": "#14213d",
    "muted": "#52607a",
    "grid": "#dcd8cd",
    "paper": "#ffffff",
    "blue": "#0072b2",
    "vermillion": "#b84f00",
    "green": "#007d5c",
    "purple": "#a8478a",
    "amber": "#946200",
    "indigo": "#5a55c8",
    "olive": "#6f6a00",
    "grey": "#5f6b7a",
    "heat": "#5aaee0",
}

# The same names on dark paper. The site's style sheet gives these values to the CSS variables below.
DARK: dict[str, str] = {
    "ink": "#e8edf5",
    "muted": "#a7b3c6",
    "grid": "#36404f",
    "paper": "#12161f",
    "blue": "#56b4e9",
    "vermillion": "#ff9152",
    "green": "#2dc9a0",
    "purple": "#e79bc9",
    "amber": "#f0b429",
    "indigo": "#aaaeff",
    "olive": "#f0e442",
    "grey": "#a9b4c2",
    "heat": "#1f6fa6",
}

SERIES = ("blue", "vermillion", "green", "purple", "amber", "indigo", "olive", "grey")

# The name of each colour as a CSS variable; heat maps are one hue, from transparent to full strength.
VARIABLES: dict[str, str] = {name: f"--ig-{name}" for name in ("ink", "muted", "grid", "paper")}
VARIABLES |= {name: f"--ig-series-{i}" for i, name in enumerate(SERIES, 1)}
VARIABLES |= {"heat": "--ig-seq-0"}


def fallback(name: str) -> str:
    """Give the CSS value of a colour where the page sets no `--ig-…`: JupyterLab's or VS Code's own theme.

    Hues are mixed with the theme's ink (heat: with its paper), so they hold on light and on dark paper.
    """
    if name == "ink":
        return f"var(--jp-ui-font-color1, var(--vscode-editor-foreground, {PALETTE['ink']}))"
    if name == "paper":
        return f"var(--jp-layout-color0, var(--vscode-editor-background, {PALETTE['paper']}))"
    ink_share = {"muted": 72, "grid": 20}
    if name in ink_share:
        return f"color-mix(in srgb, var(--c-ink) {ink_share[name]}%, var(--c-paper))"
    if name == "heat":
        return "color-mix(in srgb, #0072b2 65%, var(--c-paper))"
    return f"color-mix(in srgb, {PALETTE[name]} 70%, var(--c-ink))"


def css_variables(names: set[str]) -> str:
    """Declare `--c-NAME` for each colour: the page's `--ig-…` if it has one, else the fallback."""
    needed = {"ink", "paper"} | names
    return "".join(f"--c-{name}:var({VARIABLES[name]},{fallback(name)});" for name in PALETTE if name in needed)


def heat_colours() -> LinearSegmentedColormap:
    """Make the map of the heat hue: it grows from transparent to opaque, so it works on any paper."""
    red, green, blue = mpl.colors.to_rgb(PALETTE["heat"])
    return LinearSegmentedColormap.from_list("ig-heat", [(red, green, blue, 0.0), (red, green, blue, 1.0)])


mpl.colormaps.register(heat_colours(), force=True)

# matplotlib's settings for the whole book. The text sizes suit `show`, on a wide page and on a phone.
STYLE: dict[str, Any] = {
    "figure.figsize": (5.2, 3.1),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "text.color": PALETTE["ink"],
    "axes.titlecolor": PALETTE["ink"],
    "axes.labelcolor": PALETTE["ink"],
    "axes.edgecolor": PALETTE["muted"],
    "xtick.color": PALETTE["muted"],
    "ytick.color": PALETTE["muted"],
    "xtick.labelcolor": PALETTE["ink"],
    "ytick.labelcolor": PALETTE["ink"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALETTE["grid"],
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "axes.prop_cycle": mpl.cycler(color=[PALETTE[name] for name in SERIES]),
    "image.cmap": "ig-heat",
    "svg.fonttype": "none",
    "svg.hashsalt": "inside-gpt",
}


def use_style() -> None:
    """Give every matplotlib figure from here on the book's style."""
    mpl.rcParams.update(STYLE)
