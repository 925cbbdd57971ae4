"""press.site, piece by piece, without a built site."""

import io
import pathlib
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from course_lib.figures.style import DARK, PALETTE, VARIABLES
from press import cover
from press.site import accessibility, exercises, formulas, freshness, icons, order, pages, styles

CSS = cover.STATIC / "inside-gpt.css"


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def test_a_formula_becomes_html_and_mathml():
    drawn = soup(formulas.render(r"\frac{a}{b}", display=True))
    assert drawn.select_one("math mfrac") is not None
    assert drawn.select_one('.katex-html[aria-hidden="true"]') is not None


def test_a_formula_that_cannot_be_drawn_says_why():
    with pytest.raises(formulas.FormulaError, match=r"Undefined control sequence: \\nosuch .*in: a \\nosuch"):
        formulas.render(r"a \nosuch")


def test_numbered_environments_leave_the_number_to_sphinx():
    assert formulas.unnumbered(r"\begin{align}a\end{align}") == r"\begin{align*}a\end{align*}"
    assert formulas.unnumbered(r"\begin{aligned}a\end{aligned}") == r"\begin{aligned}a\end{aligned}"


def build(folder: pathlib.Path, text: str) -> tuple[BeautifulSoup, str]:
    """Build a one-page site with our formulas; return the page and the warnings."""
    (folder / "index.md").write_text(text, "utf-8")
    (folder / "conf.py").write_text(
        "extensions = ['myst_parser', 'formulas_only']\nmyst_enable_extensions = ['dollarmath', 'amsmath']\n"
        "html_math_renderer = 'katex'\nhtml_theme = 'basic'\n",
        "utf-8",
    )
    (folder / "formulas_only.py").write_text("from press.site.formulas import setup\n", "utf-8")
    warnings = io.StringIO()
    with docutils_namespace():  # another build may have gone before in this process
        Sphinx(folder, folder, folder / "out", folder / "doctrees", "html", status=None, warning=warnings).build()
    return soup((folder / "out" / "index.html").read_text("utf-8")), warnings.getvalue()


