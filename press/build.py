"""Build the website: execute what is out of date, run Jupyter Book, say which file to open."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

from press import sheets
from press.dependencies import ROOT

HTML = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / ".built-from"  # the hash of all that the last finished build was made from
INPUTS = ("book", "masters", "course_lib", "press", "_config.yml", "_toc.yml", "requirements.txt", "constraints.txt")
SPACE_NEEDED = 0.3  # gigabytes


def files_below(path: pathlib.Path) -> list[pathlib.Path]:
    """Return the file itself, or every file in a folder that somebody wrote, in order."""
    if path.is_file():
        return [path]
    made = {"__pycache__", ".ipynb_checkpoints"}
    return sorted(p for p in path.rglob("*") if p.is_file() and not made & set(p.parts))


def hash_of_inputs() -> str:
    """Return a hash of all that the site is made from."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (file for name in INPUTS for file in files_below(ROOT / name)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_built(inputs: str) -> bool:
    """Tell whether the site that lies there was made from just these inputs."""
    return (HTML / "index.html").exists() and STAMP.exists() and STAMP.read_text() == inputs


def sphinx() -> int:
    """Run Jupyter Book, where every warning is an error; return its exit status."""
    jupyter_book = pathlib.Path(sys.executable).with_name("jupyter-book")
    command = [str(jupyter_book), "build", str(ROOT), "-W", "--keep-going", "-n", "-q"]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    if result.returncode:
        print(result.stdout + result.stderr, file=sys.stderr)
    return result.returncode


def main() -> None:
    """Build, in a few printed lines; stop with a clear one where something is wrong."""
    started = time.time()
    try:
        sheets.write(ROOT)
    except sheets.SheetError as error:
        sys.exit(f"book: {error}")
    inputs = hash_of_inputs()
    if is_built(inputs):
        print(f"book: nothing has changed. Open {HTML / 'index.html'}")
        return
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < SPACE_NEEDED:
        sys.exit(f"book: the disk is full: {free:.2f} GB are free and the site needs {SPACE_NEEDED}")

    from press.execute import ChapterError, bring_up_to_date  # slow to import

    STAMP.unlink(missing_ok=True)
    try:
        executed = bring_up_to_date()
    except ChapterError as error:
        sys.exit(f"book: {error}")
    print("book: " + ("" if executed else "every chapter's outputs are fresh; ") + "building the pages", flush=True)
    if sphinx():
        sys.exit("book: the pages were not built; the warnings above say why")
    STAMP.write_text(inputs)
    print(f"book: done in {time.time() - started:.0f} s. Open {HTML / 'index.html'}")


if __name__ == "__main__":
    main()
