# %% sheet 04_heads "Exercises: masks and heads"
# These exercises belong to [Masks and heads](../04_heads.ipynb). You take away the right to look ahead, cut attention into
# heads, and at the end your heads write a story inside the trained model of the book.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 04_heads.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: $T$ positions, $C$ channels, $H$ heads with $D = C/H$ channels each.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("04_heads")

# %% exercise mask "The triangle" points=1 minutes=5 difficulty=1
# Return a table $[T, T]$ of booleans: `True` where position $i$ (the row) may look at position $j$ (the column), that is,
# where $j \le i$.

# %% hint
# Each position may see itself.

# %% hint
# NumPy has a function for triangles: `np.tri`. Ask it for booleans.

# %% answer
def triangle(t):
    """Who may look at whom among t positions: booleans [t, t]."""
    ### BEGIN SOLUTION
    return np.tri(t, dtype=bool)
    ### END SOLUTION

# %% check
check("triangle of four", lambda: triangle(4))

# %% hidden
check("triangle of another size", lambda: triangle(int(check.rng(1).integers(5, 60))))

# %% hidden
check("triangle of one", lambda: triangle(1))

# %% mutant strict "No position sees itself: the first one would have nothing to look at."
def triangle(t):
    return np.tri(t, k=-1, dtype=bool)

# %% mutant future "It is the other triangle: the past is hidden, and the future is in sight."
def triangle(t):
    return np.tri(t, dtype=bool).T

# %% mutant numbers "It holds 0 and 1 where False and True were asked for: as a mask of indices they mean something else."
def triangle(t):
    return np.tri(t)

# %% alternative compare "By comparing positions."
def triangle(t):
    position = np.arange(t)
    return position[:, None] >= position[None, :]

# %% exercise masked_weights "Minus infinity" points=2 minutes=10 difficulty=2
# Turn scores $[T, T]$ into weights, with a mask of the same shape: what is `False` in the mask gets a weight of exactly 0,
# and each row of weights still sums to 1. It must hold for any score, however low. `by_hand.softmax` is there for you.

# %% hint
# Mask before the softmax, or the hidden scores still count in the denominator.

# %% hint
# `np.where(mask, a, b)` takes from `a` where the mask is true, and from `b` elsewhere. Which score gives a weight of 0?

# %% answer
def masked_weights(scores, mask):
    """Softmax of scores [T, T] over what the mask [T, T] lets through: [T, T]."""
    ### BEGIN SOLUTION
    return by_hand.softmax(np.where(mask, scores, -np.inf))
    ### END SOLUTION

# %% check
table = np.array([[1.0, 5.0, 2.0], [0.0, 1.0, 3.0], [1.0, 1.0, 1.0]])
check("weights under the triangle", lambda: masked_weights(table, np.tri(3, dtype=bool)))

# %% hidden
check("weights under a random mask", lambda: masked_weights(
    check.rng(2).normal(size=(6, 6)), (check.rng(3).random((6, 6)) < 0.5) | np.eye(6, dtype=bool)))

# %% hidden
check("weights where a visible score is very low", lambda: masked_weights(
    np.array([[-15_000.0, 0.0], [1.0, 2.0]]), np.tri(2, dtype=bool)))

# %% mutant mask-after "It masks after the softmax: the rows no longer sum to 1, and the future still counts below the line."
def masked_weights(scores, mask):
    return by_hand.softmax(scores) * mask

# %% mutant zero "A hidden score becomes 0, not minus infinity: e to the power of 0 is 1, and that is a weight."
def masked_weights(scores, mask):
    return by_hand.softmax(scores * mask)

# %% mutant ten-thousand "A hidden score becomes -10,000: where a visible one is lower still, the hidden one wins."
def masked_weights(scores, mask):
    return by_hand.softmax(np.where(mask, scores, -10_000.0))

# %% mutant upside-down "The mask is read the other way round: what may be seen is hidden. (Libraries differ in this.)"
def masked_weights(scores, mask):
    hidden = np.where(mask, -1e30, scores)
    return by_hand.softmax(hidden)

# %% alternative row-by-row "Over the visible scores of each row alone."
def masked_weights(scores, mask):
    out = np.zeros(scores.shape)
    for i, (row, seen) in enumerate(zip(scores, mask)):
        e = [math.exp(s - max(row[seen])) for s in row[seen]]
        out[i, seen] = np.array(e) / sum(e)
    return out

