"""Reading what is handed in: no file, however broken, gives anything but a notebook or a reason."""

import json
import os
import random

import nbformat
import pytest

from course_lib.grading.answers import recognise_sheet
from course_lib.grading.classroom import find_submissions
from course_lib.grading.merging import merge
from course_lib.grading.reading import Unreadable, parse, read
from tests.grading.submissions import RIGHT, Maker

FUZZ = int(os.environ.get("FUZZ", "300"))  # FUZZ=3000 for the long run
JUNK = [
    None,
    0,
    -1,
    1e400,
    True,
    "",
    "x" * 500,
    [],
    {},
    [[]],
    {"cells": []},
    "\ud800",
    "\x00",
    [None],
    {"a": {"a": {}}},
]


@pytest.fixture(scope="module")
def valid(released, public):
    return nbformat.writes(Maker(released, public).notebook()).encode()


def places(thing, path=()):
    """Name every place in a JSON value."""
    yield path
    items = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def mutant(valid, seed):
    """Damage a valid notebook: bytes exchanged, cut out, doubled; or a value of its JSON replaced by junk."""
    dice = random.Random(seed)
    if dice.random() < 0.5:
        data = bytearray(valid)
        for _ in range(dice.randint(1, 8)):
            at, length = dice.randrange(len(data)), dice.randint(0, 200)
            data[at : at + length] = dice.choice([b"", dice.randbytes(dice.randint(0, 9)), data[at : at + length] * 2])
        return bytes(data)
    whole = json.loads(valid)
    for _ in range(dice.randint(1, 4)):
        path = dice.choice([p for p in places(whole) if p])
        inner = whole
        for key in path[:-1]:
            inner = inner[key]
        if dice.random() < 0.3:
            del inner[path[-1]]
        else:
            inner[path[-1]] = dice.choice(JUNK)
    return json.dumps(whole).encode()


def test_fuzzed_notebooks_give_a_merged_sheet_or_a_reason(valid, small):
    read_well, reasons = 0, set()
    for seed in range(FUZZ):
        try:
            notebook = parse(mutant(valid, seed))
            sheet = recognise_sheet(notebook, [small.sheet])
            cells = merge(notebook, sheet, salt=1).cells
            json.dumps(cells).encode("utf8")
            checks = [c["id"] for c in cells if c["metadata"]["course"]["role"] == "check"]
            assert len(checks) == len(set(checks))
            read_well += 1
        except Unreadable as error:
            reasons.add(str(error)[:20])
    assert read_well > FUZZ / 5, "most damage must leave something to grade"
    assert len(reasons) >= 2


def test_a_link_is_not_followed(tmp_path, small):
    (tmp_path / "a.ipynb").symlink_to(small.reference)
    with pytest.raises(Unreadable, match="link"):
        read(tmp_path / "a.ipynb")


def test_a_folder_is_collected_whatever_its_shape(tmp_path):
    wanted = ["anna/03.ipynb", "bip/deep/er/x.ipynb", "no_suffix", "c.json", "d.zip", "e.IPYNB"]
    litter = [".hidden.ipynb", "anna/.ipynb_checkpoints/03-checkpoint.ipynb", "__MACOSX/03.ipynb", "notes.txt", "a.png"]
    for name in wanted + litter:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [str(p.relative_to(tmp_path)) for p in find_submissions(tmp_path)] == sorted(wanted)


def test_a_sheet_is_known_by_its_content(released, public, small):
    import dataclasses

    other = dataclasses.replace(
        small.sheet, name="other", exercises=[dataclasses.replace(e, name=f"{e.name}2") for e in small.sheet.exercises]
    )
    notebook = parse(nbformat.writes(Maker(released, public).notebook()).encode())
    assert recognise_sheet(notebook, [other, small.sheet]).name == "small"
    renamed = dataclasses.replace(notebook, sheet="other")  # what it says of itself weighs less than what is in it
    assert recognise_sheet(renamed, [other, small.sheet]).name == "small"
    with pytest.raises(Unreadable, match="no answer"):
        recognise_sheet(parse(b'{"cells": [{"cell_type": "code", "source": "1"}]}'), [other, small.sheet])


def test_of_what_was_handed_out_nothing_but_answers_comes_back(released, public, small):
    notebook = parse(nbformat.writes(Maker(released, public).notebook(RIGHT)).encode())
    cells = merge(notebook, small.sheet, salt=3).cells
    assert [c["id"] for c in cells if c["metadata"]["course"]["role"] in ("own", "show")] == []
    hidden = next(c for c in cells if c["id"] == "softmax-hidden-1")
    shown = next(c for c in cells if c["id"] == "softmax-check-1")
    assert "salt=3" in hidden["source"]
    assert "salt=0" in shown["source"]
    assert hidden["source"].startswith("import numpy as np\n")
