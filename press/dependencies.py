"""What a chapter's outputs depend on: its own code, the parts of course_lib that it reaches, and the pins.

Found by reading, without running anything. Import statements say which code is reached, those inside functions too
and those for types alone left out; ``results("NAME")`` says whose results are read; the names taken from
``course_lib.data`` say which models. So the answer can be too large but never too small, as long as an experiment is
named where its results are asked for.
"""

import ast
import functools
import hashlib
import pathlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import nbformat

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "course_lib"
PINS = ("requirements.txt", "constraints.txt")
RESULTS = pathlib.Path(PACKAGE, "experiments", "results")  # of each experiment what is called NAME.…
DATA = pathlib.Path(PACKAGE, "data")  # a folder for each model


def code_of(notebook: pathlib.Path) -> str:
    """Return the source of all code cells, with IPython's own lines left out so that ``ast`` can read it."""
    cells = nbformat.read(notebook, as_version=4).cells
    lines = "\n".join(cell.source for cell in cells if cell.cell_type == "code").splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def walk_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through a piece of code as ``ast.walk`` does, without what never runs: ``if TYPE_CHECKING``."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        unseen = node.body if isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING" else []
        todo.extend(child for child in ast.iter_child_nodes(node) if child not in unseen)


def last_name(node: ast.expr) -> str:
    """``f`` and ``a.b.f`` -> ``"f"``; what is no name -> ``""``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def imported_names(code: str, module: str = "", walk: Callable[[ast.AST], Iterator[ast.AST]] = ast.walk) -> set[str]:
    """Return every dotted name that the code imports; ``module`` is the package that relative imports start from."""
    names = set()
    for node in walk(ast.parse(code)):
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
    """Return the names that one file of the library imports, those for its types alone included."""
    package = ".".join(file.relative_to(ROOT).parent.parts)
    return frozenset(imported_names(file.read_text("utf8"), package))


def results_asked(code: str) -> Iterator[tuple[ast.Call, str | None]]:
    """Find every call of ``results`` with one argument, and the experiment that it names, if the name stands there."""
    for node in walk_run(ast.parse(code)):
        if isinstance(node, ast.Call) and last_name(node.func) == "results" and len(node.args) == 1:
            name = node.args[0]
            yield node, name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


def results_of(code: str) -> set[str]:
    """Return the experiments whose results a chapter reads. Raises ValueError for one that is not named in the call."""
    asked = list(results_asked(code))
    for call, name in asked:
        if name is None:
            raise ValueError(
                f"`{ast.unparse(call)}` hides whose results it reads: write the experiment's name there, "
                'as in results("cups"), so that the chapter is executed anew when they change'
            )
    return {name for _, name in asked if name}


def words_of(tree: ast.AST) -> set[str]:
    """Return every name and every string in a piece of code, paths in their parts."""
    words = set()
    for node in walk_run(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words.update(node.value.split("/"))
        elif isinstance(node, ast.Name | ast.Attribute):
            words.add(last_name(node))
        elif isinstance(node, ast.alias):
            words.add(node.name)
    return words


@dataclass(frozen=True)
class Said:
    """What a file of the library says: what running it imports, the results that it asks for, all its words."""

    imports: frozenset[str]
    results: frozenset[str]
    words: frozenset[str]


@functools.cache
def said_in(file: pathlib.Path) -> Said:
    """Read a file of the library."""
    code, package = file.read_text("utf8"), ".".join(file.relative_to(ROOT).parent.parts)
    imports = imported_names(code, package, walk_run)
    results = {name for _, name in results_asked(code) if name}
    return Said(frozenset(imports), frozenset(results), frozenset(words_of(ast.parse(code))))


def reachable(names: Iterable[str]) -> set[pathlib.Path]:
    """Return the files of course_lib that these imports run, directly or through one another."""
    found: set[pathlib.Path] = set()
    todo = list(names)
    while todo:
        for name in parents(todo.pop()):
            file = file_of(name) if name.split(".")[0] == PACKAGE else None
            if file and file not in found:
                found.add(file)
                todo.extend(said_in(file).imports)
    return found


def files_of_results(names: Iterable[str]) -> set[pathlib.Path]:
    """Return what is published of these experiments: the file ``NAME.jsonl``, and all else that is called NAME."""
    wanted, folder = set(names), ROOT / RESULTS
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path for path in files if path.relative_to(folder).parts[0].split(".")[0] in wanted}


@functools.cache
def definitions(module: pathlib.Path) -> dict[str, set[str]]:
    """Return {name: the words of its definition} for what a module defines at its top level."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(module.read_text("utf8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = {getattr(node, "name", ""), *(last_name(t) for t in targets if t)}
        for name in names - {""}:
            found.setdefault(name, set()).update(words_of(node))
    return found


def models_but(words: set[str]) -> set[pathlib.Path]:
    """Return the models, folders of ``course_lib.data``, that no word means, be it by what ``data`` defines it as.

    Where no model is meant, all may be, so that none is returned.
    """
    models = {path for path in (ROOT / DATA).glob("*/") if path.is_dir()}
    behind = definitions(ROOT / DATA / "__init__.py") if models else {}
    known, todo = set(words), set(words)
    while todo:
        todo = set().union(*(behind.get(word, set()) for word in todo)) - known
        known |= todo
    others = {path for path in models if path.name not in known}
    return others if others != models else set()


def data_beside(files: Iterable[pathlib.Path]) -> set[pathlib.Path]:
    """Return what lies in the packages of these files and is no Python: scripts of figures, tables, trained models."""
    folders = {file.parent for file in files if file.name == "__init__.py" and file.parent.name != PACKAGE}
    inside = (path for folder in folders for path in folder.rglob("*"))
    return {path for path in inside if path.is_file() and path.suffix not in {".py", ".pyc"}}


def dependencies(notebook: pathlib.Path) -> list[pathlib.Path]:
    """Return every file outside the notebook that its outputs depend on.

    Raises ValueError where the notebook hides whose results it reads.
    """
    code = code_of(notebook)
    files = reachable(imported_names(code, walk=walk_run))
    said = [said_in(file) for file in files - {ROOT / DATA / "__init__.py"}]
    words = words_of(ast.parse(code)).union(*(one.words for one in said))
    results = results_of(code).union(*(one.results for one in said))
    others = {ROOT / RESULTS, *models_but(words)}
    data = {path for path in data_beside(files) if not any(path.is_relative_to(other) for other in others)}
    return sorted(files | data | files_of_results(results) | {ROOT / name for name in PINS})


def fingerprint(notebook: pathlib.Path) -> str:
    """Return a hash that changes when the chapter's outputs may change."""
    digest = hashlib.sha256(code_of(notebook).encode())
    for path in dependencies(notebook):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