# %% exercise split "Cut into heads" points=2 minutes=10 difficulty=2
# Cut $C$ channels into $H$ equal pieces: $[T, C] \to [H, T, D]$. Head 0 gets the first $D$ channels of every position, head 1
# the next $D$, and so on.

# %% hint
# A reshape that gives $[H, T, D]$ at once has the right shape and the wrong numbers: head 0 would get the first positions.

# %% hint
# First cut the last axis in two, $[T, H, D]$. Then exchange two axes.

# %% answer
def split(x, n_head):
    """Cut x [T, C] into heads: [n_head, T, C / n_head]."""
    ### BEGIN SOLUTION
    t, c = x.shape
    return x.reshape(t, n_head, c // n_head).swapaxes(0, 1)
    ### END SOLUTION

# %% check
check("two heads of three positions", lambda: split(np.arange(12.0).reshape(3, 4), 2))

# %% hidden
check("three heads of random channels", lambda: split(check.rng(4).normal(size=(5, 12)), 3))

# %% hidden
check("as many heads as positions", lambda: split(check.rng(5).normal(size=(4, 16)), 4))

# %% mutant reshape "A reshape alone cuts the text, not the channels: head 0 gets the first positions."
def split(x, n_head):
    t, c = x.shape
    return x.reshape(n_head, t, c // n_head)

# %% mutant no-swap "Positions come first, heads second: attention would run over the heads of one position."
def split(x, n_head):
    t, c = x.shape
    return x.reshape(t, n_head, c // n_head)

# %% mutant combed "Every n-th channel goes to the same head; a head should get neighbours, as the trained models have them."
def split(x, n_head):
    t, c = x.shape
    return x.reshape(t, c // n_head, n_head).transpose(2, 0, 1)

# %% alternative pieces "Slice by slice."
def split(x, n_head):
    d = x.shape[1] // n_head
    return np.stack([x[:, h * d : (h + 1) * d] for h in range(n_head)])

# %% exercise merge "And together again" points=2 minutes=8 difficulty=2
# The way back: $[H, T, D] \to [T, C]$. Lay what the heads found side by side, head 0 first.

# %% hint
# It is the way of the last exercise, backwards: exchange two axes first, then join two.

# %% hint
# After `swapaxes(0, 1)` the shape is $[T, H, D]$, and a reshape may join the last two.

# %% answer
def merge(heads):
    """Lay heads [H, T, D] side by side: [T, H * D]."""
    ### BEGIN SOLUTION
    h, t, d = heads.shape
    return heads.swapaxes(0, 1).reshape(t, h * d)
    ### END SOLUTION

# %% check
check("two heads side by side", lambda: merge(np.arange(12.0).reshape(2, 3, 2)))

# %% hidden
check("random heads side by side", lambda: merge(check.rng(6).normal(size=(3, 5, 4))))

# %% hidden
check("a single head laid alone", lambda: merge(check.rng(7).normal(size=(1, 3, 4))))

# %% mutant reshape "A reshape alone follows the memory: a position gets what other positions found."
def merge(heads):
    h, t, d = heads.shape
    return heads.reshape(t, h * d)

# %% mutant combed "The heads' channels are mixed like the teeth of two combs: each head's should stay together."
def merge(heads):
    h, t, d = heads.shape
    return heads.transpose(1, 2, 0).reshape(t, h * d)

# %% mutant mean "The heads are averaged: what each found on its own is lost, and so are the channels."
def merge(heads):
    return heads.mean(axis=0)

# %% alternative concatenate "Side by side, in so many words."
def merge(heads):
    return np.concatenate(list(heads), axis=-1)

# %% exercise causal_heads "Causal attention with several heads" points=4 minutes=20 difficulty=3
# Put it all together. `q`, `k` and `v` have the shape $[T, C]$. Cut all three into heads, let each head attend on its own under
# the causal mask, lay the results side by side: $[T, C]$. `by_hand` has all the pieces: `split_heads(x, n_head)`,
# `causal_mask(t)`, `attention(q, k, v, mask)`, `merge_heads(x)`.

# %% hint
# `by_hand.attention` works for a batch, and heads are a batch like any other.

# %% hint
# One line for three splits, one for attention with its mask, one for the merge.

# %% answer
def causal_heads(q, k, v, n_head):
    """Causal attention of q, k, v [T, C] in n_head heads: [T, C]."""
    ### BEGIN SOLUTION
    q, k, v = (by_hand.split_heads(part, n_head) for part in (q, k, v))
    return by_hand.merge_heads(by_hand.attention(q, k, v, by_hand.causal_mask(q.shape[-2])))
    ### END SOLUTION

# %% check
check("two heads, four positions", lambda: causal_heads(*check.rng(8).normal(size=(3, 4, 6)), 2))

# %% check
check("one head", lambda: causal_heads(*check.rng(9).normal(size=(3, 3, 4)), 1))

# %% hidden
check("three heads, five positions", lambda: causal_heads(*check.rng(10).normal(size=(3, 5, 12)) * 2, 3))

# %% hidden
def early_outputs_after_a_change_at_the_end():
    q, k, v = check.rng(11).normal(size=(3, 6, 8))
    before = causal_heads(q, k, v, 4)
    k, v = k.copy(), v.copy()
    k[-1], v[-1] = 7.0, -7.0
    return float(np.abs(causal_heads(q, k, v, 4) - before)[:-1].max())

check("a change at the end and the outputs before it", early_outputs_after_a_change_at_the_end)

# %% mutant no-mask "There is no mask: every position sees the future."
def causal_heads(q, k, v, n_head):
    q, k, v = (by_hand.split_heads(part, n_head) for part in (q, k, v))
    return by_hand.merge_heads(by_hand.attention(q, k, v))

# %% mutant one-head "There is one head, whatever was asked for: all channels share one map."
def causal_heads(q, k, v, n_head):
    return by_hand.attention(q, k, v, by_hand.causal_mask(len(q)))

# %% mutant root-of-C "Scores are divided by the root of C. What counts is D, the length of one head's query."
def causal_heads(q, k, v, n_head):
    q, k, v = (by_hand.split_heads(part, n_head) for part in (q / math.sqrt(n_head), k, v))
    return by_hand.merge_heads(by_hand.attention(q, k, v, by_hand.causal_mask(q.shape[-2])))

# %% mutant wrong-reshape "The text is cut, not the channels: `reshape(H, T, D)` mixes positions, and the mask hides other words."
def causal_heads(q, k, v, n_head):
    t, c = q.shape
    q, k, v = (part.reshape(n_head, t, c // n_head) for part in (q, k, v))
    return by_hand.attention(q, k, v, by_hand.causal_mask(t)).reshape(t, c)

# %% alternative head-by-head "One head and one position at a time."
def causal_heads(q, k, v, n_head):
    t, c = q.shape
    d = c // n_head
    out = np.zeros((t, c))
    for h in range(n_head):
        own = slice(h * d, (h + 1) * d)
        for i in range(t):
            s = k[: i + 1, own] @ q[i, own] / math.sqrt(d)
            a = np.exp(s - s.max())
            out[i, own] = a @ v[: i + 1, own] / a.sum()
    return out

# %% show
from course_lib import data

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
n_head = by_hand.load_config(data.TOWN_GPT)["n_head"]
begin = "<|endoftext|>Anna asks Bip to take the ball not to the park but to the tower."  # your own beginning here


def next_token(ids):
    """The trained model with your heads in it: the likeliest next token (“A GPT in NumPy” takes the rest apart)."""
    x = by_hand.embed(ids, params)
    for p in params["h"]:
        normed = by_hand.layer_norm(x, **p["ln_1"])
        q, k, v = np.split(by_hand.linear(normed, **p["attn"]["c_attn"]), 3, axis=-1)
        x = x + by_hand.linear(causal_heads(q, k, v, n_head), **p["attn"]["c_proj"])
        x = x + by_hand.mlp(by_hand.layer_norm(x, **p["ln_2"]), p["mlp"])
    return int(by_hand.unembed(x, params)[-1].argmax())


def story(n_tokens=25):
    """Go on with the beginning, one likeliest token after the other."""
    ids = tokenizer.encode(begin, allowed_special="all")
    for _ in range(n_tokens):
        ids.append(next_token(ids))
    return tokenizer.decode(ids)


check.show(story)
