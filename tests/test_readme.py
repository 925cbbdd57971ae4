"""The README keeps its word: its code runs, every dependency is explained, every command exists."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf8")


def test_the_code_runs():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names: dict = {}
    exec(block, names)
    logits = names["by_hand"].gpt(names["tokenizer"].encode("a") or [0], names["params"], n_head=4)
    assert logits.shape[-1] == names["data"].town_tokenizer().vocab_size


def test_every_direct_dependency_has_its_line():
    table = README.split("## What each dependency is for")[1].split("##")[0].lower()
    pins = "\n".join(path.read_text("utf8") for path in ROOT.glob("requirements*.txt"))
    packages = re.findall(r"^#?\s*([\w-]+)==", pins, re.M)
    covered = ("sphinx", "docutils", "myst-parser", "pydata-")  # "Jupyter Book with Sphinx and its extensions"
    assert [p for p in packages if p not in table and not p.startswith(covered)] == []


def test_every_command_is_a_target_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text("utf8")
    commands = set(re.findall(r"(?:`|^)make ([a-z0-9-]+)", README, re.M))
    assert {"book", "test"} <= commands
    assert [c for c in commands if not re.search(rf"^{c}:", makefile, re.M)] == []
