"""A vocabulary of characters, as the smallest models have it, in the same form as every other of ours."""

from collections.abc import Iterable, Sequence

from .splitting import to_bytes
from .tokenizer import Tokenizer


def character_tokenizer(texts: Iterable[str], special_tokens: Sequence[str] = ()) -> Tokenizer:
    """Make a tokenizer for which each character of the texts is one token, and nothing larger is.

    ASCII characters are bytes, which are tokens already. The bytes of any other character are merged, from the left,
    until it is whole; "é" takes one merge, "—" two. A character that the texts do not hold stays in bytes.
    ValueError where the texts hold no character.

    >>> character_tokenizer(["né"]).encode("né")
    [110, 256]
    """
    characters = sorted(set().union(*texts))
    if not characters:
        raise ValueError("the texts are empty: pass at least one text with at least one character")
    merges: dict[bytes, tuple[bytes, bytes]] = {}  # token -> its two parts; characters share beginnings
    for character in map(to_bytes, characters):
        for n in range(2, len(character) + 1):
            merges.setdefault(character[:n], (character[: n - 1], character[n - 1 : n]))
    return Tokenizer(merges.values(), special_tokens)
