"""From hidden states to answers: three new tokens, one new linear layer."""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from .batches import check_form
from .formats import SpecialTokens

N_NEW = 3  # tokens: start, delimiter, extract


def widen(model: nn.Module, std: float = 0.02, seed: int = 0, start_as: int | None = None) -> SpecialTokens:
    """Add three rows to the model's token embedding, drawn from N(0, std), and return their ids.

    The model is changed in place. It may be any with `config.vocab_size` and an embedding `wte`: GPT, GPT1, a GPT-2
    that `from_pretrained` opened. Its output is tied to the embedding, so it can predict the new tokens too.

    With `start_as`, the start token begins as a copy of that token: a model that has always seen the same token first,
    as the town's has seen end-of-text, is spared a start that it does not know. Raises ValueError for an id outside the
    vocabulary.
    """
    old = model.wte.weight.detach()  # [V, C]
    new = std * torch.randn(N_NEW, old.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    new = new.to(old)
    if start_as is not None:
        if not 0 <= start_as < len(old):
            raise ValueError(f"start_as is {start_as}: ids run from 0 to {len(old) - 1}")
        new[0] = old[start_as]
    rows = torch.cat([old, new])  # [V + 3, C]
    model.wte = nn.Embedding.from_pretrained(rows, freeze=False)
    model.config = replace(model.config, vocab_size=len(rows))
    return SpecialTokens(len(old), len(old) + 1, len(old) + 2)


class TaskModel(nn.Module):
    """A language model and the one new layer that a task needs: linear, on the state at the extract token.

    The scores of B examples are [B, N] for N labels; for a choice between K candidates each gets one number, [B, K],
    and the softmax runs over them. Similarity adds the states of both orders before the layer. In training, `dropout`
    acts on the state before the layer; the candidates of one choice share their mask, as in GPT-1's code.
    Raises ValueError for an unknown form, or fewer than two labels.
    """

    def __init__(self, model: nn.Module, form: str, n_labels: int = 2, dropout: float = 0.1, seed: int = 0) -> None:
        super().__init__()
        if n_labels < 2:
            raise ValueError(f"n_labels is {n_labels}: a task has at least 2 (a choice counts its candidates itself)")
        self.model, self.form, self.dropout = model, check_form(form), dropout
        self.only_new_tokens = False  # of the embedding: see `freeze`
        self.head = nn.Linear(model.wte.embedding_dim, 1 if form == "multiple_choice" else n_labels)
        with torch.no_grad():
            weights = 0.02 * torch.randn(self.head.weight.shape, generator=torch.Generator().manual_seed(seed))
            self.head.weight.copy_(weights)  # N(0, 0.02), as GPT-1's
            self.head.bias.zero_()
        self.head.to(model.wte.weight)

    def forward(self, ids: Int[Tensor, "B K T"], extract: Int[Tensor, "B K"]) -> Float[Tensor, "B N"]:
        """Score every label, or every candidate."""
        return self.scores(at_extract(self.hidden(ids), extract))  # [B, K, T] -> [B, K, T, C] -> [B, K, C] -> [B, N]

    def hidden(self, ids: Int[Tensor, "B K T"]) -> Float[Tensor, "B K T C"]:
        """Run all rows through the model."""
        return self.model.hidden(ids.flatten(0, 1)).unflatten(0, ids.shape[:2])  # [BK, T] -> [BK, T, C] -> [B, K, T, C]

    def scores(self, states: Float[Tensor, "B K C"]) -> Float[Tensor, "B N"]:
        """Turn the states at the extract tokens into scores."""
        if self.form == "similarity":
            states = states.sum(1, keepdim=True)  # both orders, added: [B, 2, C] -> [B, 1, C]
        states = states * F.dropout(torch.ones_like(states[:, :1]), self.dropout, self.training)
        scores = self.head(states)  # [B, K, C] -> [B, K, 1], or [B, 1, C] -> [B, 1, N]
        return scores[:, :, 0] if self.form == "multiple_choice" else scores[:, 0]


def at_extract(hidden: Float[Tensor, "B K T C"], extract: Int[Tensor, "B K"]) -> Float[Tensor, "B K C"]:
    """Take the state at each row's extract token. With padding that is not position −1."""
    return hidden.take_along_dim(extract[:, :, None, None], dim=2)[:, :, 0]  # [B, K, T, C] -> [B, K, C]


def freeze(task: TaskModel, layers: int, tokens: bool = False) -> None:
    """Let the embeddings and the first `layers` blocks stay as they are; with all blocks, the last LayerNorm too.

    0 frees everything again. The three new tokens are rows of the embedding: `tokens=True` lets these rows learn
    all the same. With all layers frozen and `tokens=False` only the head learns: a linear probe.
    Raises ValueError for more layers than there are.
    """
    model, blocks = task.model, task.model.h
    if not 0 <= layers <= len(blocks):
        raise ValueError(f"{layers} layers cannot be frozen: the model has {len(blocks)}")
    model.requires_grad_(layers == 0)
    if 0 < layers < len(blocks):
        blocks[layers:].requires_grad_(True)
        if hasattr(model, "ln_f"):
            model.ln_f.requires_grad_(True)
    task.only_new_tokens = layers > 0 and tokens
    if task.only_new_tokens:
        model.wte.weight.requires_grad_(True)  # `finetune` holds the other rows
