"""The twin widget's state and its HTML, without a browser."""

import base64
import re

import numpy as np
import pytest
import traitlets as t

from course_lib.figures import TwinWidget
from course_lib.figures.checks import checked, index, probabilities, strings, within
from course_lib.figures.twin import JS, AskingWidget, module
from tests.figures.reading import payload


class Small(TwinWidget):
    _esm = "export default { render({ el }) { el.textContent = 'hello'; } };"
    label = "Small"
    number = t.Any(1.0).tag(sync=True)
    data = t.Bytes(b"").tag(sync=True)
    private = t.Unicode("not synced")


def test_twin_holds_all_synced_traits_and_nothing_else():
    held = payload(Small(number={"a": [1, 2.5]}, data=b"\x00\xff"))
    assert held["state"] == {"number": {"a": [1, 2.5]}}
    assert base64.b64decode(held["blobs"]["data"]) == b"\x00\xff"


def test_bundle_has_the_live_view_the_twin_and_a_stable_text():
    data, _ = Small()._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/plain", "text/html"}
    assert data["text/plain"] == "<Small: Small>"
    assert "needs JavaScript" in data["text/html"]


def test_equal_widgets_have_different_ids():
    assert payload(Small())["id"] != payload(Small())["id"]


def test_a_text_cannot_end_the_script():
    html = Small(number="</script><script>alert(1)</script><!--").static_html()
    assert html.count("</script") == html.count("<script") == 1
    assert "<!--" not in html


@pytest.mark.parametrize("number", [float("nan"), float("inf"), [1.0, [2.0, -float("inf")]], {"a": float("nan")}])
def test_a_number_that_json_cannot_hold_is_an_error(number):
    with pytest.raises(ValueError, match=r"number holds -?(nan|inf)"):
        Small(number=number)


def test_a_page_sized_state_is_an_error():
    with pytest.raises(ValueError, match=r"1,600,\d+ bytes.*1,500,000"):
        Small(data=bytes(1_200_000))


def test_checked_asks_for_shape_and_finite_values():
    assert checked("x", [[1, 2]], None, 2, dtype="<f4").tobytes() == np.array([1, 2], "<f4").tobytes()
    with pytest.raises(ValueError, match=r"x has shape \(2,\), expected \(any, 2\)"):
        checked("x", [1, 2], None, 2)
    with pytest.raises(ValueError, match="x holds 1 numbers"):
        checked("x", [1, np.nan], 2)
    with pytest.raises(ValueError, match=r"x is empty, shape \(0,\)"):
        checked("x", [], None)


CHECKS = [
    (lambda: probabilities("p", [[0.5, 0.6]], 1, 2), r"p run from 0.5 and sum to 1.1 … 1.1, not to at most 1"),
    (lambda: probabilities("p", [0.5, 0.4], 2, whole=True), "sum to 0.9 … 0.9, not to 1"),
    (lambda: probabilities("p", [-0.5, 0.4], 2), "p run from -0.5"),
    (lambda: within("at", 3, 0, 2), "at=3 is not in 0 … 2"),
    (lambda: index("run", -1, "ab"), "run=-1: there are 2"),
    (lambda: strings("words", "ab"), "words='ab': pass a list"),
]


@pytest.mark.parametrize(("call", "message"), CHECKS)
def test_a_check_names_what_is_wrong_and_what_is_wanted(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_check_gives_back_what_is_right():
    assert probabilities("p", [0.5, 0.4], 2).tolist() == [0.5, 0.4]
    assert (within("at", 2, 0, 2), index("run", 1, "ab"), strings("words", ("a",))) == (2, 1, ["a"])


class Doubling(AskingWidget):
    _esm = Small._esm
    asked = t.Unicode().tag(sync=True)
    answered = t.Unicode().tag(sync=True)

    def _answer(self, ask, asked):
        return {"answered": ask(asked)}


def double(text):
    if len(text) > 3:
        raise ValueError(f"{text!r} is too long")
    return 2 * text


def test_a_kernel_answers_and_may_refuse():
    widget = Doubling(double)
    for asked, answered, refused in (
        ("abc", "abcabc", ""),
        ("abcd", "abcabc", "'abcd' is too long"),
        ("  ", "abcabc", "'abcd' is too long"),  # nothing was asked
        ("e", "ee", ""),
    ):
        widget.asked = asked
        assert (widget.answered, widget.refused) == (answered, refused)


def test_where_nobody_answers_nothing_happens():
    widget = Doubling(None)
    widget.asked = "a"
    assert (widget.answered, widget.refused) == ("", "")


@pytest.mark.parametrize("path", sorted(JS.glob("*.js")), ids=lambda path: path.name)
def test_every_module_stands_alone_once_the_shared_part_is_in_it(path):
    if path.stem not in ("shared", "start"):
        assert "import " not in re.sub(r"//.*", "", module(path.stem))
