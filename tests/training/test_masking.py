"""Masked language modelling: which tokens are chosen, what becomes of them, and what the loss looks at."""

import pytest
import torch
from torch.nn import functional as F

from course_lib.models import BERT, BERTConfig
from course_lib.training.masking import MaskedRows, choose_each, choose_exactly, corrupt, masked_loss

PAD, CLS, SEP, MASK = SPECIAL = 0, 1, 2, 3


def rows(*lengths, width=None):
    """[CLS] tokens [SEP] padding, each row so many tokens long without its padding."""
    width = width or max(lengths)
    ids = torch.randint(4, 61, (len(lengths), width))
    places = torch.arange(width)
    ids[:, 0] = CLS
    for row, length in zip(ids, lengths):
        row[length - 1] = SEP
        row[places >= length] = PAD
    return ids


@pytest.mark.parametrize(
    ("length", "n"),
    [(3, 1), (8, 1), (10, 2), (17, 3), (20, 3), (30, 4), (50, 8), (128, 19), (137, 20), (512, 20)],
)
def test_google_counts(length, n):
    """min(20, max(1, round(0.15 · length))) with Python's round: 4.5 becomes 4, 7.5 becomes 8."""
    chosen = choose_exactly(rows(length, 600), SPECIAL, PAD)
    assert chosen.sum(1).tolist() == [n, 20]


def test_google_takes_another_share_and_no_more_than_there_are():
    assert choose_exactly(rows(20, 42), SPECIAL, PAD, share=0.5, most=12).sum(1).tolist() == [10, 12]
    assert choose_exactly(rows(6), SPECIAL, PAD, share=1.0).sum().item() == 4  # [CLS] and [SEP] are counted, not chosen


@pytest.mark.parametrize("choose", [choose_each, lambda ids, special, **how: choose_exactly(ids, special, PAD, **how)])
def test_special_tokens_are_never_chosen_and_all_others_alike(choose):
    ids = rows(*[30] * 800, *[20] * 400)
    ids[:, 5] = MASK  # already there
    chosen = choose(ids, SPECIAL, generator=torch.Generator().manual_seed(0))
    assert not chosen[torch.isin(ids, torch.tensor(SPECIAL))].any()
    share = chosen[:800].float().mean(0)  # of each place in the rows of 30
    possible = [i for i in range(1, 29) if i != 5]
    assert (share[possible] - share[possible].mean()).abs().max() < 0.05


def test_a_coin_for_each_token():
    ids = rows(*[102] * 1000)
    n = choose_each(ids, SPECIAL, generator=torch.Generator().manual_seed(0)).sum(1).float()
    assert n.mean().item() == pytest.approx(15, abs=0.5)
    assert n.var().item() == pytest.approx(100 * 0.15 * 0.85, rel=0.2)  # a binomial's


def test_eighty_ten_ten():
    ids = torch.full((200, 500), 7)
    chosen = torch.rand(ids.shape, generator=torch.Generator().manual_seed(0)) < 0.15
    out = corrupt(ids, chosen, MASK, 61, torch.Generator().manual_seed(1))
    assert torch.equal(out[~chosen], ids[~chosen])
    share = torch.bincount(out[chosen], minlength=61) / chosen.sum()
    assert share[MASK].item() == pytest.approx(0.8 + 0.1 / 61, abs=0.012)
    assert share[7].item() == pytest.approx(0.1 + 0.1 / 61, abs=0.01)
    others = share[[i for i in range(61) if i not in (MASK, 7)]]
    assert others.sum().item() == pytest.approx(0.1 * 59 / 61, abs=0.01)
    assert (others > 0).all()
    assert (out == MASK).float().mean().item() == pytest.approx(0.12, abs=0.005)  # [MASK] replaces 12 %, not 15 %


def test_the_same_generator_gives_the_same_rows():
    ids = rows(30, 20)
    twice = [
        corrupt(ids, choose_each(ids, SPECIAL, generator=g), MASK, 61, g)
        for g in (torch.Generator().manual_seed(3), torch.Generator().manual_seed(3))
    ]
    assert torch.equal(*twice)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5])
def test_impossible_shares_are_refused(share):
    for choose in (lambda: choose_each(rows(9), SPECIAL, share), lambda: choose_exactly(rows(9), SPECIAL, PAD, share)):
        with pytest.raises(ValueError, match=f"a share of {share} of the tokens cannot be chosen"):
            choose()


# ---- the loss


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BERT(BERTConfig(vocab_size=61, n_ctx=32, n_embd=24, n_layer=2, n_head=4)).double()


def masked(ids, *places):
    inputs, targets = ids.clone(), torch.full_like(ids, -100)
    for b, t in places:
        targets[b, t], inputs[b, t] = ids[b, t], MASK
    return MaskedRows(inputs, targets, ids != PAD)


def test_the_loss_is_that_of_the_chosen_positions_alone(model):
    part = masked(rows(20, 12), (0, 3), (0, 9), (1, 5))
    logits = model(part.inputs, visible=part.real[:, None])
    nats = F.cross_entropy(logits.transpose(1, 2), part.targets, reduction="none")
    assert (nats != 0).sum().item() == 3
    assert masked_loss(model, part).item() == pytest.approx(nats.sum().item() / 3, rel=1e-6)  # mean over 3, not over 40


def test_positions_that_were_not_chosen_do_not_count(model):
    """Their targets could be anything: the gradient at the output's bias shows which tokens were asked for."""
    part = masked(rows(20, 12), (0, 3), (1, 5))
    masked_loss(model, part).backward()
    pulled = (model.bias.grad < 0).nonzero()[:, 0].tolist()
    assert pulled == sorted({part.targets[0, 3].item(), part.targets[1, 5].item()})


def test_padding_is_not_read(model):
    torch.manual_seed(2)
    short = rows(12)
    padded = F.pad(short, (0, 8), value=PAD)
    losses = [masked_loss(model, masked(ids, (0, 5))).item() for ids in (short, padded)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_rows_in_which_nothing_was_chosen_are_refused(model):
    with pytest.raises(ValueError, match=r"no token was chosen in rows of shape \[2, 20\]"):
        masked_loss(model, masked(rows(20, 12)))
