"""Heads and losses against transformers' GPT-2 with a classification head, with two heads, and its own loss."""

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2DoubleHeadsModel, GPT2ForSequenceClassification, GPT2LMHeadModel

from course_lib.finetuning import Encoded, TaskModel, collate, format_similarity, losses, widen
from course_lib.models import GPT, GPTConfig

SIZES = {"vocab_size": 20, "n_embd": 24, "n_layer": 2, "n_head": 3}


def ours_and_theirs(cls, form, n_labels=3):
    """Our widened GPT, and transformers' model of the same weights, all far from their initial values, in float64."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(**SIZES, n_ctx=16))
    special = widen(model)
    task = TaskModel(model, form, n_labels).double().eval()
    for p in task.parameters():
        torch.nn.init.normal_(p, std=0.3)
    config = GPT2Config(
        **SIZES | {"vocab_size": 23}, n_positions=16, num_labels=n_labels, pad_token_id=0, attn_implementation="eager"
    )
    if cls is GPT2DoubleHeadsModel:
        config.num_labels = 1
    theirs = cls(config).double().eval()
    missing = theirs.transformer.load_state_dict(model.state_dict(), strict=False).missing_keys
    assert not [name for name in missing if not name.endswith((".attn.bias", ".attn.masked_bias"))]
    return task, theirs, special


def rows(special, n_rows, n_examples=4):
    """Examples with rows of different lengths; 0 is the padding and stands in no text."""
    dice = torch.Generator().manual_seed(1)

    def row():
        length = int(torch.randint(1, 11, (), generator=dice))
        text = torch.randint(1, 20, (length,), generator=dice).tolist()
        return (special.start, *text, special.delimiter, 1 + length, special.extract)

    return [Encoded(tuple(row() for _ in range(n_rows)), i % 3) for i in range(n_examples)]


def test_classification_scores():
    """Convention: theirs reads the last token that is not padding; its head has no bias."""
    task, theirs, special = ours_and_theirs(GPT2ForSequenceClassification, "classification")
    theirs.score.weight.data = task.head.weight.data
    task.head.bias.data.zero_()
    batch = collate(rows(special, 1))
    assert batch.extract.unique().numel() > 1
    with torch.no_grad():
        out = theirs(batch.ids[:, 0], labels=batch.labels)
        scores, task_loss, _ = losses(task, batch)
    assert (scores - out.logits).abs().max() < 1e-14
    assert abs(task_loss - out.loss) < 1e-6  # the loss is taken in float32 here


def test_similarity_scores_are_theirs_of_both_orders_added():
    """Convention: without a bias, adding states before the layer is adding scores after it."""
    task, theirs, special = ours_and_theirs(GPT2ForSequenceClassification, "similarity")
    theirs.score.weight.data = task.head.weight.data
    task.head.bias.data.zero_()
    pairs = [([1, 2, 3], [4, 5]), ([7], [8, 9, 10, 11])]
    batch = collate([Encoded(tuple(map(tuple, format_similarity(*pair, special, 16))), 0) for pair in pairs])
    with torch.no_grad():
        out = theirs(batch.ids.flatten(0, 1)).logits.unflatten(0, (2, 2)).sum(1)
        assert (task(batch.ids, batch.extract) - out).abs().max() < 1e-14


@pytest.mark.parametrize("n_candidates", [2, 3, 5])
def test_choice_scores_and_both_losses(n_candidates):
    """Convention: theirs gives each candidate one score, and takes the LM loss as a mean over all tokens (labels −100
    left out); ours is asked for that mean.
    """
    task, theirs, special = ours_and_theirs(GPT2DoubleHeadsModel, "multiple_choice")
    theirs.multiple_choice_head.summary.weight.data = task.head.weight.data
    theirs.multiple_choice_head.summary.bias.data = task.head.bias.data
    batch = collate([Encoded(e.rows, e.label % n_candidates) for e in rows(special, n_candidates)])
    is_text = torch.arange(batch.ids.shape[2]) <= batch.extract[..., None]
    with torch.no_grad():
        out = theirs(
            batch.ids,
            mc_token_ids=batch.extract,
            labels=torch.where(is_text, batch.ids, -100),
            mc_labels=batch.labels,
        )
        scores, task_loss, lm_loss = losses(task, batch, lm_mean="token")
        per_sequence = losses(task, batch, lm_mean="sequence")[2]
    assert (scores - out.mc_logits).abs().max() < 1e-14
    assert abs(task_loss - out.mc_loss) < 1e-6
    assert abs(lm_loss - out.loss) < 1e-6
    assert abs(per_sequence - out.loss) > 1e-4  # GPT-1's mean is another number


def test_the_language_loss_per_sequence_is_the_mean_of_theirs_one_by_one():
    """Convention: GPT-1's code averages each sequence first; transformers does the same for one sequence at a time."""
    task, theirs, special = ours_and_theirs(GPT2LMHeadModel, "classification")
    examples = rows(special, 1)
    with torch.no_grad():
        alone = [theirs(ids := torch.tensor(e.rows), labels=ids).loss for e in examples]
        assert abs(losses(task, collate(examples))[2] - torch.stack(alone).mean()) < 1e-6


def test_the_head_is_torchs_cross_entropy_over_candidates():
    task, _, special = ours_and_theirs(GPT2LMHeadModel, "multiple_choice")
    batch = collate(rows(special, 3))
    with torch.no_grad():
        scores, task_loss, _ = losses(task, batch)
    assert task_loss == F.cross_entropy(scores.float(), batch.labels)
    assert scores.softmax(-1).sum(-1).sub(1).abs().max() < 1e-14  # one softmax over the candidates of each example
