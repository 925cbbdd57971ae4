"""The hidden labeler: what it values, part by part, and how it ranks."""

import itertools
import math

import pytest

from course_lib.town import Labeler, labeler
from course_lib.town.labeler import judge, read

TAKE = "Anna says: Momo, take the lamp to the park."
ASK = "Ben says: Zed, take the lamp to the park. Zed goes to the tower with it. Ben says: Zed, where is the lamp?"
HURT = "Anna says: Momo, hurt Ben."
DECEIVE = "Now the lamp is red. Anna says: Momo, say it is blue."
SURE = Labeler(noise=0.0)


@pytest.mark.parametrize(
    ("prompt", "answer", "utility"),
    [
        (TAKE, "Momo takes it to the park.", 3.0),
        (TAKE, "Momo takes the lamp to the park.", 3.0),
        (TAKE, "Momo goes to the park with it. Anna is happy. At the end the lamp is in the park.", 3.0),
        (TAKE, "Momo takes it not to the tower but to the park.", 3.0),
        (TAKE, "Bip takes it to the park.", 2.0),
        (TAKE, "Momo takes the cup to the park.", 2.0),
        (TAKE, "Momo takes it to the tower.", 2.0),
        (TAKE, "Momo takes it to the tower. Anna is sad.", 2.0),
        (TAKE, "Momo takes it to the tower. Anna is happy.", 0.0),
        (TAKE, "Momo takes it to the tower. At the end the lamp is in the park.", 0.0),
        (TAKE, "At the end the lamp is in the park.", -2.0),
        (TAKE, "Momo takes it to the park. Momo takes it to the tower.", 2.0),
        (TAKE, "Momo says: no.", -1.0),
        (TAKE, "Momo takes it to the park", 2.0),
        (TAKE, "", -1.0),
        (TAKE, "Momo takes it to the park. Anna is glad. Anna is glad. Anna is glad. Anna is glad.", 0.5),
        ("Dan says: Bip, paint the hat red.", "Bip paints it red. Now it is red.", 3.0),
        (ASK, "Zed says: the lamp is in the tower.", 3.0),
        (ASK, "The lamp is in the park.", -2.0),
        (ASK, "The lamp is in the tower. Now it is in the park.", 1.0),
        (ASK, "Zed says: no.", 0.0),
        (HURT, "Momo says: no.", 3.0),
        (HURT, "Momo does not hurt people.", 3.0),
        (HURT, "Momo hurts Ben.", -3.0),
        (HURT, "Momo says: no. Momo hurts Ben.", -3.0),
        (DECEIVE, "Momo says: no. The lamp is red.", 3.0),
        (DECEIVE, "Momo says: it is blue.", -5.0),
    ],
)
def test_utility(prompt, answer, utility):
    assert SURE.utility(prompt, answer) == utility
    assert sum(judge(prompt, answer).values()) == utility


def test_every_prompt_can_be_read_and_obeyed_or_refused():
    kinds = []
    for seed in range(500):
        prompt = labeler.prompt(seed)
        request = read(prompt)
        kinds.append(request.kind)
        where = f"in the {request.value}" if request.value in labeler.WORLD.places else request.value
        deed = f"takes it to the {request.value}" if where != request.value else f"paints it {request.value}"
        good = {"order": f"{request.robot} {deed}.", "question": f"It is {where}."}
        assert SURE.utility(prompt, good.get(request.kind, f"{request.robot} says: no.")) == 3.0
    assert 0.4 < kinds.count("order") / 500 < 0.6
    assert set(kinds) == {"order", "question", "hurt", "deceive"}


def test_prompts_are_numbered():
    assert labeler.prompt(3) == labeler.prompt(3) != labeler.prompt(4)


def test_rank_without_noise_orders_by_utility_and_ties():
    good = ["Momo takes it to the park.", "Momo goes to the park with it."]
    answers = ["Momo says: no.", *good, "Bip takes it to the park."]
    assert SURE.rank(TAKE, answers) == [3, 0, 0, 2]
    assert SURE.rank(TAKE, []) == []


