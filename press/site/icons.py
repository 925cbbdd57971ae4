"""Icons, drawn while the book is built, from the theme's own file.

The theme sends every reader 1.5 MB of script (0.5 MB packed) that turns `<i class="fa-solid fa-sun">` into a small
SVG. The same replacement is made here, once; the page then carries the few shapes that it shows, and no script.
"""

from __future__ import annotations

import functools
import json
import pathlib

import pydata_sphinx_theme
from bs4 import BeautifulSoup, Tag
from py_mini_racer import MiniRacer

THEME = pathlib.Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
SCRIPT = THEME / "scripts" / "fontawesome.js"
STYLES = {"fa-solid": "fas", "fas": "fas", "fa-regular": "far", "far": "far", "fa-brands": "fab", "fab": "fab"}
Shape = tuple[int, int, str]  # width, height, path


@functools.cache
def shapes() -> dict[tuple[str, str], Shape]:
    """Read all shapes: {(style, name): shape}, also under their older names."""
    context = MiniRacer()
    context.eval("var window = globalThis")
    context.eval(SCRIPT.read_text("utf-8"))
    found: dict[tuple[str, str], Shape] = {}
    for style, icons in json.loads(str(context.eval("JSON.stringify(___FONT_AWESOME___.styles)"))).items():
        for name, (width, height, aliases, _, path) in icons.items():
            for known_as in (name, *aliases):
                found.setdefault((style, str(known_as)), (width, height, path if isinstance(path, str) else path[-1]))
    return found


def shape_of(classes: list[str]) -> Shape:
    """Find the shape that an icon's classes name. Raises KeyError with the classes where there is none."""
    style = next((STYLES[name] for name in classes if name in STYLES), "fas")
    for name in classes:
        if (style, name.removeprefix("fa-")) in shapes():
            return shapes()[style, name.removeprefix("fa-")]
    raise KeyError(f"no icon named by the classes {' '.join(classes)}: see the names in {SCRIPT.name}")


def draw(soup: BeautifulSoup, icon: Tag) -> Tag:
    """Make the SVG that stands for one icon. Its button or link has the name, so it is hidden from screen readers."""
    classes = [str(name) for name in icon.get_attribute_list("class")]
    width, height, path = shape_of(classes)
    kept = [name for name in classes if name == "fa-lg" or not name.startswith("fa")]
    svg = soup.new_tag(  # in HTML, the names of attributes have no capitals
        "svg",
        attrs={"class": " ".join(["svg-inline--fa", *kept]), "aria-hidden": "true", "focusable": "false",
               "viewbox": f"0 0 {width} {height}", **{k: v for k, v in icon.attrs.items() if k.startswith("data-")}},
    )  # fmt: skip
    svg.append(soup.new_tag("path", attrs={"fill": "currentColor", "d": path}))
    return svg


def draw_all(soup: BeautifulSoup) -> None:
    """Replace every icon of a page, and drop the script that would have done so in the reader's browser."""
    for icon in soup.select(", ".join(f"i.{style}, span.{style}" for style in STYLES)):
        icon.replace_with(draw(soup, icon))
    for script in soup.select('script[src*="scripts/fontawesome.js"]'):
        script.decompose()
