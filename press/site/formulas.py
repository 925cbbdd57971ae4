"""Formulas, drawn while the book is built: KaTeX runs here, and the page gets HTML and MathML but no script."""

from __future__ import annotations

import functools
import html
import pathlib
import re

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

KATEX = pathlib.Path(__file__).parent / "katex" / "katex.min.js"
ROW_END = r" \\ "
logger = logging.getLogger(__name__)


class FormulaError(ValueError):
    """KaTeX refuses a formula; the message says where in the formula and why."""


@functools.cache
def engine() -> MiniRacer:
    """Start V8 with KaTeX in it, once per process."""
    context = MiniRacer()
    context.eval(KATEX.read_text("utf-8"))
    return context


@functools.cache
def render(tex: str, display: bool = False) -> str:
    """Turn LaTeX into HTML for the eye and MathML for everybody else.

    Raises FormulaError where KaTeX refuses the formula.
    """
    options = {"displayMode": display, "output": "htmlAndMathml", "strict": "ignore"}
    try:
        return str(engine().call("katex.renderToString", tex, options))
    except JSEvalException as error:
        reason = re.search(r"ParseError: KaTeX parse error: ([^\n]*)", str(error))
        raise FormulaError(f"{reason[1] if reason else error}, in: {tex}") from None


def unnumbered(tex: str) -> str:
    r"""Star the environments that would number their rows: the number beside a formula is Sphinx's.

    `\begin{align} a \end{align}` -> `\begin{align*} a \end{align*}`
    """
    return re.sub(r"\\(begin|end)\{(equation|align|alignat|gather|multline|eqnarray)\}", r"\\\1{\2*}", tex)


def display_tex(node: nodes.math_block) -> str:
    """Return what KaTeX shall draw for a displayed formula.

    As in Sphinx, blank lines separate formulas, and a formula with line breaks is split at them.
    """
    tex = node.astext().strip()
    if node.get("nowrap"):
        return unnumbered(tex)
    parts = [part.strip() for part in tex.split("\n\n") if part.strip()]
    split = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in parts]
    return split[0] if len(split) == 1 else rf"\begin{{gathered}}{ROW_END.join(split)}\end{{gathered}}"


def drawn(node: nodes.Node, tex: str, display: bool) -> str:
    """Render a node's formula; where that fails, warn with file and line, and show the LaTeX itself."""
    try:
        return render(tex, display)
    except FormulaError as error:
        logger.warning("KaTeX cannot draw this formula: %s", error, location=place(node), type="formula")
        return f"<code>{html.escape(tex)}</code>"


def place(node: nodes.Node) -> str:
    """Find file and line of a node; an inline formula asks the paragraph around it."""
    while node.line is None and node.parent is not None:
        node = node.parent
    return f"{node.source}:{node.line}"


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line of text."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(drawn(node, node.astext(), display=False) + "</span>")
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands alone, with its number if it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    self.body.append(f'<div class="formula">{drawn(node, display_tex(node), display=True)}</div>')
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Make this the book's way to draw formulas (`html_math_renderer: katex`)."""
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_display, None))
