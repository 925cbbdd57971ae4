"""Run every check, or those of one chapter: ``python -m press.check [CHAPTER]``; `make test` does, and no more.

First come the tests that need no website, which execute the chapters; then the website is built from those outputs, and
looked at. All of it is run, whatever fails on the way, except that a site which was not built is not looked at.
"""

import pathlib
import subprocess
import sys

from press.dependencies import ROOT

BOOK = ROOT / "book"
SITE = "tests/site"
OF_A_CHAPTER = ("tests/notebooks", "tests/grading/test_masters.py")  # and in SITE; their cases are called by chapters
LINKS = "test_links_and_anchors_lead_somewhere"  # of all pages: some lead to this chapter
PYTEST = (
    *("-m", "pytest", "-q", "-p", "no:nbval"),  # its import takes seconds; the grader has its own pytest, with nbval
    *("-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder"),  # the units are those of tests/spread.py
)


def full_name(name: str) -> str:
    """Return a chapter's full name: of ``pretraining``, with its number before it. Stops where there is none."""
    known = sorted(path.stem for path in BOOK.glob("[0-9]*_*.ipynb"))
    short = pathlib.PurePath(name).name.removesuffix(".ipynb")
    found = [one for one in known if short in (one, one.partition("_")[2])]
    if len(found) != 1:
        sys.exit(f"test: no chapter is called {name!r}; there are {', '.join(known)}")
    return found[0]


def plan(chapter: str = "") -> list[tuple[str, ...]]:
    """Return what is run, in order: the tests without the site, the building of the site, the tests of the site."""
    build = ("-m", "press.build")
    if not chapter:
        return [(*PYTEST, "tests", f"--ignore={SITE}"), build, (*PYTEST, SITE)]
    chosen = (*PYTEST, "-m", "not slow", "-k")
    return [(*chosen, chapter, *OF_A_CHAPTER), build, (*chosen, f"{chapter} or {LINKS}", SITE)]


def run(arguments: tuple[str, ...]) -> bool:
    """Run Python with these arguments, in the root of the project; tell whether it went well."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False).returncode == 0


def main(name: str = "") -> None:
    """Run the plan; end with 1 if any part of it failed."""
    without_site, build, site = plan(full_name(name) if name else "")
    went_well = run(without_site)
    if not (run(build) and run(site) and went_well):
        sys.exit("test: something failed; it is said above")


if __name__ == "__main__":
    main(*sys.argv[1:])
