# %% sheet 05_positions "Exercises: positions"
# These exercises belong to [Positions](../05_positions.ipynb). You say where words stand, find out who is blind to it, and at the
# end your scores know how far two words are apart and nothing else.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 05_positions.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $T$ positions, $C$ channels, $D$ channels of a head, $V$ tokens in the vocabulary.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("05_positions")

# %% exercise places "Words and their places" points=1 minutes=8 difficulty=1
# A model goes on with a text that it has read in part: the next piece does not begin at position 0. The ids of this piece are
# `ids`, a list of $T$ numbers, and its first token stands at position `first`. Return the vectors $[T, C]$ that the model starts
# from: for each token the sum of its embedding, a row of `W_E` $[V, C]$, and of the vector of its position, a row of `W_P`.

# %% hint
# The token at index $i$ of the list stands at position `first` $+\, i$.

# %% hint
# `W_E[ids]` picks a row for each id. Which slice of `W_P` has the same number of rows?

# %% answer
def start_of_stream(ids, W_E, W_P, first=0):
    """Embeddings plus positions [T, C] of tokens that begin at position `first`."""
    ### BEGIN SOLUTION
    return W_E[ids] + W_P[first : first + len(ids)]
    ### END SOLUTION

# %% check
E, P = np.arange(10.0).reshape(5, 2), 100 * np.arange(12.0).reshape(6, 2)
check("three tokens from the beginning", lambda: start_of_stream([4, 0, 4], E, P))

# %% check
check("two tokens from position 3 on", lambda: start_of_stream([1, 1], E, P, first=3))

# %% hidden
check("random tables", lambda: start_of_stream(
    [2, 7, 7, 0, 5], check.rng(1).normal(size=(8, 3)), check.rng(2).normal(size=(20, 3)), first=int(check.rng(3).integers(1, 15))))

# %% hidden
check("a piece of one token", lambda: start_of_stream([3], E, P, first=5))

# %% mutant always-0 "Every piece begins at position 0: what was read before is forgotten in the count."
def start_of_stream(ids, W_E, W_P, first=0):
    return W_E[ids] + W_P[: len(ids)]

# %% mutant one-for-all "All tokens of the piece get the position of its first one."
def start_of_stream(ids, W_E, W_P, first=0):
    return W_E[ids] + W_P[first]

# %% mutant exchanged "The two tables are exchanged: words are looked up by place, and places by word."
def start_of_stream(ids, W_E, W_P, first=0):
    return W_P[ids] + W_E[np.arange(first, first + len(ids)) % len(W_E)]

# %% alternative one-by-one "Token by token."
def start_of_stream(ids, W_E, W_P, first=0):
    return np.array([W_E[token] + W_P[position] for position, token in enumerate(ids, first)])

# %% exercise blind "Who is blind to the order?" points=3 minutes=15 difficulty=2
# A layer `f` turns vectors $[T, C]$ into vectors $[T, C]$. It is *blind to the order* if each word gets the same from it in whatever
# order the words stand. Measure it: `order` is a new order of the $T$ positions, as a list of indices. Shuffle first and then use
# the layer; use the layer first and then shuffle. Return the largest absolute difference between the two.

# %% hint
# `x[order]` is the shuffled text: its row $i$ is the row `order[i]` of `x`.

# %% hint
# If `f` is blind, `f(x[order])` is what you get when you shuffle `f(x)` in the same way.

# %% answer
def order_error(f, x, order):
    """Largest absolute difference between shuffling before the layer f and after it; x [T, C]."""
    ### BEGIN SOLUTION
    return np.abs(f(x[order]) - f(x)[order]).max()
    ### END SOLUTION

# %% check
def attend(x, mask=None):
    """Attention of a text to itself, queries, keys and values being the vectors themselves."""
    return by_hand.attention(x, x, x, mask)

text, order = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]), [2, 0, 1]
check("attention without a mask is blind", lambda: order_error(attend, text, order) < 1e-12)

# %% check
check("attention under the causal mask", lambda: order_error(lambda x: attend(x, by_hand.causal_mask(3)), text, order))

# %% check
check("running sums", lambda: order_error(lambda x: x.cumsum(axis=0), text, order))

