"""Execute the chapters whose outputs are missing or out of date, two at a time, into jupyter-cache.

Sphinx finds the outputs there. jupyter-cache looks at a notebook's own cells alone; so every record carries the
fingerprint of what the chapter depended on, and a record whose fingerprint has changed is thrown away.
"""

import os
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from press.dependencies import ROOT, fingerprint

BOOK = ROOT / "book"
CACHE = ROOT / "_build" / ".jupyter_cache"
SECONDS_PER_CELL = 300
AT_ONCE = 2
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


class ChapterError(Exception):
    """A chapter did not run to its end; the message says which, where and why."""


def chapters() -> list[pathlib.Path]:
    """Return the chapters in the order of the book."""
    return sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))


def is_fresh(cache: JupyterCacheAbstract, path: pathlib.Path, print_of: str) -> bool:
    """Tell whether the cache holds this chapter's outputs; throw away a record that is out of date."""
    try:
        record = cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    if (record.data or {}).get("fingerprint") == print_of:
        return True
    cache.remove_cache(record.pk)
    return False


def run(path: pathlib.Path) -> tuple[nbformat.NotebookNode, float]:
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
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(f"{path.relative_to(ROOT)} did not run to its end:\n{error}") from None
    notebook.metadata = metadata
    return notebook, time.perf_counter() - started


def bring_up_to_date(cache_folder: pathlib.Path = CACHE) -> list[str]:
    """Execute what is out of date and return the names of those chapters.

    Raises ChapterError at the first chapter that fails; the chapters that ran stay in the cache.
    """
    cache = get_cache(str(cache_folder))
    prints = {path: fingerprint(path) for path in chapters()}
    stale = [path for path, print_of in prints.items() if not is_fresh(cache, path, print_of)]
    if not stale:
        return []
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    print(f"chapters: executing {len(stale)} of {len(prints)}, {AT_ONCE} at a time", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {pool.submit(run, path): path for path in stale}
        for job in as_completed(jobs):
            path = jobs[job]
            try:
                notebook, seconds = job.result()
            except ChapterError:
                pool.shutdown(cancel_futures=True)
                raise
            data = {"execution_seconds": seconds, "fingerprint": prints[path]}
            bundle = CacheBundleIn(notebook, str(path), data=data)
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            print(f"chapters: {path.stem} ran in {seconds:.0f} s", flush=True)
    return [path.stem for path in stale]


if __name__ == "__main__":
    try:
        bring_up_to_date()
    except ChapterError as error:
        sys.exit(str(error))
