"""What every chapter does in its first cell, and the two things that it does again and again.

``begin`` makes a run repeatable, ``source`` shows the library's real code, ``agree`` holds two results together.
"""

import inspect
import os
import random
import sys
import textwrap
from collections.abc import Callable

import numpy as np
from IPython.display import Markdown
from numpy.typing import ArrayLike


def begin(seed: int = 0) -> np.random.Generator:
    """Seed Python, NumPy and (where it is loaded) PyTorch, hold them to one thread, set the figures' style.

    One thread, because two that spin beside another busy program are slower than one.
    Returns a NumPy generator with the same seed, for the chapter's own random numbers.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(seed)
        torch.set_num_threads(1)
    from course_lib import figures

    figures.use_style()
    return np.random.default_rng(seed)


def source(*objects: Callable | type) -> Markdown:
    """Show the real source of functions or classes of the library, as a code block.

    Errors: TypeError for something that has no Python source (a built-in, a number).
    """
    try:
        texts = [textwrap.dedent(inspect.getsource(inspect.unwrap(thing))).rstrip() for thing in objects]
    except TypeError as error:
        raise TypeError(f"source() shows Python functions and classes: {error}") from None
    return Markdown("```python\n" + "\n\n\n".join(texts) + "\n```")


def agree(ours: ArrayLike, theirs: ArrayLike, tolerance: float, name: str = "largest difference") -> None:
    """Print the largest absolute difference between two arrays; raise AssertionError beyond the tolerance.

    Errors: ValueError when the shapes differ (both are named).
    """
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"cannot compare shapes {a.shape} and {b.shape}")
    difference = float(np.max(np.abs(a - b), initial=0.0))
    print(f"{name}: {difference:.1e} (at most {tolerance:.0e} allowed)")
    if not difference <= tolerance:
        raise AssertionError(f"{name} is {difference:.3e}, more than the {tolerance:.0e} allowed")
