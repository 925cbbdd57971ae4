"""Cut text into chunks before any merge: no token ever crosses the border of a chunk."""

import regex

# GPT-2's pattern: an English ending, letters, numbers, other signs (each with at most one space in front), spaces.
PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Every year Unicode gains letters. `regex` knows these already; tiktoken's tables (Unicode 16) call them signs.
YOUNG = (
    r"\u0558\u058B-\u058C\u088F\u0C5C\u0CDC\u208F\u209D-\u209F\uA7CE-\uA7CF\uA7D2\uA7D4\uA7DD-\uA7F1"
    r"\uAB6C-\uAB6D\U000107BB-\U000107BF\U00010940-\U00010959\U00010EC5-\U00010EEE\U00011B0A\U00011DB0-\U00011DF1"
    r"\U0001246F-\U0001247F\U00012550-\U00012686\U00016EA0-\U00016ED3\U00016FF2-\U00016FF6"
    r"\U000187F8-\U000187FF\U00018CD6-\U00018CDA\U00018D09-\U000191D2\U0001B123-\U0001B128\U0001B168"
    r"\U0001D6A6\U0001DF1F-\U0001DF24\U0001DF2B-\U0001DFFF\U0001E6C0-\U0001E6FF\U0002B73A-\U0002B73F"
    r"\U0002B81E\U0002CEA2-\U0002CEAD\U000323B0-\U0003FC3F"
)
YOUNG_PATTERN = (
    rf"'(?:[sdmt]|ll|ve|re)| ?[\p{{L}}--[{YOUNG}]]+| ?[\p{{N}}--[{YOUNG}]]+"
    rf"| ?[^\s[\p{{L}}\p{{N}}--[{YOUNG}]]]+|\s+(?!\S)|\s+"
)
_findall = regex.compile(PATTERN).findall
_findall_young = regex.compile(YOUNG_PATTERN, regex.VERSION1).findall
_has_young = regex.compile(f"[{YOUNG}]").search


def split(text: str) -> list[str]:
    """Cut `text` into GPT-2's chunks; joined, they are the text again (Radford et al. 2019, section 2.2).

    >>> split("The robot's 2 orders")
    ['The', ' robot', "'s", ' 2', ' orders']
    """
    if text.isascii() or not _has_young("".join(set(text))):
        return _findall(text)
    return _findall_young(text)


def to_bytes(text: str) -> bytes:
    """UTF-8 of `text`. A lone surrogate (half of a UTF-16 pair) has none: ValueError.

    >>> to_bytes("né")
    b'n\\xc3\\xa9'
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[:40]!r} holds the lone surrogate {text[error.start]!r}, which UTF-8 cannot write: "
            "read the text with errors='replace', or take the character out"
        ) from None
