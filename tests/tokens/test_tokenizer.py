import copy
import json
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.tokens import Tokenizer, split, train_bpe
from course_lib.tokens import tokenizer as module
from course_lib.tokens.alphabet import write_bytes
from course_lib.tokens.merging import apply_merges
from tests.tokens.strings import random_strings

ROBOT = train_bpe(["the robot obeys the other robot's order", "orders"], 280, ["<|endoftext|>", "<|end|>"])


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_decode_undoes_encode(text):
    assert ROBOT.decode(ROBOT.encode(text, disallowed_special=())) == text


def test_bytes_come_back_for_any_ids():
    ids = np.random.default_rng(0).integers(0, ROBOT.vocab_size, 500)
    assert ROBOT.decode(ids) == b"".join(ROBOT.token_bytes(int(i)) for i in ids).decode("utf-8", "replace")


def test_the_shortcuts_change_nothing(tokenizer):
    """A chunk that is a token, and a chunk that is in the cache, get the ids of the readable encoder."""
    for text in random_strings(300, seed=3):
        ids = [i for chunk in split(text) for i in apply_merges(list(chunk.encode()), tokenizer._ranks)]
        assert tokenizer.encode(text, disallowed_special=()) == ids
        assert tokenizer.encode(text, disallowed_special=()) == ids


def test_a_returned_list_may_be_changed():
    ids = ROBOT.encode("robot")
    ids.append(0)
    assert ROBOT.encode("robot") == ids[:-1]


def test_the_cache_stays_bounded(monkeypatch):
    monkeypatch.setattr(module, "CACHED_CHUNKS", 3)
    tokenizer = Tokenizer(ROBOT.merges)
    text = "the robot obeys other orders of robots " + "o" * 1000
    assert tokenizer.encode(text) == ROBOT.encode(text)
    assert len(tokenizer._cache) <= 3
    assert all(len(chunk) < 100 for chunk in tokenizer._cache)


@pytest.mark.parametrize("text", ["a" * 100_000, "ab" * 50_000, "机" * 30_000])
def test_a_very_long_chunk_is_no_trouble(text):
    tokenizer = train_bpe(["aaaaaaaa abababab         机机机机"], 270)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_follow_tiktokens_convention():
    text = "robot<|endoftext|>robot<|end|>"
    robot = ROBOT.encode("robot")
    with pytest.raises(ValueError, match=r"'<\|endoftext\|>' at character 5.*allowed_special"):
        ROBOT.encode(text)
    with pytest.raises(ValueError, match=r"'<\|end\|>' at character 23"):
        ROBOT.encode(text, allowed_special={"<|endoftext|>"})
    assert ROBOT.encode(text, allowed_special="all") == [*robot, 278, *robot, 279]
    assert ROBOT.encode(text, allowed_special=["<|end|>"], disallowed_special=()) == [
        *ROBOT.encode("robot<|endoftext|>robot", disallowed_special=()),
        279,
    ]
    assert ROBOT.decode(ROBOT.encode(text, disallowed_special=())) == text
    assert len(ROBOT.encode("<|endoftext|>", disallowed_special=())) > 1
    with pytest.raises(ValueError, match="'obey'"):
        ROBOT.encode("obey", disallowed_special={"obey"})


def test_the_longest_special_token_wins():
    tokenizer = Tokenizer([], ["<a", "<a>", "b"])
    assert tokenizer.encode("<a><ab", allowed_special="all") == [257, 256, 258]


@pytest.mark.parametrize("argument", ["allowed_special", "disallowed_special"])
def test_a_string_is_no_set_of_special_tokens(argument):
    with pytest.raises(ValueError, match=rf"{argument}='<\|end\|>' must be a set"):
        ROBOT.encode("robot", **{argument: "<|end|>"})


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"'<s>' is no special token; there are \['<\|endoftext\|>'"):
        ROBOT.encode("robot", allowed_special={"<s>"})
    with pytest.raises(ValueError, match=r"\\udfff"):
        ROBOT.encode("robot \udfff")
    with pytest.raises(TypeError):
        ROBOT.encode(b"robot")
    for unknown in (280, -1):
        with pytest.raises(ValueError, match=f"no token has id {unknown}: ids go from 0 to 279"):
            ROBOT.decode([97, unknown])
        with pytest.raises(ValueError, match=f"no token has id {unknown}"):
            ROBOT.token_bytes(unknown)
    with pytest.raises(TypeError):
        ROBOT.decode([97.0])
    with pytest.raises(UnicodeDecodeError):
        ROBOT.decode([0xFF], errors="strict")
    with pytest.raises(ValueError, match="b'xyz' is no token"):
        ROBOT.token_id(b"xyz")


