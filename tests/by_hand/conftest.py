"""A small random GPT in NumPy."""

import numpy as np
import pytest

from course_lib.by_hand import checkpoint

SIZES = {"vocab_size": 11, "n_ctx": 9, "n_embd": 12, "n_layer": 2, "n_head": 3}


def random_params(dtype=np.float64):
    """Weights of every size at random, LayerNorm's too: a gain of 1 and a bias of 0 would test nothing."""
    rng = np.random.default_rng(0)
    shapes = checkpoint.parameter_shapes(**SIZES)
    return checkpoint._nest({name: (0.5 * rng.standard_normal(s)).astype(dtype) for name, s in shapes.items()})


@pytest.fixture
def params():
    return random_params()


@pytest.fixture
def params_as():
    return random_params
