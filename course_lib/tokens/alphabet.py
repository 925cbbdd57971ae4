"""GPT-2's order of the 256 bytes, and the visible character that it writes for each of them."""


def _gpt2_order() -> list[int]:
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return visible + [byte for byte in range(256) if byte not in visible]


# Bytes that print come first, the other 68 after them: byte 33 ("!") is GPT-2's token 0, the space its token 220.
BYTE_ORDER = _gpt2_order()
# The 68 borrow the characters from U+0100 on, so that a vocabulary file holds no spaces: " the" is "Ġthe".
CHARACTERS = {byte: chr(byte if place < 188 else 256 + place - 188) for place, byte in enumerate(BYTE_ORDER)}
BYTES = {character: byte for byte, character in CHARACTERS.items()}


def write_bytes(data: bytes) -> str:
    """Bytes in visible characters, as in GPT-2's files.

    >>> write_bytes(b" the")
    'Ġthe'
    """
    return "".join(CHARACTERS[byte] for byte in data)


def read_bytes(visible: str) -> bytes:
    """The inverse of `write_bytes`; ValueError for a character that stands for no byte.

    >>> read_bytes("Ġthe")
    b' the'
    """
    unknown = sorted(set(visible) - set(BYTES))
    if unknown:
        raise ValueError(f"{unknown[0]!r} in {visible!r} stands for no byte: write bytes with write_bytes")
    return bytes(BYTES[character] for character in visible)
