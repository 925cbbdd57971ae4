"""One page for the movable figures: opened from disk in a real browser, where any complaint fails the test.

The tests of a figure are a module with its name. It has a function `figure(**changes)`, which makes one, `FAULTS`, the
changes that it refuses with the words of each error, and perhaps `stirred(page)`, which yields after each move that
leads to a state worth looking at. What every figure has to do is asked in test_every_figure.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from course_lib.figures import PALETTE, TwinWidget
from course_lib.figures.style import DARK, VARIABLES
from tests.figures.reading import payload


def themed(colours: dict[str, str], names: dict[str, str] = VARIABLES) -> str:
    return "".join(f"{names[name]}:{value};" for name, value in colours.items() if name in names)


JUPYTER = {"ink": "--jp-ui-font-color1", "paper": "--jp-layout-color0"}
THEMES = {
    "light": themed(PALETTE),
    "dark": themed(DARK),
    "jupyter-light": themed({"ink": "#212121", "paper": "#ffffff"}, JUPYTER),
    "jupyter-dark": themed({"ink": "#ffffff", "paper": "#111111"}, JUPYTER),
}

# The model of a figure in JupyterLab, as far as figures use it: the kernel is the test. `saved` are the messages to it.
KERNEL = """
const { label, state, blobs, esm } = PAYLOAD;
const data = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const held = { _label: label }, heard = {};
let changed = {};
const fire = (event) => (heard[event] ?? []).forEach((call) => call());
const model = {
  get: (name) => held[name],
  set(name, value) {
    if (held[name] === value) return;
    held[name] = changed[name] = value;
    fire(`change:${name}`);
    fire('change');
  },
  on: (events, call) => events.split(' ').forEach((event) => (heard[event] ??= []).push(call)),
  save_changes() { kernel.saved.push(changed); changed = {}; },
  widget_manager: {},
};
function follow({ state, blobs }) {
  const all = { ...state, ...Object.fromEntries(Object.entries(blobs).map(([name, text]) => [name, data(text)])) };
  const same = (name) => !(name in blobs) && JSON.stringify(held[name]) === JSON.stringify(all[name]);
  const news = Object.keys(all).filter((name) => !same(name));
  for (const name of news) held[name] = all[name];
  news.forEach((name) => fire(`change:${name}`));
  fire('change');
}
globalThis.kernel = { saved: [], follow };
follow({ state, blobs });
const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: 'text/javascript' })));
widget.render({ model, el: document.querySelector('main') });
"""


def html(shown: tuple, theme: str, kernel: bool) -> str:
    body = "" if kernel else "".join(x.static_html() if isinstance(x, TwinWidget) else x.html for x in shown)
    data = json.dumps(payload(shown[0]) if kernel else None).replace("<", "\\u003c")
    script = f'<script type="module">{KERNEL.replace("PAYLOAD", data)}</script>' if kernel else ""
    css = payload(shown[0])["css"] if kernel else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>html{{{THEMES[theme]}}} body{{background:var(--ig-paper, var(--jp-layout-color0));"
        f"color:var(--ig-ink, var(--jp-ui-font-color1));font:16px sans-serif}}{css}</style>"
        f"<main><h1>Figures</h1>{body}</main>{script}</html>"
    )


def hear(page: Page, faults: list[str]) -> None:
    """Gather complaints, and calls to the network."""
    page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "blob:", "data:")) else faults.append(r.url))


@pytest.fixture
def open_figure(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open figures and still pictures in a page of their own; with `kernel` there is one, which `reading.sync` plays.

    Nothing moves by itself, unless an option of the browser's context says otherwise.
    """
    contexts, faults = [], []

    def opened(*shown: Any, theme: str = "light", width: int = 1280, kernel: bool = False, **options: Any) -> Page:
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, **{"reduced_motion": "reduce"} | options))
        page = contexts[-1].new_page()
        hear(page, faults)
        file = tmp_path / f"{len(contexts)}.html"
        file.write_text(html(shown, theme, kernel), "utf-8")
        page.goto(file.as_uri())
        if options.get("java_script_enabled", True):
            expect(page.locator(".ig-figure")).to_have_count(sum(isinstance(x, TwinWidget) for x in shown))
        return page

    yield opened
    assert faults == []
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_figure: Callable[..., Page], request: pytest.FixtureRequest) -> Page:
    """The test module's own figure in a light page."""
    return open_figure(request.module.figure())


@pytest.fixture
def call(page: Page, request: pytest.FixtureRequest) -> Callable[[str, Any], Any]:
    """Evaluate an expression of `m`, the module of the test's figure, and `x`, the argument, in the page."""
    source = payload(request.module.figure())["esm"]
    load = "await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))"

    def called(expression: str, x: Any) -> Any:
        code = f"async ({{ source, x }}) => {{ const m = {load}; return {expression}; }}"
        return page.evaluate(code, {"source": source, "x": x})

    return called
