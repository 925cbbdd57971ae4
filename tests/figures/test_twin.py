"""The twin widget's state and its HTML, without a browser."""

import base64
import json
import re

import numpy as np
import pytest
import traitlets as t

from course_lib.figures import DragQuery, MaskAndHeads, MergeSteps, ResidualDepth, Temperature, TwinWidget
from course_lib.figures.checks import checked
from course_lib.figures.movable import merge_counts
from course_lib.figures.twin import JS, module
from course_lib.tokens import Tokenizer, train_bpe
from course_lib.tokens.alphabet import BYTE_ORDER

TEXTS = ["a robot must obey the orders given it", "the robot obeyed the order"]


class Small(TwinWidget):
    _esm = "export default { render({ el }) { el.textContent = 'hello'; } };"
    label = "Small"
    number = t.Any(1.0).tag(sync=True)
    data = t.Bytes(b"").tag(sync=True)
    private = t.Unicode("not synced")


def payload(widget: TwinWidget) -> dict:
    return json.loads(re.search(r"^\}\)\((.*)\);$", widget.static_html(), re.M)[1])


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


@pytest.mark.parametrize("path", sorted(JS.glob("*.js")), ids=lambda path: path.name)
def test_every_module_stands_alone_once_the_shared_part_is_in_it(path):
    if path.stem not in ("shared", "start"):
        assert "import " not in re.sub(r"//.*", "", module(path.stem))


def test_merge_counts_are_those_of_training():
    tokenizer = train_bpe(TEXTS, 270)
    counts = merge_counts(tokenizer.merges, TEXTS)
    assert counts == sorted(counts, reverse=True)  # training always merges the most frequent pair
    first = b"".join(tokenizer.merges[0]).decode()
    assert counts[0] == sum(text.count(first) for text in TEXTS)


def test_merge_steps_knows_gpt2s_order_of_bytes():
    figure = MergeSteps(Tokenizer([], byte_order=BYTE_ORDER), "a")
    assert figure.byte_ids[ord(" ")] == 220


def test_residual_depth_sends_only_the_best():
    p = np.random.default_rng(0).dirichlet(np.ones(50), size=(3, 2)).astype("f4")
    figure = ResidualDepth(["a", "b"], p, [f"w{i}" for i in range(50)], np.ones((3, 2)), k=4)
    sent = np.frombuffer(figure.probabilities, "<f4").reshape(3, 2, 4)
    np.testing.assert_array_equal(sent, -np.sort(-p, axis=-1)[..., :4])
    names = [[figure.vocabulary[i] for i in row] for row in np.reshape(figure.top, (6, 4))]
    assert names == [[f"w{i}" for i in row] for row in np.argsort(-p.reshape(6, 50), axis=-1)[:, :4]]


T3 = np.zeros((2, 3, 3))
FAULTS = [
    (lambda: Temperature(["a", "b"], [1.0]), r"logits has shape \(1,\), expected \(2\)"),
    (lambda: Temperature([], []), "at least one"),
    (lambda: Temperature(["a"], [np.inf]), "logits holds 1"),
    (lambda: MergeSteps(Tokenizer(), "a", step=1), "step=1: this tokenizer has 0 to 0"),
    (lambda: DragQuery(["a"], [[4, 0]]), "keys reaches 4"),
    (lambda: DragQuery(["a"], [[1, 0]], d=3), "d=3 is not one of"),
    (lambda: DragQuery(["a"], [[1, 0, 0]]), r"\(1, 3\)"),
    (lambda: MaskAndHeads(list("ab"), T3), r"\(2, 3, 3\), expected \(any, 2, 2\)"),
    (lambda: MaskAndHeads(list("abc"), T3, head=2), "head=2"),
    (lambda: MaskAndHeads(list("abc"), T3, head_names=["x"]), "1 head_names for 2 heads"),
    (lambda: MaskAndHeads(list("abc"), T3 - np.inf), "18 numbers"),
    (lambda: ResidualDepth(["a"], np.ones((2, 1, 3)), list("xyz"), np.ones((2, 1))), "sum to 3"),
    (lambda: ResidualDepth(["a"], np.full((2, 1, 2), 0.5), list("xy"), np.ones((3, 1))), r"norms has shape \(3, 1\)"),
    (lambda: ResidualDepth(["a"], np.full((2, 1, 2), 0.5), list("xy"), np.ones((2, 1)), layer=2), "layer=2"),
]


@pytest.mark.parametrize(("call", "message"), FAULTS)
def test_what_cannot_be_shown_is_an_error_with_its_numbers(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_trait_out_of_its_range_is_an_error():
    figure = Temperature(["a"], [0.0])
    with pytest.raises(t.TraitError, match="3"):
        figure.temperature = 5.0
