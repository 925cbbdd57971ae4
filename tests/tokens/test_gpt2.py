import hashlib
import importlib.util
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiktoken
import tiktoken_ext.openai_public

from course_lib import tokens
from course_lib.tokens import encoder_json, gpt2_encoding, gpt2_merges, train_bpe, vocab_bpe
from course_lib.tokens.alphabet import BYTE_ORDER, read_bytes, write_bytes
from course_lib.tokens.gpt2 import RANKS_SHA256, RANKS_URL, _packaged_file
from tests.tokens.strings import unchecked

HOW = r"pip install --no-deps openai-whisper==20250625"


def test_the_published_files_come_back_byte_for_byte(gpt2):
    """tiktoken's source names the sha256 of both files."""
    source = inspect.getsource(tiktoken_ext.openai_public.gpt2)
    with unchecked():
        vocab, encoder = (hashlib.sha256(made(gpt2)).hexdigest() for made in (vocab_bpe, encoder_json))
    assert f'vocab_bpe_hash="{vocab}"' in source
    assert f'encoder_json_hash="{encoder}"' in source
    assert RANKS_SHA256 in inspect.getsource(tiktoken_ext.openai_public.r50k_base)
    assert RANKS_URL in inspect.getsource(tiktoken_ext.openai_public.r50k_base)


def test_the_numbers_add_up(gpt2):
    assert tokens.GPT2_VOCAB_SIZE == 50_257 == gpt2.vocab_size
    assert tokens.GPT1_VOCAB_SIZE == 40_478
    assert len(gpt2.merges) == tokens.GPT2_MERGES
    assert gpt2.special_tokens == {tokens.ENDOFTEXT: 50_256}
    assert gpt2.merges[:3] == [(b" ", b"t"), (b" ", b"a"), (b"h", b"e")]


def test_gpt2_merges(gpt2):
    with unchecked():
        assert gpt2_merges() == gpt2.merges


def test_the_order_of_bytes():
    assert sorted(BYTE_ORDER) == list(range(256))
    assert BYTE_ORDER[0] == ord("!")
    assert BYTE_ORDER[220] == ord(" ")
    assert read_bytes(write_bytes(bytes(range(256)))) == bytes(range(256))
    assert sorted(write_bytes(bytes(range(256)))) == list(write_bytes(bytes(BYTE_ORDER)))
    with pytest.raises(ValueError, match="' ' in 'a b' stands for no byte"):
        read_bytes("a b")


def test_the_files_of_another_tokenizer():
    tokenizer = train_bpe(["ab ab"], 258, ["<s>"])
    assert vocab_bpe(tokenizer) == b"#version: 0.2\na b\n"
    ids = json.loads(encoder_json(tokenizer))
    assert (len(ids), ids["a"], ids["Ġ"], ids["ab"], ids["<s>"]) == (258, 97, 32, 256, 257)


@pytest.fixture
def nothing_at_hand(monkeypatch):
    """No package, no cache, no network."""

    def no_network(name):
        raise OSError("no network")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(tiktoken, "get_encoding", no_network)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)


ASSET = _packaged_file()


def test_the_package_is_used_without_importing_it(monkeypatch):
    monkeypatch.setattr(tiktoken, "get_encoding", None)
    assert gpt2_encoding().n_vocab == 50_257
    assert "whisper" not in sys.modules


@pytest.mark.usefixtures("nothing_at_hand")
def test_without_a_file_the_error_says_how_to_get_it():
    with pytest.raises(FileNotFoundError, match=f"(?s){HOW}.*gpt2_encoding\\(path\\).*no network"):
        gpt2_encoding()


@pytest.mark.usefixtures("nothing_at_hand")
def test_a_file_that_the_caller_names(tmp_path):
    shutil.copy(ASSET, tmp_path / "mine.tiktoken")
    assert gpt2_encoding(tmp_path / "mine.tiktoken").encode("hello world") == [31373, 995]
    with pytest.raises(FileNotFoundError, match=r"(?s)there is no file .*other\.tiktoken.*" + HOW):
        gpt2_encoding(str(tmp_path / "other.tiktoken"))


@pytest.mark.usefixtures("nothing_at_hand")
def test_tiktokens_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    cached = tmp_path / hashlib.sha1(RANKS_URL.encode()).hexdigest()
    shutil.copy(ASSET, cached)
    assert gpt2_encoding().encode("hello world") == [31373, 995]
    cached.write_bytes(ASSET.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{cached.name} is not GPT-2's vocabulary: its sha256 is .*{RANKS_SHA256}"):
        gpt2_encoding()


@pytest.mark.usefixtures("nothing_at_hand")
def test_the_download_comes_last(monkeypatch):
    encoding = gpt2_encoding(ASSET)
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: {"gpt2": encoding}[name])
    assert gpt2_encoding().encode("hello world") == [31373, 995]


def test_another_package_of_that_name_is_passed_over(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("whisper", tmp_path / "whisper.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert _packaged_file() is None


def test_the_chapters_need_no_torch():
    code = "import sys, course_lib.tokens; print({'torch', 'numpy', 'tiktoken', 'whisper'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
