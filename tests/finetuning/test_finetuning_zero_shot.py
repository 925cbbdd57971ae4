"""What likelihoods say about the tasks: thresholds, surprise after a text, and the town's model without training."""

import pytest
import torch

from course_lib.data import town_gpt, town_tokenizer
from course_lib.finetuning import Thresholds, continuation_nats, fit_thresholds, surprises, zero_shot
from course_lib.town import TASKS, task
from course_lib.training import document_nats

MODEL, TOKENIZER = town_gpt(), town_tokenizer()


def examples(name, n, first=10_000_000):
    return [task(name, first + i) for i in range(n)]


def test_thresholds_find_the_parts_of_a_line():
    scores = [float(i) for i in range(60)]
    labels = [1] * 20 + [0] * 25 + [2] * 15
    fitted = fit_thresholds(scores, labels, n_cuts=59)
    assert fitted.labels == (1, 0, 2)
    assert fitted(scores) == labels
    assert Thresholds((0.0,), (1, 0))([-1.0, 1.0]) == [1, 0]
    with pytest.raises(ValueError, match=r"at least two labels: these 3 have \[1\]"):
        fit_thresholds([1.0, 2.0, 3.0], [1, 1, 1])


def test_surprise_adds_up_along_a_text():
    text, more = "Bip is a big robot.", " Tik is a tiny robot."
    pairs = [(text, more), (text, more + more), ("Bip", " is a big robot.")]
    nats = continuation_nats(MODEL, TOKENIZER, pairs)
    ends = document_nats(MODEL, [text, text + more], TOKENIZER)  # these two also count the end of the text
    logits = MODEL(torch.tensor([[492, *TOKENIZER.encode(text + more)]]))[0].log_softmax(-1)
    end_1, end_2 = (logits[len(TOKENIZER.encode(t))][492] for t in (text, text + more))
    assert nats[0].item() == pytest.approx((ends[1] + end_2 - ends[0] - end_1).item(), abs=1e-3)
    assert nats[1] > nats[0]


def test_surprise_at_a_retelling_is_the_same_whichever_text_comes_first():
    these = examples("similar_order", 8)
    turned = [type(e)(e.texts[::-1], e.label) for e in these]
    assert surprises(MODEL, TOKENIZER, these) == pytest.approx(surprises(MODEL, TOKENIZER, turned), abs=1e-3)


LEAST = {"classify": 0.95, "choose": 0.95, "entail": 0.7}


@pytest.mark.parametrize("name", TASKS)
def test_a_model_that_has_only_read_knows_most_answers(name):
    fit = [] if name in ("classify", "choose") else examples(name, 100, 0)
    assert zero_shot(MODEL, TOKENIZER, name, examples(name, 60), fit) >= LEAST.get(name, 0.85)


def test_an_untrained_model_does_not():
    untrained = town_gpt(0)
    for name in ("classify", "choose"):
        assert zero_shot(untrained, TOKENIZER, name, examples(name, 60)) < 0.75


def test_thresholds_need_labels():
    with pytest.raises(ValueError, match="entail without training goes by thresholds on surprise"):
        zero_shot(MODEL, TOKENIZER, "entail", examples("entail", 2))
