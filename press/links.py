"""How one page names another: by a link with the title of what it leads to, never by a number.

A chapter's file begins with a number that may change, and the site counts on its own. A link that is kept by
`python -m press.chapters` is right on the site and in JupyterLab.
"""

import json
import pathlib
import re
from collections.abc import Iterator

import nbformat

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEM = re.compile(r"\d\d_[a-z][a-z0-9_]*")
PROSE = ("book/*.ipynb", "book/*.md", "book/exercises/*.ipynb", "masters/*.py", "*.md")
CODE = ("course_lib/**/*.py", "course_lib/figures/js/*", "course_lib/grading/keys/*.json", "press/**/*.py")
CODE += ("benchmarks/**/*.py", "tests/**/*.py", "Makefile", "_config.yml", "_toc.yml")
WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
WORDS += " eighteen nineteen twenty"
NUMBER = rf"(?:\d+|{'|'.join(WORDS.split())})\b"
ORDINALS = "next previous preceding following last first second third fourth fifth sixth seventh eighth ninth tenth"
NUMBERED = re.compile(rf"\bch(?:apters?(?:'s)?|s?\.)[ \t~]*\n?[ \t#]*{NUMBER}", re.I)
NEAR = rf"\b(?:{'|'.join(ORDINALS.split())})(?:\s+(?:{'|'.join(WORDS.split())}))?"
NEIGHBOUR = re.compile(rf"{NEAR}\s+chapters?\b(?!\.\w)", re.I)
QUOTED = re.compile(r"`[^`\n]*\]\([^`\n]*`")  # a link that is shown as code leads nowhere
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def files(patterns: tuple[str, ...], root: pathlib.Path = ROOT) -> list[pathlib.Path]:
    """Return the files of these patterns, each once."""
    return sorted({path for pattern in patterns for path in root.glob(pattern) if "__pycache__" not in path.parts})


def parts(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Yield what a file says, as (where, text): cell by cell for a notebook, whole for all else."""
    if path.suffix == ".ipynb":
        for cell in nbformat.read(path, as_version=4).cells:
            yield f"{path.name}, cell {cell.id}", cell.source
    elif path.suffix == ".py" and path.parent.name == "masters":
        yield path.name, re.sub(r"^# ?", "", path.read_text("utf8"), flags=re.M)  # prose is in comments there
    elif path.suffix == ".json":
        yield path.name, "\n".join(strings(json.loads(path.read_text("utf8"))))
    else:
        yield path.name, path.read_text("utf8")


def strings(value: object) -> Iterator[str]:
    """Yield every text in a tree of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def numbers(text: str, prose: bool = True) -> list[str]:
    """Return the places where a chapter is named by its number; in prose also by its neighbourhood."""
    found = NUMBERED.findall(text) + (NEIGHBOUR.findall(text) if prose else [])
    return [" ".join(phrase.split()) for phrase in found]


def numbers_left(root: pathlib.Path = ROOT) -> list[str]:
    """Return each place in the book, the masters and the code that names a chapter by its number."""
    prose, left = files(PROSE, root), []
    for path in [*prose, *files(CODE, root)]:
        for where, text in parts(path):
            left += [f"{where}: {phrase!r}" for phrase in numbers(text, path in prose)]
    return left


def titles(root: pathlib.Path = ROOT) -> dict[str, str]:
    """Return {stem: title} of the chapters, from the first heading of each."""
    found = {}
    for path in sorted((root / "book").glob("[0-9][0-9]_*.ipynb")):
        first = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
        found[path.stem] = first.removeprefix("# ").strip()
    return found


def names_it(text: str, title: str) -> bool:
    """Tell whether a link's text holds a title, or the half of it before or after its colon."""
    plain = " ".join(text.split()).lower()
    return any(name.lower() in plain for name in (title, *title.split(": ")))


def faults_of_links(root: pathlib.Path = ROOT) -> list[str]:
    """Return each link to a page of the book that leads nowhere, or to a chapter with another title."""
    known, faults = titles(root), []
    for path in files(PROSE, root):
        folder = root / "book" / "exercises" if path.parent.name == "masters" else path.parent  # where its text is read
        for where, text in parts(path):
            for label, target in LINK.findall(QUOTED.sub("", text)):
                faults += [f"{where}: [{label}]({target}) {fault}" for fault in _faults(label, target, folder, known)]
    return faults


def _faults(label: str, target: str, folder: pathlib.Path, known: dict[str, str]) -> list[str]:
    file = pathlib.PurePosixPath(target.split("#")[0])
    if "://" in target or file.suffix not in (".ipynb", ".md"):
        return []
    if not (folder / file).is_file():
        return ["leads to no file"]
    is_chapter = file.stem in known and (folder / file).resolve().parent.name == "book"
    if is_chapter and not names_it(label, known[file.stem]):
        return [f"leads to the chapter {known[file.stem]!r}: let the link's text say so"]
    return []
