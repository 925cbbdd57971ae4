"""Span corruption, T5's pre-training (Raffel et al. 2020, section 3.1.4): read a text with gaps, write what is missing.

Each gap becomes one *sentinel*, a token of its own: the first is the last id of the vocabulary, and they count down.
"""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool

N_SENTINELS = 100  # as many as T5's vocabulary has


def noise_mask(
    length: int, rng: np.random.Generator, density: float = 0.15, mean_span: float = 3.0
) -> Bool[np.ndarray, " T"]:
    """Choose which of `length` tokens are taken away: a share `density` of them, in spans of `mean_span` on average.

    The numbers of tokens and of spans are fixed, not chance; where the spans begin and how long they are is. As in T5's
    code, kept and noisy spans take turns, so the first token is kept and the last is not.
    Raises ValueError for a length below 2, a density outside (0, 1) or a mean_span below 1.
    """
    n_noise, n_spans = noise_counts(length, density, mean_span)
    kept, noisy = (composition(n, n_spans, rng) for n in (length - n_noise, n_noise))
    lengths = np.stack([kept, noisy], axis=1).ravel()  # kept, noisy, kept, noisy, …
    return np.repeat(np.arange(2 * n_spans) % 2 == 1, lengths)


def salient_mask(
    ids: Sequence[int], salient: Collection[int], rng: np.random.Generator, share: float
) -> Bool[np.ndarray, " T"]:
    """Take only tokens that say something: each that `salient` names with probability `share`, and at least one.

    Guu et al. 2020 (section 3.4) did so with names and dates. Raises ValueError where no token is salient.
    """
    here = np.flatnonzero([token in salient for token in ids])
    if not len(here):
        raise ValueError("no token of the text is salient: there is nothing to take away")
    mask = np.zeros(len(ids), dtype=bool)
    mask[here[rng.random(len(here)) < share]] = True
    mask[rng.choice(here)] = True
    return mask


def noise_counts(length: int, density: float = 0.15, mean_span: float = 3.0) -> tuple[int, int]:
    """Give how many of `length` tokens are taken away, and in how many spans. Raises as `noise_mask` does."""
    if length < 2 or not 0 < density < 1 or mean_span < 1:
        raise ValueError(
            f"length is {length}, density {density}, mean_span {mean_span}: take at least 2 tokens, a density between "
            "0 and 1, and spans of at least 1 token"
        )
    n_noise = min(max(round(length * density), 1), length - 1)
    n_spans = min(max(round(n_noise / mean_span), 1), length - n_noise)
    return n_noise, n_spans


def composition(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """Write `total` as a sum of so many whole numbers of at least 1, each way as likely as any other."""
    cuts = np.sort(rng.choice(total - 1, parts - 1, replace=False)) + 1
    return np.diff([0, *cuts, total])


def with_sentinels(
    ids: Sequence[int], mask: Sequence[bool] | Bool[np.ndarray, " T"], vocab_size: int, n_sentinels: int = N_SENTINELS
) -> list[int]:
    """Put one sentinel in the place of each run of tokens where the mask is true: vocab_size − 1, then − 2, …

    Raises ValueError where ids and mask differ in length, an id is a sentinel already, or the sentinels run out.

    >>> with_sentinels([10, 11, 12, 13, 14, 15], [True, True, False, False, True, False], 1000)
    [999, 12, 13, 998, 15]
    """
    if len(ids) != len(mask):
        raise ValueError(f"{len(ids)} ids and a mask of {len(mask)}: each token needs one entry of the mask")
    if (highest := max(ids, default=0)) >= vocab_size - n_sentinels:
        raise ValueError(f"id {highest} is a sentinel: those are {vocab_size - n_sentinels} to {vocab_size - 1}")
    out, sentinel = [], vocab_size
    for i, token in enumerate(ids):
        if not mask[i]:
            out.append(token)
        elif i == 0 or not mask[i - 1]:
            sentinel -= 1
            out.append(sentinel)
    if vocab_size - sentinel >= n_sentinels:  # the target needs one more
        raise ValueError(f"{vocab_size - sentinel} spans, {n_sentinels} sentinels: a target needs one more than spans")
    return out


def span_pair(
    ids: Sequence[int], mask: Sequence[bool] | Bool[np.ndarray, " T"], vocab_size: int, n_sentinels: int = N_SENTINELS
) -> tuple[list[int], list[int]]:
    """Make what is read and what is to be written: the text with sentinels, and each sentinel with its span after it.

    One more sentinel ends the target, as in the paper. (T5's code has it only where the text does not end in a span.)
    Raises as `with_sentinels` does.

    >>> span_pair([10, 11, 12, 13, 14, 15], [True, True, False, False, True, False], 1000)
    ([999, 12, 13, 998, 15], [999, 10, 11, 998, 14, 997])
    """
    corrupted = with_sentinels(ids, mask, vocab_size, n_sentinels)
    target, sentinel = [], vocab_size
    for i, token in enumerate(ids):
        if mask[i]:
            if i == 0 or not mask[i - 1]:
                sentinel -= 1
                target.append(sentinel)
            target.append(token)
    return corrupted, [*target, sentinel - 1]


def restore(
    corrupted: Sequence[int], target: Sequence[int], vocab_size: int, n_sentinels: int = N_SENTINELS
) -> list[int]:
    """Undo `span_pair`: put each span of the target in the place of its sentinel.

    Raises ValueError for a sentinel that the target does not hold, and for a target that does not begin with one.
    """
    first = vocab_size - n_sentinels
    if target and target[0] < first:
        raise ValueError(f"the target begins with {target[0]}: a sentinel comes first, {first} to {vocab_size - 1}")
    spans: dict[int, list[int]] = {}
    for token in target:
        if token >= first:
            span = spans[token] = []
        else:
            span.append(token)
    whole = []
    for token in corrupted:
        if token >= first and token not in spans:
            raise ValueError(f"the target says nothing about sentinel {token}")
        whole += spans.get(token, [token])
    return whole


def lengths_for(
    n_input: int, density: float = 0.15, mean_span: float = 3.0, per_span: tuple[int, int] = (1, 1)
) -> tuple[int, int]:
    """Give how many tokens of text fill an input of n_input, and how long the target will be.

    Input and target hold `per_span` sentinels for each span, and one end token; there is no last sentinel, as in T5's
    code. At a density of ½ it makes the two equally long. Raises ValueError for an input with no room for anything.

    >>> lengths_for(512)
    (568, 114)
    """

    def sizes(length: int) -> tuple[int, int]:
        n_noise = round(length * density)
        n_spans = round(n_noise / mean_span)
        return length - n_noise + n_spans * per_span[0] + 1, n_noise + n_spans * per_span[1] + 1

    if sizes(1)[0] > n_input:
        raise ValueError(f"an input of {n_input} tokens has no room for one token, its sentinels and the end token")
    length = 1
    while sizes(length + 1)[0] <= n_input:
        length += 1
    n_target = sizes(length)[1]
    return (length - 1, n_target - 1) if density == 0.5 and n_target > n_input else (length, n_target)
