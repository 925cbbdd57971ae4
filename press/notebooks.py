"""The one committed form of a chapter: no outputs, no execution counts, ids that stay, plain metadata.

``python -m press.notebooks FILE…`` brings notebooks to that form; the tests check that they are in it.
"""

import json
import pathlib
import re
import sys

import nbformat

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT = ("tags", "course")  # cell metadata that means something to the book or to the grader


def tidy(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook in its committed form. Cell ids are kept: notes and grades refer to them."""
    cells = []
    for cell in notebook.cells:
        kept = {name: cell.metadata[name] for name in KEPT if cell.metadata.get(name)}
        made = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}[cell.cell_type]
        cells.append(made(cell.source.rstrip(), id=cell.id, metadata=kept))
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def text(notebook: nbformat.NotebookNode) -> str:
    """Return the notebook as the text of its file."""
    return nbformat.writes(notebook) + "\n"


def complaints(path: pathlib.Path) -> list[str]:
    """Return what keeps this file from being in its committed form, a line each."""
    notebook = nbformat.read(path, as_version=4)
    found = [f"cell {c.id} carries outputs" for c in notebook.cells if c.get("outputs") or c.get("execution_count")]
    ids = [cell.get("id", "") for cell in json.loads(path.read_text("utf8"))["cells"]]  # nbformat would mend them
    found += [f"cell id {name!r} is not a readable name" for name in ids if not re.fullmatch(r"[a-z][a-z0-9-]+", name)]
    found += [f"cell id {name} stands twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    if not found and path.read_text("utf8") != text(tidy(notebook)):
        found.append(f"is not in the committed form: run `make tidy`, which rewrites {path.name}")
    return found


def main(paths: list[str]) -> None:
    """Rewrite each file that is not in the committed form."""
    for path in map(pathlib.Path, paths):
        tidied = text(tidy(nbformat.read(path, as_version=4)))
        if path.read_text("utf8") != tidied:
            path.write_text(tidied, "utf8")
            print(f"tidied {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
