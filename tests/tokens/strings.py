"""Random strings over many scripts, a text to train on, and a way to do much without the runtime checks."""

import contextlib
import random
import unicodedata
from collections.abc import Iterator

import jaxtyping

# First and last code point of blocks of many scripts, of signs and of characters that programs trip over.
BLOCKS = [
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xA0), (0xA1, 0xFF), (0x100, 0x17F), (0x300, 0x36F), (0x370, 0x3FF),
    (0x400, 0x4FF), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF),
    (0x2000, 0x206F), (0x2070, 0x218F), (0x2200, 0x22FF), (0x2460, 0x24FF), (0x2600, 0x27BF), (0x3000, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xE0FF), (0xFE00, 0xFFFD), (0x1D400, 0x1D7FF),
    (0x1F1E6, 0x1F1FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE01EF), (0x10FF00, 0x10FFFF),
]  # fmt: skip
PIECES = [
    "the", "robot", "The robot", "obey", " orders", "'s", "'ll", "'VE", "'re", "n't", "''", " ", "  ", "   ",
    "\n", "\n\n", "\r\n", "\t", " \n ", "\u00a0", "\u3000", "\u200b", "\u2028", "0", "12",
    "1234567890", "½", "٣", "Ⅷ", "...", "?!",
    "--", "://", "<|endoftext|>", "🤖", "👩🏽‍🚀", "🇩🇪", "é", "e\u0301", "ß", "ı", "ﬁ", "\0", "\ufeff", "\ufffd",
    "機器人", "로봇", "робот", "ρομπότ", "روبوت", "הרובוט", "रोबोट", "หุ่นยนต์",
]  # fmt: skip


def random_strings(n: int, seed: int) -> Iterator[str]:
    """Strings of pieces and of characters from any block; every tenth one of any code points at all."""
    draw = random.Random(seed)
    for i in range(n):
        if i % 10 == 0:
            points = (draw.randrange(0x110000) for _ in range(draw.randrange(40)))
            yield "".join(chr(p) for p in points if not 0xD800 <= p <= 0xDFFF)
            continue
        parts = []
        for _ in range(draw.randrange(1, 12)):
            block = draw.choice(BLOCKS)
            letters = "".join(chr(draw.randint(*block)) for _ in range(draw.randrange(4)))
            parts.append(letters if draw.random() < 0.5 else draw.choice(PIECES))
        yield "".join(parts)


def corpus() -> list[str]:
    """Text of many scripts with words that come again: Unicode's own names of characters, and the pieces."""
    names = [unicodedata.name(chr(p), "").lower() for p in range(0x100, 0x2000)]
    return [" ".join(names), *random_strings(1500, seed=1), "the robot's orders, the robots' order\n" * 50]


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Without the runtime checks of signatures, which cost more than a step of byte-pair encoding does."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)
