"""The run that trains the town's model; the committed one is what its recipe says, in NumPy, torch, transformers."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from course_lib import by_hand, data, town
from course_lib.data import DATA, TOWN_GPT, town_tokenizer
from course_lib.experiments import Desk, results, town_gpt
from course_lib.experiments.desk import load_weights, recipe_of, sha256
from course_lib.experiments.town_gpt import EVERY, EXPERIMENT, FIRST, Recipe, Stage, town_model, town_rows, town_tokens
from course_lib.models import GPT
from course_lib.tokens import ENDOFTEXT, Tokenizer
from course_lib.town import HELD_OUT
from course_lib.training import mood_accuracy, scores, second_copy_loss
from course_lib.training.batches import NUMBERS_PER_ROW
from course_lib.training.probes import N_HELD_OUT

RUNS = results("town_gpt")
REPORT = RUNS.one(**FIRST)
BYTES = Tokenizer(special_tokens=[ENDOFTEXT])
TEXT = "Anna asks Bip to take the ball not to the park but to the shop. Bip takes it to the shop."


# ---- the run

TINY = Recipe(
    stages=(Stage("repeats", 16, 2, 2), Stage("full", 24, 3, 3)),
    n_embd=16,
    n_layer=1,
    n_head=2,
    vocab_size=300,
    n_ctx=400,
    tokenizer_documents=200,
    judged=20,
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


def test_a_part_shortens_every_stage():
    assert [stage.steps for stage in Recipe().shortened(0.125).stages] == [56, 125, 325]
    assert [stage.steps for stage in TINY.shortened(0.01).stages] == [1, 1]
    assert Recipe().shortened(1.0) == Recipe()


def test_the_recipe_stays_clear_of_the_documents_that_are_held_out():
    most = max(stage.rows * stage.steps for stage in Recipe().stages) * NUMBERS_PER_ROW
    assert most < HELD_OUT


def test_the_town_model_depends_on_its_seed_alone():
    a, b, c = (town_model(Recipe(), seed).h[0].mlp.c_fc.weight for seed in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(town_gpt, "look", lambda model, tokenizer: {"loss": model.wte.weight.sum().item()})
    monkeypatch.setattr(town_gpt, "EVERY", 1)


def test_a_tiny_run_is_measured_and_kept(tmp_path, quick):
    desk = Desk(tmp_path / "desk", {"dtype": "float32"})
    record = EXPERIMENT.measure(TINY, FIRST, desk)
    assert set(FIRST | record | {"seconds": 0}) == set(REPORT)
    assert [row["step"] for row in record["log"]] == list(range(6))
    assert record["log"][5].keys() >= {"step", "tokens", "train", "loss"}
    assert record["losses"]["all"]["documents"] == 20
    EXPERIMENT.keep(TINY, Desk(desk.folder, desk.made, open=False), tmp_path)  # from the desk, nothing is trained
    folder = tmp_path / "town-gpt"
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors", "steps", "tokenizer.json"]
    model = GPT.from_pretrained(folder)
    assert model.wte.weight.sum().item() == pytest.approx(record["log"][-1]["loss"], abs=1e-5)
    assert Tokenizer.load(folder / "tokenizer.json").vocab_size == 300
    assert sorted(p.stem for p in (folder / "steps").iterdir()) == ["00000", "00002", "00005"]
    first = load_weights(folder / "steps" / "00000.safetensors", town_model(TINY, 0))
    assert torch.equal(first.wte.weight, town_model(TINY, 0).wte.weight.half().float())
    last = load_weights(folder / "steps" / "00005.safetensors", town_model(TINY, 0))
    assert torch.equal(last.wte.weight, model.wte.weight.half().float())


def test_of_other_runs_no_copies_are_kept(tmp_path, quick):
    desk = Desk(tmp_path, {"dtype": "float32"})
    EXPERIMENT.measure(TINY, {"part": 1.0, "seed": 1}, desk)
    assert not (tmp_path / "steps").exists()


def test_copies_are_made_where_the_model_is_looked_at():
    assert all(step % EVERY == 0 for step in Recipe().kept)


# ---- the committed model


@pytest.fixture(scope="module")
def model():
    return GPT.from_pretrained(TOWN_GPT).eval()


def test_the_files_are_those_of_the_recipe():
    copies = {f"steps/{step:05}.safetensors" for step in Recipe().kept}
    kept = {"config.json", "model.safetensors", "tokenizer.json"} | copies
    assert set(RUNS.made["files"]) == {f"town-gpt/{name}" for name in kept}
    for name, expected in RUNS.made["files"].items():
        assert sha256(DATA / name) == expected, name
    assert (TOWN_GPT / "model.safetensors").stat().st_size <= 6_000_000


def test_the_recipe_is_that_of_the_code(model):
    assert RUNS.recipe == recipe_of(Recipe())
    assert REPORT["tokens"] == Recipe().tokens
    assert {name: getattr(model.config, name) for name in asdict(model.config)} == {
        name: getattr(Recipe(), name) for name in asdict(model.config)
    }
    assert town_tokenizer().vocab_size == model.config.vocab_size


def test_the_tokenizer_can_be_learned_again():
    assert town_tokens(Recipe()) == town_tokenizer()


def test_every_word_of_the_town_is_one_token():
    """With its space; headings such as "Code" stand at the beginning of a document, without one."""
    for word in town.WORDS:
        spellings = [word, " " + word]
        assert 1 in {len(town_tokenizer().encode(spelling)) for spelling in spellings}, word


def test_it_is_near_the_floor():
    ratio = {kind: s["loss"] / s["floor"] for kind, s in REPORT["losses"].items()}
    assert ratio["all"] <= 1.02
    assert max(ratio["story"], ratio["short story"]) <= 1.01
    assert N_HELD_OUT == REPORT["losses"]["all"]["documents"] == 1000


def test_loss_on_held_out_documents_is_what_the_recipe_says(model):
    """On the first 150 of them; the tolerance is for the other 850."""
    documents = list(town.documents(150, HELD_OUT))
    now, then = scores(model, documents, town_tokenizer())["all"], REPORT["losses"]["all"]
    assert now.loss / now.floor == pytest.approx(then["loss"] / then["floor"], abs=0.01)


def test_it_copies_and_compares(model):
    assert second_copy_loss(model, town_tokenizer(), 20) < 0.1
    assert mood_accuracy(model, town_tokenizer(), 40) > 0.95


def test_the_log_shows_both_abilities_come():
    log = REPORT["log"]
    assert [row["step"] for row in log] == sorted(row["step"] for row in log)
    assert log[0]["loss"] == pytest.approx(np.log(493), rel=0.02)
    assert log[-1]["step"] == Recipe().steps
    assert log[1]["second copy"] > 3
    assert log[-1]["second copy"] < 0.1
    assert log[1]["moods"] < 0.65
    assert log[-1]["moods"] > 0.95


def test_the_kept_copies_open_and_the_last_is_the_model(model):
    assert data.town_steps() == sorted(Recipe().kept)
    first, last = data.town_gpt(0), data.town_gpt(Recipe().steps)
    for name, weight in town_model(Recipe(), 0).state_dict().items():
        here, kept = weight.half(), first.state_dict()[name].half()
        if name == "wpe.weight":  # 0.07 · sine: processors differ in float32's last digits, so float16 may round over
            assert (here.float() - kept.float()).abs().max() <= 2**-14  # a step of float16 at 0.07
        else:
            assert torch.equal(here, kept), name
    for name, weight in model.state_dict().items():
        assert torch.equal(last.state_dict()[name], weight.half().float()), name
    with pytest.raises(ValueError, match="no copy was kept after step 7: choose one of"):
        data.town_gpt(7)


def test_other_seeds_come_out_alike():
    runs = RUNS.find(part=1.0)
    assert len({run["seed"] for run in runs}) == len(runs) >= 3
    assert {run["tokens"] for run in runs} == {REPORT["tokens"]}
    ratios = [run["losses"]["all"]["loss"] / run["losses"]["all"]["floor"] for run in runs]
    assert max(ratios) - min(ratios) < 0.03


def test_shorter_runs_differ_in_their_steps_alone():
    shorter = [run for run in RUNS if run["tokens"] < REPORT["tokens"]]
    assert len(shorter) == 2
    for run in shorter:
        short = Recipe().shortened(run["part"])
        assert (run["seed"], run["tokens"], run["log"][-1]["step"]) == (0, short.tokens, short.steps)
        assert run["tokens"] == pytest.approx(run["part"] * REPORT["tokens"], rel=0.01)
        assert run["losses"]["all"]["loss"] > REPORT["losses"]["all"]["loss"]


def test_numpy_logits_are_torchs(model):
    ids = town_tokenizer().encode(TEXT)
    theirs = model.double()(torch.tensor([ids]))[0].detach().numpy()
    model.float()
    ours = by_hand.gpt(ids, by_hand.load_params(TOWN_GPT, np.float64), by_hand.load_config(TOWN_GPT)["n_head"])
    assert np.abs(ours - theirs).max() <= 1e-11
    single = by_hand.gpt(ids, by_hand.load_params(TOWN_GPT), 4)
    assert np.abs(single - theirs).max() <= 1e-3


def test_the_checkpoint_opens_in_transformers(model):
    from transformers import GPT2LMHeadModel

    ids = torch.tensor([town_tokenizer().encode(TEXT)])
    theirs = GPT2LMHeadModel.from_pretrained(TOWN_GPT).eval()
    assert (theirs(ids).logits - model(ids)).abs().max().item() <= 1e-3
