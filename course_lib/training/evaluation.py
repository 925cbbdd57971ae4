"""How many nats a model needs for documents that it has not seen, beside what the town's grammar says is possible."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import Document

from .batches import Batches, similar_lengths
from .loop import next_token_loss


@dataclass(frozen=True)
class Score:
    """Mean nats per token of a model (loss) and of the grammar itself (floor), over so many documents and tokens."""

    loss: float
    floor: float
    documents: int
    tokens: int


@torch.no_grad()
def mean_loss(model: nn.Module, batch: Batches, n_batches: int) -> float:
    """Average the loss over the batches 0 to n_batches − 1, in nats per token. Keep them out of training."""
    device = next(model.parameters()).device
    losses = [next_token_loss(model, batch(i).to(device)).item() for i in range(n_batches)]
    return sum(losses) / n_batches


@torch.no_grad()
def document_nats(model: nn.Module, texts: Sequence[str], tokenizer: Tokenizer, batch_size: int = 50) -> Tensor:
    """Say how surprised the model is by each text and its end: −log q, in nats, shape [len(texts)].

    Raises ValueError for a text that does not fit into the model's window.
    """
    end = tokenizer.special_tokens[ENDOFTEXT]
    rows = [torch.tensor([end, *tokenizer.encode(text), end]) for text in texts]
    nats: list[Tensor] = [torch.empty(0)] * len(rows)
    for these in similar_lengths([len(row) for row in rows], batch_size):
        ids = nn.utils.rnn.pad_sequence([rows[i] for i in these], batch_first=True, padding_value=-100)  # [B, T + 1]
        logits = model(ids[:, :-1].clamp(min=0))  # [B, T] -> [B, T, V]; padding is on the right, where none looks
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # half-precision sums drift
        losses = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")  # -> [B, T], padding 0
        for i, loss in zip(these, losses.sum(1)):  # [B, T] -> [B]
            nats[i] = loss
    return torch.stack(nats) if nats else torch.empty(0)


def scores(model: nn.Module, documents: Iterable[Document], tokenizer: Tokenizer) -> dict[str, Score]:
    """Compare loss and floor for each kind of document, and for "all" of them together."""
    documents = list(documents)
    totals: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0, 0])
    nats = document_nats(model, [d.text for d in documents], tokenizer).tolist()
    for document, surprise in zip(documents, nats):
        n_tokens = len(tokenizer.encode(document.text)) + 1
        for kind in (document.kind, "all"):
            totals[kind] = [a + b for a, b in zip(totals[kind], (surprise, document.nats, 1, n_tokens))]
    return {kind: Score(q / n, p / n, count, n) for kind, (q, p, count, n) in totals.items()}
