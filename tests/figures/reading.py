"""How tests read a movable figure: what travels with it, what its page says, and what a kernel would hear."""

import json
import re
from collections.abc import Sequence

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

from course_lib import by_hand
from course_lib.figures import TwinWidget


def payload(figure: TwinWidget) -> dict:
    """What the page of a figure holds: label, state, blobs, esm, css."""
    return json.loads(re.search(r"^\}\)\((.*)\);$", figure.static_html(), re.M)[1])


def state(figure: TwinWidget) -> dict:
    return payload(figure)["state"]


def sync(page: Page, figure: TwinWidget) -> None:
    """Do what a kernel does: give Python what the page has saved, and the page what that has changed."""
    for message in page.evaluate("kernel.saved.splice(0)"):
        for name, value in message.items():
            setattr(figure, name, value)
    page.evaluate("(held) => kernel.follow(held)", payload(figure))


def for_every_reader(page: Page) -> None:
    """Ask axe for faults of accessibility, and the page whether it scrolls sideways."""
    where = page.viewport_size["width"], page.evaluate("document.documentElement.style.cssText")[:20]
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations] == [], where
    assert page.evaluate("document.documentElement.scrollWidth") <= where[0], where


def signed(number: float, digits: int = 2) -> str:
    """A number as figures write it: a true minus, and none before a zero."""
    text = f"{number:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "−")


def visible(token: str) -> str:
    return token.replace(" ", "·")


def numbers(place: Page | Locator, selector: str = ".ig-number") -> list[float]:
    """The number at the beginning of each such element's text."""
    return [float(text.split()[0].replace("−", "-")) for text in place.locator(selector).all_inner_texts()]


def points(line: Locator) -> list[list[float]]:
    """The places [x, y] of a drawn line."""
    return [[float(v) for v in point.split(",")] for point in line.get_attribute("points").split()]


def softmax(scores: Sequence[float] | np.ndarray, temperature: float = 1.0) -> np.ndarray:
    return by_hand.softmax(np.asarray(scores, dtype=float) / temperature)
