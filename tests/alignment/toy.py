"""A language so small that every answer can be listed: four letters, an end, at most two tokens."""

import itertools

import torch

from course_lib.alignment import Chat, sequence_log_prob
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer

END, ANSWER, LONGEST = 4, 5, 2


class Letters(Chat):
    """The template over ids 0 to 5; there is one prompt."""

    def __init__(self):
        super().__init__(Tokenizer(special_tokens=[ENDOFTEXT]), 999)

    @property
    def end_id(self):
        return END

    def prompt(self, text):
        return [END, ANSWER]

    def read(self, ids):
        return "".join("abcd_?"[i] for i in ids if i != END), END in list(ids)


def tiny_gpt(seed=0):
    torch.manual_seed(seed)
    model = GPT(GPTConfig(vocab_size=6, n_ctx=8, n_embd=16, n_layer=1, n_head=2))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model.eval()


def all_answers():
    """Every answer of at most two tokens: it ends with the end token, or is two tokens long."""
    tokens = range(6)
    return [(END,)] + [(a, b) for a, b in itertools.product(tokens, tokens) if a != END]


def exact(model, chat):
    """log p of every answer."""
    answers = all_answers()
    return sequence_log_prob(model, chat.batch([chat.prompt("")] * len(answers), answers))
