"""Text in, text out: whole characters only, the end-of-text token, which tokenizer belongs to which model."""

import json

import pytest
import torch

from course_lib import data, generation
from course_lib.generation import stream_text
from course_lib.models import GPT, GPTConfig
from course_lib.tokens import ENDOFTEXT, Tokenizer, gpt2_tokenizer

BYTES = Tokenizer(special_tokens=[ENDOFTEXT])
END = 256


class Recites:
    """Stands where `stream` stands: gives ids from a list, and remembers what it was asked."""

    def __init__(self, monkeypatch, ids):
        self.ids = list(ids)
        monkeypatch.setattr("course_lib.generation.text.stream", self)

    def __call__(self, model, prompt, max_new_tokens, stop=(), **options):
        self.prompt, self.stop, self.options = prompt, stop, options
        for i in self.ids[:max_new_tokens]:
            yield i
            if i == stop:
                return


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=257, n_ctx=16, n_embd=24, n_layer=1, n_head=2)).eval()


def test_a_piece_is_whole_characters(model, monkeypatch):
    text = "é𝄞a→"
    Recites(monkeypatch, text.encode())
    assert list(stream_text(model, BYTES, "", 99)) == list(text)


def test_half_a_character_at_the_end_becomes_a_replacement(model, monkeypatch):
    Recites(monkeypatch, "a→".encode()[:3])
    assert "".join(stream_text(model, BYTES, "", 99)) == "a\ufffd"


def test_bytes_that_are_no_utf8_become_replacements(model, monkeypatch):
    Recites(monkeypatch, b"a\xff\xfeb")
    assert "".join(stream_text(model, BYTES, "", 99)) == "a\ufffd\ufffdb"


def test_the_end_of_text_goes_before_the_prompt_and_ends_the_text(model, monkeypatch):
    script = Recites(monkeypatch, [*b"ab", END, *b"cd"])
    assert "".join(stream_text(model, BYTES, "hi", 99)) == "ab"
    assert script.prompt == [END, *b"hi"]
    assert script.stop == END


def test_what_goes_before_the_prompt_and_what_ends_the_text_can_be_chosen(model, monkeypatch):
    script = Recites(monkeypatch, [*b"ab", END, *b"cd"])
    assert "".join(stream_text(model, BYTES, "hi", 99, bare=True, stop=())) == f"ab{ENDOFTEXT}cd"
    assert script.prompt == [*b"hi"]
    assert "".join(stream_text(model, BYTES, "hi", 99, stop=98)) == "a"


def test_an_end_of_text_in_the_prompt_is_one_token_and_not_doubled(model, monkeypatch):
    script = Recites(monkeypatch, [])
    list(stream_text(model, BYTES, f"{ENDOFTEXT}a{ENDOFTEXT}", 9))
    assert script.prompt == [END, 97, END]


def test_options_reach_the_sampler(model, monkeypatch):
    script = Recites(monkeypatch, [])
    list(stream_text(model, BYTES, "a", 9, temperature=0.5, top_p=0.9))
    assert script.options == {"temperature": 0.5, "top_p": 0.9}


def test_the_pieces_are_what_generate_writes(model):
    ids = generation.generate(model, [END, *b"hi"], 40, stop=END, generator=torch.Generator().manual_seed(2))
    pieces = stream_text(model, BYTES, "hi", 40, generator=torch.Generator().manual_seed(2))
    assert "".join(pieces) == BYTES.decode(ids[3:]).replace(ENDOFTEXT, "")


def test_an_empty_prompt_without_an_end_of_text_token_is_refused():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=256, n_ctx=16, n_embd=24, n_layer=1, n_head=2))
    with pytest.raises(ValueError, match="prompt 0 is empty"):
        stream_text(model, Tokenizer(), "", 5)


def test_the_town_writes():
    model, tokenizer = generation.load(data.TOWN_GPT)
    text = "".join(stream_text(model, tokenizer, "", 60, temperature=0))
    assert text.isascii()
    assert " " in text.strip()


def test_a_folder_opens_with_its_tokenizer(model, tmp_path):
    model.save_pretrained(tmp_path)
    BYTES.save(tmp_path / "tokenizer.json")
    again, tokenizer = generation.load(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert tokenizer == BYTES


def test_gpt2s_vocabulary_belongs_to_a_model_of_its_size(tmp_path):
    GPT(GPTConfig(vocab_size=50257, n_ctx=4, n_embd=2, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    assert generation.load(tmp_path)[1] == gpt2_tokenizer()
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": {"type": "BPE"}}))  # transformers'
    assert generation.load(tmp_path)[1] == gpt2_tokenizer()


def test_a_folder_without_a_tokenizer_is_named(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json: the model's 257 tokens"):
        generation.load(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(model, tmp_path):
    model.save_pretrained(tmp_path)
    Tokenizer().save(tmp_path / "tokenizer.json")
    with pytest.raises(ValueError, match="has 256 tokens, the model 257"):
        generation.load(tmp_path)
