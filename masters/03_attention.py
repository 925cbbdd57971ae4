# %% sheet 03_attention "Exercises: self-attention"
# These exercises belong to [Self-attention](../03_attention.ipynb). You build scaled dot-product attention in NumPy, one piece
# at a time, and at the end you run your own pieces inside the trained model of the book.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 03_attention.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: $T$ positions, vectors of $D$ numbers, words of $C$ numbers, $B$ sentences.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("03_attention")

# %% exercise scores "Compare every query with every key" points=2 minutes=8 difficulty=1
# A query $q_i$ and a key $k_j$ meet in a dot product, divided by $\sqrt{D}$:
#
# $$s_{ij} = \frac{q_i \cdot k_j}{\sqrt{D}}$$
#
# `q` has the shape $[T_q, D]$ and `k` the shape $[T_k, D]$. Return all scores at once, $[T_q, T_k]$: a row for each query.

# %% hint
# All dot products of rows with rows are one product of matrices. Which of the two has to be turned?

# %% hint
# `q @ k.T` has the right shape. $D$ is the length of one query: `q.shape[-1]`.

# %% answer
def scores(q, k):
    """Scaled scores of queries q [Tq, D] against keys k [Tk, D]: [Tq, Tk]."""
    ### BEGIN SOLUTION
    return q @ k.T / math.sqrt(q.shape[-1])
    ### END SOLUTION

# %% check
q, k = np.eye(4)[:2] * 4, np.arange(12.0).reshape(3, 4)
check("scores of two queries and three keys", lambda: scores(q, k))

# %% hidden
check("scores of random vectors", lambda: scores(check.rng(1).normal(size=(3, 8)), check.rng(2).normal(size=(5, 8))))

# %% hidden
check("scores of long vectors", lambda: scores(check.rng(3).normal(size=(2, 64)), check.rng(4).normal(size=(2, 64))))

# %% mutant no-root "The division by √D is missing: long vectors get large scores with no more to say."
def scores(q, k):
    return q @ k.T

# %% mutant divides-by-D "It divides by D, not by its root: the scores of long vectors come out too small."
def scores(q, k):
    return q @ k.T / q.shape[-1]

# %% mutant divides-by-T "It divides by the root of the number of keys. What grows a dot product is the length of the vectors."
def scores(q, k):
    return q @ k.T / math.sqrt(len(k))

# %% mutant turned "Rows and columns are exchanged: each row must belong to a query, and each column to a key."
def scores(q, k):
    return k @ q.T / math.sqrt(q.shape[-1])

# %% alternative loops "One pair at a time."
def scores(q, k):
    table = np.zeros((len(q), len(k)))
    for i in range(len(q)):
        for j in range(len(k)):
            table[i, j] = sum(q[i] * k[j]) / len(q[i]) ** 0.5
    return table

# %% exercise weights "From scores to weights" points=2 minutes=10 difficulty=1
# Turn scores $[T_q, T_k]$ into weights of the same shape by a softmax. Each row belongs to one query, and its weights sum to 1:
#
# $$a_{ij} = \frac{e^{s_{ij}}}{\sum_m e^{s_{im}}}$$
#
# It must also work for scores of 1,000, for which $e^{s}$ is more than a computer can hold. Adding the same number to all
# scores of a row changes nothing: use that.

# %% hint
# `axis=-1` works along the rows. `keepdims=True` keeps a column, so that the division fits.

# %% hint
# Take the largest score of each row off all scores of that row. The largest exponent is then $e^0 = 1$.

# %% answer
def weights(scores):
    """Softmax along each row of scores [Tq, Tk], safe for large scores: [Tq, Tk]."""
    ### BEGIN SOLUTION
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    ### END SOLUTION

# %% check
check("weights of two rows", lambda: weights(np.array([[0.0, 0.0, 0.0, 0.0], [3.0, 2.0, 1.0, 0.0]])))

# %% check
check("weights of large scores", lambda: weights(np.array([[1000.0, 999.0], [0.0, 1.0]])))

# %% hidden
check("weights of random scores", lambda: weights(check.rng(5).normal(size=(4, 6)) * 3))

# %% hidden
check("weights of very different rows", lambda: weights(np.array([[2000.0], [-2000.0]]) + check.rng(6).normal(size=(2, 3))))

# %% mutant wrong-axis "The softmax runs down the columns: then the weights of one query no longer sum to 1."
def weights(scores):
    e = np.exp(scores - scores.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)

