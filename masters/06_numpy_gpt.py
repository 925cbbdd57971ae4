# %% sheet 06_numpy_gpt "Exercises: a GPT in NumPy"
# These exercises belong to [A GPT in NumPy](../06_numpy_gpt.ipynb). You build the layers of a decoder that are not attention,
# and put a whole block together. At the end your own block runs in all layers of the trained model, and you can watch it make
# up its mind.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 06_numpy_gpt.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: $T$ positions, $C$ channels, a vocabulary of $V$ tokens.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("06_numpy_gpt")

# %% exercise layer_norm "LayerNorm" points=2 minutes=12 difficulty=2
# Give the channels of each position mean 0 and variance 1, then a learned gain and shift:
#
# $$y = \frac{x - \text{mean}}{\sqrt{\text{variance} + \epsilon}} \odot g + b$$
#
# `x` has the shape $[T, C]$, `gain` and `shift` have $[C]$. The variance divides by $C$, and $\epsilon = 10^{-5}$ stands inside the
# root.

# %% hint
# Each position on its own: mean and variance run over the last axis, and keep a column.

# %% hint
# NumPy's `var` divides by the number of entries unless told otherwise. That is what is wanted here.

# %% answer
def layer_norm(x, gain, shift, eps=1e-5):
    """Normalise the channels of each position of x [T, C], then gain and shift [C]: [T, C]."""
    ### BEGIN SOLUTION
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * gain + shift
    ### END SOLUTION

# %% check
check("two positions of four channels", lambda: layer_norm(
    np.array([[1.0, 2.0, 3.0, 6.0], [0.0, 0.0, 10.0, 10.0]]), np.ones(4), np.zeros(4)))

# %% hidden
check("random channels with gain and shift", lambda: layer_norm(
    check.rng(1).normal(size=(5, 8)) * 3 + 1, check.rng(2).normal(size=8), check.rng(3).normal(size=8)))

# %% hidden
check("channels that hardly differ", lambda: layer_norm(
    1 + check.rng(4).normal(size=(2, 6)) * 0.003, np.ones(6), np.zeros(6)))

# %% mutant over-positions "It normalises over the positions: each position must be normalised on its own."
def layer_norm(x, gain, shift, eps=1e-5):
    mean, variance = x.mean(axis=0, keepdims=True), x.var(axis=0, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * gain + shift

# %% mutant outside-the-root "Epsilon stands outside the root: it shows where channels hardly differ."
def layer_norm(x, gain, shift, eps=1e-5):
    mean, deviation = x.mean(axis=-1, keepdims=True), x.std(axis=-1, keepdims=True)
    return (x - mean) / (deviation + eps) * gain + shift

# %% mutant one-less "The variance divides by C - 1, as in statistics; LayerNorm divides by C."
def layer_norm(x, gain, shift, eps=1e-5):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True, ddof=1)
    return (x - mean) / np.sqrt(variance + eps) * gain + shift

# %% mutant no-root "It divides by the variance, not by its root."
def layer_norm(x, gain, shift, eps=1e-5):
    mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
    return (x - mean) / (variance + eps) * gain + shift

# %% mutant whole-table "One mean and one variance for the whole table: positions then hear of each other."
def layer_norm(x, gain, shift, eps=1e-5):
    return (x - x.mean()) / np.sqrt(x.var() + eps) * gain + shift

# %% alternative in-numbers "One position at a time, in plain sums."
def layer_norm(x, gain, shift, eps=1e-5):
    out = []
    for row in x:
        mean = sum(row) / len(row)
        spread = math.sqrt(sum((c - mean) ** 2 for c in row) / len(row) + eps)
        out.append([(c - mean) / spread * g + b for c, g, b in zip(row, gain, shift)])
    return np.array(out)

# %% exercise gelu "GELU" points=1 minutes=6 difficulty=1
# The bend of GPT-2, in its form with tanh:
#
# $$\text{gelu}(x) = \frac{x}{2} \left(1 + \tanh\left(\sqrt{2 / \pi}\, (x + 0.044715\, x^3)\right)\right)$$

# %% hint
# Every number on its own: no axis, no shape. `np.tanh` works on whole arrays.

# %% hint
# `math.sqrt(2 / math.pi)` is a plain number, and leaves the dtype of the array as it is.

# %% answer
def gelu(x):
    """GELU in the form with tanh, of an array of any shape."""
    ### BEGIN SOLUTION
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))
    ### END SOLUTION

# %% check
check("gelu from -3 to 3", lambda: gelu(np.arange(-3.0, 4.0)))

