"""Make room for a chapter, or move one: every file, link, path and old address follows.

    python -m press.chapters list
    python -m press.chapters insert 07 by_hand_backward --title "Learning, by hand"
    python -m press.chapters move 15_text_to_text 12        (or to 15_t5, or to 12_t5)

A chapter's stem is a number and a name, 04_heads: the number says where its files stand, and no prose quotes it.
Where the wanted number is taken, that chapter and those after it go up by one, as far as the next free number.
Nothing is committed, and nothing done at all where something would be overwritten.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence

import nbformat

from press import links, notebooks

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOC, MOVED = "_toc.yml", "press/site/moved.toml"
ENDINGS = ("", "_solutions")  # a page of solutions belongs to its sheet
WHOLE_STEM = re.compile(rf"(?<![A-Za-z0-9]){links.STEM.pattern}")  # greedy: 04_heads_solutions, too
MOST = 99
Renames = Mapping[str, str]  # old stem → new stem


class Refused(Exception):
    """What was asked for cannot be done; the message says why, and what can."""


def git(root: pathlib.Path, *words: str) -> str:
    """Run git in the book's folder and return what it prints. Raises Refused with git's own words."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def files(root: pathlib.Path, *kinds: str) -> list[str]:
    """Return the files that git knows, or of these kinds (`--others`), as paths below the root."""
    names = git(root, "ls-files", "-z", "--exclude-standard", *kinds).split("\0")
    return [name for name in names if name and (root / name).is_file()]


def stems(root: pathlib.Path) -> list[str]:
    """Return the stems of all chapters, in the order of the book."""
    return sorted(path.stem for path in (root / "book").glob("[0-9][0-9]_*.ipynb"))


def number(stem: str) -> int:
    """Return the number that a stem begins with: 4 for 04_heads."""
    return int(stem[:2])


def numbered(place: int, stem: str) -> str:
    """Return a stem with another number, which may have been none: 5, 04_heads → 05_heads."""
    return f"{place:02}_{re.sub(r'^[0-9]{2}_', '', stem)}"


def make_room(there: Sequence[str], place: int) -> dict[str, str]:
    """Return what must be renamed so that a number is free: the chapters from there to the next free number."""
    by_number, renames = {number(stem): stem for stem in there}, {}
    while stem := by_number.get(place):
        place += 1
        renames[stem] = numbered(place, stem)
    if place > MOST:
        raise Refused(f"no number up to {MOST} is free behind {min(renames)}")
    return renames


def renamed(path: str, renames: Renames) -> str:
    """Return a file's path after the chapters have been renamed; only its own name changes."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/{rewritten(name, renames)}".removeprefix("/")


def rewritten(text: str, renames: Renames) -> str:
    """Return a text in which every old stem, with or without `_solutions`, has become the new one."""

    def new(found: re.Match) -> str:
        for end in ENDINGS:
            if found[0].endswith(end) and (old := found[0].removesuffix(end)) in renames:
                return renames[old] + end
        return found[0]

    return WHOLE_STEM.sub(new, text)


def rename(root: pathlib.Path, renames: Renames) -> list[tuple[str, str]]:
    """Rename all files of these chapters with git, then every mention of them. Returns (old, new) paths.

    Raises Refused, before anything is touched, where a file would be overwritten.
    """
    known, new = files(root), files(root, "--others")
    moves = [(name, renamed(name, renames)) for name in known + new if renamed(name, renames) != name]
    sources = {old for old, _ in moves}
    taken = [to for _, to in moves if (root / to).exists() and to not in sources]
    if taken:
        raise Refused(f"{', '.join(taken)} would be overwritten: move or remove it first")
    for old, to in moves:
        if old in known:
            git(root, "mv", old, to)
        else:
            (root / old).rename(root / to)
    for name in files(root) + files(root, "--others"):
        if name != MOVED:
            rewrite(root / name, renames)
    note_moves(root, renames)
    git(root, "add", "--update")
    return moves


def rewrite(path: pathlib.Path, renames: Renames) -> None:
    """Bring the mentions in one file up to date; what is no text stays."""
    data = path.read_bytes()
    try:
        new = rewritten(data.decode("utf8"), renames).encode("utf8")
    except UnicodeDecodeError:
        return
    if new != data:
        path.write_bytes(new)


def pages(stem: str) -> list[str]:
    """Return the addresses that a chapter's pages may have on the site, without .html."""
    return [f"book/{stem}", *(f"book/sheets/{stem}{end}" for end in ENDINGS)]