# %% mutant one-sum "It divides by the sum over the whole table: all weights together sum to 1, not those of each row."
def weights(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum()

# %% mutant overflow "Large scores overflow: e to the power of 1,000 is infinite, and infinity over infinity is no number."
def weights(scores):
    e = np.exp(scores)
    return e / e.sum(axis=-1, keepdims=True)

# %% mutant one-maximum "The largest score of the whole table is taken off every row: a row far below it becomes 0 over 0."
def weights(scores):
    e = np.exp(scores - scores.max())
    return e / e.sum(axis=-1, keepdims=True)

# %% mutant no-exponential "The exponential is missing: scores can be negative, and weights must not be."
def weights(scores):
    return scores / scores.sum(axis=-1, keepdims=True)

# %% alternative row-by-row "Through logarithms, one row at a time."
def weights(scores):
    rows = []
    for row in scores:
        total = row.max() + math.log(sum(math.exp(s - row.max()) for s in row))
        rows.append([math.exp(s - total) for s in row])
    return np.array(rows)

# %% show
from course_lib import figures

words = ["<s>", "a", "robot", "must", "obey", "the", "orders", "given", "it"]
made_up = np.array([[-3.0, 2.8, 3.3, -2.0, -3.0, -4.0, -1.0, -2.0, 2.3]])
check.show(
    lambda: figures.distribution(
        words,
        weights(made_up)[0],
        title="Where “it” looks, by your softmax",
        alt="Bars of nine weights. Robot has the longest, then a, then it; the others are close to 0.",
    )
)

# %% exercise attention "The whole of attention" points=3 minutes=12 difficulty=2
# Put it together: scores, weights, and the average of the values.
#
# $$\operatorname{attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{D}}\right) V$$
#
# It must work for one sentence, $[T, D]$, and for a batch of them, $[B, T, D]$, where no sentence sees another. The values
# may have another length than the keys. `by_hand.softmax` is there for you.

# %% hint
# `@` multiplies the last two axes and keeps those before. But what does `.T` do with three axes?

# %% hint
# `k.swapaxes(-1, -2)` turns the last two axes alone.

# %% answer
def attention(q, k, v):
    """Attention of queries q [..., Tq, D] on keys k [..., Tk, D] and values v [..., Tk, Dv]: [..., Tq, Dv]."""
    ### BEGIN SOLUTION
    table = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    return by_hand.softmax(table) @ v
    ### END SOLUTION

# %% check
check("attention in a sentence of four", lambda: attention(*check.rng(7).normal(size=(3, 4, 6))))

# %% check
check("attention in a batch of two", lambda: attention(*check.rng(8).normal(size=(3, 2, 3, 3))))

# %% hidden
check("attention with values of another length", lambda: attention(
    *check.rng(9).normal(size=(2, 5, 16)), check.rng(10).normal(size=(5, 3))))

# %% hidden
check("attention in a larger batch", lambda: attention(*check.rng(11).normal(size=(3, 3, 4, 5))))

# %% hidden
check("attention to one word alone", lambda: attention(*check.rng(12).normal(size=(3, 1, 4))))

# %% mutant no-root "The division by √D is missing, so the weights are too sharp."
def attention(q, k, v):
    return by_hand.softmax(q @ k.swapaxes(-1, -2)) @ v

# %% mutant wrong-axis "The softmax runs over the queries and not over the keys: no output is an average of the values."
def attention(q, k, v):
    return by_hand.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]), axis=-2) @ v

# %% mutant turns-every-axis "`.T` turns all axes of a batch, not the last two alone."
def attention(q, k, v):
    return by_hand.softmax(q @ k.T / math.sqrt(q.shape[-1])) @ v

# %% mutant no-average "It returns the weights themselves: the values are never averaged."
def attention(q, k, v):
    return by_hand.softmax(q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]))

# %% mutant no-softmax "The scores weigh the values as they are: without the softmax it is no average."
def attention(q, k, v):
    return q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1]) @ v

# %% alternative einsum "With letters for the axes."
def attention(q, k, v):
    s = np.einsum("...id,...jd->...ij", q, k) * q.shape[-1] ** -0.5
    e = np.exp(s)
    return np.einsum("...ij,...jd->...id", e, v) / e.sum(axis=-1)[..., None]

# %% alternative torch "PyTorch's own, which is fused into one function."
def attention(q, k, v):
    import torch

    return torch.nn.functional.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v)))

# %% exercise self_attention "A sentence asks itself" points=3 minutes=15 difficulty=2
# In *self*-attention, queries, keys and values come from the same words. `x` has the shape $[T, C]$, each of the three
# matrices $[C, D]$:
#
# $$q_i = x_i W_Q, \qquad k_i = x_i W_K, \qquad v_i = x_i W_V$$
#
# Return what each word receives, $[T, D]$. `by_hand.attention(q, k, v)` is there for you.

# %% hint
# The words are the rows of `x`, so the matrices stand to the right of it.

# %% hint
# Three products and one call: each of the three matrices is used once.

# %% answer
def self_attention(x, W_Q, W_K, W_V):
    """Self-attention of words x [T, C] with three matrices [C, D]: [T, D]."""
    ### BEGIN SOLUTION
    return by_hand.attention(x @ W_Q, x @ W_K, x @ W_V)
    ### END SOLUTION

# %% check
x, W = check.rng(13).normal(size=(4, 3)), check.rng(14).normal(size=(3, 3, 3))
check("self-attention of four words", lambda: self_attention(x, *W))

# %% hidden
check("self-attention with a smaller head", lambda: self_attention(
    check.rng(15).normal(size=(5, 6)), *check.rng(16).normal(size=(3, 6, 2))))

# %% hidden
check("self-attention of shuffled words", lambda: self_attention(
    check.rng(17).permutation(check.rng(18).normal(size=(6, 4))), *check.rng(19).normal(size=(3, 4, 4))))