# %% hidden
check("positions are added", lambda: order_error(
    lambda x: x + 10 * np.arange(len(x))[:, None], check.rng(4).normal(size=(6, 2)), [3, 5, 0, 1, 4, 2]))

# %% hidden
check("differences of neighbours", lambda: order_error(
    lambda x: np.diff(x, axis=0, prepend=0.0), check.rng(5).normal(size=(5, 3)), [4, 1, 3, 0, 2]))

# %% hidden
check("each position alone", lambda: order_error(lambda x: 3 * x - 1, check.rng(6).normal(size=(5, 3)), [4, 1, 3, 0, 2]) < 1e-12)

# %% mutant not-shuffled "It compares with the unshuffled result: then even a layer that does nothing seems to see the order."
def order_error(f, x, order):
    return np.abs(f(x[order]) - f(x)).max()

# %% mutant shuffled-twice "It wants to undo the shuffle by shuffling once more: that brings back only orders that are their own inverse."
def order_error(f, x, order):
    return np.abs(f(x[order])[order] - f(x)).max()

# %% mutant signed "Without the absolute value a large negative difference goes unseen."
def order_error(f, x, order):
    return (f(x[order]) - f(x)[order]).max()

# %% mutant last-word "It looks at the last word alone: under a causal mask that one is the last to notice."
def order_error(f, x, order):
    return np.abs(f(x[order]) - f(x)[order])[-1].max()

# %% alternative undo "Shuffle, use the layer, and sort the rows back."
def order_error(f, x, order):
    back = np.argsort(order)
    return float(np.max(np.abs(f(x[np.array(order)])[back] - f(x))))

# %% exercise rotate "Scores that know the distance alone" points=4 minutes=25 difficulty=3
# Many models of today add nothing to the words. They *turn* queries and keys (RoPE). A query of $D$ channels is taken as $D/2$ pairs, the
# channels $2m$ and $2m + 1$ being pair $m = 0, \dots, D/2 - 1$. The pair of a query at position $t$ is turned by the angle
# $t\,\omega_m$ with $\omega_m = 10000^{-2m/D}$:
#
# $$(a, b) \to (a \cos t\omega_m - b \sin t\omega_m,\;\; a \sin t\omega_m + b \cos t\omega_m) .$$
#
# Keys are turned in the same way, each by *its* position. Then the score is what it always is, $q_i \cdot k_j / \sqrt D$. Since turning both by
# the same angle changes no dot product, only the distance $i - j$ is left in it. Return the scores $[T, T]$ of queries and keys
# $[T, D]$ whose first one stands at position `first`. No mask.

# %% hint
# `np.arange(first, first + T)[:, None] * omega` holds the angle of each position and pair, $[T, D/2]$. `x[:, 0::2]` are the first
# members of all pairs.

# %% hint
# Write a function that turns $[T, D]$, and use it for queries and for keys. To put the two new members back in their places, fill an empty
# array: `out[:, 0::2] = …` and `out[:, 1::2] = …`.

# %% answer
def rotated_scores(q, k, first=0):
    """Scores [T, T] of queries and keys [T, D], turned by their positions, the first of which is `first`."""
    ### BEGIN SOLUTION
    T, D = q.shape
    omega = 10_000.0 ** (-np.arange(0, D, 2) / D)
    angle = np.arange(first, first + T)[:, None] * omega

    def turned(x):
        a, b = x[:, 0::2], x[:, 1::2]
        out = np.empty(x.shape)
        out[:, 0::2] = a * np.cos(angle) - b * np.sin(angle)
        out[:, 1::2] = a * np.sin(angle) + b * np.cos(angle)
        return out

    return turned(q) @ turned(k).T / math.sqrt(D)
    ### END SOLUTION

# %% check
check("one pair, three positions, all vectors (1, 0)", lambda: rotated_scores(np.eye(2)[[0, 0, 0]], np.eye(2)[[0, 0, 0]]))

# %% check
check("two pairs", lambda: rotated_scores(check.rng(7).normal(size=(3, 4)), check.rng(8).normal(size=(3, 4))))

# %% check
def moved(first):
    q, k = check.rng(9).normal(size=(2, 4, 6))
    return [rotated_scores(q, k, first)[3, 0], np.abs(rotated_scores(q, k, first) - rotated_scores(q, k)).max() < 1e-9]

