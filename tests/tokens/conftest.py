import pytest

from course_lib.tokens import gpt2_tokenizer, train_bpe
from tests.tokens.strings import corpus, unchecked


@pytest.fixture(scope="session")
def tokenizer():
    with unchecked():
        return train_bpe(corpus(), 2000, ["<|endoftext|>"])


@pytest.fixture(scope="session")
def gpt2():
    with unchecked():
        return gpt2_tokenizer()