def test_numbers_labels_and_warnings_in_a_real_build(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (
        "# T\n\nInline $x^2$, see {eq}`one`.\n\n$$\na = b\n$$ (one)\n\n"
        "\\begin{align}\nc &= d \\\\\n&= e\n\\end{align}\n\nWrong: $\\frac{1$ here.\n\n$$\n\\nosuch\n$$\n"
    )
    page, warnings = build(tmp_path, text)
    assert [number.get_text()[:3] for number in page.select(".eqno")] == ["(1)", "(2)"]
    assert page.select_one('a[href="#equation-one"]') is not None
    assert page.select_one("#equation-one .katex-display math") is not None
    assert not page.select("script[src*=MathJax], script[src*=mathjax]")
    assert "index.md:14: WARNING: KaTeX cannot draw this formula" in warnings
    assert "index.md:16: WARNING: KaTeX cannot draw this formula: Undefined control sequence" in warnings
    assert warnings.count("WARNING") == 2


def test_an_icon_is_drawn_with_its_data_and_hidden_from_screen_readers():
    page = soup('<button><i class="theme-switch fa-solid fa-sun fa-lg" data-mode="light" title="Light"></i></button>')
    icons.draw_all(page)
    svg = page.select_one("button > svg.svg-inline--fa.theme-switch.fa-lg[data-mode=light]")
    assert svg is not None
    assert svg["aria-hidden"] == "true"
    assert page.select("path[d]")


def test_icons_have_older_names_too_and_unknown_ones_are_refused():
    assert icons.shape_of(["fas", "fa-pencil-alt"]) == icons.shape_of(["fa-solid", "fa-pencil"])
    with pytest.raises(KeyError, match="fa-no-such-thing"):
        icons.shape_of(["fa-solid", "fa-no-such-thing"])


def test_finishing_a_finished_page_changes_nothing(tmp_path: pathlib.Path):
    html = (
        '<html><body><div id="pst-primary-sidebar"><nav class="bd-links"></nav></div><table><tr><th>a</th></tr></table>'
        '<div class="dropdown admonition"><p class="admonition-title"><a href="#x">T</a></p><p>1 &lt; 2</p></div>'
        '<svg viewBox="0 0 1 1"><rect/></svg><i class="fas fa-code"></i></body></html>'
    )
    once = pages.finish(html, tmp_path)
    assert pages.finish(once, tmp_path) == once
    assert "1 &lt; 2" in once


def test_a_dropdown_becomes_details_without_a_link_in_its_title():
    page = soup('<div class="dropdown admonition"><p class="admonition-title"><a href="#x">T</a></p><p>text</p></div>')
    accessibility.mend(page)
    folded = '<details class="dropdown admonition"><summary class="admonition-title">T</summary><p>text</p></details>'
    assert str(page) == folded


def test_what_folds_the_exercises_of_a_chapter_is_called_by_the_chapter():
    page = soup(
        '<nav class="bd-links"><ul><li class="has-children"><a href="03.html">3. Self-attention</a><details>'
        '<summary><svg></svg></summary><ul><li><a href="s.html">Exercises</a></li></ul></details></li></ul></nav>'
    )
    accessibility.mend(page)
    assert page.summary["aria-label"] == "Beneath 3. Self-attention"


TREE = {"home": ["one", "two", "notes"], "one": ["sheet"], "sheet": ["solutions"], "two": ["sheet two"]}


@pytest.mark.parametrize(
    ("page", "ways"),
    [
        ("home", (None, "one", None)),
        ("one", ("home", "two", "sheet")),
        ("sheet", ("one", "two", None)),
        ("solutions", ("sheet", "two", None)),
        ("sheet two", ("two", "notes", None)),
        ("notes", ("two", None, None)),
    ],
)
def test_chapters_follow_one_another_and_exercises_stand_beside_the_way(page: str, ways: tuple[str | None, ...]):
    assert order.ways(page, "home", TREE) == ways


def test_a_new_title_or_order_writes_every_page_again():
    def titled(text: str) -> SimpleNamespace:
        return SimpleNamespace(astext=lambda: text)

    env = SimpleNamespace(titles={"home": titled("Home"), "one": titled("One")}, toctree_includes={"home": ["one"]})
    assert order.write_all_again(None, env) == ["home", "one"]
    assert order.write_all_again(None, env) == []
    env.titles["one"] = titled("Another")
    assert order.write_all_again(None, env) == ["home", "one"]
    env.toctree_includes["home"].append("two")
    assert order.write_all_again(None, env) == ["home", "one"]


def test_a_link_to_a_notebook_of_exercises_leads_to_their_page():
    source = ["[Exercises](exercises/03_a.ipynb), [a part](exercises/03_a.ipynb#one), `exercises/x.ipynb`"]
    exercises.lead_to_the_page(None, "book/03_a", source)
    assert source == ["[Exercises](sheets/03_a.md), [a part](sheets/03_a.md#one), `exercises/x.ipynb`"]


def test_who_edits_a_page_of_exercises_edits_its_master():
    page = soup(
        '<a href="https://x.org/edit/main/book/sheets/03_attention.md"></a>'
        '<a href="https://x.org/edit/main/book/sheets/03_attention_solutions.md"></a>'
        '<a href="https://x.org/edit/main/book/glossary.md"></a>'
    )
    exercises.edit_the_master(page)
    master = "https://x.org/edit/main/masters/03_attention.py"
    assert [a["href"] for a in page("a")] == [master, master, "https://x.org/edit/main/book/glossary.md"]


def test_the_cover_stands_in_the_page(tmp_path: pathlib.Path):
    (tmp_path / "cover.svg").write_text(cover.cover(), "utf-8")
    page = soup(pages.finish('<img class="ig-cover" src="cover.svg" alt="What is seen"/>', tmp_path))
    assert page.select_one('svg.ig-cover[role="img"][aria-label="What is seen"]') is not None


def test_only_used_styles_and_scripts_stay():
    assert pages.is_used("vendor/katex/katex.min.css", '<span class="katex">')
    assert not pages.is_used("vendor/katex/katex.min.css", "<p>text</p>")
    assert pages.is_used("_static/doctools.js?v=1", "")
    assert not pages.is_used(SimpleNamespace(filename="_static/copybutton.js"), "<p>no code</p>")


def test_unused_rules_go_and_used_ones_stay():
    css = "@charset 'u';.a,.gone{x:1}.gone{y:2}@media print{.b:not(.gone){z:3}.gone{w:4}}:is(.gone,.a){v:5}@page{u:6}"
    kept = "@charset 'u';.a{x:1}@media print{.b:not(.gone){z:3}}:is(.gone,.a){v:5}@page{u:6}"
    assert styles.without_unused(css, {"a", "b"}) == kept


def test_a_chapter_is_outdated_when_what_it_depends_on_has_changed(monkeypatch: pytest.MonkeyPatch):
    files = {"a": "a.ipynb", "b": "b.ipynb", "text": "text.md"}
    env = SimpleNamespace(found_docs=set(files), doc2path=files.get)
    app = SimpleNamespace(env=env)
    now = {"a": "1", "b": "1"}
    monkeypatch.setattr(freshness, "fingerprint", lambda path: now[path.stem])
    for name in ("a", "b", "text"):
        freshness.record(app, name, [""])
    assert freshness.outdated(app, env, set(), set(), set()) == []
    now["b"] = "2"
    assert freshness.outdated(app, env, set(), set(), set()) == ["b"]
    assert freshness.outdated(app, env, set(), set(), {"b"}) == []
    freshness.forget(app, env, "a")
    assert freshness.outdated(app, env, set(), set(), set()) == ["a", "b"]


@pytest.mark.parametrize("name", sorted(cover.files()))
def test_the_committed_drawing_is_what_the_code_draws(name: str):
    assert (cover.STATIC / name).read_text("utf-8") == cover.files()[name], "run `python -m press.cover`"


def test_the_lecture_s_weights_and_equal_scores_are_what_the_cover_shows():
    assert [len(row) for row in cover.ROWS] == list(range(1, 9))
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in cover.ROWS)


def declared(theme: str) -> dict[str, str]:
    """Read the colours that the style sheet gives to a theme."""
    block = CSS.read_text("utf-8").split(f'html[data-theme="{theme}"] {{')[1].split("}")[0]
    return dict(part.split(":") for part in block.replace(" ", "").replace("\n", "").split(";") if part)


def luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_series_is_legible_on_the_paper(theme: str):
    colours = declared(theme)
    texts = [colours[f"--ig-{name}"] for name in ("ink", "muted", "accent", *(f"series-{i}" for i in range(1, 9)))]
    paper = luminance(colours["--ig-paper"])
    ratios = [max(luminance(c), paper) + 0.05 for c in texts], [min(luminance(c), paper) + 0.05 for c in texts]
    assert min(bright / dim for bright, dim in zip(*ratios)) >= 4.5


@pytest.mark.parametrize(("theme", "figures"), [("light", PALETTE), ("dark", DARK)])
def test_the_site_sets_every_colour_that_figures_use(theme: str, figures: dict[str, str]):
    colours = declared(theme)
    assert set(VARIABLES.values()) <= set(colours)
    differing = {name for name, variable in VARIABLES.items() if colours[variable] != figures[name]}
    assert differing <= {"paper", "grid", "vermillion"}  # the paper is warm; orange is darker, to stay legible on it
