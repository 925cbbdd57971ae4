"""What is looked at while a model of the town learns: copying, and who obeyed."""

import math

import pytest
import torch

from course_lib.data import town_gpt, town_tokenizer
from course_lib.training import probes


class Oracle(torch.nn.Module):
    """Knows rows of repeats by heart: the token after the last place where the newest one stood, with certainty."""

    def forward(self, ids):
        logits = torch.zeros(*ids.shape, 493)
        for b, row in enumerate(ids.tolist()):
            for t, token in enumerate(row):
                earlier = [i for i in range(t) if row[i] == token]
                if earlier:
                    logits[b, t, row[earlier[-1] + 1]] = 50.0
        return logits


def test_the_second_copy_is_free_for_whoever_looks_back():
    assert probes.second_copy_loss(Oracle(), town_tokenizer(), n=5) == pytest.approx(0, abs=1e-6)


def test_the_second_copy_costs_ln_v_without_looking_back():
    class Blind(torch.nn.Module):
        def forward(self, ids):
            return torch.zeros(*ids.shape, 493)

    assert probes.second_copy_loss(Blind(), town_tokenizer(), n=5) == pytest.approx(math.log(493), abs=1e-4)
    assert probes.mood_accuracy(Blind(), town_tokenizer(), n=40) == pytest.approx(0.5, abs=0.25)


def test_the_trained_model_has_both_abilities():
    assert probes.second_copy_loss(town_gpt(), town_tokenizer(), n=10) < 0.5
    assert probes.mood_accuracy(town_gpt(), town_tokenizer(), n=30) > 0.9
