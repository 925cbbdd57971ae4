# %% sheet small "A small sheet for the tests"
# Some text.

# %% setup
import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("small")

# %% exercise softmax "Softmax" points=4 minutes=5 difficulty=1
# Write softmax.

# %% hint
# Use the axis.

# %% answer
def softmax(x):
    """Softmax over the last axis."""
    ### BEGIN SOLUTION
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    ### END SOLUTION

# %% check
check("softmax, two rows", lambda: softmax(check.rng(1).normal(size=(2, 3))))

# %% check
check("softmax, large", lambda: softmax(check.rng(2).normal(size=3) + 1000.0))

# %% hidden weight=2
check("softmax, a batch", lambda: softmax(check.rng(77).normal(size=(2, 2, 4)) * 5))

# %% mutant axis "It sums over the columns: the weights of a row no longer sum to 1."
def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)

# %% mutant all "It sums over everything: the rows share one sum."
def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()

# %% mutant no-exp "It divides the scores by their sum and forgets the exponential."
def softmax(x):
    return x / x.sum(axis=-1, keepdims=True)

# %% alternative by-hand "The library's."
def softmax(x):
    return by_hand.softmax(x)

# %% exercise mask "Mask" points=2 minutes=5 difficulty=1
# Write mask.

# %% hint
# tril

# %% answer
def causal_mask(n):
    ### BEGIN SOLUTION
    return np.tril(np.ones((n, n), dtype=bool))
    ### END SOLUTION

# %% check
check("mask of 3", lambda: causal_mask(3))

# %% hidden
check("mask, size", lambda: causal_mask(int(check.rng(5).integers(5, 90))))

# %% mutant strict "It hides the position itself: k=-1."
def causal_mask(n):
    return np.tril(np.ones((n, n), dtype=bool), k=-1)

# %% mutant future "It shows the future and hides the past: the triangle is the other one."
def causal_mask(n):
    return np.triu(np.ones((n, n), dtype=bool))

# %% mutant floats "It holds numbers where True and False were asked for."
def causal_mask(n):
    return np.tril(np.ones((n, n)))

# %% alternative compare "By comparing."
def causal_mask(n):
    return np.arange(n)[:, None] >= np.arange(n)

# %% exercise attention "Attention" points=4 minutes=10 difficulty=2
# Write attention with a causal mask. `by_hand.softmax` is there for you.

# %% hint
# Scores first, then the mask, then the softmax.

# %% answer
def attention(q, k, v):
    ### BEGIN SOLUTION
    scores = q @ k.T / np.sqrt(q.shape[-1])
    seen = np.tri(len(q), dtype=bool)
    return by_hand.softmax(np.where(seen, scores, -np.inf)) @ v
    ### END SOLUTION

# %% check
check("attention, four words", lambda: attention(*check.rng(3).normal(size=(3, 4, 2))))

# %% hidden
check("attention, five words", lambda: attention(*check.rng(99).normal(size=(3, 5, 3))))

# %% mutant no-root "It does not divide by the root of D: long vectors make sharp weights."
def attention(q, k, v):
    seen = np.tri(len(q), dtype=bool)
    return by_hand.softmax(np.where(seen, q @ k.T, -np.inf)) @ v

# %% mutant no-mask "It looks ahead: nothing is masked."
def attention(q, k, v):
    return by_hand.attention(q, k, v)

# %% mutant mask-after "It masks after the softmax: the weights of a row no longer sum to 1."
def attention(q, k, v):
    return (by_hand.attention_weights(q, k) * np.tri(len(q))) @ v

# %% alternative loops "One position at a time."
def attention(q, k, v):
    rows = []
    for i in range(len(q)):
        s = np.array([q[i] @ k[j] for j in range(i + 1)]) / np.sqrt(len(q[i]))
        w = np.exp(s - s.max())
        rows.append((w / w.sum()) @ v[: i + 1])
    return np.array(rows)

# %% show
check.show(lambda: attention(*np.ones((3, 2, 2))))
