# %% sheet 10_generating "Exercises: generating text"
# These exercises belong to [Generating text](../10_generating.ipynb). You cut distributions in two ways, make a text repeat
# itself less, and remember keys and values so that nothing is read twice. At the end your own cache and your own nucleus write
# a story with the book's model.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 10_generating.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: a vocabulary of $V$ tokens, $B$ texts, $H$ heads with $D$ channels each, $S$ tokens that have been read already.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("10_generating")

# %% exercise top_k "The k likeliest" points=2 minutes=10 difficulty=1
# Top-k sampling draws from the $k$ likeliest tokens alone. From `logits` $[V]$ make the distribution that is drawn from, $[V]$: all other
# tokens get exactly 0, and what is left sums to 1. A $k$ beyond the vocabulary keeps everything. (No two logits are alike here.)
#
# `by_hand.softmax` is there for you.

# %% hint
# `np.argsort` gives the places from the smallest logit to the largest. Which part of that do you want?

# %% hint
# Begin with zeros, and write the softmax of the kept logits, and of them alone, into the kept places.

# %% answer
def top_k(logits, k):
    """Probabilities of the k likeliest of V tokens, and 0 for the others: [V]."""
    ### BEGIN SOLUTION
    kept = np.argsort(logits)[::-1][:k]
    out = np.zeros(len(logits))
    out[kept] = by_hand.softmax(logits[kept])
    return out
    ### END SOLUTION

# %% check
check("the two likeliest of five", lambda: top_k(np.array([0.0, 3.0, -1.0, 2.0, 1.0]), 2))

# %% hidden
check("the three likeliest of ten", lambda: top_k(check.rng(1).normal(size=10) * 2, 3))

# %% hidden
check("more than there are", lambda: top_k(check.rng(2).normal(size=6), 50))

# %% mutant first-k "It keeps the first tokens of the vocabulary: an id says nothing about how likely a token is."
def top_k(logits, k):
    out = np.zeros(len(logits))
    out[:k] = by_hand.softmax(logits[:k])
    return out

# %% mutant unlikeliest "It keeps the unlikeliest: `argsort` begins with the smallest."
def top_k(logits, k):
    out, kept = np.zeros(len(logits)), np.argsort(logits)[:k]
    out[kept] = by_hand.softmax(logits[kept])
    return out

# %% mutant sums-to-less "What is left does not sum to 1: the probability of what was cut has to go to the others."
def top_k(logits, k):
    out, q, kept = np.zeros(len(logits)), by_hand.softmax(logits), np.argsort(logits)[::-1][:k]
    out[kept] = q[kept]
    return out

# %% mutant zero-logits "What is cut gets the logit 0, which is no small one: e to the power of 0 is 1."
def top_k(logits, k):
    cut = np.zeros(len(logits))
    kept = np.argsort(logits)[::-1][:k]
    cut[kept] = logits[kept]
    return by_hand.softmax(cut)

# %% mutant one-less "The k-th token itself is cut: a logit has to be at least as large as the k-th, not larger."
def top_k(logits, k):
    kth = np.sort(logits)[::-1][: k][-1]
    return by_hand.softmax(np.where(logits > kth, logits, -np.inf))

# %% alternative minus-infinity "Through minus infinity, as libraries do it."
def top_k(logits, k):
    kth = sorted(logits)[-min(k, len(logits))]
    return by_hand.softmax(np.where(logits >= kth, logits, -np.inf))

# %% exercise penalise "You have said that before" points=2 minutes=10 difficulty=1
# A repetition penalty above 1 makes every token *less* likely that the text already holds. Return new logits $[V]$: for each token that
# stands in `ids`, a positive logit is divided by the penalty and a negative one is multiplied by it. A token counts once, however
# often it was said. All others stay as they are, and so does the array that came in.

# %% hint
# Why two cases? Divide $-4$ by 2, and look whether the token has lost or gained.

# %% hint
# Work on a copy. `set(ids)`, or `np.unique(ids)`, holds each token once.

