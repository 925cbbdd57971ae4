"""A movable figure: what the sampling rules keep of a model's next token, and text drawn by them."""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import traitlets as t

from .checks import Numbers, checked
from .twin import TwinWidget

STEP = 0.001  # nats: logits travel as whole numbers of this, below the largest one
NextLogits = Callable[[list[int]], Numbers]


class LiveSampler(TwinWidget):
    """Real logits, cut by temperature, top-k and top-p, and a text that the reader draws token by token.

    `next_logits` takes token ids and gives logits `[V]`. `prompts` are texts with their ids. A page without a kernel
    cannot run the model, so it carries the logits after each prompt and after its likeliest continuations, `size`
    nodes in all: no other set of as many lets a reader who draws at temperature 1 go further on average. Beyond them
    the page says so; with a kernel the model is asked. `end` is the token after which nothing comes.
    `temperature` (0.1…3), `top_k` (0: all), `top_p`, `nucleus`, `prompt` and `path` (the drawn ids) follow the reader.
    """

    label = "A sampler for the next token"
    vocabulary = t.List(t.Unicode()).tag(sync=True)
    prompts = t.List(t.Unicode()).tag(sync=True)
    parents = t.List(t.Int()).tag(sync=True)  # of each node; −1 − i for the root of prompt i
    tokens = t.List(t.Int()).tag(sync=True)  # that lead from the parent to the node
    logits = t.Bytes().tag(sync=True)  # [nodes, V], whole numbers of STEP below the largest
    end = t.Int(-1).tag(sync=True)
    seed = t.Int(0, min=0, max=2**31 - 1).tag(sync=True)
    temperature = t.Float(1.0, min=0.1, max=3.0).tag(sync=True)
    top_k = t.Int(0, min=0).tag(sync=True)
    top_p = t.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    nucleus = t.Enum(["holtzman", "openai"], "holtzman").tag(sync=True)
    prompt = t.Int(0, min=0).tag(sync=True)
    path = t.List(t.Int()).tag(sync=True)
    drawn = t.Int(0, min=0).tag(sync=True)
    asked = t.List(t.Int()).tag(sync=True)  # prompt and path that the page has no logits for
    answered = t.List(t.Int()).tag(sync=True)
    answer = t.Bytes().tag(sync=True)

    def __init__(
        self,
        next_logits: NextLogits,
        vocabulary: Sequence[str],
        prompts: Mapping[str, Sequence[int]],
        *,
        size: int = 100,
        end: int | None = None,
        seed: int = 0,
    ) -> None:
        if not prompts or size < len(prompts):
            raise ValueError(f"{size} nodes for {len(prompts)} prompts: each prompt needs one at least")
        self._next = lambda ids: checked("logits", next_logits(ids), len(vocabulary))
        self._starts = [list(ids) for ids in prompts.values()]
        end = -1 if end is None else end
        parents: list[int] = []
        tokens: list[int] = []
        rows: list[bytes] = []
        for i, start in enumerate(self._starts):
            likeliest_paths(self._next, start, size // len(prompts), end, -1 - i, (parents, tokens, rows))
        super().__init__(
            vocabulary=list(vocabulary),
            prompts=list(prompts),
            parents=parents,
            tokens=tokens,
            logits=b"".join(rows),
            end=end,
            seed=seed,
        )

    @t.observe("asked")
    def _answer(self, change: dict) -> None:
        """Run the model for a path that the page does not hold. Only a kernel can."""
        if not change["new"]:
            return
        prompt, *path = change["new"]
        row = packed(self._next([*self._starts[prompt], *path]))
        with self.hold_sync():
            self.answered, self.answer = [prompt, *path], row


def packed(logits: np.ndarray) -> bytes:
    """Write logits as 16-bit whole numbers of STEP below the largest; 65 nats below is as good as never."""
    return np.clip(np.round((logits.max() - logits) / STEP), 0, 65_535).astype("<u2").tobytes()


def likeliest_paths(
    next_logits: Callable[[list[int]], np.ndarray],
    start: list[int],
    size: int,
    end: int,
    root: int,
    tree: tuple[list[int], list[int], list[bytes]],
) -> None:
    """Add the `size` likeliest beginnings of what the model writes after `start` to a tree, the likeliest first."""
    parents, tokens, rows = tree
    waiting: list[tuple[float, int, int, list[int]]] = [(0.0, root, -1, [])]
    for _ in range(size):
        if not waiting:
            return
        surprise, parent, token, path = heapq.heappop(waiting)
        logits = next_logits([*start, *path])
        node = len(parents)
        parents.append(parent)
        tokens.append(token)
        rows.append(packed(logits))
        log_p = logits - logits.max() - math.log(np.exp(logits - logits.max()).sum())
        for best in np.argsort(-log_p)[:size].tolist():
            if best != end:
                heapq.heappush(waiting, (surprise - float(log_p[best]), node, best, [*path, best]))
