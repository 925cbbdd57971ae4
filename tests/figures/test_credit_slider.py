"""The credit of a score under sliders: rewards and advantages are the library's, and it serves every reader."""

import math

import pytest
import torch
from playwright.sync_api import expect

from course_lib.alignment import gae, token_rewards
from course_lib.figures import CreditSlider, ScoredAnswer
from tests.figures.reading import numbers, signed, visible

ANSWERS = [
    ScoredAnswer(
        "Anna says: <b>Bip, paint the hat red.",
        [" Bip", " paints", " it", ".", "⟨end⟩"],
        [-0.5, -0.1, -1.2, -0.3, -0.01],
        [-1.5, -0.2, -0.7, -0.3, -0.41],
        [0.2, 0.4, 0.1, -0.3, 0.9],
        1.25,
    ),
    ScoredAnswer("Where is it?", [" Here", "⟨end⟩"], [-2.0, -0.5], [-0.5, -0.5], [-1.0, -0.5], -2.0),
]


def figure(answers=ANSWERS, **options) -> CreditSlider:
    return CreditSlider(answers, **options)


def library(answer, beta, lam):
    logp, ref_logp, values = (
        torch.tensor([x], dtype=torch.float64) for x in (answer.logp, answer.ref_logp, answer.values)
    )
    mask = torch.ones_like(logp, dtype=torch.bool)
    rewards = token_rewards(torch.tensor([answer.score], dtype=torch.float64), logp, ref_logp, mask, beta)
    return rewards[0].tolist(), gae(rewards, values, mask, 1.0, lam)[0][0].tolist()


def column(page, n):
    return numbers(page, f".ig-credit tbody td:nth-child({n})")


@pytest.mark.parametrize(("beta", "lam"), [(0.1, 0.95), (0.0, 1.0), (1.0, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("answer", [0, 1])
def test_rewards_and_advantages_are_the_librarys(page, answer, beta, lam):
    page.get_by_role("radio", name=str(answer + 1), exact=True).check()
    page.get_by_role("slider", name="Price β").fill(str(beta))
    page.get_by_role("slider", name="λ").fill(str(lam))
    given = ANSWERS[answer]
    rewards, advantages = library(given, beta, lam)
    tokens = [visible(token) for token in given.tokens]
    expect(page.locator(".ig-credit tbody th")).to_have_text(tokens)
    expect(page.get_by_role("status")).to_contain_text(f"β {beta:.2f} and λ {lam:.2f}")
    assert column(page, 2) == pytest.approx([a - b for a, b in zip(given.logp, given.ref_logp)], abs=0.0051)
    assert column(page, 3) == pytest.approx(rewards, abs=0.0051)
    assert column(page, 4) == pytest.approx(list(given.values), abs=0.0051)
    assert column(page, 5) == pytest.approx(advantages, abs=0.0051)
    expect(page.locator(".ig-facts")).to_contain_text(f"sum of rewards {signed(sum(rewards))}")
    best = tokens[advantages.index(max(advantages))]
    expect(page.get_by_role("status")).to_contain_text(f"“{best}” has the largest advantage")


def test_the_bars_lean_to_the_side_of_their_sign(page):
    page.get_by_role("slider", name="λ").fill("0")
    _, advantages = library(ANSWERS[0], 0.1, 0.0)
    expect(page.get_by_role("status")).to_contain_text("λ 0.00")
    sides = [cell.get_attribute("class") for cell in page.locator(".ig-credit tbody td:nth-child(5)").all()]
    assert sides == ["ig-below" if a < 0 else "ig-above" for a in advantages]
    assert set(sides) == {"ig-below", "ig-above"}


def test_a_prompt_is_text_not_markup(page):
    expect(page.locator(".ig-request")).to_have_text(ANSWERS[0].prompt)


FAULTS = [
    ({"answer": 2}, "answer=2: there are 2"),
    ({"answers": []}, "answer=0: there are 0"),
    ({"beta": 1.5}, "beta=1.5 is not in 0 … 1"),
    ({"lam": -0.1}, "lam=-0.1 is not in 0 … 1"),
    ({"answers": [ScoredAnswer("?", ["a", "b"], [-1.0], [-1.0, -1.0], [0.0, 0.0], 0.0)]}, "logp has shape"),
    ({"answers": [ScoredAnswer("?", ["a"], [-1.0], [-1.0], [0.0], math.nan)]}, "score holds 1 numbers"),
    ({"answers": [ScoredAnswer("?", ["a"], [-math.inf], [-1.0], [0.0], 0.0)]}, "logp holds 1 numbers"),
    ({"answers": [ScoredAnswer("?", [], [], [], [], 0.0)]}, "logp is empty"),
]
