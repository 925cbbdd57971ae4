"""The key of a sheet is found by its name, whatever number its chapter has by now."""

import pytest

from course_lib.grading.sheet import KEYS, all_keys, key


@pytest.mark.parametrize("name", ["03_attention", "07_attention", "attention"])
def test_a_sheet_handed_out_before_its_chapter_was_renumbered_still_has_its_key(name):
    assert key(name).name == "03_attention"


@pytest.mark.parametrize("name", ["03_attentions", "03_", "", "../keys/03_attention", "03_attention.json"])
def test_nothing_else_has_a_key(name):
    assert key(name) is None


def test_every_key_opens():
    assert [sheet.name for sheet in all_keys()] == [path.stem for path in sorted(KEYS.glob("*.json"))]


def test_names_are_told_apart_without_their_numbers():
    names = [path.stem[3:] for path in KEYS.glob("*.json")]
    assert len(set(names)) == len(names)