# %% mutant exchanged "Queries and keys are exchanged: W_Q makes what a word looks for, W_K what it can be found by."
def self_attention(x, W_Q, W_K, W_V):
    return by_hand.attention(x @ W_K, x @ W_Q, x @ W_V)

# %% mutant no-values "The words themselves are averaged: W_V was not used."
def self_attention(x, W_Q, W_K, W_V):
    return by_hand.attention(x @ W_Q, x @ W_K, x)

# %% mutant one-matrix "Queries and keys come from the same matrix: then most words find themselves first."
def self_attention(x, W_Q, W_K, W_V):
    return by_hand.attention(x @ W_Q, x @ W_Q, x @ W_V)

# %% mutant wrong-side "The matrices are turned: a word is a row, so x @ W, with W as it is."
def self_attention(x, W_Q, W_K, W_V):
    return by_hand.attention(x @ W_Q.T, x @ W_K.T, x @ W_V.T)

# %% alternative word-by-word "One word asks at a time, and W_V comes last, since averaging and multiplying may be exchanged."
def self_attention(x, W_Q, W_K, W_V):
    out = []
    for word in x:
        s = (x @ W_K) @ (word @ W_Q) / math.sqrt(W_K.shape[1])
        a = np.exp(s - max(s))
        out.append((a / sum(a)) @ x @ W_V)
    return np.stack(out)

# %% exercise looks_at "Read a map" points=2 minutes=12 difficulty=2
# An attention map $[T, T]$ has a row for each word that asks. Return for each word, in order, the *other* word that it looks
# at most: a list of $T$ strings. A word's own weight does not count, however large it is.

# %% hint
# `argmax` along one axis gives a column for each row. Along which axis?

# %% hint
# Make a copy of the map in which the diagonal can never win: `np.fill_diagonal` writes it in place.

# %% answer
def looks_at(attention_map, words):
    """The other word that each word looks at most, from a map [T, T]: a list of T strings."""
    ### BEGIN SOLUTION
    others = np.array(attention_map, dtype=float)
    np.fill_diagonal(others, -1.0)
    return [words[j] for j in others.argmax(axis=1)]
    ### END SOLUTION

# %% check
small = np.array([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
check("who looks at whom in a small map", lambda: looks_at(small, ["Anna", "asks", "Bip"]))

# %% hidden
check("who looks at whom in a larger map", lambda: looks_at(
    by_hand.softmax(check.rng(20).normal(size=(12, 12)) + 2 * np.eye(12)), [f"word {i}" for i in range(12)]))

# %% hidden
def map_before_and_after():
    given = by_hand.softmax(check.rng(21).normal(size=(8, 8)))
    before = given.copy()
    looks_at(given, list("abcdefgh"))
    return bool((given == before).all())

check("the map itself is left as it was", map_before_and_after)

# %% mutant itself "The word's own weight takes part: many words look at themselves most."
def looks_at(attention_map, words):
    return [words[j] for j in attention_map.argmax(axis=1)]

# %% mutant looked-at-by "It reads the columns: who looks at this word, not whom it looks at."
def looks_at(attention_map, words):
    others = attention_map - 2 * np.eye(len(words))
    return [words[j] for j in others.argmax(axis=0)]

# %% mutant positions "It returns positions where words were asked for."
def looks_at(attention_map, words):
    others = attention_map - 2 * np.eye(len(words))
    return [int(j) for j in others.argmax(axis=1)]

# %% mutant spoils-the-map "It writes into the map that it was given: whoever draws that map next sees a hole."
def looks_at(attention_map, words):
    np.fill_diagonal(attention_map, 0)
    return [words[j] for j in attention_map.argmax(axis=1)]

# %% alternative sorted "By sorting."
def looks_at(attention_map, words):
    found = []
    for i, row in enumerate(attention_map):
        order = sorted((j for j in range(len(words)) if j != i), key=lambda j: -row[j])
        found.append(words[order[0]])
    return found

# %% show
from course_lib import data, figures

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
n_head = by_hand.load_config(data.TOWN_GPT)["n_head"]
text = "<|endoftext|>Anna asks Bip to take the ball to the tower. Bip takes the ball"  # your own story here
ids = tokenizer.encode(text, allowed_special="all")
tokens = [tokenizer.decode([i]) for i in ids]
x = by_hand.residual_stream(ids, params, n_head)[1]  # what stands after the first layer
layer = params["h"][1]
queries, keys, _ = by_hand.queries_keys_values(by_hand.layer_norm(x, **layer["ln_1"]), layer["attn"], n_head)


def your_map(head):
    """Run your own two functions in the trained model; nobody looks ahead."""
    visible = by_hand.causal_mask(len(ids))
    return weights(np.where(visible, scores(queries[head], keys[head]), -np.inf))


check.show(
    lambda: figures.attention_map(
        your_map(head=0),
        tokens,
        title="A head of the trained model, by your own code",
        alt="An attention map of a short story: a triangle, since no word looks ahead. Each row shows where one word looks.",
    )
)
