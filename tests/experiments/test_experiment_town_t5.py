"""The run that trains the town's T5, and the committed model that came out."""

import pytest
import torch

from course_lib import data
from course_lib.experiments import Desk, results, town_t5
from course_lib.experiments.desk import recipe_of, sha256
from course_lib.experiments.town_t5 import EXPERIMENT, LESSONS, TASKS, Recipe
from course_lib.models import T5
from course_lib.training.lessons import Lesson, Stage, held_out_pairs
from course_lib.training.text_to_text import share_right, t5_tokens

TOKENS = t5_tokens(data.town_tokenizer())
TINY = Recipe(
    stages=(Stage(("short story", "retelling"), 4, 0.3, 3), Stage(("story",), 4, 0.5, 3, salient=True)),
    n_embd=16,
    n_layer=1,
    n_head=2,
    d_ff=8,
    lessons=(
        Lesson({"classify": 8, "entail": 32, "similar_order": 16, "choose": 8}, epochs=2, rows=8),
        Lesson({"entail": 32}, first=1000, epochs=1, rows=8),
    ),
    judged=4,
    glanced=2,
)
RESULTS = results("town_t5")
LAST = RESULTS.one(pretrained=True, lesson=4, seed=0)


def test_lessons_share_no_example():
    ends = [lesson.first + max(lesson.labels.values()) for lesson in LESSONS]
    assert all(end <= lesson.first for end, lesson in zip(ends, LESSONS[1:]))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.setattr(town_t5, "EVERY", 4)
    return Desk(tmp_path / "desk", {"dtype": "float32"})


def test_a_tiny_run_is_measured_and_its_last_model_kept(tmp_path, desk):
    jobs = list(EXPERIMENT.jobs(TINY, RESULTS))
    assert [(job["pretrained"], job["lesson"]) for job in jobs] == [
        (True, 0), (True, 1), (True, 2), (False, 1), (False, 2),
    ]  # fmt: skip
    records = [job | EXPERIMENT.measure(TINY, job, desk) for job in jobs]
    for record, theirs in ((records[0], RESULTS[0]), (records[1], RESULTS[1])):
        assert set(record) | {"seconds"} == set(theirs)
    assert [[row["step"] for row in record["log"]] for record in records[:3]] == [[4, 6], [4, 8, 12, 16, 20], [4, 5]]
    assert set(records[2]["right"]) == set(records[2]["log"][0]["right"]) == set(TASKS)
    assert records[3]["log"] != records[1]["log"]  # fresh weights are others than pre-trained ones

    closed = Desk(desk.folder, desk.made, open=False)
    EXPERIMENT.keep(TINY, closed, tmp_path)  # from the desk, nothing is trained
    folder = tmp_path / "town-t5"
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    kept = T5.from_pretrained(folder, dtype=None).state_dict()
    model, _ = town_t5.taught(TINY, jobs[2], closed, TOKENS)
    assert all(weight.dtype == torch.float16 for weight in kept.values())
    assert all(torch.equal(weight.float(), model.state_dict()[name]) for name, weight in kept.items())


def test_a_lesson_goes_on_from_the_one_before(tmp_path, desk, monkeypatch):
    """Asked for alone, it makes first what it needs; the same comes out."""
    job = {"pretrained": True, "lesson": 2, "seed": 0}
    alone = EXPERIMENT.measure(TINY, job, desk)
    in_turn = Desk(tmp_path / "in turn", desk.made)
    for lesson in range(3):
        record = EXPERIMENT.measure(TINY, job | {"lesson": lesson}, in_turn)
    assert record == alone
    first, second = (in_turn.folder / f"pretrained-0-lesson-{i}.safetensors" for i in (1, 2))
    assert first.read_bytes() != second.read_bytes()


# ---- what is committed


def test_the_committed_model_is_the_one_that_was_measured():
    for name, fingerprint in RESULTS.made["files"].items():
        assert sha256(data.DATA / name) == fingerprint
    kept = {"config.json", "model.safetensors", "tokenizer.json"}
    assert set(RESULTS.made["files"]) == {f"town-t5/{name}" for name in kept}
    assert (data.TOWN_T5 / "model.safetensors").stat().st_size < 4_000_000
    assert data.town_t5_tokenizer() == TOKENS
    assert RESULTS.recipe == recipe_of(Recipe())


def test_the_committed_results_are_those_of_the_jobs():
    for job, record in zip(EXPERIMENT.jobs(Recipe(), RESULTS), RESULTS, strict=True):
        assert job.items() <= record.items()
        if not job["lesson"]:
            assert record["log"][-1]["step"] == Recipe().steps
            continue
        assert record["log"][-1]["step"] == LESSONS[job["lesson"] - 1].steps
        assert list(record["right"]) == list(TASKS)
        for share, glance in zip(record["right"].values(), record["log"][-1]["right"].values(), strict=True):
            assert abs(share - glance) <= 0.2  # of other examples, and fewer


def test_the_committed_model_answers_as_its_recipe_says():
    """The first examples of those that were measured: within four standard errors of the share over all of them."""
    model = data.town_t5()
    for name, share in LAST["right"].items():
        pairs = held_out_pairs(name, 48, TOKENS)
        assert abs(share_right(model, pairs) - share) <= 4 * max(share * (1 - share) / 48, 0.01 / 48) ** 0.5, name
