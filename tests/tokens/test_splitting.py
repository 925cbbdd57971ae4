import pytest

from course_lib.tokens import split
from course_lib.tokens.splitting import to_bytes


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("", []),
        ("The robot's 2 orders", ["The", " robot", "'s", " 2", " orders"]),
        ("it'll we've I'd 'tis don'T", ["it", "'ll", " we", "'ve", " I", "'d", " '", "tis", " don", "'", "T"]),
        ("a  b", ["a", " ", " b"]),
        ("a \n\n b", ["a", " \n\n", " b"]),
        ("end  \n", ["end", "  \n"]),
        ("x1½!?", ["x", "1½", "!?"]),
        ("naïve 🤖 机器人", ["naïve", " 🤖", " 机器人"]),
    ],
)
def test_split(text, chunks):
    assert split(text) == chunks
    assert "".join(chunks) == text


def test_letters_younger_than_tiktokens_tables_are_signs():
    assert split("a\U0003fc3f") == ["a", "\U0003fc3f"]


def test_a_lone_surrogate_is_named():
    with pytest.raises(ValueError, match=r"\\ud83e.*errors='replace'"):
        to_bytes("robot \ud83e")
