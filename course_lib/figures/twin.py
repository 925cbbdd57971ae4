"""What every movable figure is: a widget with two homes, live in JupyterLab and in a page without any kernel.

A movable figure is a file of Python beside one of JavaScript in js/ that has its name. The Python checks what it is
given and packs it into synced traits; the JavaScript draws them, lets the reader move them, and says them in words.
"""

import base64
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from .picture import unique_id
from .style import PALETTE, css_variables

JS = Path(__file__).parent / "js"
START = (JS / "start.js").read_text("utf-8").strip()
LIMIT = 1_500_000  # bytes of state in a page
IMPORT = r'^import [^;]* from "\./(\w+)\.js";\n+'
COMMENT = r"^ *//.*\n"


def module(name: str) -> str:
    """Read `js/NAME.js` and, once and before it, all that it imports: one ES module, without imports and remarks."""
    sources: dict[str, str] = {}

    def read(name: str) -> None:
        source = (JS / f"{name}.js").read_text("utf-8")
        for part in re.findall(IMPORT, source, re.M):
            if part not in sources:
                read(part)
        sources[name] = re.sub(f"{IMPORT}|{COMMENT}", "", source, flags=re.M)

    read(name)
    return "".join(sources.values())


def style_sheet() -> str:
    """Read the figures' style sheet, with the theme's colours declared on every figure."""
    return f".ig-figure{{{css_variables(set(PALETTE))}}}\n" + (JS / "figures.css").read_text("utf-8")


class TwinWidget(anywidget.AnyWidget):
    """An anywidget whose output also holds an HTML twin: the same module, its state, no kernel.

    A subclass sets `label`, the figure's name for a reader who cannot see it. Its module is the one in js/ with the
    name of its file, unless it sets `_esm`. All its synced traits travel; bytes arrive as a DataView, as they do from
    a kernel. Raises ValueError for NaN or infinity, and for a state of more than 1.5 MB.
    """

    _css = style_sheet()
    _label = t.Unicode().tag(sync=True)
    label = "Figure"

    def __init_subclass__(cls, **options: Any) -> None:
        if "_esm" not in vars(cls):
            cls._esm = module(cls.__module__.rpartition(".")[2])
        super().__init_subclass__(**options)

    def __init__(self, **traits: Any) -> None:
        super().__init__(_label=self.label, **traits)
        _ = self._state()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.label}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        live = super()._repr_mimebundle_(**kwargs)
        data, metadata = live if live is not None else ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self.static_html()}, metadata

    def static_html(self) -> str:
        """Give the twin: a placeholder that says what stands here, and a script that starts the figure in it."""
        state, blobs = self._state()
        parts = {"label": self.label, "state": state, "blobs": blobs, "esm": str(self._esm), "css": str(self._css)}
        identity = unique_id(json.dumps(parts, sort_keys=True), "ig-figure")
        payload = json.dumps({"id": identity, **parts}, sort_keys=True).replace("<", "\\u003c")
        return (
            f'<div id="{identity}" class="ig-twin"><p>{self.label}: a figure that you can move. '
            f"It needs JavaScript.</p></div>\n"
            f"<script>\n({START})({payload});\n</script>"
        )

    def _state(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Split the synced traits into JSON values and base64 blobs, checked."""
        state: dict[str, Any] = {}
        blobs: dict[str, str] = {}
        inherited = set(anywidget.AnyWidget.class_trait_names(sync=True))
        for name in sorted(set(self.trait_names(sync=True)) - inherited):
            value = getattr(self, name)
            if name.startswith("_"):
                continue
            if isinstance(value, bytes):
                blobs[name] = base64.b64encode(value).decode()
            else:
                state[name] = _finite(name, value)
        _check_size(state, blobs)
        return state, blobs


class AskingWidget(TwinWidget):
    """A figure whose reader may put something of their own to the model, where a kernel runs it.

    A subclass has a synced trait `asked`, which the page sets, and a method `_answer`. `ask` answers it, or raises a
    ValueError whose words are shown; None: nobody answers.
    """

    _esm = ""
    refused = t.Unicode().tag(sync=True)  # why there is no answer

    def __init__(self, ask: Callable[..., Any] | None, **traits: Any) -> None:
        self._ask = ask
        super().__init__(**traits)

    def _answer(self, ask: Callable[..., Any], asked: Any) -> dict[str, Any]:
        """Give the traits that show the answer to `asked`."""
        raise NotImplementedError

    @t.observe("asked")
    def _put(self, change: dict) -> None:
        asked = change["new"]
        if self._ask is None or not (asked.strip() if isinstance(asked, str) else asked):
            return
        try:
            traits = self._answer(self._ask, asked)
        except ValueError as error:
            self.refused = str(error)
            return
        with self.hold_sync():
            for name, value in {"refused": "", **traits}.items():
                setattr(self, name, value)


def _finite(name: str, value: Any) -> Any:
    bad = next((x for x in _floats(value) if not math.isfinite(x)), None)
    if bad is not None:
        raise ValueError(f"{name} holds {bad}: a figure shows finite numbers only, mask such entries before")
    return value


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _floats(item)


def _check_size(state: dict[str, Any], blobs: dict[str, str]) -> None:
    size = len(json.dumps(state)) + sum(map(len, blobs.values()))
    if size > LIMIT:
        raise ValueError(f"the state takes {size:,} bytes in the page; at most {LIMIT:,}: show fewer words or layers")