# %% hidden
check("gelu of random numbers", lambda: gelu(check.rng(5).normal(size=(3, 4)) * 2))

# %% mutant relu "That is ReLU: GELU bends, it has no corner."
def gelu(x):
    return np.maximum(x, 0)

# %% mutant sigmoid "That is the form with the sigmoid of 1.702 x: close, but GPT-2 uses the one with tanh."
def gelu(x):
    return x / (1 + np.exp(-1.702 * x))

# %% mutant no-cube "The cube is missing."
def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * x))

# %% mutant no-half "The half is missing: far to the right, GELU gives x and not 2x."
def gelu(x):
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

# %% alternative by-number "One number at a time; tanh through exponentials."
def gelu(x):
    def one(t):
        e = math.exp(-2 * math.sqrt(2 / math.pi) * (t + 0.044715 * t * t * t))
        return t / (1 + e)

    return np.vectorize(one)(x)

# %% exercise block "A block" points=3 minutes=15 difficulty=2
# A decoder block of GPT-2 takes the residual stream `x` $[T, C]$ and adds to it twice: first what attention finds, then what
# the feed-forward layer makes of it. Each of them reads the stream through a LayerNorm of its own.
#
# `p` holds `ln_1`, `attn`, `ln_2` and `mlp`. `by_hand.layer_norm(x, **p["ln_1"])`, `by_hand.self_attention(x, p["attn"], n_head)` and
# `by_hand.mlp(x, p["mlp"])` are there for you.

# %% hint
# What is added is read through a LayerNorm. What it is added *to* is the stream itself.

# %% hint
# Two lines, and both begin with `x = x +`. The second reads what the first has left.

