"""The text that the token benchmarks read, and their clock."""

import ast
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

N_BYTES = 1_000_000


def english() -> str:
    """1 MB: the docstrings of Python's own library, then its sources. The same for every run of one Python."""
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("**/*.py"))
    ours = [file for file in files if not {"site-packages", "test", "tests", "idlelib"} & set(file.parts)]
    sources = [file.read_text(encoding="utf-8", errors="replace") for file in ours]
    text = "\n".join(docstring for source in sources for docstring in docstrings(source))
    text += "\n".join(sources)
    return text.encode("utf-8")[:N_BYTES].decode("utf-8", errors="ignore")


def docstrings(source: str) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [doc for node in nodes if (doc := ast.get_docstring(node))]


def race(peers: dict, rounds: int = 5, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
    """The shortest time of each peer. They take turns, so that another busy program disturbs them alike.

    A peer may be a pair (prepare, run): `prepare` is not timed, `run` gets what it returns.
    """
    times = {name: [] for name in peers}
    for _ in range(rounds):
        for name, peer in peers.items():
            prepare, run = peer if isinstance(peer, tuple) else (lambda: None, lambda _, peer=peer: peer())
            ready = prepare()
            start = clock()
            run(ready)
            times[name].append(clock() - start)
    return {name: min(taken) for name, taken in times.items()}