# %% answer
def penalise(logits, ids, penalty):
    """Logits [V] in which the tokens of ids, a list, have become less likely: [V]."""
    ### BEGIN SOLUTION
    out = logits.copy()
    for i in set(ids):
        out[i] = logits[i] / penalty if logits[i] > 0 else logits[i] * penalty
    return out
    ### END SOLUTION

# %% check
check("one token was said", lambda: penalise(np.array([2.0, 1.0, 4.0]), [2], 2.0))

# %% check
check("two tokens were said, one of them twice", lambda: penalise(np.array([2.0, -2.0, 1.0, -1.0]), [0, 1, 0], 2.0))

# %% hidden
check("a longer text was said", lambda: penalise(
    check.rng(3).normal(size=12) * 3, check.rng(4).integers(0, 12, size=15).tolist(), 1.3))

# %% hidden
check("one token, and again, and again", lambda: penalise(np.array([3.0, -1.0, 2.0, -3.0]), [0, 3, 0, 0, 3, 2], 1.5))

# %% hidden
def before_and_after():
    given = check.rng(5).normal(size=6)
    before = given.copy()
    penalise(given, [1, 2, 3, 4], 1.7)
    return bool((given == before).all())

check("the logits themselves are left as they were", before_and_after)

# %% mutant divides-all "It divides negative logits, too: that brings them closer to 0, and makes those tokens *more* likely."
def penalise(logits, ids, penalty):
    out = logits.copy()
    seen = np.unique(ids)
    out[seen] = out[seen] / penalty
    return out

# %% mutant each-time "It takes the penalty once for each time that the token was said; each token counts once."
def penalise(logits, ids, penalty):
    out = logits.copy()
    for i in ids:
        out[i] = out[i] / penalty if out[i] > 0 else out[i] * penalty
    return out

# %% mutant last-alone "Only the last token is penalised: all that the text holds should be."
def penalise(logits, ids, penalty):
    out = logits.copy()
    out[ids[-1]] *= penalty if out[ids[-1]] < 0 else 1 / penalty
    return out

# %% mutant takes-off "It takes the penalty off the logit: that is a penalty as well, but this one divides or multiplies."
def penalise(logits, ids, penalty):
    out = logits.copy()
    out[np.unique(ids)] -= penalty
    return out

# %% mutant spoils-the-logits "It writes into the logits that it was given: who needs them again finds others."
def penalise(logits, ids, penalty):
    for i in set(ids):
        logits[i] = logits[i] / penalty if logits[i] > 0 else logits[i] * penalty
    return logits

# %% alternative where "All at once: a mask of what was said, and the smaller of two numbers."
def penalise(logits, ids, penalty):
    said = np.isin(np.arange(len(logits)), ids)
    return np.where(said, np.minimum(logits / penalty, logits * penalty), logits)

# %% exercise nucleus "Temperature, then the nucleus" points=4 minutes=20 difficulty=3
# From logits $[B, V]$, a row for each text of a batch, make the distributions that are drawn from, $[B, V]$:
#
# 1. Divide by the `temperature`, then take the softmax.
# 2. In each row keep the smallest set of the likeliest tokens whose probabilities sum to `p` *or more* (the convention of Holtzman et al.): the token
#    that reaches `p` is in. All others get 0.
# 3. What is left of each row sums to 1 again.
#
# The tokens keep their places: column 7 is still token 7. `by_hand.softmax` is there for you.

# %% hint
# Sort each row downwards and take running sums. A token stays if the sum of those *before* it is still below `p`. Then find the way
# back to the tokens' own places.

# %% hint
# `np.take_along_axis(q, order, axis=-1)` sorts all rows by `order`, and `np.put_along_axis(out, order, values, axis=-1)` is the way back.
# A loop over rows is as good.

