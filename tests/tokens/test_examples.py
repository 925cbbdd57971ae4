import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["alphabet", "merging", "splitting", "steps", "tokenizer", "training"])
def test_the_examples_in_the_docstrings_are_true(name):
    result = doctest.testmod(importlib.import_module(f"course_lib.tokens.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
