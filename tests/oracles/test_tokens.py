"""Our byte-pair encoding against tiktoken, its educational version, and Hugging Face's Rust trainer."""

import json
import random
import unicodedata

import pytest
import regex
import tiktoken
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken import _educational
from tiktoken_ext.openai_public import r50k_pat_str
from tokenizers import models, pre_tokenizers, trainers

from course_lib.tokens import PATTERN, Tokenizer, gpt2_encoding, gpt2_tokenizer, split, train_bpe
from course_lib.tokens.alphabet import write_bytes
from course_lib.tokens.training import count_chunks, find_merges
from tests.tokens.strings import corpus, random_strings, unchecked

with unchecked():
    TRAINED = train_bpe(corpus(), 2000, ["<|endoftext|>"])
    TWO_SPECIAL = Tokenizer(TRAINED.merges, ["<|endoftext|>", "<|a|>"])
TRAINED_TIKTOKEN, TWO_SPECIAL_TIKTOKEN = TRAINED.to_tiktoken(), TWO_SPECIAL.to_tiktoken()


@pytest.fixture(scope="module", autouse=True)
def without_checks_of_signatures():
    """tests/tokens has them on; here they would take longer than all that is tested."""
    with unchecked():
        yield


@pytest.fixture(scope="module")
def gpt2():
    return gpt2_tokenizer()


@pytest.fixture(scope="module")
def gpt2_tiktoken():
    return gpt2_encoding()


def test_tiktokens_own_vectors(gpt2, gpt2_tiktoken):
    for encoding in (gpt2, gpt2_tiktoken):
        assert encoding.encode("hello world") == [31373, 995]
        assert encoding.encode("hello <|endoftext|>", allowed_special="all") == [31373, 220, 50256]
        assert encoding.encode("0" * 9) == [10535, 830]
        assert encoding.encode("0" * 17) == [8269, 10535, 830]
        assert encoding.decode([31373, 995]) == "hello world"


def test_the_ids_are_tiktokens_on_24_000_strings(gpt2, gpt2_tiktoken):
    """Convention: special tokens in the text are ordinary text (`disallowed_special=()`)."""
    for ours, theirs, n in ((TRAINED, TRAINED_TIKTOKEN, 20_000), (gpt2, gpt2_tiktoken, 4_000)):
        for text in random_strings(n, seed=0):
            ids = ours.encode(text, disallowed_special=())
            assert ids == theirs.encode_ordinary(text), repr(text)
            assert ours.decode(ids) == text


@settings(max_examples=500, deadline=None)
@given(st.text())
def test_the_ids_are_tiktokens_on_what_hypothesis_thinks_up(text):
    ids = TRAINED.encode(text, disallowed_special=())
    assert ids == TRAINED_TIKTOKEN.encode_ordinary(text)
    assert TRAINED.decode(ids) == text


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["<|endoftext|>", "<|endof", "text|>", "<|a|>", " ", "robot"])).map("".join),
    st.sets(st.sampled_from(["<|endoftext|>", "<|a|>"])),
    st.sampled_from(["all", ()]),
)
def test_special_tokens_are_tiktokens(text, allowed, disallowed):
    ours, theirs = TWO_SPECIAL, TWO_SPECIAL_TIKTOKEN
    try:
        ids = theirs.encode(text, allowed_special=allowed, disallowed_special=disallowed)
    except ValueError:
        with pytest.raises(ValueError, match="holds the special token"):
            ours.encode(text, allowed, disallowed)
    else:
        assert ours.encode(text, allowed, disallowed) == ids
        assert ours.decode(ids) == theirs.decode(ids) == text


def test_any_ids_decode_as_in_tiktoken():
    draw = random.Random(0)
    for _ in range(1000):
        ids = [draw.randrange(TRAINED.vocab_size) for _ in range(draw.randrange(20))]
        assert TRAINED.decode(ids) == TRAINED_TIKTOKEN.decode(ids)


def test_to_tiktoken_carries_everything():
    assert TRAINED_TIKTOKEN.n_vocab == TRAINED.vocab_size
    assert TRAINED_TIKTOKEN.special_tokens_set == {"<|endoftext|>"}
    assert TRAINED.to_tiktoken(name="robot").name == "robot"


def points_to_try():
    """Every code point at which a class of ours begins or ends, and every eighth of the others."""
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
    kinds = regex.sub(r"\p{L}", "a", regex.sub(r"\p{N}", "1", regex.sub(r"[^\p{L}\p{N}\s]", "!", "".join(points))))
    inside = [before == kind == after for before, kind, after in zip(" " + kinds, kinds, kinds[1:] + " ")]
    return [point for i, point in enumerate(points) if i % 8 == 0 or not inside[i]]


