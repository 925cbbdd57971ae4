"""What a chapter's outputs depend on: its own code, the parts of course_lib that it reaches, and the pins.

Found by reading import statements, without running anything. Imports inside functions count as well, so the
answer can be too large but never too small.
"""

import ast
import functools
import hashlib
import pathlib
from collections.abc import Iterable

import nbformat

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "course_lib"
PINS = ("requirements.txt", "constraints.txt")


def code_of(notebook: pathlib.Path) -> str:
    """Return the source of all code cells, with IPython's own lines left out so that ``ast`` can read it."""
    cells = nbformat.read(notebook, as_version=4).cells
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def imported_names(code: str, module: str = "") -> set[str]:
    """Return every dotted name that the code imports; ``module`` is the package that relative imports start from."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: len(module.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def file_of(name: str) -> pathlib.Path | None:
    """Return the file of a module of the library, or None where the name is something else."""
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def parents(name: str) -> list[str]:
    """``a.b.c`` -> ``["a", "a.b", "a.b.c"]``: importing a module runs all of them."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


@functools.cache
def imports_of(file: pathlib.Path) -> frozenset[str]:
    """Return the names that one file of the library imports."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    return frozenset(imported_names(file.read_text("utf8"), package))


def reachable(names: Iterable[str]) -> set[pathlib.Path]:
    """Return the files of course_lib that these imports run, directly or through one another."""
    found: set[pathlib.Path] = set()
    todo = list(names)
    while todo:
        for name in parents(todo.pop()):
            file = file_of(name) if name.split(".")[0] == PACKAGE else None
            if file and file not in found:
                found.add(file)
                todo.extend(imports_of(file))
    return found


def data_beside(files: Iterable[pathlib.Path]) -> set[pathlib.Path]:
    """Return what lies in the packages of these files and is no Python: scripts of figures, the trained model."""
    folders = {file.parent for file in files if file.name == "__init__.py" and file.parent.name != PACKAGE}
    inside = (path for folder in folders for path in folder.rglob("*"))
    return {path for path in inside if path.is_file() and path.suffix not in {".py", ".pyc"}}


def dependencies(notebook: pathlib.Path) -> list[pathlib.Path]:
    """Return every file outside the notebook that its outputs depend on."""
    files = reachable(imported_names(code_of(notebook)))
    return sorted(files | data_beside(files) | {ROOT / name for name in PINS})


def fingerprint(notebook: pathlib.Path) -> str:
    """Return a hash that changes when the chapter's outputs may change."""
    digest = hashlib.sha256(code_of(notebook).encode())
    for path in dependencies(notebook):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
