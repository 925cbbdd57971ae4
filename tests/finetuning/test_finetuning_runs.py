"""The committed runs of *Fine-tuning*: whole, consistent, of this model; a run goes as it is recorded."""

import hashlib
import json
from dataclasses import asdict, replace
from itertools import islice

import pytest
import torch
from click.testing import CliRunner

from course_lib.data import TOWN_GPT
from course_lib.finetuning import accuracy, finetune, predict, results, runs
from course_lib.finetuning.runs import HEADLINES, Results, Run, begin, carry_out, headline, main, samples

DONE = ("classify", "entail", "similar_order", "choose")
TINY = Run("classify", 40, "pre-trained", 0, 1e-3, 4)


def test_the_results_are_of_the_committed_model():
    held = results()
    assert held["recipe"]["model"] == hashlib.sha256((TOWN_GPT / "model.safetensors").read_bytes()).hexdigest()
    assert held["recipe"]["headlines"] == {task: asdict(h) for task, h in HEADLINES.items()}


def test_every_record_is_whole_and_stands_there_once():
    held = Results()
    names = list(Run.__dataclass_fields__)
    keys = [tuple(r[name] for name in names) for r in held.runs + held.tried]
    assert len(set(keys)) == len(keys) > 0
    assert all(r["new_tokens_std"] == HEADLINES[r["task"]].new_tokens_std for r in held.runs)
    for r in held.runs + held.tried:
        run = Run(**{name: r[name] for name in names})
        assert r["steps_planned"] == run.settings.steps(run.labels)
        assert r["steps_taken"] == r["trace"][-1]["step"] <= r["steps_planned"]
        assert 0 <= r["accuracy"] <= 1
        assert abs(r["accuracy"] - r["validation"]) < 0.15  # two samples of the same thing
        stopped = [row["validation"] >= runs.ENOUGH for row in r["trace"]]
        assert r["steps_taken"] == r["steps_planned"] or stopped[-2:] == [True, True]
        assert all(a["step"] < b["step"] for a, b in zip(r["trace"], r["trace"][1:]))


def test_the_table_is_that_of_the_records():
    held = Results()
    committed = results()["headline"]
    for task in HEADLINES:
        assert committed[task] == held.summary(task)


def test_a_run_is_carried_out_and_not_run_again(tmp_path, monkeypatch):
    other = replace(TINY, seed=1)
    monkeypatch.setattr(runs, "queue", lambda results: iter([TINY, other]))
    monkeypatch.setattr(runs, "beside", lambda task, folder: {})
    monkeypatch.setattr(runs, "N_TEST", {"classify": 30})
    out = tmp_path / "results.json"
    for expected in (1, 2, 2):
        done = CliRunner().invoke(main, ["--out", str(out), "--most", "1"], catch_exceptions=False)
        assert done.exit_code == 0
        assert len(json.loads(out.read_text())["runs"]) == expected
    record = Results(out).find(**asdict(TINY))[0]
    assert record["steps_taken"] == record["steps_planned"] == 4
    assert not list(tmp_path.glob("*.part"))
    assert carry_out(TINY, begin(TINY), torch.float32)["trace"][0]["train"] == pytest.approx(
        record["trace"][0]["train"], abs=0.1
    )


def test_runs_of_another_model_are_not_mixed_in(tmp_path):
    out = tmp_path / "results.json"
    held = Results(out)
    held.runs.append(asdict(headline("classify", "pre-trained", 0)) | {"accuracy": 1.0})
    held.recipe = {"model": "another"}
    held.save()
    done = CliRunner().invoke(main, ["--out", str(out)])
    assert done.exit_code == 1
    assert "holds runs of another model" in done.output


def test_the_samples_rows_make_up_their_scores(monkeypatch):
    monkeypatch.setattr(runs, "N_TEST", dict.fromkeys(HEADLINES, 3))
    for task in ("classify", "similar_order", "choose"):
        start = begin(run := Run(task, 2, "scratch", 0, 1e-3, 1))
        start.task.head.bias.data += 0.5
        predicted = predict(start.task, start.test)
        for kept, scores in zip(samples(start, run, 0.5), predicted):
            rows = torch.tensor(kept["rows"])
            together = rows[:, 0] if task == "choose" else rows.sum(0)
            assert together.tolist() == pytest.approx(scores.tolist(), abs=1e-3)