# %% answer
def block(x, p, n_head):
    """One decoder block of GPT-2 on the residual stream x [T, C]: [T, C]."""
    ### BEGIN SOLUTION
    x = x + by_hand.self_attention(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
    return x + by_hand.mlp(by_hand.layer_norm(x, **p["ln_2"]), p["mlp"])
    ### END SOLUTION

# %% check
def random_block(seed, C):
    dice = check.rng(seed)
    layer = lambda i, o: {"weight": dice.normal(size=(i, o)) / math.sqrt(i), "bias": dice.normal(size=o)}  # noqa: E731
    norm = lambda: {"weight": 1 + dice.normal(size=C) / 4, "bias": dice.normal(size=C) / 4}  # noqa: E731
    attn = {"c_attn": layer(C, 3 * C), "c_proj": layer(C, C)}
    return {"ln_1": norm(), "attn": attn, "ln_2": norm(), "mlp": {"c_fc": layer(C, 4 * C), "c_proj": layer(4 * C, C)}}

check("a block on three positions", lambda: block(check.rng(6).normal(size=(3, 4)) * 2, random_block(7, 4), 2))

# %% hidden
def another_block(seed, C):
    dice = check.rng(seed)
    layer = lambda i, o: {"weight": dice.normal(size=(i, o)) / math.sqrt(i), "bias": dice.normal(size=o)}  # noqa: E731
    norm = lambda: {"weight": 1 + dice.normal(size=C) / 4, "bias": dice.normal(size=C) / 4}  # noqa: E731
    attn = {"c_attn": layer(C, 3 * C), "c_proj": layer(C, C)}
    return {"ln_1": norm(), "attn": attn, "ln_2": norm(), "mlp": {"c_fc": layer(C, 4 * C), "c_proj": layer(4 * C, C)}}

check("a block on five positions", lambda: block(check.rng(8).normal(size=(5, 12)) * 3, another_block(9, 12), 3))

# %% mutant post-norm "The LayerNorms come after the additions: that is GPT-1's order, not GPT-2's."
def block(x, p, n_head):
    x = by_hand.layer_norm(x + by_hand.self_attention(x, p["attn"], n_head), **p["ln_1"])
    return by_hand.layer_norm(x + by_hand.mlp(x, p["mlp"]), **p["ln_2"])

# %% mutant no-residual "Nothing is added to the stream: each layer writes over what stood there."
def block(x, p, n_head):
    x = by_hand.self_attention(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
    return by_hand.mlp(by_hand.layer_norm(x, **p["ln_2"]), p["mlp"])

# %% mutant normed-stream "It is added to the normalised stream: the stream itself must pass by untouched."
def block(x, p, n_head):
    n = by_hand.layer_norm(x, **p["ln_1"])
    x = n + by_hand.self_attention(n, p["attn"], n_head)
    n = by_hand.layer_norm(x, **p["ln_2"])
    return n + by_hand.mlp(n, p["mlp"])

# %% mutant parallel "Both read the same stream: the feed-forward layer must read what attention has left."
def block(x, p, n_head):
    found = by_hand.self_attention(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
    return x + found + by_hand.mlp(by_hand.layer_norm(x, **p["ln_2"]), p["mlp"])

# %% mutant one-norm "Both use the first LayerNorm: each has its own gain and shift."
def block(x, p, n_head):
    x = x + by_hand.self_attention(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
    return x + by_hand.mlp(by_hand.layer_norm(x, **p["ln_1"]), p["mlp"])

# %% alternative position-by-position "The feed-forward layer, one position after the other: they do not meet there."
def block(x, p, n_head):
    found = by_hand.self_attention(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
    out = []
    for row in x + found:
        normed = by_hand.layer_norm(row[None], **p["ln_2"])
        out.append(row + by_hand.mlp(normed, p["mlp"])[0])
    return np.stack(out)

# %% exercise next_token "What comes next" points=2 minutes=10 difficulty=2
# At the end the stream `x` $[T, C]$ goes through one more LayerNorm and is compared with the embedding of every token: a dot product
# with each row of `wte` $[V, C]$. Return the probabilities of the *next* token, $[V]$: those at the last position.
#
# `by_hand.layer_norm(x, **ln_f)` and `by_hand.softmax` are there for you.

# %% hint
# The output layer is the table of embeddings, transposed: GPT-2 has no other.

# %% hint
# Only the last row of the logits says what comes after the text.

# %% answer
def next_token(x, ln_f, wte):
    """Probabilities of the next token from the stream x [T, C] and the embeddings wte [V, C]: [V]."""
    ### BEGIN SOLUTION
    logits = by_hand.layer_norm(x, **ln_f) @ wte.T
    return by_hand.softmax(logits[-1])
    ### END SOLUTION

# %% check
ln_f = {"weight": np.array([1.0, 2.0, 1.0]), "bias": np.array([0.0, 0.5, 0.0])}
check("the next of five tokens", lambda: next_token(check.rng(10).normal(size=(4, 3)), ln_f, check.rng(11).normal(size=(5, 3))))

# %% hidden
check("the next of nine tokens", lambda: next_token(
    check.rng(12).normal(size=(6, 8)) * 3,
    {"weight": check.rng(13).normal(size=8), "bias": check.rng(14).normal(size=8)},
    check.rng(15).normal(size=(9, 8)),
))

# %% mutant first "It reads the first position, which has seen nothing of the text."
def next_token(x, ln_f, wte):
    return by_hand.softmax(by_hand.layer_norm(x, **ln_f) @ wte.T)[0]

# %% mutant no-norm "The last LayerNorm is missing."
def next_token(x, ln_f, wte):
    return by_hand.softmax(x[-1] @ wte.T)

# %% mutant logits "These are logits: a softmax makes probabilities of them."
def next_token(x, ln_f, wte):
    return (by_hand.layer_norm(x, **ln_f) @ wte.T)[-1]

# %% mutant over-positions "The softmax runs over the positions: the probabilities of all tokens at one position must sum to 1."
def next_token(x, ln_f, wte):
    return by_hand.softmax(by_hand.layer_norm(x, **ln_f) @ wte.T, axis=0)[-1]

# %% alternative last-alone "The last position alone: the others are not needed for this."
def next_token(x, ln_f, wte):
    final = by_hand.layer_norm(x[-1], **ln_f)
    z = np.array([sum(final * row) for row in wte])
    e = np.exp(z - z.max())
    return e / e.sum()

# %% show
from course_lib import data, figures

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
n_head = by_hand.load_config(data.TOWN_GPT)["n_head"]
text = "<|endoftext|>Anna asks Bip to take the ball not to the park but to the tower. Bip takes the ball to the"  # yours?


def by_your_blocks():
    """The trained model: its embeddings, your block once for each layer, your last step."""
    x = by_hand.embed(tokenizer.encode(text, allowed_special="all"), params)
    for p in params["h"]:
        x = block(x, p, n_head)
    p = next_token(x, params["ln_f"], params["wte"]["weight"])
    top = np.argsort(p)[::-1][:8]
    return figures.distribution(
        [tokenizer.decode([int(i)]) for i in top],
        p[top],
        title="What comes next, by your own code",
        alt="Bars of the eight likeliest next tokens in the trained model, the likeliest on top.",
    )


check.show(by_your_blocks)
