"""Room for a chapter: every file, mention and old address follows, and nothing is overwritten. On a small book."""

import subprocess
import tomllib

import nbformat
import pytest

from press import chapters, links, notebooks
from press.chapters import Refused

STEMS = {"01_words": "Words", "02_sums": "Sums", "03_waves": "Waves", "05_ends": "Ends"}
FLAT = "parts:\n  - caption: One\n    chapters:\n{}  - caption: Back\n    chapters:\n      - file: book/index\n"
SECTIONS = "        sections:\n          - file: book/sheets/{0}\n            sections:\n"
SECTIONS += "              - file: book/sheets/{0}_solutions\n"


def entry(stem: str) -> str:
    return f"      - file: book/{stem}\n" + SECTIONS.format(stem)


def git(root, *words):
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def book(tmp_path):
    """A book of four chapters that link to one another, with all that belongs to them, in git."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")

    for stem, title in STEMS.items():
        says = f"# {title}\n\n[Waves](03_waves.ipynb), [Ends](05_ends.ipynb). 03_waves_2 and x03_waves stay."
        cells = [nbformat.v4.new_markdown_cell(says, id="title")]
        write(f"book/{stem}.ipynb", notebooks.text(notebooks.tidy(nbformat.v4.new_notebook(cells=cells))))
        sheet = f"[{title}](../{stem}.ipynb), check {stem}.ipynb"
        write(f"masters/{stem}.py", f'# %% sheet {stem} "Exercises"\n# {sheet}\ncheck.sheet("{stem}")\n')
        write(f"book/exercises/{stem}.ipynb", notebooks.text(nbformat.v4.new_notebook(metadata={"sheet": stem})))
        write(f"course_lib/grading/keys/{stem}.json", f'{{"name":"{stem}"}}\n')
        write(f"tests/grading/test_{stem}.py", f"SHEET = 'masters/{stem}.py'\n")
    write("book/sheets/.gitignore", "*.md\n")
    write("_toc.yml", FLAT.format("".join(map(entry, STEMS))))
    table = '"book/09_waves" = "book/03_waves"\n"away" = "book/01_words"\n'
    write("press/site/moved.toml", f"# Where pages are now.\n{table}")
    write("README.md", "See [Waves](book/03_waves.ipynb), `make test CHAPTER=02_sums`.\n")
    (tmp_path / "book" / "picture.png").write_bytes(b"\x89PNG 03_waves \xff\xfe")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "A book")
    return tmp_path


def names(root):
    files = [path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(root).as_posix() for path in files}


def moved(root):
    return tomllib.loads((root / "press/site/moved.toml").read_text("utf8"))


def everything(root):
    return {name: (root / name).read_bytes() for name in names(root)}


def test_a_chapter_goes_into_a_gap_and_nothing_moves(book):
    before = everything(book)
    assert chapters.insert(book, "04_more", "More") == []
    after = everything(book)
    assert {name for name in after if before.get(name) != after[name]} == {"book/04_more.ipynb", "_toc.yml"}
    toc = FLAT.format("".join(map(entry, list(STEMS)[:3])) + "      - file: book/04_more\n" + entry("05_ends"))
    assert after["_toc.yml"].decode() == toc
    assert notebooks.complaints(book / "book/04_more.ipynb") == []
    assert links.titles(book)["04_more"] == "More"


def test_room_is_made_up_to_the_next_free_number(book):
    chapters.insert(book, "02_more", "More")
    assert chapters.stems(book) == ["01_words", "02_more", "03_sums", "04_waves", "05_ends"]
    for stem in ("03_sums", "04_waves"):
        files = {f"book/{stem}.ipynb", f"masters/{stem}.py", f"book/exercises/{stem}.ipynb"}
        files |= {f"course_lib/grading/keys/{stem}.json"}
        assert files | {f"tests/grading/test_{stem}.py"} <= names(book)
    assert not any("02_sums" in name or "03_waves" in name for name in names(book))
    assert links.faults_of_links(book) == []


def test_every_mention_follows_and_nothing_else(book):
    chapters.insert(book, "02_more", "More")
    text = {name: (book / name).read_text("utf8") for name in names(book) if not name.endswith((".png", ".toml"))}
    assert not any("02_sums" in t for t in text.values())
    assert "03_waves_2 and x03_waves stay" in text["book/01_words.ipynb"], "other names are let alone"
    assert text["README.md"] == "See [Waves](book/04_waves.ipynb), `make test CHAPTER=03_sums`.\n"
    assert 'sheet 04_waves "Exercises"' in text["masters/04_waves.py"]
    assert (book / "book/picture.png").read_bytes() == b"\x89PNG 03_waves \xff\xfe"


def test_the_table_of_contents_follows(book):
    chapters.insert(book, "01_first", "First")
    order = ["01_first", "02_words", "03_sums", "04_waves", "05_ends"]
    entries = ["      - file: book/01_first\n", *map(entry, order[1:])]
    assert (book / "_toc.yml").read_text("utf8") == FLAT.format("".join(entries))


def test_git_sees_renames(book):
    chapters.insert(book, "02_more", "More")
    seen = git(book, "status", "--porcelain").splitlines()
    assert all(line[1] == " " for line in seen), "all is staged"
    assert {"A  book/02_more.ipynb", "R  book/02_sums.ipynb -> book/03_sums.ipynb", "M  _toc.yml"} <= set(seen)


def test_old_addresses_lead_to_the_newest(book):
    chapters.insert(book, "03_more", "More")
    want = {f"book/{folder}03_waves{end}": f"book/{folder}04_waves{end}" for folder, end in (("", ""), ("sheets/", ""))}
    want["book/sheets/03_waves_solutions"] = "book/sheets/04_waves_solutions"
    assert moved(book) == want | {"book/09_waves": "book/04_waves", "away": "book/01_words"}
    assert (book / "press/site/moved.toml").read_text("utf8").startswith("# Where pages are now.\n")
    chapters.move(book, "04_waves", "06")
    assert {moved(book)[f"book/{n}_waves"] for n in ("03", "04", "09")} == {"book/06_waves"}
    chapters.move(book, "06_waves", "04")
    assert "book/04_waves" not in moved(book), "it is a page again"
    assert moved(book)["book/06_waves"] == "book/04_waves"


def test_only_pages_have_old_addresses(book):
    (book / "masters/05_ends.py").unlink()
    chapters.move(book, "05_ends", "08")
    assert [old for old in moved(book) if "ends" in old] == ["book/05_ends"]


def test_a_chapter_moves_with_its_sheet_and_makes_room(book):
    chapters.move(book, "05_ends", "02")
    assert chapters.stems(book) == ["01_words", "02_ends", "03_sums", "04_waves"]
    toc = FLAT.format("".join(map(entry, ["01_words", "02_ends", "03_sums", "04_waves"])))
    assert (book / "_toc.yml").read_text("utf8") == toc
    assert links.faults_of_links(book) == []


def test_a_chapter_gets_another_name(book):
    chapters.move(book, "03_waves", "03_tides")
    assert chapters.stems(book) == ["01_words", "02_sums", "03_tides", "05_ends"]
    assert (book / "masters/03_tides.py").exists()
    assert links.faults_of_links(book) == []


def test_there_and_back_again(book):
    before = everything(book)
    chapters.move(book, "05_ends", "02")
    chapters.move(book, "02_ends", "05")
    chapters.move(book, "03_sums", "02")
    chapters.move(book, "04_waves", "03")
    after = everything(book)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {"press/site/moved.toml"}


def test_files_that_git_does_not_know_yet_move_as_well(book):
    (book / "tests/grading/test_new_03_waves.py").write_text("NAME = '03_waves'\n", "utf8")
    chapters.insert(book, "03_more", "More")
    assert (book / "tests/grading/test_new_04_waves.py").read_text("utf8") == "NAME = '04_waves'\n"


@pytest.mark.parametrize(
    ("do", "why"),
    [
        (lambda root: chapters.insert(root, "04_waves", "Waves"), "03_waves has that name already"),
        (lambda root: chapters.insert(root, "4_more", "More"), "'4_more' is no stem"),
        (lambda root: chapters.insert(root, "00_more", "More"), "is no stem"),
        (lambda root: chapters.insert(root, "04_my_solutions", "More"), "is no stem"),
        (lambda root: chapters.move(root, "04_waves", "06"), "there is no chapter 04_waves"),
        (lambda root: chapters.move(root, "03_waves", "06_ends"), "05_ends has that name already"),
        (lambda root: chapters.move(root, "03_waves", "../06"), "is no stem"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_touched(book, do, why):
    before = everything(book)
    with pytest.raises(Refused, match=why):
        do(book)
    assert everything(book) == before


@pytest.mark.parametrize("name", ["masters/04_waves.py", "course_lib/grading/keys/04_waves.json"])
def test_nothing_is_overwritten(book, name):
    (book / name).write_text("mine", "utf8")
    before = everything(book)
    with pytest.raises(Refused, match=f"{name} would be overwritten"):
        chapters.insert(book, "03_more", "More")
    assert everything(book) == before


def test_the_command_line(book, capsys):
    assert chapters.main(["list"], book) == 0
    assert "03_waves                 Waves\n04 is free\n05_ends" in capsys.readouterr().out
    assert chapters.main(["insert", "3", "more", "--title", "More of it"], book) == 0
    said = capsys.readouterr().out
    assert "masters/03_waves.py → masters/04_waves.py" in said
    assert "every link leads to the chapter that it names" in said
    assert chapters.main(["move", "03_more", "05_ends"], book) == 1
    assert "refused: 05_ends has that name already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        chapters.main(["insert", "three", "more"], book)


def test_a_link_that_leads_nowhere_is_told(book, capsys):
    (book / "README.md").write_text("[Waves](book/07_waves.ipynb)", "utf8")
    assert chapters.main(["move", "05_ends", "06"], book) == 1
    assert "[Waves](book/07_waves.ipynb) leads to no file" in capsys.readouterr().out


def test_the_real_book_and_its_old_addresses_fit():
    table = tomllib.loads((chapters.ROOT / chapters.MOVED).read_text("utf8"))
    assert [new for new in table.values() if not chapters.is_page(chapters.ROOT, new)] == []
    assert [old for old in table if chapters.is_page(chapters.ROOT, old)] == []
