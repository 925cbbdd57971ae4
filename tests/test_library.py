"""The house rules that a machine can check: documented and typed, imports that go one way, rooms that hold ideas alone,
light to import.
"""

import ast
import importlib
import inspect
import pathlib
import pkgutil
import subprocess
import sys
import tomllib

import pytest

import course_lib
from press.dependencies import imports_of

ROOT = pathlib.Path(course_lib.__file__).parent
# from top to bottom: each imports from those above it
ORDER = [
    "atomic", "town", "tokens", "by_hand", "models", "training", "generation", "inside", "finetuning", "prompting",
    "alignment", "data", "experiments",
]  # fmt: skip
IDEAS = ORDER[ORDER.index("town") : ORDER.index("data")]  # rooms that hold ideas, and nothing else
LOOK_ON = ["figures", "chapter", "grading"]  # these may look at all others; nobody in ORDER imports them
MODULES = [m.name for m in pkgutil.walk_packages([str(ROOT)], "course_lib.") if not m.name.endswith("__main__")]


def public(module):
    """Functions, classes and their methods that a module defines and does not hide."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize("name", MODULES)
def test_everything_public_is_documented_and_typed(name):
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip(), f"{name} has no docstring"
    for label, thing in public(module):
        assert (inspect.getdoc(thing) or "").strip(), f"{name}.{label} has no docstring"
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            untyped = [
                p for p in signature.parameters.values() if p.annotation is p.empty and p.name not in {"self", "cls"}
            ]
            assert not untyped, f"{name}.{label} lacks types for {untyped}"
            assert signature.return_annotation is not signature.empty, f"{name}.{label} lacks a return type"


def room(file):
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def arrows():
    """Every (file, its room, a room that it imports) of the library."""
    for file in sorted(ROOT.rglob("*.py")):
        names = (name.split(".") for name in imports_of(file))
        there = {parts[1] for parts in names if parts[0] == "course_lib" and len(parts) > 1}
        for imported in sorted(there & {*ORDER, *LOOK_ON} - {room(file)}):
            yield str(file.relative_to(ROOT)), room(file), imported


def runs_back(here, there):
    """Does a room import one that stands below it, or one that only looks on?"""
    places = {name: place for place, name in enumerate(ORDER)}
    return here in places and places.get(there, len(ORDER)) > places[here]


def test_imports_go_one_way():
    back = [f"{file} ({here}) imports {there}" for file, here, there in arrows() if runs_back(here, there)]
    assert not back, "from a room that stands below, see ORDER: " + "; ".join(back)


def test_an_arrow_that_runs_back_is_seen():
    """The rule itself, on arrows of every sort; and the arrows are drawn, relative imports and lazy ones too."""
    assert runs_back("models", "training")
    assert runs_back("alignment", "experiments")
    assert runs_back("prompting", "figures")
    assert not runs_back("training", "models")
    assert not runs_back("figures", "alignment")
    assert not runs_back("__main__", "data")
    drawn = {(here, there) for _, here, there in arrows()}
    assert {("training", "models"), ("data", "models"), ("chapter", "figures"), ("__main__", "data")} <= drawn


def test_every_room_has_its_place():
    rooms = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert rooms - {"__init__", "__main__"} <= {*ORDER, *LOOK_ON}, "a room without a place: put it into ORDER"
    assert {*ORDER, *LOOK_ON} <= rooms


HASHES = {
    "tokens/gpt2.py",  # a file from elsewhere is opened by its sha256 alone
    "training/own_text.py",  # an interrupted run goes on with the same text alone
}
COMMANDS = {"generation/command.py", "training/command.py"}  # the verbs generate and train


def files_of_ideas(pattern):
    for name in IDEAS:
        yield from ((p.relative_to(ROOT).as_posix(), p) for p in sorted((ROOT / name).rglob(pattern)))


def importing(name):
    return {file for file, path in files_of_ideas("*.py") if any(n.split(".")[0] == name for n in imports_of(path))}


def texts_in(path):
    """The texts in a file's code that are not docstrings."""
    tree = ast.parse(path.read_text("utf8"))
    spoken = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in texts if node not in spoken]


def test_ideas_hold_no_results():
    kinds = ("*.json", "*.jsonl", "*.safetensors", "*.pt", "*.csv", "*.npz")
    assert {file for kind in kinds for file, _ in files_of_ideas(kind)} == set()


def test_ideas_hash_nothing():
    assert importing("hashlib") == HASHES


def test_ideas_have_no_command_line_but_train_and_generate():
    assert importing("click") | importing("argparse") == COMMANDS


def test_ideas_know_no_path_into_data():
    known = {"data", *(p.name for p in (ROOT / "data").glob("town-*"))}
    parts = {f: {part for text in texts_in(path) for part in text.split("/")} for f, path in files_of_ideas("*.py")}
    assert {file for file, found in parts.items() if found & known} == set()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("course_lib", ["numpy", "torch"]),
        ("course_lib.town", ["torch", "sklearn", "matplotlib"]),
        ("course_lib.tokens", ["torch", "transformers"]),
        ("course_lib.by_hand", ["torch", "matplotlib"]),
        ("course_lib.data", ["torch"]),
        ("course_lib.figures", ["torch", "sklearn"]),
        ("course_lib.chapter", ["torch"]),
    ],
)
def test_importing_stays_light(module, heavy):
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_wheel_takes_every_file_along():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf8"))
    patterns = project["tool"]["setuptools"]["package-data"]
    taken = {
        path
        for package in ROOT.rglob("__init__.py")
        for name in ("*", ".".join(package.relative_to(ROOT.parent).parent.parts))
        for pattern in patterns.get(name, [])
        for path in package.parent.glob(pattern)
    }
    files = {p for p in ROOT.rglob("*") if p.is_file() and p.suffix not in {".py", ".pyc"}}
    assert not {str(p.relative_to(ROOT)) for p in files - taken}
