"""Turn on the runtime check of every shape and type in course_lib's signatures, before anything imports it."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from jaxtyping import install_import_hook

install_import_hook("course_lib", "beartype.beartype")

from tests.browser import browser  # noqa: E402, F401  (a fixture for every test that needs a real browser)
