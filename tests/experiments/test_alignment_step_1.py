"""What *Supervised fine-tuning* says of its published runs, for as many seeds as there are."""

from statistics import mean

import pytest

from course_lib.experiments import results

RECORDS = results("alignment")


def found(start, n, what="true"):
    wanted = ("sft", start, n)
    return [r[what] for r in RECORDS if (r["kind"], r.get("start"), r.get("demonstrations")) == wanted]


SIZES = sorted({r["demonstrations"] for r in RECORDS if r["kind"] == "sft"})
BOTH = [n for n in SIZES if found("pre-trained", n) and found("scratch", n)]
(BASE,) = (r for r in RECORDS if r["kind"] == "base")


def test_there_is_something_to_compare():
    assert 3000 in BOTH


@pytest.mark.parametrize("n", SIZES)
def test_fine_tuning_beats_the_bare_prompt(n):
    assert min(found("pre-trained", n)) > BASE["true"] + 1.5


@pytest.mark.parametrize("n", BOTH)
def test_pre_training_helps_and_with_few_demonstrations_by_far(n):
    ahead = mean(found("pre-trained", n)) - mean(found("scratch", n))
    assert ahead > (0.5 if n <= 1000 else 0.0)
    assert mean(found("pre-trained", n, "loss")) < mean(found("scratch", n, "loss"))


def test_the_policy_is_about_as_good_as_its_writers():
    assert mean(found("pre-trained", 3000)) == pytest.approx(BASE["demonstrations"], abs=0.4)