def is_page(root: pathlib.Path, address: str) -> bool:
    """Tell whether a page of the book has this address; those of exercises are made from a master, by the build."""
    if address.startswith("book/sheets/"):
        return (root / "masters" / f"{address.removeprefix('book/sheets/').removesuffix(ENDINGS[1])}.py").exists()
    return any((root / f"{address}{kind}").exists() for kind in (".ipynb", ".md"))


def note_moves(root: pathlib.Path, renames: Renames) -> None:
    """Write old addresses down, each with the newest place of its page; one that is in use again is dropped."""
    text = (root / MOVED).read_text("utf8")
    steps = {a: b for old, new in renames.items() for a, b in zip(pages(old), pages(new), strict=True)}
    moved = tomllib.loads(text) | {old: old for old in steps}
    newest = {old: steps.get(new, new) for old, new in moved.items()}
    lines = [line for line in text.splitlines() if line.startswith("#")]
    lines += [f'"{a}" = "{b}"' for a, b in newest.items() if is_page(root, b) and not is_page(root, a)]
    (root / MOVED).write_text("\n".join(lines) + "\n", "utf8")


# ---- the table of contents


def block(lines: Sequence[str], file: str) -> slice:
    """Find the lines of one entry of `_toc.yml`, with all that is indented below it. Empty where there is none."""
    for start, line in enumerate(lines):
        if line.strip() == f"- file: {file}":
            indent, end = len(line) - len(line.lstrip()), start + 1
            while end < len(lines) and lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) > indent:
                end += 1
            return slice(start, end)
    return slice(0, 0)


def place_in_toc(toc: str, stem: str, there: Sequence[str]) -> str:
    """Put a chapter's entry, old or new, behind the chapter before it, or before the first one."""
    lines, file = toc.splitlines(), f"book/{stem}"
    old = block(lines, file)
    entry = lines[old] or [f"- file: {file}"]
    del lines[old]
    before, after = [s for s in there if s < stem], [s for s in there if s > stem]
    beside = block(lines, f"book/{before[-1] if before else after[0]}")
    if beside.stop == 0:
        raise Refused(f"{TOC} has no entry for {before[-1] if before else after[0]}")
    indent = len(lines[beside.start]) - len(lines[beside.start].lstrip())
    own = len(entry[0]) - len(entry[0].lstrip())
    at = beside.stop if before else beside.start
    lines[at:at] = [" " * indent + line[own:] for line in entry]
    return "\n".join(lines) + "\n"


def into_toc(root: pathlib.Path, stem: str) -> None:
    """Bring a chapter's entry to its place."""
    toc = root / TOC
    toc.write_text(place_in_toc(toc.read_text("utf8"), stem, [s for s in stems(root) if s != stem]), "utf8")


# ---- the verbs


def insert(root: pathlib.Path, stem: str, title: str) -> list[tuple[str, str]]:
    """Make room for a chapter, and begin it: a notebook to be filled, in the table of contents. Returns the moves."""
    there = stems(root)
    check_stem(stem, there)
    path = root / "book" / f"{stem}.ipynb"
    moves = rename(root, make_room(there, number(stem)))
    path.write_text(notebooks.text(notebooks.tidy(begun(title, number(stem)))), "utf8")
    into_toc(root, stem)
    git(root, "add", TOC, str(path.relative_to(root)))
    return moves


