"""Train byte-pair encoding: join the most frequent pair of neighbours, and again, until the vocabulary is full."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from .alphabet import BYTE_ORDER
from .merging import count_pairs, merge
from .splitting import split, to_bytes
from .tokenizer import Tokenizer, check_special_tokens, cut_at

PLACE = {byte: place for place, byte in enumerate(BYTE_ORDER)}  # byte -> its place in GPT-2's order


def train_bpe_naive(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """The algorithm as it is told: count all pairs, merge the most frequent one, start again.

    Ties go to the pair that comes first: bytes in GPT-2's order, merged tokens after them. It stops early where
    nothing is left to merge. `train_bpe` finds the same merges, many times faster.

    >>> train_bpe_naive(["aaabdaaabac"], 259).merges
    [(b'a', b'a'), (b'a', b'b'), (b'aa', b'ab')]
    """
    chunks = [list(to_bytes(chunk)) for text in texts for chunk in split(text)]
    tokens = [bytes([byte]) for byte in range(256)]
    merges = []
    while len(tokens) < vocab_size and (counts := count_pairs(chunks)):
        pair = min(counts, key=lambda pair: (-counts[pair], *(PLACE.get(i, i) for i in pair)))
        chunks = [merge(ids, pair, len(tokens)) for ids in chunks]
        merges.append((tokens[pair[0]], tokens[pair[1]]))
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
    return Tokenizer(merges)


def train_bpe(texts: Iterable[str], vocab_size: int, special_tokens: Sequence[str] = ()) -> Tokenizer:
    """Learn a vocabulary of `vocab_size` tokens: 256 bytes, merges, and the special tokens as the last ids.

    Byte-level BPE as GPT-2's (Sennrich et al. 2016; Radford et al. 2019), incremental: each distinct chunk is
    kept once with its count, and a merge touches only the chunks that hold the pair. The most frequent pair
    wins; a tie goes to the first pair in GPT-2's order of bytes, merged tokens after all bytes, as in Hugging
    Face's BpeTrainer. Special tokens inside the texts are borders and teach nothing.

    ValueError: no text, a vocabulary that is too small or that the texts cannot fill, special tokens that are
    empty or given twice, a lone surrogate. TypeError: something that is not str.

    >>> train_bpe(["aaabdaaabac"], 259).encode("aaabdaaabac")
    [258, 100, 258, 97, 99]
    """
    special_tokens = check_special_tokens(special_tokens)
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError(
            f"vocab_size={vocab_size} is too small: 256 bytes and {len(special_tokens)} special tokens need "
            f"{256 + len(special_tokens)}"
        )
    chunks = count_chunks(texts, special_tokens)
    if not chunks:
        raise ValueError("the texts are empty: pass at least one text with at least one character")
    merges = find_merges(chunks, n_merges)
    if len(merges) < n_merges:
        raise ValueError(
            f"vocab_size={vocab_size} asks for {n_merges} merges, but the texts allow only {len(merges)}: take "
            f"vocab_size={vocab_size - n_merges + len(merges)} or less, or more text"
        )
    return Tokenizer(merges, special_tokens)


def count_chunks(texts: Iterable[str], special_tokens: Sequence[str] = ()) -> Counter[str]:
    """How often each chunk occurs in the texts.

    >>> count_chunks(["to be or not to be"])
    Counter({' be': 2, 'to': 1, ' or': 1, ' not': 1, ' to': 1})
    """
    if isinstance(texts, str):
        raise TypeError(f"texts must be a list of strings, not one string: write [{texts[:40]!r}]")
    counts: Counter[str] = Counter()
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"text {i} is {type(text).__name__}, not str: {text!r:.60}")
        for part in cut_at(special_tokens, text)[::2]:
            counts.update(split(part))
    return counts


def find_merges(chunks: Counter[str], n_merges: int) -> list[tuple[bytes, bytes]]:
    """The first `n_merges` merges, or fewer where every chunk has become one token.

    A word is held as a string whose characters are its token ids, so that Python's own `str.replace` merges a
    pair, a pair is a string of length 2, and pairs compare in the order that breaks ties.
    """
    words = ["".join(chr(PLACE[byte]) for byte in to_bytes(chunk)) for chunk in chunks]
    freqs = list(chunks.values())
    counts, where = _index_pairs(words, freqs)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    tokens = [bytes([byte]) for byte in BYTE_ORDER]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n_merges and (pair := _pop_most_frequent(heap, counts)):
        gained = _merge_words(words, freqs, where, pair, chr(len(tokens)))
        _update_counts(counts, heap, gained, pair, chr(len(tokens)))
        merges.append((tokens[ord(pair[0])], tokens[ord(pair[1])]))
        tokens.append(b"".join(merges[-1]))
    return merges


def _index_pairs(words: list[str], freqs: list[int]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """For each pair: how often it occurs, and in which words."""
    counts: dict[str, int] = defaultdict(int)
    where: dict[str, list[int]] = defaultdict(list)
    for i, word in enumerate(words):
        for left, right in pairwise(word):
            counts[left + right] += freqs[i]
            where[left + right].append(i)
    return counts, where


def _pop_most_frequent(heap: list[tuple[int, str]], counts: dict[str, int]) -> str | None:
    """The pair with the largest count. A count in the heap may be out of date: it is put right when it comes up."""
    while heap:
        count, pair = heap[0]
        if counts[pair] == -count:
            heapq.heappop(heap)
            return pair
        if counts[pair] > 0:
            heapq.heapreplace(heap, (-counts[pair], pair))
        else:
            heapq.heappop(heap)
    return None


def _merge_words(
    words: list[str], freqs: list[int], where: dict[str, list[int]], pair: str, new: str
) -> dict[str, int]:
    """Merge `pair` into `new` in every word that holds it; return the count of each new pair."""
    gained: dict[str, int] = defaultdict(int)
    for i in dict.fromkeys(where.pop(pair)):  # a long word is listed once for each place, and is to be read once
        if pair not in words[i]:
            continue  # another merge took the pair
        word = words[i] = words[i].replace(pair, new)
        at = word.find(new)
        while at >= 0:
            if at > 0:
                gained[word[at - 1] + new] += freqs[i]
                where[word[at - 1] + new].append(i)
            if at + 1 < len(word) and word[at + 1] != new:
                gained[new + word[at + 1]] += freqs[i]
                where[new + word[at + 1]].append(i)
            at = word.find(new, at + 1)
    return gained


def _update_counts(
    counts: dict[str, int], heap: list[tuple[int, str]], gained: dict[str, int], pair: str, new: str
) -> None:
    """Enter the new pairs. Each took the place of an old one: left + new stood as left + pair[0] before."""
    for gain, count in gained.items():
        left, right = gain
        counts[(pair[1] if left == new else left) + (pair[0] if right == new else right)] -= count
        counts[gain] = count
        heapq.heappush(heap, (-count, gain))
    counts[pair] = 0
