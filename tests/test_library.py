"""The house rules that a machine can check: documented and typed, imports that go one way, light to import."""

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
# each imports from those before it
ORDER = ["town", "tokens", "by_hand", "models", "inside", "training", "generation", "finetuning", "prompting"]
LOOK_ON = ["data", "figures", "chapter", "grading"]  # these may look at the others; nobody in ORDER imports them
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
    parts = file.relative_to(ROOT).parts
    return parts[0].removesuffix(".py")


def rooms_imported(file):
    names = (name.split(".") for name in imports_of(file))
    known = {*ORDER, *LOOK_ON}
    return {parts[1] for parts in names if parts[0] == "course_lib" and len(parts) > 1 and parts[1] in known}


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_one_way(file):
    here = room(file)
    if here in ORDER:
        later = set(LOOK_ON) | set(ORDER[ORDER.index(here) + 1 :])
        assert not rooms_imported(file) & later


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