def move(root: pathlib.Path, stem: str, to: str) -> list[tuple[str, str]]:
    """Give a chapter another number, another name, or both. Returns the moves."""
    there = stems(root)
    if stem not in there:
        raise Refused(f"there is no chapter {stem}: the chapters are {', '.join(there)}")
    others = [other for other in there if other != stem]
    new = numbered(int(to), stem) if re.fullmatch(r"\d\d?", to) else to
    check_stem(new, others)
    moves = rename(root, make_room(others, number(new)) | {stem: new})
    into_toc(root, new)
    git(root, "add", TOC)
    return moves


def check_stem(stem: str, there: Sequence[str]) -> None:
    """Raise Refused for what is no stem, and for a name that another chapter has."""
    if not links.STEM.fullmatch(stem) or number(stem) < 1 or stem.endswith(ENDINGS[1:]):
        raise Refused(f"{stem!r} is no stem: two digits and a name in small letters, as in 07_by_hand_backward")
    same = [other for other in there if other[3:] == stem[3:]]
    if same:
        raise Refused(f"{same[0]} has that name already: names are what old links and grades are known by")


BOXES = {
    "ask": "A question, with its answer folded",
    "oracle": "The oracle: a check against somebody else's code",
    "break-it": "Break it",
    "wrong": "What is often told wrong",
}
FIRST = """# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
from course_lib import chapter

rng = chapter.begin(seed={seed})"""


def begun(title: str, seed: int) -> nbformat.NotebookNode:
    """Return a chapter to be filled: its boxes in their order, and the first cell, which seeds."""
    box = ":::{{admonition}} {say}\n:class: {kind}\n…\n:::"
    claim = box.format(say="The claim", kind="claim")
    boxes = [nbformat.v4.new_markdown_cell(box.format(say=say, kind=kind), id=kind) for kind, say in BOXES.items()]
    first = nbformat.v4.new_code_cell(FIRST.format(seed=seed), id="begin")
    head = nbformat.v4.new_markdown_cell(f"# {title}\n\n{claim}", id="title")
    last = nbformat.v4.new_markdown_cell("## Where it came from\n\n…", id="from")
    return nbformat.v4.new_notebook(cells=[head, boxes[0], first, *boxes[1:], last])


def listed(root: pathlib.Path) -> str:
    """Return the chapters, a line each, with the numbers that are free between them."""
    titles = {number(stem): f"{stem:<24} {title}" for stem, title in links.titles(root).items()}
    return "\n".join(titles.get(n, f"{n:02} is free") for n in range(1, max(titles, default=0) + 1))


def main(words: Sequence[str] | None = None, root: pathlib.Path = ROOT) -> int:
    """Do what the command line says; print what was moved, and what the tests of links find afterwards."""
    args = parser().parse_args(words)
    try:
        if args.verb == "list":
            print(listed(root))
            return 0
        if args.verb == "insert":
            stem = numbered(args.number, args.name)
            moves = insert(root, stem, args.title or args.name.replace("_", " ").capitalize())
        else:
            moves = move(root, args.stem, args.to)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 1
    print("\n".join(f"{old} → {new}" for old, new in moves) or "nothing else had to move")
    if args.verb == "insert":
        print(f"begun: book/{stem}.ipynb. Write it and masters/{stem}.py, run `make exercises`, and put")
        print(f"book/sheets/{stem} and its solutions into {TOC}")
    faults = links.faults_of_links(root)
    print("\n".join(faults) or "every link leads to the chapter that it names")
    return 1 if faults else 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    made = argparse.ArgumentParser(prog="python -m press.chapters", description=(__doc__ or "").split("\n\n")[0])
    verbs = made.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="show the chapters and the free numbers")
    new = verbs.add_parser("insert", help="make room at a number, and begin a chapter there")
    new.add_argument("number", type=int, metavar="NUMBER")
    new.add_argument("name", metavar="NAME")
    new.add_argument("--title", help="the chapter's title")
    old = verbs.add_parser("move", help="give a chapter another number, or another name")
    old.add_argument("stem", metavar="STEM")
    old.add_argument("to", metavar="NUMBER|STEM")
    return made


if __name__ == "__main__":
    sys.exit(main())
