import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.tokens import ENDOFTEXT, Tokenizer, character_tokenizer


@given(st.lists(st.text(max_size=30), min_size=1, max_size=3).filter(any))
def test_every_character_is_one_token(texts):
    tokenizer = character_tokenizer(texts, [ENDOFTEXT])
    for text in texts:
        ids = tokenizer.encode(text, disallowed_special=())
        assert len(ids) == len(text)
        assert [tokenizer.decode([i]) for i in ids] == list(text)


def test_ascii_needs_no_merge_and_shared_bytes_are_merged_once():
    assert character_tokenizer(["a robot"]).merges == []
    assert len(character_tokenizer(["—“”"]).merges) == 1 + 3  # E2 80, then three endings


def test_other_characters_stay_in_bytes():
    tokenizer = character_tokenizer(["né"])
    assert len(tokenizer.encode("è")) == 2
    assert tokenizer.decode(tokenizer.encode("è né 🤖")) == "è né 🤖"


def test_it_is_saved_as_any_other(tmp_path):
    tokenizer = character_tokenizer(["naïve — 🤖"], [ENDOFTEXT])
    tokenizer.save(tmp_path / "t.json")
    assert Tokenizer.load(tmp_path / "t.json") == tokenizer


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_no_text_no_vocabulary(texts):
    with pytest.raises(ValueError, match="the texts are empty"):
        character_tokenizer(texts)
