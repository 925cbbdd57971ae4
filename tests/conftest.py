"""Turn on the runtime check of every shape and type in course_lib's signatures, before anything imports it."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from jaxtyping import install_import_hook

install_import_hook("course_lib", "beartype.beartype")

from tests.browser import browser  # noqa: E402, F401  (a fixture for every test that needs a real browser)
from tests.spread import spread  # noqa: E402


@pytest.hookimpl(tryfirst=True)  # before xdist reads what is written on the tests
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together when two workers share them."""
    spread(items)
