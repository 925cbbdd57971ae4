"""A tokenizer: the merges that training found, and what they make of a text."""

import json
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, permutations
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

import regex

from course_lib.atomic import write_text

from .alphabet import read_bytes, write_bytes
from .merging import apply_merges_fast
from .splitting import PATTERN, split, to_bytes

if TYPE_CHECKING:
    import tiktoken

CACHED_CHUNKS, CACHED_LENGTH = 1 << 18, 64  # the cache of chunks starts anew when full; long chunks stay out


class Tokenizer:
    """Byte-level BPE: ids 0 to 255 are bytes, then one id per merge in the order of training, then specials.

    `byte_order[i]` is the byte of id i; left out, id i is byte i. ValueError: merges that no training gives
    (of unknown parts, of parts that an earlier merge takes away, to a token that exists), or a special token
    that is empty or given twice.

    >>> Tokenizer([(b"a", b"a"), (b"aa", b"b")]).encode("aabaa")
    [257, 256]
    """

    def __init__(
        self,
        merges: Iterable[tuple[bytes, bytes]] = (),
        special_tokens: Sequence[str] = (),
        byte_order: Sequence[int] = range(256),
    ) -> None:
        if sorted(byte_order) != list(range(256)):
            raise ValueError(f"byte_order must name each of the 256 bytes once, not {list(byte_order)!r}")
        self.byte_order = bytes(byte_order)
        self.merges: list[tuple[bytes, bytes]] = []
        self._bytes = {i: bytes([byte]) for i, byte in enumerate(byte_order)}
        self._ids = {token: i for i, token in self._bytes.items()}
        self._ranks: dict[tuple[int, int], int] = {}
        self._cache = _Cache(self._encode_chunk)
        for left, right in merges:
            self._learn(left + right, [left, right])
        self._add_special_tokens(special_tokens)

    def _learn(self, token: bytes, parts: list[bytes] | None = None) -> None:
        """Give the next free id to `token`, which the merges so far must cut in two (into `parts`, where given)."""
        step = len(self.merges) + 1
        if token in self._ids:
            raise ValueError(f"merge {step} makes {token!r}, which is token {self._ids[token]} already")
        pair = tuple(self._encode_bytes(token))
        made = [self._bytes[i] for i in pair]
        if len(made) != 2 or (parts and made != parts):
            raise ValueError(
                f"merge {step} should make {token!r} of {parts or 'two earlier tokens'}, but the merges before it "
                f"cut it into {made}: are the merges all there, and in the order of training?"
            )
        self._ranks[pair] = self._ids[token] = len(self._ids)
        self._bytes[self._ids[token]] = token
        self.merges.append((made[0], made[1]))

    def _add_special_tokens(self, special_tokens: Sequence[str]) -> None:
        first = 256 + len(self.merges)
        self.special_tokens = {token: first + i for i, token in enumerate(check_special_tokens(special_tokens))}
        self._bytes |= {i: to_bytes(token) for token, i in self.special_tokens.items()}

    def __repr__(self) -> str:
        return f"Tokenizer({len(self.merges)} merges, special_tokens={self.special_tokens})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self._fields() == other._fields()

    __hash__ = None

    def _fields(self) -> tuple:
        return self.merges, self.special_tokens, self.byte_order

    @property
    def vocab_size(self) -> int:
        """256 bytes + merges + special tokens."""
        return len(self._bytes)

    def encode(
        self, text: str, allowed_special: Collection[str] = (), disallowed_special: Collection[str] = "all"
    ) -> list[int]:
        """The ids of `text`. Special tokens follow tiktoken's convention.

        A special token in `text` becomes its id where `allowed_special` names it ("all" names every one), is
        ordinary text where `disallowed_special` leaves it out (`()`: all of them), and raises ValueError
        otherwise. ValueError as well for a lone surrogate.

        >>> Tokenizer([(b"o", b"b")], ["<|end|>"]).encode("rob<|end|>", allowed_special="all")
        [114, 256, 257]
        """
        if not isinstance(text, str):
            raise TypeError(f"encode reads str, not {type(text).__name__}: {text!r:.60}")
        allowed = self._allowed(allowed_special)
        self._refuse(text, disallowed_special, allowed)
        if not allowed:
            return self._encode_ordinary(text)
        return [i for part in cut_at(allowed, text) for i in self._encode_part(part, allowed)]

    def _allowed(self, allowed_special: Collection[str]) -> set[str]:
        if allowed_special == "all":
            return set(self.special_tokens)
        allowed = _as_set(allowed_special, "allowed_special")
        unknown = sorted(allowed - set(self.special_tokens))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no special token; there are {list(self.special_tokens)}")
        return allowed

    def _refuse(self, text: str, disallowed_special: Collection[str], allowed: set[str]) -> None:
        everything = disallowed_special == "all"
        refused = set(self.special_tokens) if everything else _as_set(disallowed_special, "disallowed_special")
        refused -= allowed
        if refused and (found := _any_of(refused).search(text)):
            raise ValueError(
                f"the text holds the special token {found.group()!r} at character {found.start()}: pass "
                f"allowed_special={{{found.group()!r}}} to encode it as one id, or disallowed_special=() to "
                "encode it as ordinary text"
            )

    def _encode_part(self, part: str, special: set[str]) -> list[int]:
        return [self.special_tokens[part]] if part in special else self._encode_ordinary(part)

    def _encode_ordinary(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._cache.__getitem__, split(text))))

    def _encode_chunk(self, chunk: str) -> list[int]:
        data = to_bytes(chunk)
        return [self._ids[data]] if data in self._ids else self._encode_bytes(data)

    def _encode_bytes(self, data: bytes) -> list[int]:
        return apply_merges_fast([self._ids[data[i : i + 1]] for i in range(len(data))], self._ranks)

    def decode(self, ids: Iterable[SupportsIndex], errors: str = "replace") -> str:
        """The text of `ids`; bytes that are not UTF-8 are treated as `errors` says (see bytes.decode).

        ValueError for an id that is not in the vocabulary.

        >>> Tokenizer([(b"o", b"b")]).decode([114, 256])
        'rob'
        """
        try:
            return b"".join(map(self._bytes.__getitem__, map(operator.index, ids))).decode("utf-8", errors)
        except KeyError as unknown:
            raise self._unknown(unknown.args[0]) from None

    def token_bytes(self, token_id: SupportsIndex) -> bytes:
        """The bytes of one token; ValueError for an id that is not in the vocabulary."""
        i = operator.index(token_id)
        if i not in self._bytes:
            raise self._unknown(i)
        return self._bytes[i]

    def token_id(self, token: bytes) -> int:
        """The id of the ordinary token with these bytes; ValueError where there is none."""
        if token not in self._ids:
            raise ValueError(f"{token!r} is no token of this vocabulary")
        return self._ids[token]

    def _unknown(self, token_id: int) -> ValueError:
        return ValueError(f"no token has id {token_id}: ids go from 0 to {self.vocab_size - 1} here")

    def to_tiktoken(self, name: str = "inside-gpt") -> "tiktoken.Encoding":
        """The same tokenizer as a `tiktoken.Encoding`, which is faster on one short text than ours.

        ValueError where one special token begins another: we take the longer one, tiktoken either.
        """
        import tiktoken

        for short, long in permutations(self.special_tokens, 2):
            if long.startswith(short):
                raise ValueError(f"special token {short!r} begins {long!r}: tiktoken may cut it out of the longer one")
        return tiktoken.Encoding(
            name, pat_str=PATTERN, mergeable_ranks=self._ids, special_tokens=self.special_tokens
        )

    @classmethod
    def from_ranks(cls, ranks: Mapping[bytes, int], special_tokens: Sequence[str] = ()) -> "Tokenizer":
        """Rebuild the merges from tiktoken's form, `{token bytes: id}`, which no longer says who merged.

        ValueError where the ids are not 0, 1, 2, …, where a byte is missing, or where a token is no merge
        of two earlier ones.

        >>> byte_ranks = {bytes([b]): b for b in range(256)}
        >>> Tokenizer.from_ranks(byte_ranks | {b"ob": 256, b"rob": 257}).merges
        [(b'o', b'b'), (b'r', b'ob')]
        """
        tokens = sorted(ranks, key=ranks.__getitem__)
        if [ranks[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError(f"ranks must be 0 to {len(tokens) - 1}, each once, not {sorted(ranks.values())!r:.80}")
        if any(len(token) != 1 for token in tokens[:256]) or len(tokens) < 256:
            raise ValueError(f"the first 256 ranks must be the single bytes, not {tokens[:256]!r:.80}")
        tokenizer = cls(byte_order=[token[0] for token in tokens[:256]])
        for token in tokens[256:]:
            tokenizer._learn(token)
        tokenizer._add_special_tokens(special_tokens)
        return tokenizer

    def save(self, path: str | os.PathLike) -> None:
        """Write the tokenizer as JSON that people can read; the file is replaced in one move."""
        fields = {
            "format": "inside-gpt-bpe-1",
            "byte_order": write_bytes(self.byte_order),
            "merges": [f"{write_bytes(left)} {write_bytes(right)}" for left, right in self.merges],
            "special_tokens": list(self.special_tokens),
        }
        write_text(Path(path), json.dumps(fields, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Tokenizer":
        """Read what `save` wrote; ValueError that names the file and the fault where it is anything else."""
        try:
            fields = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(*_read_fields(fields))
        except ValueError as error:
            raise ValueError(f"{os.fspath(path)} is no tokenizer that Tokenizer.save wrote: {error}") from error


class _Cache(dict):
    """Chunk -> ids. A word that comes again costs one look-up."""

    def __init__(self, encode_chunk: Callable[[str], list[int]]) -> None:
        self._encode_chunk = encode_chunk

    def __missing__(self, chunk: str) -> list[int]:
        ids = self._encode_chunk(chunk)
        if len(self) >= CACHED_CHUNKS:
            self.clear()
        if len(chunk) <= CACHED_LENGTH:
            self[chunk] = ids
        return ids


def check_special_tokens(special_tokens: Sequence) -> list[str]:
    """The special tokens as a list; ValueError for a lone string, an empty token or one given twice."""
    if isinstance(special_tokens, str):
        raise ValueError(f"special_tokens must be a list of strings: write [{special_tokens!r}]")
    tokens = list(special_tokens)
    for i, token in enumerate(tokens):
        if not isinstance(token, str) or not token:
            raise ValueError(f"special token {i} is {token!r}: it must be a string of one character or more")
        if token in tokens[:i]:
            raise ValueError(f"special token {token!r} is given twice: leave one out")
    return tokens


def _as_set(tokens: Collection[str], argument: str) -> set[str]:
    if isinstance(tokens, str):
        raise ValueError(f'{argument}={tokens!r} must be a set of strings or "all": write {{{tokens!r}}}')
    return set(tokens)


def cut_at(special_tokens: Collection[str], text: str) -> list[str]:
    """Ordinary text, special token, ordinary text, …: every second part is a special token.

    >>> cut_at(["<s>"], "obey<s>the")
    ['obey', '<s>', 'the']
    """
    return _any_of(special_tokens).split(text) if special_tokens else [text]


def _any_of(tokens: Collection[str]) -> regex.Pattern:
    """A pattern for any of the tokens, the longest first, in a group so that a split keeps them."""
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    return regex.compile(f"({'|'.join(map(regex.escape, longest_first))})")


def _read_fields(fields: object) -> tuple[list[tuple[bytes, bytes]], list[str], bytes]:
    """Merges, special tokens and byte order out of the JSON; ValueError that says what is wrong."""
    names = {"format", "byte_order", "merges", "special_tokens"}
    if not isinstance(fields, dict) or names - set(fields):
        missing = sorted(names - set(fields)) if isinstance(fields, dict) else sorted(names)
        raise ValueError(f"missing {', '.join(missing)}")
    if fields["format"] != "inside-gpt-bpe-1":
        raise ValueError(f"format is {fields['format']!r}, not 'inside-gpt-bpe-1'")
    for name, kind in (("byte_order", str), ("merges", list), ("special_tokens", list)):
        if not isinstance(fields[name], kind):
            raise ValueError(f"{name} is {fields[name]!r:.60}, not a {kind.__name__}")
    merges = [_read_merge(step, line) for step, line in enumerate(fields["merges"], 1)]
    return merges, check_special_tokens(fields["special_tokens"]), read_bytes(fields["byte_order"])


def _read_merge(step: int, line: object) -> tuple[bytes, bytes]:
    if not isinstance(line, str) or line.count(" ") != 1:
        raise ValueError(f"merge {step} is {line!r}, not two tokens with a space between")
    left, right = line.split(" ")
    return read_bytes(left), read_bytes(right)
