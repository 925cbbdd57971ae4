"""Make .venv ready for the book, for JupyterLab or for the tests: ``python3 press/environment.py book|lab|test``.

Runs on the system's Python with nothing installed, so it uses the standard library alone, and no syntax that Python 3.8
lacks: an old Python must be able to read that it is too old. A second run costs nothing: a stamp in .venv remembers
which pins were installed.
"""

import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOG = VENV / "install.log"
LEVELS = ["book", "lab", "test"]  # each includes those before it
REQUIREMENTS = {"book": "requirements.txt", "lab": "requirements-lab.txt", "test": "requirements-test.txt"}
GPT2_VOCABULARY = "openai-whisper==20250625"  # a package that carries GPT-2's vocabulary as a file; never imported
GIGABYTES = {"book": 2.0, "lab": 2.2, "test": 2.6}
CAUSES = [  # what pip's log says when it fails, and the one line that a person needs
    (("No space left on device",), "the disk is full"),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError", "SSLError"),
        "this Python does not trust the package index's certificate: behind a proxy, name its certificate in PIP_CERT; "
        "on a Mac with Python from python.org, run its `Install Certificates.command`; then the same command again",
    ),
    (
        ("name resolution", "NewConnectionError", "ConnectTimeout", "ReadTimeout", "Network is unreachable"),
        "the package index cannot be reached: check the network (or PIP_INDEX_URL), then run the same command again",
    ),
    (("No matching distribution found",), "a pinned package has no build for this Python: try PYTHON=python3.12"),
]


def stop(message: str) -> None:
    """Print one clear line and end."""
    sys.exit(f"set-up: {message}")


def python() -> pathlib.Path:
    """Return the environment's own Python."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted(level: str) -> str:
    """Return the hash of all that decides what is installed at this level."""
    files = ["requirements.txt", "requirements-lab.txt", "requirements-test.txt", "constraints.txt", "pyproject.toml"]
    parts = [(ROOT / name).read_bytes() for name in files[: LEVELS.index(level) + 1] + files[3:]]
    parts += [str(ROOT).encode(), sys.version.encode()]  # a moved folder or another Python starts anew
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def ready(level: str) -> bool:
    """Tell whether this level, or one that includes it, is installed as the pins say."""
    stamps = {name: VENV / f".ready-{name}" for name in LEVELS[LEVELS.index(level) :]}
    return python().exists() and any(s.exists() and s.read_text() == wanted(name) for name, s in stamps.items())


def check_machine(level: str) -> None:
    """Stop with one line if this is no machine for it, its Python too old or its disk too full."""
    if os.name == "nt":
        stop("on Windows this runs in WSL: `wsl --install`, then the same commands in the Linux that it opens")
    if (platform.system(), platform.machine()) == ("Darwin", "x86_64"):
        stop(
            "PyTorch is no longer built for Macs with Intel processors: open the chapters in Colab or Binder, or use "
            "Linux. On a Mac with Apple's processor, take a Python built for it (this one runs in Rosetta)"
        )
    if sys.version_info < (3, 11):
        found = ".".join(map(str, sys.version_info[:3]))
        stop(f"Python 3.11 or newer is needed, this is {found}: try `make {level} PYTHON=python3.12`")
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES[level] and not python().exists():
        stop(f"{GIGABYTES[level]:.1f} GB of free disk are needed for the packages, {ROOT} has {free:.1f}")


def create() -> None:
    """Make an empty .venv, replacing one that belongs to another Python or folder."""
    print(f"set-up: making .venv with Python {sys.version.split()[0]}", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    try:
        import venv

        venv.create(VENV, with_pip=True)
    except (ImportError, subprocess.CalledProcessError):
        stop("this Python cannot make environments: on Debian or Ubuntu, `apt install python3-venv`")
    except OSError as error:
        stop(f"cannot write {VENV}: {error.strerror}")


def cause(log: str) -> str:
    """Return the one line that explains pip's log."""
    for signs, line in CAUSES:
        if any(sign in log for sign in signs):
            return line
    last = log.strip().splitlines()[-1:] or ["(it printed nothing)"]
    return f"pip failed; the whole story is in {LOG}. Its last line: {last[0]}"


def pip(*arguments: str) -> None:
    """Run pip, counting the packages as they come; stop with one clear line if it fails."""
    command = [str(python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    live = sys.stdout.isatty()
    seen, lines = 0, []
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with open(LOG, "a", encoding="utf-8") as log, subprocess.Popen(command, cwd=ROOT, text=True, **pipe) as process:
        for line in process.stdout:
            log.write(line)
            lines.append(line)
            seen += line.startswith("Collecting ")
            if live:
                print(f"\r        {seen} packages  {line.strip()[:70]:<70}", end="", flush=True)
    if live:
        print("\r" + " " * 100, end="\r")
    if process.returncode:
        stop(cause("".join(lines)))


def install(level: str) -> None:
    """Install what this level needs, and leave a stamp."""
    started = time.time()
    print(f"set-up: installing the pinned packages for `{level}` (about 1 GB; log in .venv/install.log)", flush=True)
    pip("-r", REQUIREMENTS[level], "-c", "constraints.txt")
    pip("--no-deps", GPT2_VOCABULARY)
    pip("--no-deps", "-e", ".")
    (VENV / f".ready-{level}").write_text(wanted(level))
    print(f"set-up: ready in {time.time() - started:.0f} s", flush=True)


def belongs_here() -> bool:
    """Tell whether the .venv that is there runs, with this very Python version."""
    if not python().exists():
        return False
    command = [str(python()), "-c", "import sys, pip; print(sys.version)"]
    answer = subprocess.run(command, capture_output=True, text=True)
    return answer.stdout.strip() == sys.version.strip()


def main(level: str) -> None:
    """Bring .venv to the level asked for."""
    if level not in LEVELS:
        stop(f"unknown level {level!r}: one of {', '.join(LEVELS)}")
    if ready(level):
        return
    check_machine(level)
    if not belongs_here():
        create()
    install(level)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "")
