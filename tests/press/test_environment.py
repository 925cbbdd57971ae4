"""Set-up: one clear line for what can go wrong, and nothing installed twice."""

import ast
import pathlib
import platform
import shutil
import sys
import types
from collections import namedtuple

import pytest

from press import browser, environment


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"^set-up: Python 3\.11 or newer is needed, this is 3\.9\.1"):
        environment.check_machine("book")


def test_an_old_python_can_read_that_it_is_too_old():
    """Syntax that Python 3.8 lacks would be a SyntaxError in the place of the message."""
    ast.parse(pathlib.Path(environment.__file__).read_text("utf8"), feature_version=(3, 8))


@pytest.mark.parametrize(
    ("name", "system", "machine", "line"),
    [
        ("nt", "Windows", "AMD64", "on Windows this runs in WSL"),
        ("posix", "Darwin", "x86_64", "no longer built for Macs with Intel processors"),
    ],
)
def test_a_machine_that_cannot_do_it_is_named_before_anything_is_loaded(monkeypatch, name, system, machine, line):
    monkeypatch.setattr(environment, "os", types.SimpleNamespace(name=name))
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(SystemExit, match=f"^set-up: .*{line}"):
        environment.check_machine("book")


def test_binder_takes_a_python_that_is_new_enough():
    """Without a runtime.txt it takes 3.10."""
    runtime = (environment.ROOT / ".binder/runtime.txt").read_text().strip()
    assert tuple(map(int, runtime.removeprefix("python-").split("."))) >= (3, 11)


def test_a_full_disk_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "VENV", tmp_path / "none")
    usage = namedtuple("usage", "total used free")(10, 10, 500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SystemExit, match=r"2\.0 GB of free disk are needed .* has 0\.5"):
        environment.check_machine("book")


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk is full"),
        ("WARNING: Retrying ... NewConnectionError(...)\nERROR: No matching distribution found for x", "network"),
        ("ERROR: No matching distribution found for torch==2.13.0\n", "no build for this Python"),
        ("SSLError(SSLCertVerificationError(1, …))\nERROR: No matching distribution found for x", "PIP_CERT"),
        ("something\nelse happened\n", "Its last line: else happened"),
        ("", "pip failed"),
    ],
)
def test_pips_log_is_explained_in_one_line(log, line):
    cause = environment.cause(log)
    assert line in cause
    assert "\n" not in cause


@pytest.fixture
def venv(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "VENV", tmp_path)
    environment.python().parent.mkdir(parents=True)
    environment.python().touch()
    return tmp_path


def test_a_level_is_ready_when_it_or_a_larger_one_is_installed(venv):
    assert not environment.ready("book")
    (venv / ".ready-lab").write_text(environment.wanted("lab"))
    assert environment.ready("book")
    assert environment.ready("lab")
    assert not environment.ready("test")


def test_changed_pins_are_installed_anew(venv, monkeypatch, tmp_path):
    (venv / ".ready-book").write_text(environment.wanted("book"))
    assert environment.ready("book")
    monkeypatch.setattr(sys, "version", "3.99.0 (another one)")
    assert not environment.ready("book")


def test_an_unknown_level_is_refused():
    with pytest.raises(SystemExit, match="unknown level 'books'"):
        environment.main("books")


def test_a_missing_browser_fails_in_ci_and_is_said_elsewhere(monkeypatch, capsys):
    monkeypatch.setattr(browser, "find_chromium", lambda: None)
    monkeypatch.setattr(browser, "install", lambda: False)
    monkeypatch.delenv("CI", raising=False)
    browser.main()
    assert "will not be tested" in capsys.readouterr().out
    monkeypatch.setenv("CI", "true")
    with pytest.raises(SystemExit, match="no Chromium found"):
        browser.main()
