"""Execute the chapters whose outputs are missing or out of date, two at a time, into jupyter-cache.

Sphinx finds the outputs there, and so do the tests: a chapter is executed once for both. jupyter-cache looks at a
notebook's own cells alone; so every record carries the fingerprint of what the chapter depended on, and a record whose
fingerprint has changed is thrown away.
"""

import contextlib
import os
import pathlib
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.cache.db import DB_NAME
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from press.dependencies import ROOT, fingerprint

BOOK = ROOT / "book"
CACHE = ROOT / "_build" / ".jupyter_cache"
SECONDS_PER_CELL: int = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["execute"]["timeout"]
AT_ONCE = 2
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class ChapterError(Exception):
    """A chapter did not run to its end; the message says which, in which cell and why."""


def chapters() -> list[pathlib.Path]:
    """Return the chapters in the order of the book."""
    return sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))


def open_cache(folder: pathlib.Path) -> JupyterCacheAbstract:
    """Open the cache in a folder. Where there is none it appears in one move: two processes may open it at once."""
    if not (folder / DB_NAME).exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            get_cache(made).db.dispose()
            for path in sorted(pathlib.Path(made).iterdir(), key=lambda path: path.name == DB_NAME):  # the last tells
                with contextlib.suppress(FileExistsError):
                    os.link(path, folder / path.name)
    return get_cache(str(folder))


def cached(cache: JupyterCacheAbstract, path: pathlib.Path, print_of: str) -> NotebookNode | None:
    """Return the chapter with its outputs if the cache holds them; throw away a record that is out of date."""
    notebook = nbformat.read(path, as_version=4)
    try:
        record = cache.match_cache_notebook(notebook)
    except KeyError:
        return None
    if (record.data or {}).get("fingerprint") == print_of:
        return cache.merge_match_into_notebook(notebook)[1]
    cache.remove_cache(record.pk)
    return None


def last_begun(notebook: NotebookNode) -> str:
    """Return the id of the cell that began last, which is the one that failed where a notebook did not run through."""
    begun = [cell.id for cell in notebook.cells if cell.cell_type == "code" and cell.execution_count]
    return begun[-1] if begun else "(none)"


def run(path: pathlib.Path) -> tuple[NotebookNode, float]:
    """Execute one chapter in its own kernel, in the book's folder; return it with its outputs, and the seconds."""
    notebook = nbformat.read(path, as_version=4)
    started = time.perf_counter()
    metadata = notebook.metadata.copy()  # part of the key in the cache; executing adds to it
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env=QUIET | os.environ)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        cell = last_begun(notebook)
        raise ChapterError(f"{path.relative_to(ROOT)} did not run to its end, cell {cell}:\n{error}") from None
    notebook.metadata = metadata
    return notebook, time.perf_counter() - started


def keep(cache: JupyterCacheAbstract, path: pathlib.Path, ran: tuple[NotebookNode, float], print_of: str) -> None:
    """Put an executed chapter into the cache."""
    notebook, seconds = ran
    data = {"execution_seconds": seconds, "fingerprint": print_of}
    bundle = CacheBundleIn(notebook, str(path), data=data)
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def executed(path: pathlib.Path, cache_folder: pathlib.Path = CACHE) -> NotebookNode:
    """Return a chapter with its outputs: those in the cache, or else it is executed now and kept there.

    Raises ChapterError where it does not run to its end.
    """
    cache, print_of = open_cache(cache_folder), fingerprint(path)
    found = cached(cache, path, print_of)
    if found is None:
        keep(cache, path, run(path), print_of)
        found = cached(cache, path, print_of)
    return found


def bring_up_to_date(cache_folder: pathlib.Path = CACHE) -> list[str]:
    """Execute what is out of date and return the names of those chapters.

    Raises ChapterError at the first chapter that fails; the chapters that ran stay in the cache.
    """
    cache = open_cache(cache_folder)
    prints = {path: fingerprint(path) for path in chapters()}
    stale = [path for path, print_of in prints.items() if cached(cache, path, print_of) is None]
    if not stale:
        return []
    print(f"chapters: executing {len(stale)} of {len(prints)}, {AT_ONCE} at a time", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {pool.submit(run, path): path for path in stale}
        for job in as_completed(jobs):
            path = jobs[job]
            try:
                ran = job.result()
            except ChapterError:
                pool.shutdown(cancel_futures=True)
                raise
            keep(cache, path, ran, prints[path])
            print(f"chapters: {path.stem} ran in {ran[1]:.0f} s", flush=True)
    return [path.stem for path in stale]


if __name__ == "__main__":
    try:
        bring_up_to_date()
    except ChapterError as error:
        sys.exit(str(error))
