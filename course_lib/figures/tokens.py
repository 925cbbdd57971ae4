"""How a tokenizer travels to the page, where js/tokens.js encodes with it."""

from collections.abc import Sequence


def merges_as_ids(merges: Sequence[tuple[bytes, bytes]]) -> list[list[int]]:
    """Name both parts of each merge by id: a byte is its own id, merge i makes token 256 + i."""
    ids = {bytes([byte]): byte for byte in range(256)}
    pairs = []
    for left, right in merges:
        pairs.append([ids[left], ids[right]])
        ids[left + right] = len(ids)
    return pairs
