"""Writing with a model that fills blanks, and how one that filled a blank is judged."""

import pytest
import torch

from course_lib import data
from course_lib.generation import two_sides
from course_lib.generation.masked import fill_in_turn, write_at_the_end, write_over_masks
from course_lib.models import BERT
from course_lib.training.blanks import Blank, candidates

TOKENIZER = data.town_bert_tokenizer()
PROMPT = "Anna asks Bip to take the ball to the park."


class Certain(BERT):
    """Says with certainty that each position holds the token number 300 + its place, and notes what it reads."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.read = []

    def hidden(self, ids, segments=None, visible=None):
        self.read.append(ids[0].tolist())
        return torch.arange(ids.shape[1])[None, :, None].float()  # [1, T, 1]

    def unembed(self, x):
        logits = torch.zeros(TOKENIZER.vocab_size)
        logits[300 + int(x)] = 1e4
        logits[TOKENIZER.special_tokens["[SEP]"]] = 2e4  # special tokens are never drawn
        return logits


MASK, CLS, SEP = (TOKENIZER.special_tokens[name] for name in ("[MASK]", "[CLS]", "[SEP]"))


def test_one_place_after_another_is_masked_and_drawn():
    certain = Certain()
    ids = torch.tensor([CLS, 10, 11, 12, SEP])
    fill_in_turn(certain, ids, [2, 1], TOKENIZER)
    assert ids.tolist() == [CLS, 301, 302, 12, SEP]
    assert certain.read == [[CLS, 10, MASK, 12, SEP], [CLS, MASK, 302, 12, SEP]]


@pytest.fixture(scope="module")
def bert():
    return data.town_bert()


def test_the_prompt_stays_and_the_length_is_kept(bert):
    for text in (
        write_at_the_end(bert, PROMPT, 5, TOKENIZER, torch.Generator().manual_seed(0)),
        write_over_masks(bert, PROMPT, 5, TOKENIZER, 1, torch.Generator().manual_seed(0)),
    ):
        assert text.startswith(PROMPT)
        assert len(TOKENIZER.encode(text)) == len(TOKENIZER.encode(PROMPT)) + 5
        assert "[" not in text


def test_the_same_generator_writes_the_same_text(bert):
    twice = [write_over_masks(bert, PROMPT, 6, TOKENIZER, 1, torch.Generator().manual_seed(4)) for _ in range(2)]
    assert twice[0] == twice[1]


# ---- both on the same texts


def test_a_judgement_of_a_known_hole():
    """Five words are possible, and a model that knows nothing loses ln K − ln 5 nats."""
    words = candidates(TOKENIZER)
    after = ". Bip paints it red. Anna is sad. At the end the ball is red."
    hole = Blank("Anna says: Bip, paint the ball ", "blue", after, "short story")
    uniform = torch.zeros(len(words)).log_softmax(-1)
    row = two_sides.judge_blank(hole, {"nothing": uniform}, words)
    assert row["words possible"] == 5
    assert row["nothing"]["kl"] == pytest.approx(torch.tensor(len(words) / 5).log().item(), abs=1e-5)
    assert row["exact"]["best"] == pytest.approx(1 / 5)