# %% answer
def nucleus(logits, temperature, p):
    """Probabilities [B, V] after temperature and nucleus, each row with sum 1."""
    ### BEGIN SOLUTION
    q = by_hand.softmax(logits / temperature)
    order = np.argsort(-q, axis=-1)
    falling = np.take_along_axis(q, order, axis=-1)
    stays = np.cumsum(falling, axis=-1) - falling < p
    out = np.zeros_like(q)
    np.put_along_axis(out, order, falling * stays, axis=-1)
    return out / out.sum(axis=-1, keepdims=True)
    ### END SOLUTION

# %% check
odds = np.log(np.array([[0.1, 0.5, 0.15, 0.25], [0.7, 0.1, 0.15, 0.05]]))
check("a nucleus of 0.6 in two rows", lambda: nucleus(odds, 1.0, 0.6))

# %% check
check("a nucleus of 0.6, heated", lambda: nucleus(odds, 2.0, 0.6))

# %% hidden
check("a nucleus of random rows", lambda: nucleus(check.rng(6).normal(size=(5, 12)) * 2, 1.0, 0.8))

# %% hidden
check("a nucleus of random rows, cooled", lambda: nucleus(check.rng(7).normal(size=(4, 10)), 0.4, 0.7))

# %% hidden
check("a nucleus that is smaller than its first token", lambda: nucleus(check.rng(8).normal(size=(3, 5)) * 3, 1.0, 0.01))

# %% hidden
check("a nucleus of everything", lambda: nucleus(check.rng(9).normal(size=(2, 7)), 1.5, 1.0))

# %% mutant within "It stops *before* p is reached: that is the convention of GPT-2's published code, whose set is one token smaller."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits / temperature)
    order = np.argsort(-q, axis=-1)
    falling = np.take_along_axis(q, order, axis=-1)
    stays = np.cumsum(falling, axis=-1) <= p
    stays[:, 0] = True
    out = np.zeros_like(q)
    np.put_along_axis(out, order, falling * stays, axis=-1)
    return out / out.sum(axis=-1, keepdims=True)

# %% mutant by-place "It sums up in the order of the vocabulary: the nucleus is made of the likeliest tokens, wherever they stand."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits / temperature)
    out = q * (np.cumsum(q, axis=-1) - q < p)
    return out / out.sum(axis=-1, keepdims=True)

# %% mutant no-way-back "The probabilities stay sorted: column 0 is now the likeliest token and no longer token 0."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits / temperature)
    falling = -np.sort(-q, axis=-1)
    out = falling * (np.cumsum(falling, axis=-1) - falling < p)
    return out / out.sum(axis=-1, keepdims=True)

# %% mutant sums-to-less "What is left does not sum to 1: divide by what is left."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits / temperature)
    order = np.argsort(-q, axis=-1)
    falling = np.take_along_axis(q, order, axis=-1)
    out = np.zeros_like(q)
    np.put_along_axis(out, order, falling * (np.cumsum(falling, axis=-1) - falling < p), axis=-1)
    return out

# %% mutant cut-before-heat "The nucleus is cut at temperature 1, and the temperature comes after: then it no longer depends on how hot it is."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits)
    order = np.argsort(-q, axis=-1)
    falling = np.take_along_axis(q, order, axis=-1)
    out = np.zeros_like(q)
    np.put_along_axis(out, order, falling * (np.cumsum(falling, axis=-1) - falling < p), axis=-1)
    out = out ** (1 / temperature)
    return out / out.sum(axis=-1, keepdims=True)

# %% mutant one-for-all "All rows keep as many tokens as the first: each text has a doubt of its own."
def nucleus(logits, temperature, p):
    q = by_hand.softmax(logits / temperature)
    order = np.argsort(-q, axis=-1)
    falling = np.take_along_axis(q, order, axis=-1)
    n = int((np.cumsum(falling[0]) - falling[0] < p).sum())
    out = np.zeros_like(q)
    np.put_along_axis(out, order[:, :n], falling[:, :n], axis=-1)
    return out / out.sum(axis=-1, keepdims=True)

