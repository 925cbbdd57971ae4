"""A reader's own file: any UTF-8 text; what is not says where and what to do."""

import pytest

from course_lib.town import read_text


def write(tmp_path, data):
    path = tmp_path / "mine.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"one line", "one line"),
        (b"def one():\n    pass\n\n\ndef two():\n    pass\n", "def one():\n    pass\n\n\ndef two():\n    pass\n"),
        (b"one\n\ntwo\n \t\n\nthree\n", "one\n\ntwo\n \t\n\nthree\n"),
        (b"one\r\n\r\ntwo\rthree", "one\r\n\r\ntwo\rthree"),
        (b"\xef\xbb\xbfone\n\n", "one\n\n"),
        ("naïve ☕\n\n日本\n".encode(), "naïve ☕\n\n日本\n"),
        (b"\n\n  indented\n", "\n\n  indented\n"),
    ],
)
def test_the_text_is_the_file(tmp_path, data, text):
    assert read_text(write(tmp_path, data)) == text
    assert read_text(str(write(tmp_path, data))) == text


@pytest.mark.parametrize("data", [b"", b"\n \n\t\n", b"\xef\xbb\xbf"])
def test_nothing_in_it(tmp_path, data):
    with pytest.raises(ValueError, match=r"mine.txt holds no text \(\d bytes?\)"):
        read_text(write(tmp_path, data))


@pytest.mark.parametrize(
    ("data", "byte", "offset", "encoding"),
    [
        (b"caf\xe9 au lait", "0xe9", 3, "WINDOWS-1252"),
        (b"\xef\xbb\xbfcaf\xe9 au lait", "0xe9", 6, "WINDOWS-1252"),
        ("robot".encode("utf-16"), "0xff", 0, "UTF-16"),
        (b"cut short \xe2\x98", "0xe2", 10, "WINDOWS-1252"),
    ],
)
def test_not_utf8(tmp_path, data, byte, offset, encoding):
    with pytest.raises(ValueError, match=rf"byte {byte} at offset {offset} .*iconv -f {encoding} -t UTF-8"):
        read_text(write(tmp_path, data))


def test_not_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*missing.txt"):
        read_text(tmp_path / "missing.txt")
    with pytest.raises(IsADirectoryError, match="is a directory"):
        read_text(tmp_path)