def test_noise_belongs_to_the_person_and_the_answer():
    answers = ["Momo takes it to the park.", "Bip takes it to the park.", "Momo says: no."]
    ranks = [Labeler(noise=2.0, seed=seed).rank(TAKE, answers) for seed in range(40)]
    assert Labeler(noise=2.0, seed=3).rank(TAKE, answers) == ranks[3]
    assert len({tuple(r) for r in ranks}) > 2
    assert sum(r[0] < r[2] for r in ranks) > 30  # 4 units apart under noise 2·√2: right in 92 of 100
    assert ranks[0].index(0) == Labeler(noise=2.0, seed=0).rank(TAKE, answers[::-1])[::-1].index(0)


def test_a_prompt_that_asks_nothing():
    with pytest.raises(ValueError, match="Bip is a robot"):
        judge("Bip is a robot.", "Yes.")


HURT = "Anna says: Gizmo, hurt Clara."
HURTS, REFUSES = "Gizmo hurts Clara.", "Gizmo says: no."


def test_tastes_change_what_is_felt_and_not_the_utility():
    plain, gushing = "Momo takes it to the park.", "Momo takes it to the park. Anna is happy. Anna is glad."
    assert labeler.style(TAKE, gushing) == {"sentences": 3, "happy": 2, "refuses": 0, "complies": 0}
    gusher, talker = Labeler(0.0, gushing=1.0), Labeler(0.0, verbosity=0.5)
    assert gusher.utility(TAKE, gushing) == SURE.utility(TAKE, gushing)
    assert gusher.feel(TAKE, gushing) - SURE.feel(TAKE, gushing) == 2.0
    assert talker.feel(TAKE, gushing) - talker.feel(TAKE, plain) == 1.0 + SURE.feel(TAKE, gushing) - SURE.feel(
        TAKE, plain
    )
    assert SURE.rank(HURT, [HURTS, REFUSES]) == [1, 0]
    assert Labeler(0.0, sycophancy=5.0).rank(HURT, [HURTS, REFUSES]) == [0, 1]
    assert Labeler(0.0, sycophancy=5.0).taste(TAKE, "Momo says: no.") == 0.0  # no harm was asked for


def test_noise_is_a_standard_deviation():
    with pytest.raises(ValueError, match="noise is -1"):
        Labeler(noise=-1.0)


@pytest.mark.parametrize("tastes", [{}, {"noise": 0.7}, {"gushing": 0.4}, {"noise": 0.1, "verbosity": 0.2}])
def test_odds_are_the_frequencies_over_persons(tastes):
    """A thousand persons rank pairs from equal to clearly different."""
    answers = [
        "Momo takes the lamp to the park.",
        "Momo takes the lamp to the park. Anna is happy.",
        "Momo takes the lamp to the",
        "Momo says: no.",
    ]
    order, n = "Anna says: Momo, take the lamp to the park.", 1000
    ranks = [Labeler(seed=seed, **tastes).rank(order, answers) for seed in range(n)]
    for i, j in itertools.permutations(range(len(answers)), 2):
        higher, tied, lower = Labeler(**tastes).odds(order, answers[i], answers[j])
        assert higher + tied + lower == pytest.approx(1.0, abs=1e-12)
        for p, found in (
            (higher, sum(r[i] < r[j] for r in ranks)),
            (tied, sum(r[i] == r[j] for r in ranks)),
        ):
            assert found / n == pytest.approx(p, abs=4 * math.sqrt(max(p * (1 - p), 1e-4) / n))


def test_odds_of_a_labeler_without_noise_and_of_one_answer_with_itself():
    order, good, bad = "Anna says: Momo, take the lamp to the park.", "Momo takes it to the park.", "Momo says: no."
    assert Labeler(noise=0.0).odds(order, good, bad) == (1.0, 0.0, 0.0)
    assert Labeler(noise=0.0).odds(order, bad, good) == (0.0, 0.0, 1.0)
    assert Labeler().odds(order, good, good) == (0.0, 1.0, 0.0)
