"""The figures that a reader can move, one per chapter. Their mathematics runs in the page, in js/."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from .checks import Numbers, checked
from .twin import TwinWidget, module

if TYPE_CHECKING:
    from course_lib.tokens import Tokenizer


FLOAT32 = "<f4"  # what travels as bytes: little-endian on every machine


class Temperature(TwinWidget):
    """*Predicting the next token*: the next word, by softmax(logits / temperature), and draws from it.

    `logits` `[V]` may be log-probabilities. Draw i depends on `seed` and i alone, so a draw can be repeated and
    the same random numbers serve every temperature. `temperature` (0.1…3) and `drawn` follow the reader.
    """

    _esm = module("temperature")
    label = "Next word at a temperature"
    words = t.List(t.Unicode()).tag(sync=True)
    logits = t.List(t.Float()).tag(sync=True)
    prompt = t.Unicode().tag(sync=True)
    temperature = t.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    drawn = t.Int(0, min=0, max=100_000).tag(sync=True)
    seed = t.Int(0, min=0, max=2**31 - 1).tag(sync=True)

    def __init__(
        self, words: Sequence[str], logits: Numbers, *, prompt: str = "", temperature: float = 1.0, seed: int = 0
    ) -> None:
        _some("words", words)
        values = checked("logits", logits, len(words)).tolist()
        super().__init__(words=list(words), logits=values, prompt=prompt, temperature=float(temperature), seed=seed)


class MergeSteps(TwinWidget):
    """*Tokens*: a text's tokens after each merge of a tokenizer, and any text that the reader types.

    `texts` are the training texts: with them each merge says how often its pair was seen. `step` (0 … number of
    merges; None: all) and `text` follow the reader. Special tokens are ordinary text here.
    """

    _esm = module("merge_steps")
    label = "Byte-pair encoding, merge by merge"
    merges = t.List(t.List(t.Int())).tag(sync=True)
    byte_ids = t.List(t.Int()).tag(sync=True)
    counts = t.List(t.Int()).tag(sync=True)
    text = t.Unicode().tag(sync=True)
    step = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self, tokenizer: "Tokenizer", text: str, *, texts: Iterable[str] | None = None, step: int | None = None
    ) -> None:
        last = len(tokenizer.merges)
        if step is not None and not 0 <= step <= last:
            raise ValueError(f"step={step}: this tokenizer has 0 to {last} merges")
        super().__init__(
            merges=merges_as_ids(tokenizer.merges),
            byte_ids=[tokenizer.token_id(bytes([byte])) for byte in range(256)],
            counts=[] if texts is None else merge_counts(tokenizer.merges, texts),
            text=text,
            step=last if step is None else step,
        )


def merges_as_ids(merges: Sequence[tuple[bytes, bytes]]) -> list[list[int]]:
    """Name both parts of each merge by id: a byte is its own id, merge i makes token 256 + i."""
    ids = {bytes([byte]): byte for byte in range(256)}
    pairs = []
    for left, right in merges:
        pairs.append([ids[left], ids[right]])
        ids[left + right] = len(ids)
    return pairs


def merge_counts(merges: Sequence[tuple[bytes, bytes]], texts: Iterable[str]) -> list[int]:
    """Count how often each merge's pair stands in the texts when its turn comes."""
    from course_lib.tokens import count_pairs, merge, split

    chunks = Counter(chunk.encode() for text in texts for chunk in split(text))
    words = {chunk: list(chunk) for chunk in chunks}
    counts = []
    for new_id, (left, right) in enumerate(merges_as_ids(merges), 256):
        seen = {chunk: count_pairs([ids])[left, right] for chunk, ids in words.items()}
        counts.append(sum(chunks[chunk] * n for chunk, n in seen.items()))
        words |= {chunk: merge(words[chunk], (left, right), new_id) for chunk, n in seen.items() if n}
    return counts


class DragQuery(TwinWidget):
    """*Self-attention*: attention of one query in the plane over keys `[n, 2]`, whose values `[n, 2]` are averaged.

    Without `values` the keys are the values. Coordinates lie in −3…3. At d = 2 the weights are exactly those
    of scaled dot-product attention; a larger d stretches the dot products by √(d / 2), which is how the spread
    of dot products of d random components grows. `query`, `d` and `scaled` follow the reader.
    """

    _esm = module("drag_query")
    label = "Attention of a query in the plane"
    words = t.List(t.Unicode()).tag(sync=True)
    key_vectors = t.List(t.List(t.Float())).tag(sync=True)
    value_vectors = t.List(t.List(t.Float())).tag(sync=True)
    query = t.List(t.Float()).tag(sync=True)
    sizes = t.List(t.Int()).tag(sync=True)
    d = t.Int(2, min=1).tag(sync=True)
    scaled = t.Bool(True).tag(sync=True)

    def __init__(
        self,
        words: Sequence[str],
        keys: Numbers,
        values: Numbers | None = None,
        *,
        query: Numbers = (1.5, 1.0),
        d: int = 2,
        sizes: Sequence[int] = (2, 8, 64, 512),
        scaled: bool = True,
    ) -> None:
        _some("words", words)
        if d not in sizes:
            raise ValueError(f"d={d} is not one of sizes={list(sizes)}")
        super().__init__(
            words=list(words),
            key_vectors=_in_plane("keys", keys, len(words)),
            value_vectors=_in_plane("values", keys if values is None else values, len(words)),
            query=_in_plane("query", [query], 1)[0],
            sizes=list(sizes),
            d=d,
            scaled=scaled,
        )