check("a score, and whether all stay when the text begins later", lambda: moved(100))

# %% hidden
check("eight pairs", lambda: rotated_scores(check.rng(10).normal(size=(5, 16)), check.rng(11).normal(size=(5, 16)), first=7))

# %% hidden
check("a single position", lambda: rotated_scores(check.rng(12).normal(size=(1, 4)), check.rng(13).normal(size=(1, 4)), first=50))

# %% mutant keys-still "Only the queries are turned: the scores know the query's place, not the distance."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    turn = np.exp(1j * np.arange(first, first + T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D))
    Q, K = (q[:, 0::2] + 1j * q[:, 1::2]) * turn, k[:, 0::2] + 1j * k[:, 1::2]
    return (Q @ K.conj().T).real / math.sqrt(D)

# %% mutant opposite-ways "Queries are turned one way and keys the other: what is left is the sum of the two positions."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    turn = np.exp(1j * np.arange(first, first + T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D))
    Q, K = (q[:, 0::2] + 1j * q[:, 1::2]) * turn, (k[:, 0::2] + 1j * k[:, 1::2]) * turn.conj()
    return (Q @ K.conj().T).real / math.sqrt(D)

# %% mutant one-speed "All pairs turn at the speed of the first; slower ones are needed to tell far from near."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    turn = np.exp(1j * np.arange(first, first + T))[:, None]
    Q, K = (q[:, 0::2] + 1j * q[:, 1::2]) * turn, (k[:, 0::2] + 1j * k[:, 1::2]) * turn
    return (Q @ K.conj().T).real / math.sqrt(D)

# %% mutant halves "Channel m is paired with channel m + D/2. Some libraries do that; their weights are arranged for it. Here neighbours are pairs."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    turn = np.exp(1j * np.arange(first, first + T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D))
    Q, K = (q[:, : D // 2] + 1j * q[:, D // 2 :]) * turn, (k[:, : D // 2] + 1j * k[:, D // 2 :]) * turn
    return (Q @ K.conj().T).real / math.sqrt(D)

# %% mutant no-root "The division by the root of D is missing: turning replaces nothing of the rest."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    turn = np.exp(1j * np.arange(first, first + T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D))
    Q, K = (q[:, 0::2] + 1j * q[:, 1::2]) * turn, (k[:, 0::2] + 1j * k[:, 1::2]) * turn
    return (Q @ K.conj().T).real

# %% mutant added "The waves are added to queries and keys instead of turning them: then places count, too, and not only distances."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    angle = np.arange(first, first + T)[:, None] * 10_000.0 ** (-np.arange(0, D, 2) / D)
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(T, D)
    return (q + waves) @ (k + waves).T / math.sqrt(D)

# %% alternative distance "From the distance alone, pair by pair: turn the query by the angle that lies between."
def rotated_scores(q, k, first=0):
    T, D = q.shape
    scores = np.zeros((T, T))
    for m in range(D // 2):
        angle = np.subtract.outer(np.arange(T), np.arange(T)) * 10_000.0 ** (-2 * m / D)
        a, b = q[:, [2 * m]], q[:, [2 * m + 1]]
        c, d = k[:, 2 * m], k[:, 2 * m + 1]
        scores += (a * np.cos(angle) - b * np.sin(angle)) * c + (a * np.sin(angle) + b * np.cos(angle)) * d
    return scores / math.sqrt(D)

# %% show
from course_lib import figures

figures.use_style()


def how_far_it_sees(T=64, sizes=(4, 16, 128)):
    """Your scores between one and the same vector at two places, over the distance, in heads of several sizes."""
    same = {f"D = {D}": rotated_scores(np.ones((T, D)), np.ones((T, D)), first=1000)[-1, ::-1] / math.sqrt(D) for D in sizes}
    return figures.lines(
        range(T),
        same,
        xlabel="distance",
        ylabel="score, as a share of that at distance 0",
        title="One and the same vector, further and further away",
        alt="Curves that begin at 1 and fall with the distance, in waves; the more channels, the smoother.",
    )


check.show(how_far_it_sees)
