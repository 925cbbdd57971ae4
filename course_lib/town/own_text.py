"""A reader's own text goes wherever the town goes."""

from pathlib import Path


def read_text(path: str | Path) -> str:
    """The text of a UTF-8 file, byte for byte: encoded again it is the file, but for a byte-order mark at its start.

    FileNotFoundError, IsADirectoryError, or ValueError for a file that is empty or not UTF-8.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a directory: name one text file in it")
    if not path.exists():
        raise FileNotFoundError(f"no file {path} (looked in {Path.cwd()}): check the name, or give the full path")
    text = decode(path.read_bytes(), path)
    if not text.strip():
        raise ValueError(f"{path} holds no text ({path.stat().st_size} bytes): there is nothing to learn from")
    return text


def decode(data: bytes, path: Path) -> str:
    """The bytes as UTF-8; the error names the byte that is not, and a way out."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
        bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0  # utf-8-sig counts from behind the mark
        start = error.start + bom
        raise ValueError(
            f"{path} is not UTF-8: byte 0x{data[start]:02x} at offset {start} ({error.reason}). Save it as UTF-8; "
            f"if it is {guess}: iconv -f {guess} -t UTF-8 {path.name} > utf8.txt"
        ) from None
