"""A build is skipped when nothing changed, and only then; one that fails leaves no stamp."""

import pytest

from press import build, execute
from press.dependencies import ROOT


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A book of one file, and a list of what was run."""
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "page.md").write_text("one")
    html, runs = tmp_path / "_build" / "html", []
    for name, value in {"ROOT": tmp_path, "HTML": html, "STAMP": tmp_path / "_build" / ".built-from"}.items():
        monkeypatch.setattr(build, name, value)

    def sphinx():
        runs.append("sphinx")
        html.mkdir(parents=True, exist_ok=True)
        (html / "index.html").touch()
        return 0

    monkeypatch.setattr(build, "sphinx", sphinx)
    monkeypatch.setattr(execute, "bring_up_to_date", list)
    return tmp_path, runs


def test_nothing_changed_builds_nothing_and_a_change_builds(site, capsys):
    folder, runs = site
    build.main()
    build.main()
    assert runs == ["sphinx"]
    assert "nothing has changed" in capsys.readouterr().out
    (folder / "book" / "page.md").write_text("two")
    build.main()
    assert len(runs) == 2
    (folder / "book" / "new.md").touch()
    build.main()
    assert len(runs) == 3


def test_a_removed_site_is_built_again(site):
    _, runs = site
    build.main()
    (build.HTML / "index.html").unlink()
    build.main()
    assert len(runs) == 2


def test_a_failed_build_is_not_taken_for_a_finished_one(site, monkeypatch):
    _, runs = site
    build.main()
    (build.ROOT / "book" / "page.md").write_text("broken")
    monkeypatch.setattr(build, "sphinx", lambda: 1)
    with pytest.raises(SystemExit, match="were not built"):
        build.main()
    with pytest.raises(SystemExit, match="were not built"):
        build.main()
    assert runs == ["sphinx"]


def test_a_full_disk_is_named(site, monkeypatch):
    usage = type("usage", (), {"free": 100_000_000})
    monkeypatch.setattr(build.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(SystemExit, match=r"the disk is full: 0\.10 GB are free"):
        build.main()


def test_exercises_are_made_before_the_pages_are_built_and_a_faulty_master_stops(site):
    folder, runs = site
    (folder / "masters").mkdir()
    master = folder / "masters" / "03_small.py"
    master.write_text((ROOT / "tests" / "grading" / "sheets" / "small.py").read_text("utf-8"), "utf-8")
    build.main()
    build.main()
    assert runs == ["sphinx"], "making the pages must not look like a change"
    assert len(list((folder / "book" / "sheets").glob("*.md"))) == 2
    master.write_text("# %% nonsense\n")
    with pytest.raises(SystemExit, match=r"book: masters/03_small\.py cannot be read"):
        build.main()
    assert runs == ["sphinx"]
