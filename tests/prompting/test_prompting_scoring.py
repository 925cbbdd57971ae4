"""Scores of answers: the same with and without batches, and what the three ways of scoring do differently."""

import copy
import math

import pytest
import torch

from course_lib import data, prompting
from course_lib.models import GPT, GPTConfig
from course_lib.prompting import Form, Shot, accuracy, log_likelihoods, scores, scoring, token_counts
from course_lib.tokens import gpt2_encoding
from course_lib.training import document_nats

START = "<|endoftext|>"


@pytest.fixture(scope="module")
def town():
    return data.town_gpt().double(), data.town_tokenizer()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A small GPT-2 with random weights and GPT-2's vocabulary, through a file and `from_pretrained`."""
    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(0)
    model = GPT(GPTConfig(n_ctx=64, n_embd=16, n_layer=2, n_head=2))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    model.save_pretrained(folder)
    return GPT.from_pretrained(folder, dtype=torch.float64).eval(), gpt2_encoding()


def alone(model, tokenizer, prompt, answer):
    """One text, one pass, one token at a time."""
    start, ids = (tokenizer.encode(START + text, allowed_special="all") for text in (prompt, prompt + answer))
    with torch.no_grad():
        log_p = model(torch.tensor([ids]))[0].log_softmax(-1)
    return sum(log_p[i - 1, ids[i]].item() for i in range(len(start), len(ids)))


TEXTS = {
    "Q: Who obeys?\nA:": [" a robot", " a person who was asked", " none"],
    "Q: Where is the ball?\nA: in the tower\n\nQ: Where is the kite?\nA:": [" in the park", " here", " in the"],
    "": [" a", " a b", " the robot must obey the orders given it"],
}


def test_gpt2s_vocabulary_and_a_real_checkpoints_road(real):
    got = log_likelihoods(*real, list(TEXTS), list(TEXTS.values()))
    wanted = [[alone(*real, prompt, answer) for answer in answers] for prompt, answers in TEXTS.items()]
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", prompting.FORMS)
def test_batches_and_padding_change_nothing(town, kind, monkeypatch):
    asked = [q for n in (0, 3, 1) for q in prompting.questions(kind, n, 3)]
    texts = [q.prompt for q in asked], [q.continuations[:4] for q in asked]
    together = log_likelihoods(*town, *texts)
    wanted = [[alone(*town, prompt, answer) for answer in answers] for prompt, answers in zip(*texts)]
    torch.testing.assert_close(together, torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-10)
    monkeypatch.setattr(scoring, "LOGITS", 1)  # every text for itself
    torch.testing.assert_close(log_likelihoods(*town, *texts), together, rtol=0, atol=1e-10)


def test_what_the_padding_is_does_not_matter(town, monkeypatch):
    """The same scores with another token as padding: nothing looks to its right."""
    asked = prompting.questions("game", 1, 2) + prompting.questions("game", 4, 2)
    texts = [q.prompt for q in asked], [q.continuations for q in asked]
    before, pad = log_likelihoods(*town, *texts), torch.nn.utils.rnn.pad_sequence
    padded = []

    def other(rows, batch_first):
        padded.append(len({len(row) for row in rows}) > 1)
        return pad(rows, batch_first=batch_first, padding_value=77)

    monkeypatch.setattr(torch.nn.utils.rnn, "pad_sequence", other)
    assert torch.equal(log_likelihoods(*town, *texts), before)
    assert any(padded)


def test_answers_in_another_order_have_their_scores_in_that_order(town):
    q = prompting.ask("game", 1, 10_000_000)
    order = [2, 0, 3, 1]
    for how in prompting.HOW:
        table = scores(*town, [q.prompt], [q.continuations], how, "Game: =")
        moved = scores(*town, [q.prompt], [[q.continuations[i] for i in order]], how, "Game: =")
        assert torch.equal(moved, table[:, order])


def test_a_text_that_answers_share_is_read_once(town):
    q = prompting.ask("code book", 2, 10_000_000)
    rows = []
    hook = town[0].register_forward_hook(lambda model, args, out: rows.append(len(args[0])))
    log_likelihoods(*town, [q.prompt], [q.continuations])
    hook.remove()
    assert rows == [1]


def test_answers_of_the_town_share_out_all_probability(town):
    q = prompting.ask("game", 2, 10_000_000)
    assert log_likelihoods(*town, [q.prompt], [q.continuations]).exp().sum().item() == pytest.approx(1, abs=0.01)


def test_the_three_ways_by_their_definitions(town):
    asked = prompting.questions("game", 1, 4)
    texts = [q.prompt for q in asked], [q.continuations for q in asked]
    nats, n = log_likelihoods(*town, *texts), token_counts(town[1], *texts)
    assert n.tolist() == [[2, 2, 2, 4]] * 4  # a word and its end; three words and an end
    torch.testing.assert_close(scores(*town, *texts, how="mean"), nats / n)
    bare = log_likelihoods(*town, ["Game:"] * 4, texts[1])
    torch.testing.assert_close(scores(*town, *texts, how="unconditional", without="Game:"), nats - bare)
    assert torch.equal(scores(*town, *texts), nats)


