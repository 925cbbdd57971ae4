"""The run that trains the town's model: its stages, its start, its probes, what it leaves behind."""

import json
import math
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from course_lib.data import town_gpt, town_tokenizer
from course_lib.models import GPT
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.training import probes, town
from course_lib.training.batches import NUMBERS_PER_ROW
from course_lib.training.town import Recipe, Stage, town_model, town_rows, train_town, waves

BYTES = Tokenizer(special_tokens=[ENDOFTEXT])


def test_positions_start_as_waves():
    positions = waves(160, 128)
    assert positions.shape == (160, 128)
    assert torch.allclose(positions.square().sum(-1), torch.tensor(64.0))
    assert torch.allclose(positions[:, 0], torch.arange(160.0).sin(), atol=1e-5)
    near, far = positions[50] @ positions[51], positions[50] @ positions[90]
    assert near > far


TINY = Recipe(
    stages=(Stage("repeats", 16, 2, 2), Stage("full", 24, 3, 3)),
    n_embd=16,
    n_layer=1,
    n_head=2,
    vocab_size=300,
    n_ctx=400,
    tokenizer_documents=200,
    kept=(0, 2, 5),
)


def test_the_stages_follow_one_another():
    batch = town_rows(TINY, BYTES)
    assert [tuple(batch(i).shape) for i in range(TINY.steps)] == 2 * [(2, 17)] + 3 * [(3, 25)]
    assert torch.equal(batch(3), batch(3))
    assert not torch.equal(batch(3), batch(4))


def test_tokens_are_counted_over_the_stages():
    assert [TINY.tokens_until(step) for step in (0, 1, 2, 3)] == [0, 32, 64, 64 + 72]
    assert TINY.tokens == 2 * 2 * 16 + 3 * 3 * 24


def test_the_recipe_stays_clear_of_the_documents_that_are_held_out():
    most = max(stage.rows * stage.steps for stage in Recipe().stages) * NUMBERS_PER_ROW
    assert most < probes.HELD_OUT


def test_the_town_model_depends_on_its_seed_alone():
    a, b, c = (town_model(Recipe(seed=seed)).h[0].mlp.c_fc.weight for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.fixture
def few_documents(monkeypatch):
    monkeypatch.setattr("course_lib.training.town.N_HELD_OUT", 20)
    monkeypatch.setattr(
        "course_lib.training.town.look", lambda model, tokenizer: {"loss": model.wte.weight.sum().item()}
    )


def test_train_town_writes_a_folder_that_opens(tmp_path, few_documents):
    model = train_town(tmp_path, TINY, evaluate_every=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "recipe.json",
        "steps",
        "tokenizer.json",
    ]
    assert torch.equal(GPT.from_pretrained(tmp_path).wte.weight, model.wte.weight)
    assert Tokenizer.load(tmp_path / "tokenizer.json").vocab_size == 300
    assert sorted(p.stem for p in (tmp_path / "steps").iterdir()) == ["00000", "00002", "00005"]
    last = load_file(tmp_path / "steps" / "00005.safetensors")["wte.weight"]
    assert torch.equal(last, model.wte.weight.half())
    report = json.loads((tmp_path / "recipe.json").read_text())
    assert [row["step"] for row in report["log"]] == [0, 2, 4, 5]
    assert set(report["sha256"]) == {
        "model.safetensors",
        "tokenizer.json",
        *(f"steps/0000{i}.safetensors" for i in (0, 2, 5)),
    }


class Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on_to_the_same_model(tmp_path, few_documents, monkeypatch):
    whole = train_town(tmp_path / "whole", TINY, evaluate_every=2)
    keep = town.keep

    def interrupt(out, model, recipe, step):
        if step == 3:
            raise Interrupted
        keep(out, model, recipe, step)

    monkeypatch.setattr(town, "keep", interrupt)
    with pytest.raises(Interrupted):
        train_town(tmp_path / "two", TINY, evaluate_every=2)
    monkeypatch.setattr(town, "keep", keep)
    with pytest.raises(ValueError, match="another recipe"):
        train_town(tmp_path / "two", replace(TINY, seed=1), evaluate_every=2)
    again = train_town(tmp_path / "two", TINY, evaluate_every=2)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values()))
    reports = [json.loads((tmp_path / name / "recipe.json").read_text()) for name in ("whole", "two")]
    assert reports[0]["log"] == reports[1]["log"]
    assert reports[0]["sha256"] == reports[1]["sha256"]
    assert not (tmp_path / "two" / "run.pt").exists()


class Oracle(torch.nn.Module):
    """Knows rows of repeats by heart: the token after the last place where the newest one stood, with certainty."""

    def forward(self, ids):
        logits = torch.zeros(*ids.shape, 493)
        for b, row in enumerate(ids.tolist()):
            for t, token in enumerate(row):
                earlier = [i for i in range(t) if row[i] == token]
                if earlier:
                    logits[b, t, row[earlier[-1] + 1]] = 50.0
        return logits


def test_the_second_copy_is_free_for_whoever_looks_back():
    assert probes.second_copy_loss(Oracle(), town_tokenizer(), n=5) == pytest.approx(0, abs=1e-6)


def test_the_second_copy_costs_ln_v_without_looking_back():
    class Blind(torch.nn.Module):
        def forward(self, ids):
            return torch.zeros(*ids.shape, 493)

    assert probes.second_copy_loss(Blind(), town_tokenizer(), n=5) == pytest.approx(math.log(493), abs=1e-4)
    assert probes.mood_accuracy(Blind(), town_tokenizer(), n=40) == pytest.approx(0.5, abs=0.25)


def test_the_trained_model_has_both_abilities():
    assert probes.second_copy_loss(town_gpt(), town_tokenizer(), n=10) < 0.5
    assert probes.mood_accuracy(town_gpt(), town_tokenizer(), n=30) > 0.9
