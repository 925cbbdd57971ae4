"""Draw the book's mark and its cover: the triangle of the causal mask. `python -m press.cover` writes the files.

The cover's last row is the table of the lecture that this book grew out of: where "it" looks in
"a robot must obey the orders given it". The other rows are what equal scores give under the mask.
"""

import pathlib
from collections.abc import Iterator

STATIC = pathlib.Path(__file__).resolve().parent.parent / "book" / "_static"
WORDS = ("a", "robot", "must", "obey", "the", "orders", "given", "it")
WEIGHTS = (0.3, 0.5, 0.002, 0.001, 0.0003, 0.005, 0.002, 0.19)  # of "it", as the lecture prints them
ROWS = [tuple(1 / (i + 1) for _ in range(i + 1)) for i in range(len(WORDS) - 1)] + [WEIGHTS]
THEMES = {
    "": {"ink": "#14213d", "accent": "#d55e00"},
    "-dark": {"ink": "#e8edf5", "accent": "#ff9152"},
}
COLUMN, ROW, LEFT, BASE = 132, 26, 22, 236  # pixels: cell width and height, left margin, the words' base line


COVER_STYLE = """<style>
.ig-cover{--k:#14213d;--g:#d9d5ca;--b:#0072b2;--o:#a84800}
@media (prefers-color-scheme:dark){.ig-cover{--k:#e8edf5;--g:#36404f;--b:#56b4e9;--o:#ff9152}}
.ig-cover .k{fill:var(--ig-ink,var(--k))}
.ig-cover .b{fill:var(--ig-series-1,var(--b));stroke:var(--ig-grid,var(--g))}
.ig-cover .o{fill:var(--ig-series-2,var(--o))}
.ig-cover rect.o{stroke:var(--ig-grid,var(--g))}
.ig-cover path{fill:none;stroke:var(--ig-series-2,var(--o));stroke-linecap:round}
.ig-cover text{font-family:'Source Serif 4','Source Serif Pro',Georgia,'Times New Roman',serif;font-size:34px}
</style>
"""


def svg(width: int, height: int, body: str, label: str) -> str:
    """Wrap a drawing, with a name for those who cannot see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{label}">\n{body}</svg>\n'
    )


def mark_cells(ink: str, accent: str) -> Iterator[str]:
    """Draw the mark: four rows of the mask; the one cell in colour is where the last word looks."""
    for row in range(4):
        for column in range(row + 1):
            fill = accent if (row, column) == (3, 1) else ink
            yield f'<rect x="{4 + 15 * column}" y="{4 + 15 * row}" width="12" height="12" rx="2.5" fill="{fill}"/>\n'


def mark(theme: str) -> str:
    """Draw the mark on light or on dark paper."""
    colours = THEMES[theme]
    return svg(64, 64, "".join(mark_cells(colours["ink"], colours["accent"])), "Inside GPT")


def favicon() -> str:
    """Draw the mark for a browser's tab, where the system's colours decide."""
    rules = "".join(
        f"@media (prefers-color-scheme: {scheme}) "
        f"{{ rect {{ fill: {colours['ink']} }} .a {{ fill: {colours['accent']} }} }}"
        for scheme, colours in (("light", THEMES[""]), ("dark", THEMES["-dark"]))
    )
    cells = "".join(mark_cells("", "ACCENT")).replace(' fill="ACCENT"', ' class="a"').replace(' fill=""', "")
    return svg(64, 64, f"<style>{rules}</style>\n{cells}", "Inside GPT")


def middle(column: int) -> float:
    """Find the middle of a word's column."""
    return LEFT + COLUMN * (column + 0.5)


def arcs() -> Iterator[str]:
    """Draw from "it" to every word an arc as thick as its weight."""
    start, top = middle(len(WORDS) - 1), BASE - 34
    for column, weight in enumerate(WEIGHTS[:-1]):
        end, lift = middle(column), 28 + 24.5 * (len(WORDS) - 1 - column)
        path = f"M{start:g} {top} C{start:g} {top - lift:g} {end:g} {top - lift:g} {end:g} {top}"
        yield f'<path d="{path}" stroke-width="{1 + 15 * weight:.2f}" stroke-opacity="{0.3 + 0.6 * weight:.2f}"/>\n'


def words() -> Iterator[str]:
    """Set the sentence, one word to a column."""
    for column, word in enumerate(WORDS):
        kind = 'class="o" font-weight="600"' if column == len(WORDS) - 1 else 'class="k"'
        yield f'<text x="{middle(column):g}" y="{BASE}" text-anchor="middle" {kind}>{word}</text>\n'


def triangle() -> Iterator[str]:
    """Draw the mask: a cell is as strong as its weight, and there is none to the right of the diagonal."""
    for row, weights in enumerate(ROWS):
        for column, weight in enumerate(weights):
            place = f'x="{LEFT + COLUMN * column + 3}" y="{BASE + 26 + ROW * row}"'
            kind = "o" if row == len(ROWS) - 1 else "b"
            yield (
                f'<rect class="{kind}" {place} width="{COLUMN - 6}" height="{ROW - 5}" rx="4"'
                f' fill-opacity="{0.06 + 0.94 * weight:.3f}"/>\n'
            )


def cover() -> str:
    """Draw the cover: in the book's colours inside a page, in the system's anywhere else."""
    body = "".join([COVER_STYLE, *arcs(), *words(), *triangle()])
    label = f"{' '.join(WORDS)}: the strongest arcs lead from it to a and robot; below, the causal mask's triangle"
    drawn = svg(2 * LEFT + COLUMN * len(WORDS), BASE + 30 + ROW * len(ROWS) + 10, body, label)
    return drawn.replace("<svg ", '<svg class="ig-cover" ', 1)


def files() -> dict[str, str]:
    """Draw everything: {file name: SVG}."""
    return {"favicon.svg": favicon(), "cover.svg": cover(), **{f"logo{theme}.svg": mark(theme) for theme in THEMES}}


if __name__ == "__main__":
    for name, text in files().items():
        (STATIC / name).write_text(text, "utf-8")