def test_seeds_have_labels_of_their_own():
    first, second = (begin(Run("classify", 5, "pre-trained", seed, 1e-3, 1)) for seed in (0, 1))
    assert {e.rows for e in first.train}.isdisjoint(e.rows for e in second.train)
    assert first.test == second.test
    assert not torch.equal(first.task.head.weight, second.task.head.weight)


def test_a_run_after_another_task_goes_on_with_its_network_and_head(monkeypatch):
    tiny = replace(HEADLINES["similar_order"], labels=8, steps=2)
    monkeypatch.setattr(runs, "HEADLINES", HEADLINES | {"similar_order": tiny})
    monkeypatch.setattr(runs, "N_TEST", dict.fromkeys(HEADLINES, 4))
    monkeypatch.setattr(runs, "N_VALIDATION", 4)
    runs.learned.cache_clear()
    run = Run("similar_mirror", 8, "pre-trained", 0, 1e-3, 2, new_tokens_std=0.1, after="similar_order")
    start = begin(run)
    first_run = headline("similar_order", "pre-trained", 0)
    first = begin(first_run)
    carry_out(first_run, first, runs.fastest_dtype())
    assert all(torch.equal(p, q) for p, q in zip(start.task.state_dict().values(), first.task.state_dict().values()))
    before = accuracy(start.task, start.test)
    record = carry_out(run, start, torch.float32)
    assert (record["before"], record["after"]) == (before, "similar_order")
    assert not torch.equal(start.task.head.weight, first.task.head.weight)
    assert "before" not in carry_out(TINY, begin(TINY), torch.float32)
    runs.learned.cache_clear()


def test_bad_input():
    with pytest.raises(ValueError, match="a run of choose cannot go on after classify: its head is for another format"):
        begin(Run("choose", 2, "pre-trained", 0, 1e-3, 1, after="classify"))
    with pytest.raises(ValueError, match="cannot start from 'noise': choose pre-trained or scratch"):
        begin(replace(TINY, start="noise"))
    with pytest.raises(ValueError, match="no run of classify from scratch is in"):
        Results(TOWN_GPT / "none.json").best_rate("classify")


def test_the_first_look_of_a_committed_run_comes_out_again():
    """On any processor, in bfloat16 or float32: hence the room."""
    run = headline("classify", "pre-trained", 0)
    (record,) = Results().find(**asdict(run))
    start = begin(run)
    first = list(islice(finetune(start.task, start.train, run.settings), runs.LOOK_EVERY))
    assert sum(s.accuracy for s in first) / len(first) == pytest.approx(record["trace"][0]["train"], abs=0.1)
    assert sum(s.lm_loss for s in first) / len(first) == pytest.approx(record["trace"][0]["lm_loss"], abs=0.05)
    assert accuracy(start.task, start.validation) == pytest.approx(record["trace"][0]["validation"], abs=0.1)


@pytest.mark.parametrize("task", DONE)
def test_pre_training_decides(task):
    """What the chapter claims: at the same labels the pre-trained model is right, and the same network from scratch not
    much more often than by chance; no word count comes near.
    """
    row = results()["headline"][task]
    pretrained = sum(row["pre-trained"]) / len(row["pre-trained"])
    assert pretrained >= 0.85
    assert max(row["scratch"]) < row["majority"] + 0.1
    assert pretrained > max(row["scratch"] + [row["words"], row["pairs of words"]]) + 0.2


def test_the_samples_are_those_of_the_best_run(tmp_path):
    held = Results(tmp_path / "results.json")
    for seed, score in enumerate((0.6, 0.9, 0.7)):
        held.keep_best([{"task": "entail", "seed": seed, "accuracy": score}])
    assert held.samples == {"entail": [{"task": "entail", "seed": 1, "accuracy": 0.9}]}
    for task in DONE:
        kept = results()["samples"][task]
        assert len(kept) == 3
        assert kept[0]["accuracy"] >= 0.95