def test_chunks_are_tiktokens_all_over_unicode():
    """An encoding whose merges are (any byte, "a") and so on: a merge shows that a code point shares a chunk with "a".

    tiktoken 0.14.0 knows the letters of Unicode 16, and regex 2026.11.15 those of later versions, too.
    """
    probe = Tokenizer([(bytes([byte]), mark) for mark in (b"a", b"1", b"!") for byte in range(256)])
    encoding, points = probe.to_tiktoken(), points_to_try()
    for mark in "a1!":
        text = "\n".join(point + mark for point in points) + "\n"
        ours = [len(chunk) > 1 for chunk in split(text) if chunk[-1] == mark]
        theirs = [i > 255 for i in encoding.encode_ordinary(text) if i > 255 or i == ord(mark)]
        assert len(ours) == len(theirs) == len(points)
        wrong = [hex(ord(point)) for point, one, other in zip(points, ours, theirs) if one != other]
        assert not wrong, f"in front of {mark!r}, {len(wrong)} code points differ: {wrong[:10]}"


def test_our_pattern_splits_as_tiktokens():
    """tiktoken writes the pattern with possessive quantifiers, to be faster."""
    faster = tiktoken.Encoding(
        "faster", pat_str=r50k_pat_str, mergeable_ranks=TRAINED_TIKTOKEN._mergeable_ranks, special_tokens={}
    )
    assert TRAINED_TIKTOKEN._pat_str == PATTERN
    for text in random_strings(3000, seed=4):
        assert faster.encode(text) == TRAINED_TIKTOKEN.encode_ordinary(text)


def test_the_educational_encoder_gives_the_same_ids():
    ranks = TRAINED_TIKTOKEN._mergeable_ranks
    for text in random_strings(300, seed=5):
        theirs = [i for chunk in split(text) for i in _educational.bpe_encode(ranks, chunk.encode(), visualise=None)]
        assert TRAINED.encode(text, disallowed_special=()) == theirs


def test_the_educational_trainer_gives_the_same_vocabulary():
    """Its ties go to the pair that it met first, ours to the first in GPT-2's order. Here no two pairs tie."""
    often = {"ab": 50, "abcd": 21, "cd": 40, "ef": 30, "efgh": 13, "gh": 19, "ij": 9, "ijkl": 5, "kl": 3}
    text = "".join((word + "\n") * n for word, n in often.items())
    theirs = _educational.bpe_train(text, 265, r50k_pat_str, visualise=None)
    ours = train_bpe([text], 265)
    assert theirs == {ours.token_bytes(i): i for i in range(265)}


def test_a_tie_is_where_the_educational_trainer_differs():
    theirs = _educational.bpe_train("zyab", 257, r50k_pat_str, visualise=None)
    assert theirs[b"zy"] == 256
    assert train_bpe(["zyab"], 257).merges == [(b"a", b"b")]


def hugging_face_merges(texts, vocab_size, special_tokens=()):
    """BpeTrainer over GPT-2's pre-tokenizer. Its special tokens have the first ids, ours the last.

    Ties: largest count, then the smallest pair of ids; its alphabet is sorted by character, which is GPT-2's order.
    """
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=list(special_tokens),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return [tuple(pair) for pair in json.loads(theirs.to_str())["model"]["merges"]]


def visible(merges):
    return [(write_bytes(left), write_bytes(right)) for left, right in merges]


def names_of(first, last):
    return " ".join(unicodedata.name(chr(point), "") for point in range(first, last))


CORPORA = {
    "English": [names_of(0x20, 0x3000).lower()],
    "many scripts": ["".join(map(chr, range(0x20, 0x2000))), *random_strings(800, seed=6)],
    "Chinese and numbers": [" ".join(f"机器{chr(0x4E00 + i * i % 997)} {i * i} {i:b}" for i in range(3000))],
    "code": [json.dumps({f"key_{i}": [i, "robot's"] * (i % 4) for i in range(2000)}, indent=2)],
}


@pytest.mark.parametrize("vocab_size", [256, 257, 300, 1000, 1500])
@pytest.mark.parametrize("name", CORPORA)
def test_the_merges_are_hugging_faces(name, vocab_size):
    assert visible(train_bpe(CORPORA[name], vocab_size).merges) == hugging_face_merges(CORPORA[name], vocab_size)


def test_the_merges_are_hugging_faces_with_special_tokens():
    texts, special = CORPORA["English"], ["<|endoftext|>", "<pad>"]
    assert visible(train_bpe(texts, 600, special).merges) == hugging_face_merges(texts, 600, special)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab c'é\n", max_size=30), min_size=1, max_size=6))
def test_the_merges_are_hugging_faces_to_the_end_and_in_every_tie(texts):
    ours = find_merges(count_chunks(texts), 1000)
    assert visible(ours) == hugging_face_merges(texts, 1256)
