"""Watch a tokenizer work: a text after each merge, and the tree of merges behind a token."""

from dataclasses import dataclass

from .merging import merge
from .splitting import split, to_bytes
from .tokenizer import Tokenizer


@dataclass(frozen=True)
class Node:
    """One token: `step` is the merge that made it (1 is the first, 0 means a byte), `parts` what it joined."""

    id: int
    token: bytes
    step: int
    parts: tuple["Node", ...]


def merge_steps(tokenizer: Tokenizer, text: str) -> list[list[bytes]]:
    """The tokens of `text` after 0, 1, 2, … merges: `len(tokenizer.merges) + 1` lists, the last as encoded.

    A merge that does nothing to the text repeats the list before it.

    >>> merge_steps(Tokenizer([(b"a", b"a"), (b"aa", b"b")]), "aab")
    [[b'a', b'a', b'b'], [b'aa', b'b'], [b'aab']]
    """
    chunks = [[tokenizer.token_id(bytes([byte])) for byte in to_bytes(chunk)] for chunk in split(text)]
    steps = [_tokens(tokenizer, chunks)]
    for new_id, (left, right) in enumerate(tokenizer.merges, 256):
        pair = tokenizer.token_id(left), tokenizer.token_id(right)
        merged = [merge(ids, pair, new_id) for ids in chunks]
        steps.append(steps[-1] if merged == chunks else _tokens(tokenizer, merged))
        chunks = merged
    return steps


def _tokens(tokenizer: Tokenizer, chunks: list[list[int]]) -> list[bytes]:
    return [tokenizer.token_bytes(i) for ids in chunks for i in ids]


def merge_tree(tokenizer: Tokenizer, word: str) -> list[Node]:
    """The tokens of `word`, each as the tree of merges that made it.

    >>> [rob] = merge_tree(Tokenizer([(b"o", b"b"), (b"r", b"ob")]), "rob")
    >>> rob.step, [part.token for part in rob.parts]
    (2, [b'r', b'ob'])
    """
    made = {left + right: (step, left, right) for step, (left, right) in enumerate(tokenizer.merges, 1)}

    def grow(token: bytes) -> Node:
        step, *parts = made.get(token, (0,))
        return Node(tokenizer.token_id(token), token, step, tuple(grow(part) for part in parts))

    ids = tokenizer.encode(word, disallowed_special=())
    return [grow(tokenizer.token_bytes(i)) for i in ids]
