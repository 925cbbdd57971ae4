"""The decoder's diagram names the functions of by_hand, in the order in which they are called."""

import re
from xml.etree import ElementTree

import pytest

from course_lib import by_hand
from course_lib.figures import decoder_diagram


def boxed(picture) -> dict[str, list[float]]:
    """Each text of the picture, and how far below the upper edge it stands (once per occurrence)."""
    places: dict[str, list[float]] = {}
    for node in ElementTree.fromstring(picture.html.replace("xlink:href", "href")).iter("text"):
        where = node.get("y") or re.findall(r"[-\d.]+", node.get("transform", "") + " 0 0")[1]
        places.setdefault("".join(node.itertext()), []).append(float(where))
    return places


def test_the_parts_are_functions_and_stand_in_order():
    places = boxed(decoder_diagram(4, alt="A stream."))
    order = ["logits  [T, V]", "unembed", "mlp", "self_attention", "embed", "ids  [T]"]
    heights = [places[name][0] for name in order]
    assert heights == sorted(heights), "from the ids at the bottom to the logits on top"
    assert all(hasattr(by_hand, name) for name in order[1:-1])
    assert len(places["layer_norm"]) == len(places["+"]) == 2


def test_the_number_of_blocks_is_written():
    assert "block, 12 times" in boxed(decoder_diagram(12, alt="A stream."))


def test_an_alt_is_asked_for():
    with pytest.raises(ValueError, match="alt"):
        decoder_diagram(alt=" ")
