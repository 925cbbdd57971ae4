"""A reader's own text: settings, corpus, the run and what it leaves behind; the verb `train`; two processes."""

import json
import os
import re
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from course_lib import generation, town
from course_lib.__main__ import main
from course_lib.models import GPT
from course_lib.tokens import GPT2_VOCAB_SIZE, Tokenizer
from course_lib.training import own_text
from course_lib.training.own_text import Settings, read_corpus, train_text

SMALL = {"n_ctx": 16, "n_embd": 16, "n_layer": 1, "n_head": 2, "batch_size": 4, "warmup": 2}
TEXT = "\n\n".join(town.document(i).text for i in range(60)) + "\n\nA naïve robot — “Bip” — obeys.\n"


def settings(**changes):
    return Settings(**{**SMALL, "tokens": "char", "steps": 6, "evaluate_every": 2, **changes})


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "town.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_corpus_is_the_text_between_end_tokens(text):
    tokenizer, corpus = read_corpus([text, text], settings())
    ids = np.concatenate([corpus.train, corpus.held_out])
    assert len(corpus.held_out) == round(0.1 * len(ids))
    end = tokenizer.special_tokens["<|endoftext|>"]
    assert (ids == end).nonzero()[0].tolist() == [0, len(ids) // 2]
    assert tokenizer.decode(ids[1 : len(ids) // 2].tolist()) == TEXT
    n_bytes = len(tokenizer.decode(corpus.held_out.tolist()).encode())
    assert corpus.bytes_per_token == pytest.approx(n_bytes / len(corpus.held_out))


def test_characters_bytes_pairs_or_gpt2s_tokens(text):
    sizes = {}
    for name in ("char", "bpe", "gpt2"):
        tokenizer, corpus = read_corpus([text], settings(tokens=name, vocab_size=400))
        sizes[name] = tokenizer.vocab_size, len(corpus.train)
    assert sizes["char"][0] == 257 + len("ï") + 2 + 1 + 1  # "—", "“" and "”" share their first two bytes
    assert sizes["bpe"][0] == 400
    assert sizes["gpt2"][0] == GPT2_VOCAB_SIZE
    assert sizes["char"][1] > sizes["bpe"][1] > sizes["gpt2"][1]


def test_a_text_too_small_for_the_vocabulary_gets_a_smaller_one(tmp_path):
    path = tmp_path / "small.txt"
    path.write_text("one robot, two robots, three robots", encoding="utf-8")
    tokenizer, _ = read_corpus([path], settings(tokens="bpe", vocab_size=5000, held_out=0.0, n_ctx=4))
    assert 257 < tokenizer.vocab_size < 300


@pytest.mark.parametrize("first", ["", "<|endoftext|>"])
def test_documents_in_one_file_are_told_apart(tmp_path, first):
    """The usual format: documents with <|endoftext|> between them, or before each."""
    path = tmp_path / "page.txt"
    path.write_text(first + "<|endoftext|>".join(["a robot\n\n\nobeys\n"] * 50), encoding="utf-8")
    tokenizer, corpus = read_corpus([path], settings(held_out=0.0))
    assert (corpus.train == tokenizer.special_tokens["<|endoftext|>"]).sum() == 50
    assert tokenizer.decode(corpus.train.tolist()) == "<|endoftext|>a robot\n\n\nobeys\n" * 50


def test_a_text_too_short_for_one_row_is_refused(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("obey", encoding="utf-8")
    with pytest.raises(ValueError, match=r"short\.txt: 5 tokens are too few for rows of n_ctx = 16"):
        read_corpus([path], settings())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps is 0: it must be at least 1"),
        ({"vocab_size": 100}, "vocab_size is 100: it must be at least 257"),
        ({"tokens": "words"}, "tokens is 'words': choose one of bpe, char, gpt2"),
        ({"optimiser": "sgd"}, "optimiser is 'sgd': choose one of adamw, muon"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"lr": -1.0}, "lr is -1.0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        settings(**change)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_the_folder_opens_and_writes(text, tmp_path, optimiser):
    out = tmp_path / "model"
    progress = list(train_text([text], out, settings(optimiser=optimiser, steps=30, evaluate_every=10)))
    assert [p.step for p in progress] == list(range(1, 31))
    assert progress[-1].loss < progress[0].loss - 0.3
    assert sorted(p.name for p in out.iterdir()) == ["config.json", "model.safetensors", "run.json", "tokenizer.json"]
    model, tokenizer = generation.load(out)
    assert "".join(generation.stream_text(model, tokenizer, "Anna", 5)) != ""
    report = json.loads((out / "run.json").read_text())
    assert [row["step"] for row in report["history"]] == [10, 20, 30]
    assert report["finished"]
    row = report["history"][-1]
    _, corpus = read_corpus([text], settings())
    assert row["bits per byte"] == pytest.approx(row["held out"] / np.log(2) / corpus.bytes_per_token)


def test_the_model_is_the_best_on_the_held_out_text(text, tmp_path, monkeypatch):
    losses = iter([3.0, 1.0, 2.0])
    kept = []
    (tmp_path / "m").mkdir()
    monkeypatch.setattr(own_text, "measure", lambda model, *_: {"held out": next(losses)})
    monkeypatch.setattr(GPT, "save_pretrained", lambda self, folder: kept.append(self.wte.weight[0, 0].item()))
    seen = [(p.step, p.measured) for p in train_text([text], tmp_path / "m", settings()) if p.measured]
    assert [step for step, _ in seen] == [2, 4, 6]
    assert len(kept) == 2


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_a_stopped_run_goes_on_to_the_same_losses(text, tmp_path, optimiser):
    """Stopped between two evaluations; to the last bit."""
    chosen = settings(optimiser=optimiser)
    whole = [p.loss for p in train_text([text], tmp_path / "whole", chosen)]
    taken = []
    first = train_text([text], tmp_path / "two", chosen, stop=lambda: len(taken) == 2)
    for p in first:
        taken.append(p.loss)
    assert len(taken) == 3
    assert (tmp_path / "two" / "run.pt").exists()
    taken += [p.loss for p in train_text([text], tmp_path / "two", chosen)]
    assert taken == whole
    models = [GPT.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "two")]
    assert all(torch.equal(a, b) for a, b in zip(models[0].values(), models[1].values()))
    reports = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("whole", "two")]
    assert reports[0] == reports[1]


def test_no_folder_is_overwritten(text, tmp_path):
    def attempt(out, chosen=None, paths=(text,), **options):
        return list(train_text(list(paths), out, chosen or settings(), **options))

    done, half, strange = (tmp_path / name for name in ("done", "half", "strange"))
    strange.mkdir()
    (strange / "diary.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"strange is not empty, and no run of ours: name another folder"):
        attempt(strange)
    attempt(done)
    with pytest.raises(ValueError, match="holds a finished run of 6 steps"):
        attempt(done)
    attempt(done, fresh=True)
    attempt(half, stop=lambda: True)
    with pytest.raises(ValueError, match=r"other settings \(n_embd was 16 and is 8\)"):
        attempt(half, settings(n_embd=8))
    other = tmp_path / "other.txt"
    other.write_text(TEXT.upper(), encoding="utf-8")
    with pytest.raises(ValueError, match="another text"):
        attempt(half, paths=[other])
    assert (strange / "diary.txt").read_text() == "mine"


def half_a_run(text, out):
    list(train_text([text], out, settings(), stop=lambda: True))
    assert (out / "run.pt").exists()


def test_a_run_whose_state_is_lost_does_not_begin_again_unasked(text, tmp_path):
    half_a_run(text, tmp_path / "m")
    (tmp_path / "m" / "run.pt").unlink()
    with pytest.raises(ValueError, match=r"interrupted after step 1, but not its run\.pt: name another folder"):
        train_text([text], tmp_path / "m", settings())
    assert len(list(train_text([text], tmp_path / "m", settings(), fresh=True))) == 6


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: [held],
        lambda held: {**held, "step": "three"},
        lambda held: {**held, "history": None},
        lambda held: {**held, "optimisers": [1]},
        lambda held: {**held, "text": "another"},
        lambda held: {name: held[name] for name in held if name != "step"},
    ],
)
def test_a_damaged_state_is_said_in_one_line(text, tmp_path, damage):
    half_a_run(text, tmp_path / "m")
    torch.save(damage(torch.load(tmp_path / "m" / "run.pt")), tmp_path / "m" / "run.pt")
    with pytest.raises(ValueError, match=r"run\.pt is (no state of this run, or is broken|the state of another run)"):
        train_text([text], tmp_path / "m", settings())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": 1, "history": []}'])
def test_a_damaged_report_is_said_in_one_line(text, tmp_path, content):
    half_a_run(text, tmp_path / "m")
    (tmp_path / "m" / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        train_text([text], tmp_path / "m", settings())


def test_a_full_disk_is_one_line_and_with_room_again_the_run_goes_on(text, tmp_path, monkeypatch):
    """No file may grow beyond some kilobytes: what a full disk does to the first model that is written."""
    args = ["--text", text, "--out", tmp_path / "m", *FLAGS, "--steps=4", "--evaluate-every=2"]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        full = command(*args)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert full.exit_code == 1
    assert "File too large" in full.output
    assert "Traceback" not in full.output
    assert command(*args).exit_code == 0


FLAGS = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()] + ["--tokens=char", "--threads=1"]


def command(*args):
    return CliRunner().invoke(main, ["train", *map(str, args)], prog_name="python -m course_lib")


def test_the_verb_trains_and_says_how_to_go_on(text, tmp_path):
    out = tmp_path / "model"
    done = command("--text", text, "--out", out, *FLAGS, "--steps=6", "--evaluate-every=3")
    assert done.exit_code == 0, done.output
    assert (
        len(
            re.findall(
                r"step \d: training loss \d\.\d+, held-out loss \d\.\d+ nats per token, \d\.\d+ bits", done.output
            )
        )
        == 2
    )
    assert f"python -m course_lib generate --model {out}" in done.output
    wrote = CliRunner().invoke(main, ["generate", "--model", str(out), "--prompt", "Anna", "--max-new-tokens", "5"])
    assert wrote.exit_code == 0
    assert wrote.output.startswith("Anna")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--text=none.txt"], "no file none.txt"),
        (["--steps=0"], "Invalid value for '--steps'"),
        (["--seed=-1"], "Invalid value for '--seed'"),
        (["--device=nowhere"], "device is 'nowhere', which cannot be used here"),
        (["--device=cuda:99"], "device is 'cuda:99', which cannot be used here"),
        (["--n-head=3"], "n_embd = 16 cannot be cut into n_head = 3"),
    ],
)
def test_the_verb_fails_in_one_line(text, tmp_path, args, message):
    done = command("--text", text, "--out", tmp_path / "m", *FLAGS, "--steps=2", *args)
    assert done.exit_code in (1, 2)
    assert message in done.output
    assert "Traceback" not in done.output
    assert "%|" not in done.output  # no progress of nothing
    assert not (tmp_path / "m" / "config.json").exists()


ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}


