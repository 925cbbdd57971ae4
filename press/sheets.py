"""The site's pages of exercises and solutions, `book/sheets/*.md`, are made from the masters by every build.

Reading a master runs none of its code. `release` is what runs it, and refuses one whose checks are faulty.
"""

import pathlib

from course_lib.grading.master import Refused, read_master
from course_lib.grading.pages import exercises_page, solutions_page


class SheetError(Exception):
    """A master cannot be read; the message says which, and why."""


def pages_of(master: pathlib.Path) -> dict[str, str]:
    """Return the two pages of a master as {file name: text}. Raises SheetError for one that cannot be read."""
    try:
        sheet = read_master(master)
    except Refused as refused:
        raise SheetError(f"masters/{master.name} cannot be read:\n{refused}") from None
    return {f"{sheet.name}.md": exercises_page(sheet), f"{sheet.name}_solutions.md": solutions_page(sheet)}


def write(root: pathlib.Path) -> list[str]:
    """Bring a book's pages up to date, without those that no master gives any more; return what was written."""
    folder, pages, written = root / "book" / "sheets", {}, []
    for master in sorted((root / "masters").glob("[0-9]*.py")):
        pages |= pages_of(master)
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text("utf-8") != text:
            folder.mkdir(parents=True, exist_ok=True)
            page.write_text(text, "utf-8")
            written.append(name)
    for page in folder.glob("*.md"):
        if page.name not in pages:
            page.unlink()
    return written