def test_they_choose_differently(town):
    """Without its end, “ball” is the beginning of “ball red tiny” and never less likely."""
    asked = [q for q in prompting.questions("game", 1, 60) if q.right == 3]
    assert len(asked) > 8
    prompts, right = [q.prompt for q in asked], [3] * len(asked)
    ends, bare = ([[q.form.answer(a, end) for a in q.answers] for q in asked] for end in (True, False))
    assert accuracy(scores(*town, prompts, ends), right) == 1
    assert accuracy(scores(*town, prompts, bare), right) == 0
    assert 0 < accuracy(scores(*town, prompts, bare, "mean"), right) < 1
    assert accuracy(scores(*town, prompts, bare, "unconditional", "Game:"), right) == 1
    others = [q for q in prompting.questions("game", 1, 60) if q.right == 0]
    texts = [q.prompt for q in others], [[q.form.answer(a) for a in q.answers] for q in others]
    assert accuracy(scores(*town, *texts, "unconditional", "Game:"), [0] * len(others)) < 0.5


def test_the_towns_model_learns_from_its_prompt_and_its_weights_stay(town):
    model, tokenizer = town
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    curve = prompting.accuracy_by_shots(model, tokenizer, "code book", 60, (0, 2, 8))
    assert curve[0] < 0.2 < curve[1] < curve[2]
    assert curve[2] > 0.85
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_accuracy_counts_the_highest():
    table = torch.tensor([[0.0, 1.0, 0.5], [3.0, 2.0, 1.0], [0.0, 0.1, 0.2]])
    assert accuracy(table, [1, 0, 0]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="2 right answers for 3 prompts"):
        accuracy(table, [1, 0])
    for number in (3, -1):
        with pytest.raises(ValueError, match=f"right answer {number}: the 3 answers have the numbers 0 to 2"):
            accuracy(table, [1, 0, number])


@pytest.mark.parametrize(
    ("prompts", "answers", "message"),
    [
        ([], [], "0 prompts and 0 lists"),
        (["a", "b"], [[" x", " y"]], "2 prompts and 1 lists of answers"),
        (["a"], [[" x"]], r"\[1\] answers to choose from"),
        (["a"], [[]], r"\[0\] answers to choose from"),
        (["a", "b"], [[" x", " y"], [" x"]], r"\[1, 2\] answers"),
        (["a"], [[" x", ""]], "an answer is ''"),
        (["Code: kite = "], [["Hugo", "Anna"]], "joins the prompt's end, 'ode: kite = ', with the answer 'Hugo'"),
        (["Code:" + " kite = Hugo;" * 60], [[" a", " b"]], r"n_ctx is 160: use fewer shots"),
    ],
)
def test_bad_questions_are_errors_with_their_values(town, prompts, answers, message):
    with pytest.raises(ValueError, match=message):
        log_likelihoods(*town, prompts, answers)


def test_an_unknown_way_is_an_error(town):
    with pytest.raises(ValueError, match="how='pmi': choose one of sum, mean, unconditional"):
        scores(*town, ["a"], [[" x", " y"]], how="pmi")


def test_the_longest_text_that_fits(real):
    model, encoding = real
    prompt = " a" * 62  # and end-of-text: 63 tokens, and one more of the answer is read
    assert math.isfinite(log_likelihoods(model, encoding, [prompt], [[" b c", " d"]]).sum().item())
    with pytest.raises(ValueError, match="65 tokens to read, and n_ctx is 64"):
        log_likelihoods(model, encoding, [prompt], [[" b c d", " d"]])


def test_prompts_for_the_town_and_for_gpt2_come_from_the_same_builder(real):
    form = Form("Reviews:\n", "Text: ", "\nMood:", "\n\n")
    prompt = prompting.few_shot(form, [Shot("I liked it", "good"), Shot("Never again", "bad")], "What a day")
    assert scores(*real, [prompt], [[form.answer(a) for a in ("good", "bad")]]).shape == (1, 2)


def test_a_bfloat16_model_is_summed_in_float32(town):
    """Against its own logits, taken up by Python: one bfloat16 sum is off by up to half a nat."""
    model, tokenizer = copy.deepcopy(town[0]).bfloat16(), town[1]
    answer = " Momo takes the ball to the park. Momo takes the ball to the park. Anna is happy."
    got = log_likelihoods(model, tokenizer, ["Anna says: Momo, take the ball."], [[answer, " no"]])
    start = tokenizer.encode("<|endoftext|>Anna says: Momo, take the ball.", allowed_special="all")
    ids = start + tokenizer.encode(answer)
    log_p = model(torch.tensor([ids[:-1]]))[0].double().log_softmax(-1)
    assert got.dtype == torch.float32
    wanted = sum(log_p[i - 1, ids[i]].item() for i in range(len(start), len(ids)))
    assert got[0, 0].item() == pytest.approx(wanted, 1e-5)
    assert document_nats(model, [answer, " no"], tokenizer).dtype == torch.float32


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_refused(town, bad):
    with pytest.raises(ValueError, match=f"a number of scores is {bad}"):
        accuracy(torch.tensor([[0.0, bad]]), [0])
    with pytest.raises(ValueError, match=f"a number of log_likelihoods is {bad}"):
        prompting.answer_probabilities(torch.tensor([[0.0, bad]]))


def test_a_broken_model_is_named(town):
    model = copy.deepcopy(town[0])
    torch.nn.init.constant_(model.ln_f.bias, math.nan)
    with pytest.raises(ValueError, match="a number of log_likelihoods is nan"):
        log_likelihoods(model, town[1], ["a"], [[" b", " c"]])