@pytest.mark.parametrize(
    ("merges", "special_tokens", "byte_order", "message"),
    [
        ([(b"ab", b"c")], [], range(256), r"merge 1 should make b'abc' of \[b'ab', b'c'\]"),
        ([(b"a", b"b"), (b"a", b"b")], [], range(256), r"merge 2 makes b'ab', which is token 256 already"),
        ([(b"", b"a")], [], range(256), r"merge 1 makes b'a', which is token 97"),
        # "bc" is taken first, so that "ab" and "c" never meet
        ([(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")], [], range(256), r"merge 3 .* cut it into \[b'a', b'bc'\]"),
        ([], ["<s>", "<s>"], range(256), "given twice"),
        ([], [], range(255), "each of the 256 bytes once"),
    ],
)
def test_an_impossible_tokenizer_is_refused(merges, special_tokens, byte_order, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer(merges, special_tokens, byte_order)


def test_vocabulary():
    assert ROBOT.vocab_size == 280 == 256 + len(ROBOT.merges) + 2
    assert [ROBOT.token_bytes(i) for i in (0, 97, 255)] == [b"\0", b"a", b"\xff"]
    assert ROBOT.token_bytes(278) == b"<|endoftext|>"
    assert all(ROBOT.token_bytes(256 + i) == left + right for i, (left, right) in enumerate(ROBOT.merges))
    assert all(ROBOT.token_bytes(ROBOT.token_id(left + right)) == left + right for left, right in ROBOT.merges)


def test_copies_are_equal():
    for copied in (copy.deepcopy(ROBOT), pickle.loads(pickle.dumps(ROBOT))):
        assert copied == ROBOT
        assert copied.encode("the robot") == ROBOT.encode("the robot")
    assert Tokenizer(ROBOT.merges) != ROBOT


def test_save_and_load(tmp_path, tokenizer):
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded == tokenizer
    text = "the robot's orders, 机器人 \0 🤖"
    assert loaded.encode(text) == tokenizer.encode(text)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    ROBOT.save(str(tmp_path / "tokenizer.json"))
    assert Tokenizer.load(str(tmp_path / "tokenizer.json")) == ROBOT


def test_the_file_can_be_read_by_people(tmp_path):
    Tokenizer([(b" ", b"r"), (b" r", b"o")], ["<|end|>"]).save(tmp_path / "robot.json")
    text = (tmp_path / "robot.json").read_text(encoding="utf-8")
    assert '"merges": [\n  "Ġ r",\n  "Ġr o"\n ],\n "special_tokens": [\n  "<|end|>"\n ]' in text


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    ROBOT.save(path)

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        Tokenizer().save(path)
    assert Tokenizer.load(path) == ROBOT
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]


def _damaged(**changes):
    fields = {"format": "inside-gpt-bpe-1", "merges": ["a b", "ab c"], "special_tokens": []}
    fields["byte_order"] = write_bytes(bytes(range(256)))
    fields.update(changes)
    return json.dumps({name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "Expecting value"),
        ("[1, 2]", "missing byte_order, format, merges, special_tokens"),
        (_damaged(merges=None), "missing merges"),
        (_damaged(format="other"), "format is 'other'"),
        (_damaged(merges="a b"), "merges is 'a b', not a list"),
        (_damaged(merges=["ab"]), "merge 1 is 'ab'"),
        (_damaged(merges=["a b", 3]), "merge 2 is 3"),
        (_damaged(merges=["a b", "a b"]), "merge 2 makes b'ab'"),
        (_damaged(merges=["ab c", "a b"]), "merge 1 should make b'abc'"),
        (_damaged(merges=["b c", "a b", "ab c"]), "merge 3 should make"),
        (_damaged(merges=["a \u2603"]), "'\u2603'"),
        (_damaged(byte_order="abc"), "each of the 256 bytes"),
        (_damaged(byte_order=7), "byte_order is 7, not a str"),
        (_damaged(special_tokens=["<s>", "<s>"]), "given twice"),
        (_damaged(special_tokens=[1]), "special token 0 is 1"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    path = tmp_path / "damaged.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=f"damaged.json is no tokenizer(?s:.*){message}"):
        Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.json"):
        Tokenizer.load(tmp_path / "missing.json")


def test_from_ranks_finds_the_merges_again(tokenizer):
    ranks = {tokenizer.token_bytes(i): i for i in range(256 + len(tokenizer.merges))}
    assert Tokenizer.from_ranks(ranks, ["<|endoftext|>"]) == tokenizer


BYTES = {bytes([byte]): byte for byte in range(256)}


@pytest.mark.parametrize(
    ("ranks", "message"),
    [
        (BYTES | {b"ab": 257}, "ranks must be 0 to 256"),
        ({b"ab": 0}, "single bytes"),
        ({b"ab" if i == 97 else token: i for token, i in BYTES.items()}, "single bytes"),
        (BYTES | {b"abc": 256}, r"merge 1 should make b'abc' of two earlier tokens, but .* into \[b'a', b'b', b'c'\]"),
    ],
)
def test_impossible_ranks_are_named(ranks, message):
    with pytest.raises(ValueError, match=message):
        Tokenizer.from_ranks(ranks)


@pytest.mark.parametrize("special", [["<|a", "<|ab|>"], ["<|ab|>", "<|a"]])
def test_special_tokens_that_begin_one_another_are_not_left_to_tiktoken(special):
    with pytest.raises(ValueError, match=r"'<\|a' begins '<\|ab\|>'"):
        Tokenizer(special_tokens=special).to_tiktoken()
