"""python -m course_lib generate: what it prints, and how it fails."""

import os
import re
import subprocess
import sys

import pytest
import torch
from click.testing import CliRunner

from course_lib import generation
from course_lib.__main__ import main
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer


def run(*args):
    return CliRunner().invoke(main, ["generate", *map(str, args)], prog_name="python -m course_lib")


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    GPT(GPTConfig(vocab_size=257, n_ctx=16, n_embd=24, n_layer=1, n_head=2)).save_pretrained(tmp_path)
    Tokenizer(special_tokens=[ENDOFTEXT]).save(tmp_path / "tokenizer.json")
    return tmp_path


def test_the_town_is_the_default_and_the_prompt_comes_first():
    done = run("--prompt", "Anna", "--max-new-tokens", 20, "--seed", 3)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Anna")
    assert done.stdout.endswith("\n")


def test_it_prints_what_the_library_writes(folder):
    options = {"temperature": 0.7, "top_k": 90, "top_p": 0.9, "nucleus": "openai", "repetition_penalty": 1.3}
    model, tokenizer = generation.load(folder)
    generator = torch.Generator().manual_seed(5)
    text = "".join(generation.stream_text(model, tokenizer, "hé", 40, generator=generator, **options))
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    done = run("--model", folder, "--prompt", "hé", "--max-new-tokens", 40, "--seed", 5, *flags)
    assert done.stdout_bytes.decode() == f"hé{text}\n"


def test_a_seed_repeats_the_text_and_no_seed_does_not(folder):
    again = [run("--model", folder, "--seed", 1).stdout_bytes for _ in range(2)]
    assert again[0] == again[1]
    assert run("--model", folder).stdout_bytes != run("--model", folder).stdout_bytes


def test_greedy_needs_no_seed(folder):
    texts = [run("--model", folder, *flags).stdout_bytes for flags in (["--greedy"], ["--temperature", 0])]
    assert texts[0] == texts[1]


def test_n_texts_differ_and_are_numbered(folder):
    done = run("--model", folder, "--n", 2, "--seed", 1, "--max-new-tokens", 30)
    nothing, first, second = re.split(r"--- [12] of 2\n", done.stdout)
    assert nothing == ""
    assert first.strip() != second.strip()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_writes(folder, dtype):
    assert run("--model", folder, "--dtype", dtype, "--seed", 1).exit_code == 0


def test_bare_prompts(folder):
    assert run("--model", folder, "--prompt", "a", "--bare").exit_code == 0
    done = run("--model", folder, "--bare")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: prompt 0 is empty")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--model", "no-such-folder"], 1, "no-such-folder"),
        (["--temperature", "-1"], 2, "-1.0 is not in the range"),
        (["--temperature", "nan"], 1, "temperature is nan"),
        (["--top-k", "0"], 2, "0 is not in the range"),
        (["--top-p", "0"], 2, "0.0 is not in the range"),
        (["--top-p", "1.1"], 2, "1.1 is not in the range"),
        (["--max-new-tokens", "-1"], 2, "-1 is not in the range"),
        (["--n", "0"], 2, "0 is not in the range"),
        (["--repetition-penalty", "0"], 2, "0.0 is not in the range"),
        (["--prompt", "\udcff"], 1, "surrogate"),
        (["--colour", "red"], 2, "No such option"),
    ],
)
def test_errors_take_one_line_and_say_the_value(args, code, message):
    done = run(*args)
    assert done.exit_code == code
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert done.stdout == ""


def test_text_appears_as_it_is_made(folder, monkeypatch):
    """The first piece is on its way before the second is made."""
    printed = []
    monkeypatch.setattr("click.echo", lambda text="", **_: printed.append(text))

    def pieces(*_, **__):
        for i in range(3):
            assert printed[-1] == ("robot" if i == 0 else str(i - 1))
            yield str(i)

    monkeypatch.setattr("course_lib.generation.command.stream_text", pieces)
    assert run("--model", folder, "--prompt", "robot").exit_code == 0
    assert printed == ["robot", "0", "1", "2", ""]


def test_a_terminal_that_lacks_the_characters_gets_a_question_mark(folder):
    done = subprocess.run(
        [sys.executable, "-m", "course_lib", "generate", "--prompt", "é→", "--max-new-tokens", "0"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"\xe9?\n"
