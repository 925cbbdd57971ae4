"""Rank by hand: the page's pairs and weights are the library's and scipy's, moved by mouse, finger and keyboard."""

import itertools
import math
import re

import numpy as np
import pytest
import scipy.optimize
import torch
from playwright.sync_api import expect
from scipy.special import expit

from course_lib.alignment import ranked_pairs, reward_loss
from course_lib.figures import Answers, RankByHand
from tests.figures.reading import numbers, state

FEATURES = ["wanted", "refuses", "sentences"]
RIDGE = 0.05
PROMPTS = [
    Answers(
        "Take the lamp.",
        ["alpha", "beta", "gamma", "delta"],
        [[1, 0, 1], [0, 0, 2], [0, 1, 1], [1, 0, 3]],
        (0, 2, 3, 0),
    ),
    Answers("Where is it?", ["one", "two", "three"], [[0, 0, 1], [1, 0, 1], [1, 0, 2]]),
    Answers("Hurt Bob.", ["yes", "no", "perhaps"], [[0, 0, 1], [0, 1, 1], [1, 0, 2]], held_out=True),
]
RANKINGS = [  # of both prompts that are learned from: without ties, with ties, one all tied, contradicting the features
    ([0, 1, 2, 3], [0, 1, 2]),
    ([0, 0, 1, 0], [1, 0, 0]),
    ([0, 0, 0, 0], [2, 1, 0]),
    ([3, 0, 2, 1], [0, 2, 1]),
]


def figure(prompts=PROMPTS, features=FEATURES, **options) -> RankByHand:
    return RankByHand(prompts, features, **options)


def stirred(page):
    page.get_by_role("button", name="As a labeler did").click()
    yield


def objective(w, ranks):
    """What the figure's docstring says, written again."""
    means = []
    for each, order in zip(PROMPTS, ranks):
        f = np.array(each.features, dtype=float)
        costs = [
            -np.log(expit(w @ (f[a] - f[b])))
            for a, b in itertools.permutations(range(len(f)), 2)
            if order[a] < order[b]
        ]
        means += [np.mean(costs)] if costs else []
    return (np.mean(means) if means else 0.0) + RIDGE / 2 * w @ w


def fitted(ranks):
    """The weights that scipy finds, whose method needs no derivatives of ours."""
    found = scipy.optimize.minimize(objective, np.zeros(len(FEATURES)), (ranks,), method="BFGS", options={"gtol": 1e-9})
    return found.x


def fit_in_page(call, ranks):
    prompts = [{"features": np.array(p.features).tolist(), "held_out": p.held_out} for p in PROMPTS]
    x = {"prompts": prompts, "ranks": [*map(list, ranks), [0, 1, 2]], "ridge": RIDGE}
    w = call("m.fit(m.differences(x.prompts, x.ranks), 3, x.ridge)", x)
    return np.array(w), call("m.lossOf(m.differences(x.prompts, x.ranks), x.w)", {**x, "w": w})


@pytest.mark.parametrize("ranks", RANKINGS)
def test_the_weights_are_scipys(call, ranks):
    w, _ = fit_in_page(call, ranks)
    assert w == pytest.approx(fitted(ranks), abs=2e-6)
    nudges = [objective(w + 1e-3 * d, ranks) for d in np.vstack([np.eye(3), -np.eye(3)])]
    assert min(nudges) > objective(w, ranks)


def test_the_loss_is_the_librarys(call):
    w, loss = fit_in_page(call, RANKINGS[0])
    each = [
        reward_loss(torch.tensor(np.array(p.features) @ w)[None], torch.tensor([order])).item()
        for p, order in zip(PROMPTS, RANKINGS[0])
    ]
    assert loss == pytest.approx(np.mean(each), rel=1e-9)
    assert loss < math.log(2)


def test_the_pairs_are_the_librarys(call):
    for ranks in ([0, 1, 2, 3], [0, 0, 1, 0], [1, 1], [2, 0, 1, 1, 0]):
        assert sorted(map(tuple, call("m.pairsOf(x)", ranks))) == sorted(ranked_pairs(ranks))