# %% alternative token-by-token "Row by row and token by token, until the sum is there."
def nucleus(logits, temperature, p):
    out = np.zeros(logits.shape)
    for row, z in zip(out, logits):
        e = [math.exp((x - max(z)) / temperature) for x in z]
        total = 0.0
        for i in sorted(range(len(e)), key=lambda i: -e[i]):
            if total >= p * sum(e):
                break
            row[i] = e[i]
            total += e[i]
        row /= total
    return out

# %% show
from course_lib import data, figures

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
config = by_hand.load_config(data.TOWN_GPT)
begin = "Anna asks Bip to take the ball to the park. Bip takes the ball to the"  # your own beginning here


def what_is_left(temperature=1.5, p=0.8):
    """What the trained model may write next, heated and cut by you."""
    z = by_hand.gpt(tokenizer.encode("<|endoftext|>" + begin, allowed_special="all"), params, config["n_head"])[-1:]
    best = np.argsort(z[0])[::-1][:8]
    return figures.distribution(
        [tokenizer.decode([int(i)]) for i in best],
        nucleus(z, temperature, p)[0, best],
        title=f"What comes next, at temperature {temperature} and top-p {p}",
        alt="Bars of the eight likeliest next tokens, from top to bottom. Those outside of the nucleus have no length.",
    )


check.show(what_is_left)

# %% exercise cached_step "Nothing is read twice" points=4 minutes=20 difficulty=3
# One new token comes, after $S$ others. In each head it has a query, a key and a value: `q`, `k` and `v`, each $[H, D]$. The keys and values of
# the others have been kept: `keys` and `values`, each $[H, S, D]$.
#
# Put the new key and value *behind* the old ones, and let the new token attend to all of them, itself included. Return three things: what
# each head finds, $[H, D]$, and the longer `keys` and `values`, each $[H, S + 1, D]$. It must work for the first token, too, with $S = 0$.
#
# `by_hand.attention(q, k, v)` is there for you. It works for a batch of heads, $[H, T, D]$.

# %% hint
# Is a mask needed? Whom could the new token see that it must not see?

# %% hint
# `k[:, None]` is $[H, 1, D]$, and `np.concatenate([a, b], axis=1)` puts one behind the other. A query of one token is $[H, 1, D]$ as well.

# %% answer
def cached_step(q, k, v, keys, values):
    """Attention of one new token [H, D] with a cache [H, S, D]: what it finds [H, D], and both longer caches."""
    ### BEGIN SOLUTION
    keys = np.concatenate([keys, k[:, None]], axis=1)
    values = np.concatenate([values, v[:, None]], axis=1)
    found = by_hand.attention(q[:, None], keys, values)
    return found[:, 0], keys, values
    ### END SOLUTION

# %% check
q, k, v = np.arange(12.0).reshape(3, 2, 2) / 4
check("a token after one other", lambda: list(cached_step(q, k, v, np.ones((2, 1, 2)), np.zeros((2, 1, 2)))))

# %% check
check("the very first token", lambda: list(cached_step(q, k, v, np.zeros((2, 0, 2)), np.zeros((2, 0, 2)))))

# %% hidden
check("a token after five others", lambda: list(cached_step(
    *check.rng(10).normal(size=(3, 3, 4)), *check.rng(11).normal(size=(2, 3, 5, 4)))))

# %% hidden
def token_by_token():
    text = check.rng(12).normal(size=(3, 2, 6, 8))  # queries, keys and values of six tokens in two heads
    keys = values = np.zeros((2, 0, 8))
    found = []
    for t in range(6):
        one, keys, values = cached_step(*text[:, :, t], keys, values)
        found.append(one)
    return np.stack(found, axis=1)

check("six tokens, one after the other", token_by_token)

# %% mutant blind-to-itself "The new token attends before it is in the cache: it cannot see itself, and the first token sees nothing at all."
def cached_step(q, k, v, keys, values):
    found = by_hand.attention(q[:, None], keys, values)[:, 0]
    return found, np.concatenate([keys, k[:, None]], axis=1), np.concatenate([values, v[:, None]], axis=1)