def test_ctrl_c_keeps_the_state(text, tmp_path):
    """A real process, interrupted while it trains; the same command goes on and ends."""
    out = tmp_path / "m"
    args = [sys.executable, "-m", "course_lib", "train", "--text", str(text), "--out", str(out), *FLAGS]
    args += ["--steps=400", "--evaluate-every=10"]
    process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)
    seen = ""
    while "step 10:" not in seen:
        seen += process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate()
    assert process.returncode == 130, rest
    step = int(re.search(r"Stopped after step (\d+)\. The same command goes on", rest)[1])
    assert 10 <= step < 400
    assert torch.load(out / "run.pt", weights_only=True)["step"] == step
    again = subprocess.run(args, capture_output=True, text=True, env=ENVIRONMENT)
    assert again.returncode == 0, again.stderr
    assert json.loads((out / "run.json").read_text())["history"][-1]["step"] == 400


def test_two_processes_are_one_with_twice_the_accumulation(text, tmp_path):
    """torchrun with two gloo ranks, one batch each, against one process with two: the same losses and model."""
    flags = ["--text", str(text), *FLAGS, "--steps=5", "--evaluate-every=1"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "course_lib"]
    two = subprocess.run(
        [*torchrun, "train", "--out", str(tmp_path / "two"), *flags], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert two.returncode == 0, two.stderr
    one = command("--out", tmp_path / "one", *flags, "--accumulate=2")
    assert one.exit_code == 0, one.output
    histories = [json.loads((tmp_path / name / "run.json").read_text())["history"] for name in ("one", "two")]
    assert len(histories[0]) == 5
    assert histories[0] == histories[1]  # two numbers have one sum, in whatever order
    models = [GPT.from_pretrained(tmp_path / name).state_dict() for name in ("one", "two")]
    assert all(torch.equal(a, b) for a, b in zip(models[0].values(), models[1].values()))


def test_tokenizer_of_the_folder_is_the_texts(text, tmp_path):
    list(train_text([text], tmp_path / "m", settings()))
    tokenizer, _ = read_corpus([text], settings())
    assert Tokenizer.load(tmp_path / "m" / "tokenizer.json") == tokenizer