@pytest.mark.parametrize(
    ("move", "ranks"),
    [
        (("press", [0, 0, 0], 1, -1), [1, 0, 1]),  # out of a tie: better than all its mates
        (("press", [1, 0, 1], 0, 1), [2, 0, 1]),
        (("press", [0, 0, 1], 0, 1), [1, 0, 2]),  # between its mates and the next rank
        (("press", [1, 0, 2], 2, -1), [1, 0, 1]),  # alone: it joins the next rank
        (("press", [1, 0, 2], 1, -1), [1, 0, 2]),  # alone on top: it stays
        (("press", [1, 0, 2], 2, 1), [1, 0, 2]),
        (("put", [0, 1, 2], 2, 0, -1), [1, 2, 0]),
        (("put", [0, 1, 2], 2, 0, 0), [0, 1, 0]),
        (("put", [0, 0, 1], 0, 1, 1), [1, 0, 2]),
    ],
)
def test_a_step_up_and_a_step_down(call, move, ranks):
    assert call("m[x[0]](...x.slice(1))", list(move)) == ranks


def shown(page):
    """The answers of the list from top to bottom, each with its rank."""
    rows = page.get_by_role("list", name="Answers, the best one first").get_by_role("listitem").all()
    return [(row.locator(".ig-place").inner_text(), row.locator(".ig-text").inner_text()) for row in rows]


def button(page, way, answer):
    return page.get_by_role("button", name=f"{way}: {answer}", exact=True)


def has_weights(page, ranks):
    weights = numbers(page.get_by_role("list", name="Weights of the reward model"))
    return weights == pytest.approx(fitted(ranks), abs=5.1e-3)


def test_at_first_all_are_tied_and_nothing_is_learned(page):
    assert shown(page) == [("=1", name) for name in PROMPTS[0].answers]
    assert has_weights(page, ([0] * 4, [0] * 3))
    facts = page.locator(".ig-facts").first
    for text in ("answers 4", "pairs 6", "tied 6", "to learn from 0", "right 0 of 0"):
        expect(facts).to_contain_text(text)
    expect(page.locator(".ig-facts").last).to_contain_text("loss none")
    expect(page.get_by_role("status")).to_contain_text("there is no pair to learn from")