# %% mutant keeps-queries "It keeps the query where the key belongs: nobody ever asks for an old query again."
def cached_step(q, k, v, keys, values):
    keys = np.concatenate([keys, q[:, None]], axis=1)
    values = np.concatenate([values, v[:, None]], axis=1)
    return by_hand.attention(q[:, None], keys, values)[:, 0], keys, values

# %% mutant in-front "The new ones stand in front of the old: attention does not mind, but the next mask or position will be wrong."
def cached_step(q, k, v, keys, values):
    keys = np.concatenate([k[:, None], keys], axis=1)
    values = np.concatenate([v[:, None], values], axis=1)
    return by_hand.attention(q[:, None], keys, values)[:, 0], keys, values

# %% mutant forgets "The cache that comes back is the old one: the next token will not know of this one."
def cached_step(q, k, v, keys, values):
    longer = [np.concatenate([old, new[:, None]], axis=1) for old, new in ((keys, k), (values, v))]
    return by_hand.attention(q[:, None], *longer)[:, 0], keys, values

# %% mutant triangle-at-the-top "A causal mask that begins at the top left: the only query may look at the first key, and at nothing else."
def cached_step(q, k, v, keys, values):
    keys = np.concatenate([keys, k[:, None]], axis=1)
    values = np.concatenate([values, v[:, None]], axis=1)
    mask = np.tri(1, keys.shape[1], dtype=bool)
    return by_hand.attention(q[:, None], keys, values, mask)[:, 0], keys, values

# %% mutant no-root "The division by √D is missing."
def cached_step(q, k, v, keys, values):
    keys = np.concatenate([keys, k[:, None]], axis=1)
    values = np.concatenate([values, v[:, None]], axis=1)
    return by_hand.attention(q[:, None] * math.sqrt(q.shape[-1]), keys, values)[:, 0], keys, values

# %% alternative head-by-head "One head at a time, in plain dot products."
def cached_step(q, k, v, keys, values):
    found, all_keys, all_values = [], [], []
    for head in range(len(q)):
        ks, vs = [*keys[head], k[head]], [*values[head], v[head]]
        e = np.exp([np.dot(q[head], one) / len(one) ** 0.5 for one in ks])
        found.append(sum(w * one for w, one in zip(e / e.sum(), vs)))
        all_keys.append(ks)
        all_values.append(vs)
    return np.array(found), np.array(all_keys), np.array(all_values)

# %% show
begin = "<|endoftext|>Anna asks Bip to"  # your own beginning here


def story(n_tokens=60, temperature=1.0, p=0.9, seed=8):
    """The trained model, one token at a time: your cache remembers, your nucleus cuts, and a die is thrown."""
    dice, n_head = np.random.default_rng(seed), config["n_head"]
    nothing = np.zeros((n_head, 0, config["n_embd"] // n_head))
    cache = [(nothing, nothing)] * config["n_layer"]
    ids = tokenizer.encode(begin, allowed_special="all")
    end = ids[0]
    for t in range(len(ids) + n_tokens):
        x = params["wte"]["weight"][ids[t : t + 1]] + params["wpe"]["weight"][t : t + 1]  # [1, C]
        for layer, block in enumerate(params["h"]):
            normed = by_hand.layer_norm(x, **block["ln_1"])
            new = (part[:, 0] for part in by_hand.queries_keys_values(normed, block["attn"], n_head))
            found, *cache[layer] = cached_step(*new, *cache[layer])
            x = x + by_hand.linear(found.reshape(1, -1), **block["attn"]["c_proj"])
            x = x + by_hand.mlp(by_hand.layer_norm(x, **block["ln_2"]), block["mlp"])
        if t + 1 == len(ids):
            q = nucleus(by_hand.unembed(x, params), temperature, p)[0].astype(float)
            ids.append(int(dice.choice(len(q), p=q / q.sum())))
            if ids[-1] == end:
                break
    return tokenizer.decode(ids)


check.show(story)
