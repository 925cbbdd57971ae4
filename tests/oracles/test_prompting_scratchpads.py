"""Scratchpads against what nobody here wrote: transformers' masked loss, LAPACK's answers, Python's own mode."""

import random
import statistics

import numpy as np
import pytest
import torch
import transformers

from course_lib.models import GPT, GPTConfig
from course_lib.prompting.riddles import WAYS, RiddleTokens, all_riddles, majority, split_riddles
from course_lib.prompting.scratchpads import completion_loss, completion_targets, riddle_rows

SHARE = {"half": 0.5, "a third of": 1 / 3, "twice": 2.0, "three times": 3.0}


def test_answers_solve_the_linear_equations_of_the_riddle():
    """Unknown: his age then and his age later. then = share · age; later − then = my later − my age."""
    everything = all_riddles()
    left = np.broadcast_to(np.array([[1.0, 0.0], [-1.0, 1.0]]), (len(everything), 2, 2))
    right = np.array([[SHARE[r.relation] * r.age, r.later - r.age] for r in everything])
    solved = np.linalg.solve(left, right[..., None])[..., 0]
    ours = np.array([[r.then, r.answer] for r in everything])
    np.testing.assert_allclose(ours, solved, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("numbers", ["digits", "whole"])
def test_the_loss_is_that_of_transformers_with_the_question_masked(way, numbers):
    """Convention of transformers: labels are the ids themselves, shifted inside; −100 has none; the mean of the rest.

    Rows of two lengths, so that padding is there to be masked.
    """
    tokens = RiddleTokens(numbers)
    some = split_riddles().train[:4]
    rows = torch.cat([riddle_rows(some[:2], tokens, way), riddle_rows(some[2:], tokens, way)])
    rows = torch.nn.functional.pad(rows, (0, 3), value=tokens.end)
    config = GPTConfig(len(tokens.vocabulary), 48, 16, 2, 2)
    torch.manual_seed(0)
    ours = GPT(config).double()
    theirs = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=48,
            n_embd=16,
            n_layer=2,
            n_head=2,
            attn_pdrop=0,
            embd_pdrop=0,
            resid_pdrop=0,
        )
    ).double()
    theirs.transformer.load_state_dict(ours.state_dict())
    labels = rows.clone()
    for line, riddle in zip(labels, some):
        n_question = len(tokens.encode(riddle.question))
        n_all = len(tokens.encode(f"{riddle.question} {riddle.completion(way)}")) + 1
        line[:n_question], line[n_all:] = -100, -100
    expected = theirs(rows, labels=labels).loss.item()
    # the loss is taken in float32 on both sides
    assert completion_loss(tokens)(ours, rows).item() == pytest.approx(expected, rel=1e-6)
    np.testing.assert_array_equal(completion_targets(rows, tokens), labels[:, 1:])


def test_a_majority_is_the_mode_of_the_standard_library():
    """Convention: of values that tie, the first one met."""
    dice = random.Random(0)
    for _ in range(200):
        answers = [dice.randint(40, 44) for _ in range(dice.randint(1, 9))]
        assert majority(answers) == statistics.mode(answers)