def test_by_keyboard_alone(page):
    button(page, "better", "gamma").focus()
    page.keyboard.press("Enter")
    assert shown(page) == [("1", "gamma"), ("=2", "alpha"), ("=2", "beta"), ("=2", "delta")]
    expect(button(page, "better", "gamma")).to_be_focused()
    page.keyboard.press("Enter")  # it is on top already
    assert shown(page)[0] == ("1", "gamma")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # worse: it joins the others
    page.keyboard.press("Space")
    assert shown(page) == [("=1", "alpha"), ("=1", "beta"), ("=1", "delta"), ("4", "gamma")]
    assert has_weights(page, ([0, 0, 1, 0], [0] * 3))
    expect(page.locator(".ig-facts").first).to_contain_text("to learn from 3")


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.1, [("1", "delta"), ("=2", "alpha"), ("=2", "beta"), ("=2", "gamma")]),
        (0.5, [("=1", "alpha"), ("=1", "beta"), ("=1", "gamma"), ("=1", "delta")]),
        (0.9, [("=1", "alpha"), ("=1", "beta"), ("=1", "gamma"), ("4", "delta")]),
    ],
)
def test_by_mouse_above_beside_and_below(page, share, expected):
    rows = page.get_by_role("list", name="Answers, the best one first").get_by_role("listitem")
    rows.nth(3).scroll_into_view_if_needed()
    grip, goal = rows.nth(3).locator(".ig-place").bounding_box(), rows.nth(1).bounding_box()
    page.mouse.move(grip["x"] + 10, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(goal["x"] + 10, goal["y"] + share * goal["height"], steps=3)
    expect(rows.nth(1)).to_have_attribute("data-drop", {0.1: "above", 0.5: "tie", 0.9: "below"}[share])
    page.mouse.up()
    assert shown(page) == expected
    expect(page.locator(".ig-held")).to_have_count(0)


def test_by_finger(open_figure):
    page = open_figure(figure(), width=390, has_touch=True)
    button(page, "better", "beta").tap()
    assert shown(page)[0] == ("1", "beta")
    row = page.get_by_role("listitem").filter(has_text="beta").first
    assert row.locator(".ig-place").evaluate("node => getComputedStyle(node).touchAction") == "none"
    boxes = [b.bounding_box() for b in page.get_by_role("button").all()]
    assert min(min(b["width"], b["height"]) for b in boxes) >= 40


def test_a_whole_session(page):
    """Rank both prompts, then the one that is held out: it is tested on and not learned from."""
    page.get_by_role("button", name="As a labeler did").click()
    assert shown(page) == [("=1", "alpha"), ("=1", "delta"), ("3", "beta"), ("4", "gamma")]
    expect(page.locator(".ig-facts").first).to_contain_text("you and a labeler agree on 5 of 5")
    page.get_by_role("radio", name="2", exact=True).check()
    expect(page.get_by_role("button", name="As a labeler did")).to_be_hidden()
    button(page, "better", "three").click()
    button(page, "worse", "one").click()
    ranks = ([0, 1, 2, 0], [2, 1, 0])
    assert shown(page) == [("1", "three"), ("2", "two"), ("3", "one")]
    assert has_weights(page, ranks)
    expect(page.locator(".ig-facts").last).to_contain_text("pairs in all rankings 8")
    page.get_by_role("radio", name="held out").check()
    button(page, "better", "no").click()
    assert has_weights(page, ranks)
    rewards = np.array(PROMPTS[2].features) @ fitted(ranks)
    order = (-rewards).argsort()
    guess = page.get_by_role("list", name="The model's order").get_by_role("listitem").all_inner_texts()
    assert [text.split()[0] for text in guess] == [PROMPTS[2].answers[i] for i in order]
    chances = [f"{100 * expit(rewards[i] - rewards[order[0]]):.0f} %" for i in order[1:]]
    assert [" ".join(text.split()[1:]) for text in guess[1:]] == chances
    right = sum(rewards[1] > rewards[j] for j in (0, 2))
    expect(page.locator(".ig-facts").first).to_contain_text(f"right {right} of 2")
    page.get_by_role("radio", name="1", exact=True).check()
    page.get_by_role("button", name="All tied").click()
    assert has_weights(page, ([0] * 4, [2, 1, 0]))


def test_the_curve_has_a_dot_for_each_pair(page):
    page.get_by_role("button", name="As a labeler did").click()
    dots = page.locator("svg .ig-right, svg .ig-wrong")
    expect(dots).to_have_count(5)
    image = page.get_by_role("img")
    expect(image).to_have_accessible_name(re.compile("5 pairs on it"))


def test_at_first_all_are_tied_and_ranks_travel_without_gaps():
    assert state(figure())["ranks"] == [[0, 0, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert figure(ranks=[(0, 1, 1, 3), (5, 2, 2), (0, 0, 0)]).ranks == [[0, 1, 1, 2], [1, 0, 0], [0, 0, 0]]


def one(**changes):
    return [Answers(**({"prompt": "p", "answers": ["a", "b"], "features": np.zeros((2, 3))} | changes)), PROMPTS[2]]


FAULTS = [
    ({"prompts": PROMPTS[:2]}, "0 of 2 prompts are held out"),
    ({"prompts": PROMPTS[2:]}, "1 of 1 prompts are held out"),
    ({"prompt": 3}, "prompt=3: there are 3"),
    ({"ridge": 0.0}, "ridge=0.0"),
    ({"ridge": math.nan}, "ridge=nan"),
    ({"ranks": [[0, 1, 2, 3]]}, "1 rankings of 3 prompts"),
    ({"ranks": [[0, 1], [0] * 3, [0] * 3]}, "2 ranks for the 4 answers to 'Take the lamp.'"),
    ({"prompts": one(answers=["a"], features=[[0, 0, 0]])}, "1 answers to 'p': from 2 to 9"),
    ({"prompts": one(answers=list("abcdefghij"), features=np.zeros((10, 3)))}, "10 answers to 'p'"),
    ({"prompts": one(features=np.zeros((2, 2)))}, r"'p' has shape \(2, 2\), expected \(2, 3\)"),
    ({"prompts": one(features=[[0, math.nan, 0], [0, 0, 0]])}, "holds 1 numbers that are NaN"),
    ({"prompts": one(labeler=[0])}, "1 ranks for the 2 answers to 'p'"),
]
