"""Find a Chromium or Chrome for the tests of the website, and install Debian's where that is possible."""

import os
import pathlib
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
HOW_TO = (
    "no Chromium found: install it (Debian, Ubuntu: `sudo apt install chromium`; macOS: `brew install chromium`), "
    "or set CHROMIUM to the path of any Chrome"
)


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome on this machine; the variable CHROMIUM comes first."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path), MAC if pathlib.Path(MAC).exists() else None)


def install() -> bool:
    """Install Debian's chromium if this user may; tell whether it worked."""
    if not shutil.which("apt-get"):
        return False
    rights = [] if os.geteuid() == 0 else ["sudo", "-n"]
    print("browser: installing chromium for the tests of the website", flush=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-liberation"],
    ]
    try:
        return all(subprocess.run([*rights, *c], env=environment, **quiet).returncode == 0 for c in commands)
    except FileNotFoundError:  # no sudo
        return False


def main() -> None:
    """Make sure that there is a browser. Without one CI fails; elsewhere its tests are skipped, and say so."""
    if find_chromium() or (install() and find_chromium()):
        return
    if os.environ.get("CI") == "true":
        sys.exit(f"browser: {HOW_TO}")
    print(f"browser: the website will not be tested: {HOW_TO}", flush=True)


if __name__ == "__main__":
    main()
