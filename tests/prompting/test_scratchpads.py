"""Scratchpads: what has a loss, what a model is asked, votes, wrong steps, traces."""

from contextlib import suppress

import pytest
import torch

from course_lib.models import GPT, GPTConfig
from course_lib.prompting.riddles import STEPS, THE_RIDDLE, RiddleTokens, mislead, split_riddles
from course_lib.prompting.scratchpads import (
    believed,
    completion_loss,
    completion_targets,
    examine,
    riddle_rows,
    row_batches,
    sampled_answers,
    solve,
    trace_solution,
    vote_accuracy,
)
from course_lib.training.start import small_gpt

SOME = split_riddles().problems[:6]


def new_model(numbers="digits"):
    return small_gpt(GPTConfig(len(RiddleTokens(numbers).vocabulary), 48, 16, 1, 2), seed=0)


class Oracle(GPT):
    """A model that writes one text, whatever it was asked: the completion of a riddle, by its place in the row."""

    @classmethod
    def of(cls, tokens: RiddleTokens, texts: dict[str, str]) -> "Oracle":
        model = cls(new_model(tokens.numbers).config)
        model.tokens = tokens
        model.texts = {
            tuple(tokens.encode(question)): [*tokens.encode(question + " " + text), tokens.end]
            for question, text in texts.items()
        }
        return model

    def hidden(self, ids, cache=None):
        if cache is not None:
            self.read = ids if cache.length == 0 else torch.cat([self.read, ids], 1)
            cache.length += ids.shape[1]
            ids, n = self.read, ids.shape[1]
        else:
            n = ids.shape[1]
        out = torch.zeros(*ids.shape, self.config.n_embd)
        self.next_ids = torch.zeros(*ids.shape, dtype=torch.long)
        for i, row in enumerate(ids.tolist()):
            (text,) = (text for asked, text in self.texts.items() if tuple(row[: len(asked)]) == asked)
            wanted = [*text, *[self.tokens.end] * len(row)]
            self.next_ids[i] = torch.tensor(wanted[1 : len(row) + 1])
        self.next_ids = self.next_ids[:, -n:]
        return out[:, -n:]

    def unembed(self, x):
        ids = self.next_ids[:, -1] if x.ndim == 2 else self.next_ids
        return 50.0 * torch.nn.functional.one_hot(ids, self.config.vocab_size).float()


def oracle(change=lambda riddle, text: text, numbers="digits", some=SOME):
    tokens = RiddleTokens(numbers)
    return Oracle.of(tokens, {r.question: change(r, r.completion("scratchpad")) for r in some}), tokens


def test_the_loss_looks_at_the_solution_alone():
    """No gradient reaches the scores of a token of the question, and its targets may be anything."""
    tokens = RiddleTokens()
    rows = riddle_rows(SOME, tokens, "scratchpad")
    targets = completion_targets(rows, tokens)
    for riddle, line in zip(SOME, targets.tolist()):
        kept = [i for i in line if i != -100]
        assert kept == [*tokens.encode(riddle.completion("scratchpad")), tokens.end]
        assert line[: len(tokens.encode(riddle.question)) - 1] == [-100] * (len(tokens.encode(riddle.question)) - 1)
    padded = torch.nn.functional.pad(rows, (0, 4), value=tokens.end)
    model = new_model()
    assert completion_loss(tokens)(model, padded).item() == pytest.approx(
        completion_loss(tokens)(model, rows).item(), abs=1e-6
    )


def test_batches_depend_on_their_number_alone():
    batch = row_batches(riddle_rows(SOME, RiddleTokens(), "answer"), 4, seed=3)
    later = batch(7)
    assert torch.equal(batch(7), later)
    assert not torch.equal(batch(8), later)


def test_a_model_that_solves_riddles_is_right():
    model, tokens = oracle()
    assert solve(model, tokens, SOME) == [r.completion("scratchpad") for r in SOME]
    report = examine(model, tokens, "scratchpad", SOME)
    assert (report["accuracy"], report["mistakes"], report["lucky"]) == (1.0, {}, 0)


