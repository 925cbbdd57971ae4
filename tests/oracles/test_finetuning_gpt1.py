"""GPT-1 with the heads of course_lib.finetuning against transformers' two GPT-1s with heads, in float64.

OpenAIGPTDoubleHeadsModel has a choice between candidates and two losses, each a plain mean: the language loss over all
tokens. OpenAIGPTForSequenceClassification reads the last token before the padding; its head has no bias. Both compute
their losses in float32 whatever the model's dtype, so losses are also taken from their logits in float64.
"""

import pytest
import torch
from torch.nn import functional as F
from transformers import OpenAIGPTConfig, OpenAIGPTDoubleHeadsModel, OpenAIGPTForSequenceClassification

from course_lib.finetuning import (
    Encoded,
    SpecialTokens,
    TaskModel,
    collate,
    format_classification,
    format_multiple_choice,
    format_similarity,
    losses,
)
from course_lib.models import GPT1, GPTConfig

V, PAD = 61, 60
SPECIAL = SpecialTokens(57, 58, 59)
SIZES = {"vocab_size": V, "n_positions": 16, "n_embd": 24, "n_layer": 3, "n_head": 4}


def noisy(model):
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))  # LayerNorm's gains and biases too
    return model.double().eval()


def with_their_weights(theirs, form, n_labels=2):
    """Our GPT-1 with all their weights but the head's."""
    names = {"tokens_embed.weight": "wte.weight", "positions_embed.weight": "wpe.weight"}
    body = GPT1(GPTConfig(V, 16, 24, 3, 4)).double()
    body.load_state_dict({names.get(n, n): w for n, w in theirs.transformer.state_dict().items()})
    return TaskModel(body, form, n_labels).double().eval()


def texts(*lengths):
    return [torch.randint(57, (n,)).tolist() for n in lengths]


def difference(a, b):
    return (a - b).abs().max().item()


@pytest.fixture
def choices():
    """Two models with one set of weights, and a batch of choices between three answers of unlike lengths."""
    torch.manual_seed(0)
    theirs = noisy(OpenAIGPTDoubleHeadsModel(OpenAIGPTConfig(**SIZES, num_labels=1, pad_token_id=PAD)))
    ours = with_their_weights(theirs, "multiple_choice")
    ours.head.load_state_dict(theirs.multiple_choice_head.summary.state_dict())
    examples = []
    for i in range(4):
        document, question, *answers = texts(3 + i, 2, 1, 5, 3)
        rows = format_multiple_choice(document, question, answers, SPECIAL, 16)
        examples.append(Encoded(tuple(map(tuple, rows)), i % 3))
    return theirs, ours, collate(examples)


def their_answer(theirs, batch):
    inside = torch.arange(batch.ids.shape[2]) <= batch.extract[..., None]  # [B, K, T]
    labels = batch.ids.masked_fill(~inside, -100)
    return theirs(batch.ids, mc_token_ids=batch.extract, labels=labels, mc_labels=batch.labels), labels


def test_choice_scores_are_theirs(choices):
    theirs, ours, batch = choices
    answer, _ = their_answer(theirs, batch)
    assert answer.mc_logits.shape == (4, 3)
    assert difference(ours(batch.ids, batch.extract), answer.mc_logits) <= 1e-12


def test_both_losses_are_theirs(choices):
    theirs, ours, batch = choices
    answer, labels = their_answer(theirs, batch)
    _, task_loss, lm_loss = losses(ours, batch, lm_mean="token")
    assert difference(task_loss, answer.mc_loss) <= 1e-5  # theirs is float32
    assert difference(lm_loss, answer.loss) <= 1e-5
    exact = F.cross_entropy(answer.logits[..., :-1, :].flatten(0, 2), labels[..., 1:].flatten(), ignore_index=-100)
    assert difference(lm_loss, exact) <= 1e-6  # ours is taken in float32, so that bfloat16 loses nothing
    assert difference(task_loss, F.cross_entropy(answer.mc_logits, batch.labels)) <= 1e-6
    _, _, by_sequence = losses(ours, batch, lm_mean="sequence")
    assert difference(by_sequence, lm_loss) > 1e-3  # the two conventions are not the same


def test_gradients_of_the_two_part_loss_are_theirs(choices):
    theirs, ours, batch = choices
    answer, labels = their_answer(theirs, batch)
    lm = F.cross_entropy(answer.logits[..., :-1, :].flatten(0, 2), labels[..., 1:].flatten(), ignore_index=-100)
    (F.cross_entropy(answer.mc_logits, batch.labels) + 0.5 * lm).backward()
    _, task_loss, lm_loss = losses(ours, batch, lm_mean="token")
    (task_loss + 0.5 * lm_loss).backward()
    pairs = {
        "head.weight": theirs.multiple_choice_head.summary.weight,
        "model.wte.weight": theirs.transformer.tokens_embed.weight,
        "model.h.2.ln_2.weight": theirs.transformer.h[2].ln_2.weight,
        "model.h.0.attn.c_attn.weight": theirs.transformer.h[0].attn.c_attn.weight,
    }
    for name, weight in pairs.items():
        assert difference(ours.get_parameter(name).grad, weight.grad) <= 1e-5, name
        assert weight.grad.abs().max() > 1e-3


@pytest.mark.parametrize("n_labels", [2, 3])
def test_classification_scores_are_theirs(n_labels):
    """A batch padded on the right: they look for the last token that is not the padding, we know where it is."""
    torch.manual_seed(1)
    theirs = noisy(OpenAIGPTForSequenceClassification(OpenAIGPTConfig(**SIZES, num_labels=n_labels, pad_token_id=PAD)))
    ours = with_their_weights(theirs, "classification", n_labels)
    with torch.no_grad():
        ours.head.weight.copy_(theirs.score.weight)
        ours.head.bias.zero_()
    examples = [Encoded((tuple(format_classification(*texts(n), SPECIAL, 16)[0]),), 0) for n in (1, 4, 14)]
    batch = collate(examples)
    padded = batch.ids.masked_fill(torch.arange(16) > batch.extract[..., None], PAD)[:, 0]
    scores = ours(batch.ids, batch.extract)
    assert difference(scores, theirs(padded).logits) <= 1e-12
    assert difference(ours(padded[:, None], batch.extract), scores) == 0  # what stands in the padding is all one
    last = ours.scores(ours.hidden(batch.ids)[:, :, -1])
    assert difference(last[:2], scores[:2]) > 0.1  # position −1 is padding where the row is short


def test_similarity_is_the_sum_of_two_of_theirs():
    """Their head on either order, added: a linear layer without bias cannot tell when the sum is taken."""
    torch.manual_seed(2)
    theirs = noisy(OpenAIGPTForSequenceClassification(OpenAIGPTConfig(**SIZES, num_labels=2, pad_token_id=PAD)))
    ours = with_their_weights(theirs, "similarity")
    with torch.no_grad():
        ours.head.weight.copy_(theirs.score.weight)
        ours.head.bias.zero_()
    a, b = texts(5, 5)
    rows = format_similarity(a, b, SPECIAL, 16)
    batch = collate([Encoded(tuple(map(tuple, rows)), 0)])
    both = theirs(torch.tensor(rows)).logits.sum(0)
    assert difference(ours(batch.ids, batch.extract)[0], both) <= 1e-12
