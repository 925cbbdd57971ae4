"""Pictures that stand in the page itself: inline SVG or HTML, in the page's own colours and font."""

import hashlib
import html
import io
import re
from collections import Counter
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from .style import PALETTE, css_variables

_made: Counter[str] = Counter()  # how often each content was shown: two equal pictures need two ids
_SCALE = 1.5  # CSS pixels per point of matplotlib at full width: 10 pt text is 15 px


@dataclass(frozen=True)
class Picture:
    """A piece of HTML that a notebook displays; `alt` says in words what is to be seen."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<figure: {self.alt}>"


def show(fig: Figure, alt: str) -> Picture:
    """Turn a matplotlib figure into an inline SVG that follows the page's theme, and close the figure.

    `alt` describes what is to be seen. Colours of `PALETTE` (and black) become CSS variables.
    Raises ValueError without an alt.
    """
    alt = described(alt)
    svg = _themed(_trimmed(_drawn(fig)))
    plt.close(fig)
    return Picture(_framed(_unique_ids(svg), alt), alt)


def described(alt: str) -> str:
    """Return the alt text, or raise ValueError that says what to write."""
    if not alt.strip():
        raise ValueError(
            f"alt={alt!r} is empty: say in one sentence what is to be seen, for a reader who cannot see it, "
            "for example alt='The loss falls from 5.5 to 1.2 nats and then stays flat.'"
        )
    return " ".join(alt.split())


def unique_id(content: str, prefix: str = "ig") -> str:
    """Name an element by its content and by how often this content came before."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    _made[digest] += 1
    return f"{prefix}-{digest}-{_made[digest]}"


def _drawn(fig: Figure) -> str:
    _read_no_formulas(fig)
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "inside-gpt"}):
        target = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        fig.savefig(target, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.03, metadata=metadata)
    return target.getvalue()


def _read_no_formulas(fig: Figure) -> None:
    """A "$" in a label is a token or a currency. Only matplotlib's own numbers on a logarithmic axis are formulas."""
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            axis.get_ticklabels()  # they are written only when somebody asks
    for text in fig.findobj(Text):
        if "\\mathdefault" not in text.get_text():
            text.set_parse_math(False)


def _trimmed(svg: str) -> str:
    """Drop what a page does not need; texts between the tags stay as they are."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style .*?</style>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", svg)
    svg = re.sub(r"<[^>]+>", lambda m: _short_tag(m[0]), svg)
    return re.sub(r"<defs></defs>", "", re.sub(r">\s+<", "><", svg)).strip()


def _short_tag(tag: str) -> str:
    """Round coordinates to a hundredth of a point, and leave the font's family to the page."""
    tag = re.sub(r"\s+", " ", tag)
    tag = re.sub(r"-?\d+\.\d{3,}", lambda m: f"{round(float(m[0]), 2):g}", tag)
    tag = re.sub(r"font(-family|): ([^;\"]*)", lambda m: _font_size(m[2]), tag)
    tag = re.sub(r"([:;]) +", r"\1", tag.replace(' transform="rotate(-0 ', ' data-x="'))
    return re.sub(r' data-x="[^"]*"', "", re.sub(r";;+", ";", tag))


def _font_size(font: str) -> str:
    """Keep size and weight of `700 10px 'DejaVu Sans'`."""
    size = re.search(r"[\d.]+px", font)
    weight = "font-weight:700;" if re.search(r"\b(bold|700)\b", font) else ""
    return f"{weight}font-size:{size[0]}" if size else ""


def _themed(svg: str) -> str:
    return re.sub(r"<[^>]+>", lambda m: _themed_tag(m[0]), svg)


def _themed_tag(tag: str) -> str:
    tag = tag.replace("#000000", PALETTE["ink"])
    for name, colour in PALETTE.items():
        tag = tag.replace(colour, f"var(--c-{name})")
    return tag


def _unique_ids(svg: str) -> str:
    prefix = unique_id(svg)
    svg = re.sub(r' id="([^"]+)"', rf' id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)


def _framed(svg: str, alt: str) -> str:
    """Replace the root element: no fixed size, a name for those who cannot see it, the colours it uses."""
    box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) [\d.]+"', svg)
    assert box is not None, "matplotlib always writes a viewBox"
    names = set(re.findall(r"var\(--c-(\w+)\)", svg))
    style = (
        f"{css_variables(names)}display:block;width:100%;max-width:{float(box[1]) * _SCALE:.0f}px;height:auto;"
        "font-family:var(--ig-sans,inherit);fill:var(--c-ink);stroke-linejoin:round;stroke-linecap:butt;overflow:visible"
    )
    text = html.escape(alt)
    root = f'<svg class="ig-picture" {box[0]} role="img" aria-label="{text}" style="{style}"><title>{text}</title>'
    return re.sub(r"^<svg[^>]*>", lambda _: root, svg)