def test_mistakes_are_counted_by_step_and_luck_is_told():
    def wrong(riddle, text):
        if riddle == SOME[1]:
            return text.replace(" is ", " is 9", 1) if riddle.then < 9 else text.replace(f"is {riddle.then}", "is 1", 1)
        return text.replace(f"Answer: {riddle.answer}", "Answer: 99") if riddle == SOME[2] else text

    model, tokens = oracle(wrong)
    report = examine(model, tokens, "scratchpad", SOME)
    assert report["mistakes"] == {"relation": 1, "copy": 1}
    assert report["lucky"] == 1  # SOME[1] has the right answer under a wrong working
    assert report["accuracy"] == pytest.approx(5 / 6)


def test_samples_and_votes():
    model, tokens = oracle()
    answers = sampled_answers(model, tokens, SOME, n_samples=3, temperature=1.0)
    assert answers == [[r.answer] * 3 for r in SOME]
    assert vote_accuracy(answers, SOME, 3) == 1.0


def test_votes_are_drawn_without_replacement_and_counted_by_answer():
    two = SOME[:2]
    answers = [[two[0].answer] * 3 + [1, 2], [two[1].answer, 1, 1, 2, 3]]
    assert vote_accuracy(answers, two, 5) == 0.5
    assert vote_accuracy(answers, two, 1, draws=2000) == pytest.approx((3 / 5 + 1 / 5) / 2, abs=0.02)
    with pytest.raises(ValueError, match="6 votes out of 5 samples"):
        vote_accuracy(answers, two, 6)
    with pytest.raises(ValueError, match=r"2 riddles, samples \[5, 3\]"):
        vote_accuracy([answers[0], answers[1][:3]], two, 1)
    with pytest.raises(ValueError, match=r"1 riddles, samples \[5, 5\]"):
        vote_accuracy(answers, two[:1], 1)


def test_what_no_model_can_be_asked():
    model, tokens = oracle()
    with pytest.raises(ValueError, match="numbers as whole make 118 tokens, and the model has 28"):
        solve(model, RiddleTokens("whole"), SOME)
    with pytest.raises(ValueError, match="the longest of 0 beginnings has 0 tokens: give 1 to 47"):
        solve(model, tokens, [])
    with pytest.raises(ValueError, match="the longest of 1 beginnings has 48 tokens"):
        solve(model, tokens, SOME[:1], [SOME[0].completion("scratchpad") + "…" * 10])


@pytest.mark.parametrize("step", STEPS[:-1])
def test_who_is_misled_and_who_is_not(step):
    """One model writes the right answer whatever stands before it; the other reckons on from what it finds there."""
    some = [riddle for riddle in split_riddles().problems if riddle.then > 3][:20]
    stubborn, tokens = oracle(some=some)
    found = believed(stubborn, tokens, some, step, 2)
    assert found["right"] == found["riddles"] > 10
    texts = {}
    for riddle in some:
        with suppress(ValueError):
            _, leads_to = mislead(riddle, step, 2)
            texts[riddle] = riddle.working + f" Answer: {leads_to}."
    follower, tokens = oracle(lambda riddle, text: texts.get(riddle, text), some=some)
    assert believed(follower, tokens, some, step, 2)["followed"] == found["riddles"] == len(texts)


def test_a_trace_gives_the_probability_of_each_token():
    model, tokens = oracle()
    seen = trace_solution(model, tokens, THE_RIDDLE)
    text = tokens.decode(tokens.vocabulary.index(token) for token in seen["written"])
    assert text == THE_RIDDLE.completion("scratchpad") + " <end>"
    assert seen["read"] == THE_RIDDLE.answer
    assert [row[0][0] for row in seen["likeliest"]] == seen["written"]
    assert all(1 >= row[0][1] >= row[1][1] >= 0 for row in seen["likeliest"])
