"""The step that byte-pair encoding repeats: replace a pair of neighbours by one new id."""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

Pair = tuple[int, int]


def merge(ids: Sequence[int], pair: Pair, new_id: int) -> list[int]:
    """Replace every `pair` of neighbours in `ids` by `new_id`, from left to right.

    >>> merge([1, 2, 3, 1, 2], (1, 2), 4)
    [4, 3, 4]
    """
    merged, i = [], 0
    while i < len(ids):
        found = tuple(ids[i : i + 2]) == pair
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def count_pairs(chunks: Iterable[Sequence[int]]) -> Counter[Pair]:
    """How often each pair of neighbours occurs in the chunks.

    >>> count_pairs([[1, 2, 3], [1, 2]])
    Counter({(1, 2): 2, (2, 3): 1})
    """
    return Counter(pair for ids in chunks for pair in pairwise(ids))


def apply_merges(ids: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """Encode one chunk: merge its earliest learned pair until no learned pair is left.

    `ranks` maps a pair to its new id; a smaller id was learned earlier.

    >>> apply_merges([97, 97, 98], {(97, 97): 256, (256, 98): 257})
    [257]
    """
    ids = list(ids)
    while len(ids) > 1:
        pair = min(pairwise(ids), key=lambda pair: ranks.get(pair, float("inf")))
        if pair not in ranks:
            break
        ids = merge(ids, pair, ranks[pair])
    return ids


def apply_merges_fast(ids: Sequence[int], ranks: Mapping[Pair, int]) -> list[int]:
    """`apply_merges` in n log n steps for n ids, however long the chunk: a heap of pairs over a linked list.

    >>> apply_merges_fast([97, 97, 98], {(97, 97): 256, (256, 98): 257})
    [257]
    """
    ids, n = list(ids), len(ids)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    heap = [(ranks[pair], i, pair) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        new_id, i, pair = heapq.heappop(heap)
        j = after[i]
        if j == n or (ids[i], ids[j]) != pair:
            continue  # one of the two has been merged since
        ids[i], ids[j], after[i] = new_id, -1, after[j]
        if after[i] < n:
            before[after[i]] = i
        for left, right in ((before[i], i), (i, after[i])):
            if left >= 0 and right < n and (pair := (ids[left], ids[right])) in ranks:
                heapq.heappush(heap, (ranks[pair], left, pair))
    return [token for token in ids if token >= 0]