class MaskAndHeads(TwinWidget):
    """*Masks and heads*: attention maps of H heads over T tokens, with the causal mask on or off.

    `scores` `[H, T, T]` are raw: divided by √d, before mask and softmax. `head` (−1: the average), `causal`
    and `row` (the query whose numbers are shown) follow the reader.
    """

    _esm = module("mask_and_heads")
    label = "Attention map with mask and heads"
    tokens = t.List(t.Unicode()).tag(sync=True)
    scores = t.Bytes().tag(sync=True)
    head_names = t.List(t.Unicode()).tag(sync=True)
    head = t.Int(0, min=-1).tag(sync=True)
    causal = t.Bool(True).tag(sync=True)
    row = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        tokens: Sequence[str],
        scores: Numbers,
        *,
        head_names: Sequence[str] | None = None,
        head: int = 0,
        causal: bool = True,
        row: int | None = None,
    ) -> None:
        _some("tokens", tokens)
        raw = checked("scores", scores, None, len(tokens), len(tokens), dtype=FLOAT32)
        names = [str(h + 1) for h in range(len(raw))] if head_names is None else list(head_names)
        row = len(tokens) - 1 if row is None else row
        if len(names) != len(raw):
            raise ValueError(f"{len(names)} head_names for {len(raw)} heads of scores")
        if not (-1 <= head < len(raw) and 0 <= row < len(tokens)):
            raise ValueError(f"head={head}, row={row}: there are {len(raw)} heads and {len(tokens)} tokens")
        super().__init__(tokens=list(tokens), scores=raw.tobytes(), head_names=names, head=head, causal=causal, row=row)


class ResidualDepth(TwinWidget):
    """*A GPT in NumPy*: the best next tokens when the residual stream is read out after each layer.

    `probabilities` `[L + 1, T, V]` are read at depth 0 (the embedding) to L; `norms` `[L + 1, T]` are the
    stream's Euclidean norms. Only the `k` best of each place travel to the page. `layer` and `position` (None:
    the last) follow the reader.
    """

    _esm = module("residual_depth")
    label = "Next token read from the residual stream, by layer"
    tokens = t.List(t.Unicode()).tag(sync=True)
    vocabulary = t.List(t.Unicode()).tag(sync=True)
    top = t.List(t.Int()).tag(sync=True)
    probabilities = t.Bytes().tag(sync=True)
    norms = t.Bytes().tag(sync=True)
    layers = t.Int(0).tag(sync=True)
    k = t.Int(1).tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    position = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        tokens: Sequence[str],
        probabilities: Numbers,
        vocabulary: Sequence[str],
        norms: Numbers,
        *,
        k: int = 6,
        layer: int | None = None,
        position: int | None = None,
    ) -> None:
        _some("tokens", tokens)
        p = checked("probabilities", probabilities, None, len(tokens), len(vocabulary), dtype=FLOAT32)
        norms = checked("norms", norms, len(p), len(tokens), dtype=FLOAT32)
        if p.min() < 0 or np.abs(p.sum(-1) - 1).max() > 1e-3:
            raise ValueError(f"probabilities sum to {p.sum(-1).min():.4g} … {p.sum(-1).max():.4g}, not to 1")
        best = np.argsort(-p, axis=-1, kind="stable")[..., :k]
        used, top = np.unique(best, return_inverse=True)
        super().__init__(
            tokens=list(tokens),
            vocabulary=[vocabulary[i] for i in used],
            top=top.ravel().tolist(),
            probabilities=np.take_along_axis(p, best, -1).tobytes(),
            norms=norms.tobytes(),
            layers=len(p) - 1,
            k=best.shape[-1],
            layer=_index("layer", layer, len(p)),
            position=_index("position", position, len(tokens)),
        )


def _some(name: str, items: Sequence[str]) -> None:
    if isinstance(items, str) or not items:
        raise ValueError(f"{name}={items!r}: pass a list with at least one string")


def _in_plane(name: str, points: Numbers, count: int) -> list[list[float]]:
    array = checked(name, points, count, 2)
    if np.abs(array).max() > 3:
        raise ValueError(f"{name} reaches {np.abs(array).max():.4g}: the plane shows −3 to 3, scale them down")
    return array.round(6).tolist()


def _index(name: str, value: int | None, length: int) -> int:
    if value is None:
        return length - 1
    if not 0 <= value < length:
        raise ValueError(f"{name}={value} is not in 0 … {length - 1}")
    return value
