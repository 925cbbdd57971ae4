# %% sheet 08_generating "Exercises: generating text"
# These exercises belong to chapter 8. You cut a distribution by top-k and by its nucleus, write the loop that writes, and keep
# keys and values for the next token. At the end your nucleus tells a story with the trained model of the book.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 08_generating.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: a vocabulary of $V$ tokens; $T$ positions that have been read; vectors of $D$ numbers.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("08_generating")

# %% exercise top_k "The k likeliest" points=2 minutes=8 difficulty=1
# Return the logits $[V]$ with all but the `k` largest set to $-\infty$, so that a softmax gives these a probability of exactly 0.
# A `k` beyond the vocabulary keeps everything.

# %% hint
# Sort the logits: which is the smallest that stays?

# %% hint
# `np.where(condition, logits, -np.inf)` keeps some and hides the others. `min(k, len(logits))` takes care of a large `k`.

# %% answer
def top_k(logits, k):
    """Logits [V] with all but the k largest at minus infinity: [V]."""
    ### BEGIN SOLUTION
    smallest = np.sort(logits)[-min(k, len(logits))]
    return np.where(logits >= smallest, logits, -np.inf)
    ### END SOLUTION

# %% check
check("the two likeliest of five", lambda: top_k(np.array([1.0, 3.0, -2.0, 2.0, 0.5]), 2))

# %% hidden
check("some of many", lambda: top_k(check.rng(1).normal(size=30), 7))

# %% hidden
check("more than there are", lambda: top_k(check.rng(2).normal(size=4), 9))

# %% hidden
check("logits below 0, one kept", lambda: top_k(-1 - check.rng(3).random(6), 1))

# %% mutant zeros "The others become 0, not minus infinity: e to the power of 0 is 1, so they can still be drawn."
def top_k(logits, k):
    smallest = np.sort(logits)[-min(k, len(logits))]
    return np.where(logits >= smallest, logits, 0.0)

# %% mutant one-less "It keeps one too few: the smallest of the k largest belongs to them."
def top_k(logits, k):
    smallest = np.sort(logits)[-min(k, len(logits))]
    return np.where(logits > smallest, logits, -np.inf)

# %% mutant unlikeliest "It keeps the unlikeliest: `np.sort` goes up."
def top_k(logits, k):
    largest = np.sort(logits)[min(k, len(logits)) - 1]
    return np.where(logits <= largest, logits, -np.inf)

# %% mutant shortened "It returns k numbers: then a position no longer says which token it is."
def top_k(logits, k):
    return np.sort(logits)[::-1][:k]

# %% alternative argsort "By positions."
def top_k(logits, k):
    kept = np.full(len(logits), -np.inf)
    order = np.argsort(-logits)[:k]
    kept[order] = logits[order]
    return kept

# %% exercise nucleus "The nucleus" points=3 minutes=15 difficulty=3
# The nucleus is the smallest set of the likeliest tokens whose probabilities sum to `p` or more: the token that reaches `p` is in.
# Return the probabilities $[V]$, in their old places, with all others set to 0, and what is left made to sum to 1 again.

# %% hint
# Go through the tokens from the likeliest on, and add up. A token is in as long as those *before* it have not reached `p`.

# %% hint
# `np.argsort(-probabilities)` gives the order, `np.cumsum` the sums. What comes out must go back to its old places.

# %% answer
def nucleus(probabilities, p):
    """Cut probabilities [V] to their nucleus and let it sum to 1: [V]."""
    ### BEGIN SOLUTION
    order = np.argsort(-probabilities)
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = np.zeros(len(probabilities))
    kept[order[before < p]] = probabilities[order[before < p]]
    return kept / kept.sum()
    ### END SOLUTION

# %% check
check("a nucleus of 0.6", lambda: nucleus(np.array([0.1, 0.5, 0.15, 0.25]), 0.6))

# %% check
check("a nucleus that one token fills", lambda: nucleus(np.array([0.1, 0.7, 0.2]), 0.3))

# %% hidden
check("a nucleus of many", lambda: nucleus(by_hand.softmax(check.rng(4).normal(size=20) * 2), 0.8))

# %% hidden
check("a small nucleus of many", lambda: nucleus(by_hand.softmax(check.rng(5).normal(size=20)), 0.15))

# %% mutant one-less "The token that crosses p is left out. (OpenAI's own code does so, but it is not the usual definition.)"
def nucleus(probabilities, p):
    order = np.argsort(-probabilities)
    inside = np.cumsum(probabilities[order]) <= p
    inside[0] = True
    kept = np.zeros(len(probabilities))
    kept[order[inside]] = probabilities[order[inside]]
    return kept / kept.sum()

# %% mutant not-renewed "What is left does not sum to 1: divide by its sum."
def nucleus(probabilities, p):
    order = np.argsort(-probabilities)
    inside = np.cumsum(probabilities[order]) - probabilities[order] < p
    kept = np.zeros(len(probabilities))
    kept[order[inside]] = probabilities[order[inside]]
    return kept

# %% mutant sorted "The probabilities come back sorted: a position no longer says which token it is."
def nucleus(probabilities, p):
    falling = np.sort(probabilities)[::-1]
    kept = np.where(np.cumsum(falling) - falling < p, falling, 0)
    return kept / kept.sum()

# %% mutant vocabulary-order "It adds up in the order of the vocabulary, not from the likeliest on."
def nucleus(probabilities, p):
    kept = np.where(np.cumsum(probabilities) - probabilities < p, probabilities, 0)
    return kept / kept.sum()

# %% mutant threshold "It keeps each token that is as likely as 1 - p or more: the nucleus is about sums."
def nucleus(probabilities, p):
    kept = np.where(probabilities >= min(1 - p, probabilities.max()), probabilities, 0)
    return kept / kept.sum()

# %% alternative one-by-one "One token after the other."
def nucleus(probabilities, p):
    kept, total = {}, 0.0
    for i in sorted(range(len(probabilities)), key=lambda i: -probabilities[i]):
        if total >= p:
            break
        kept[i] = probabilities[i]
        total += probabilities[i]
    return np.array([kept.get(i, 0.0) / total for i in range(len(probabilities))])

# %% exercise generate "The loop that writes" points=2 minutes=12 difficulty=2
# `model(ids)` returns the logits of the next token, $[V]$, after the list `ids`. Go on with the likeliest token, at most `n` times, and
# stop after the token `end` has been written. Return the whole list: what was given, and what was written.

# %% hint
# Each new token is part of what the model reads next.

# %% hint
# Copy the list first, and append to the copy. The token `end` itself is written, too.

# %% answer
def generate(model, ids, n, end):
    """Go on with ids greedily by at most n tokens, up to and with the token `end`: a new list."""
    ### BEGIN SOLUTION
    ids = list(ids)
    for _ in range(n):
        ids.append(int(np.argmax(model(ids))))
        if ids[-1] == end:
            break
    return ids
    ### END SOLUTION

# %% check
def after_the_last_two(ids):
    """A model of five tokens: the next one is the sum of the last two."""
    return np.eye(5)[sum(ids[-2:]) % 5]

check("four more tokens", lambda: generate(after_the_last_two, [1, 1], 4, end=4))

# %% check
check("up to the end", lambda: generate(after_the_last_two, [1, 1], 9, end=0))

# %% hidden
def table_model(seed):
    table = check.rng(seed).normal(size=(40, 40))
    return lambda ids: table[(ids[-1] * 7 + len(ids)) % 40]

check("a longer text", lambda: generate(table_model(6), [3], 25, end=-1))

# %% hidden
def given_before_and_after():
    given = [2, 1]
    return [generate(after_the_last_two, given, 3, end=-1), given]

check("what is written, and what was given", given_before_and_after)

# %% hidden
check("nothing more", lambda: generate(after_the_last_two, [4, 4], 0, end=-1))

# %% mutant same-prompt "The model reads the same beginning each time: it writes one token again and again."
def generate(model, ids, n, end):
    written = []
    for _ in range(n):
        written.append(int(np.argmax(model(list(ids)))))
        if written[-1] == end:
            break
    return [*ids, *written]

# %% mutant end-left-out "It stops before the token `end` is written: nobody can tell a finished text from one that was cut off."
def generate(model, ids, n, end):
    ids = list(ids)
    for _ in range(n):
        token = int(np.argmax(model(ids)))
        if token == end:
            break
        ids.append(token)
    return ids

# %% mutant never-ends "It goes on after the end."
def generate(model, ids, n, end):
    ids = list(ids)
    for _ in range(n):
        ids.append(int(np.argmax(model(ids))))
    return ids

# %% mutant in-place "It writes into the list that it was given: the caller's beginning grows."
def generate(model, ids, n, end):
    for _ in range(n):
        ids.append(int(np.argmax(model(ids))))
        if ids[-1] == end:
            break
    return ids

# %% alternative recursion "One token, and then the rest."
def generate(model, ids, n, end):
    if n == 0:
        return list(ids)
    token = max(enumerate(model(ids)), key=lambda pair: pair[1])[0]
    return [*ids, token] if token == end else generate(model, [*ids, token], n - 1, end)

# %% exercise cached "Keys and values are kept" points=3 minutes=15 difficulty=3
# A new token brings one query `q` $[D]$, one key `k` $[D]$ and one value `v` $[D]$. `K` and `V` $[T, D]$ hold the keys and values of the $T$
# tokens before it. Return three things: what the new token receives $[D]$, and `K` and `V` with the new row, $[T + 1, D]$. The new token may
# look at all before it, and at itself.

# %% hint
# First make the longer `K` and `V`, then let `q` attend to all of it. Nothing old is computed again.

# %% hint
# `np.vstack([K, k])` adds a row. With one query there is one row of weights, and no mask is needed.

# %% answer
def cached(q, k, v, K, V):
    """Attend from one new token to all before it and itself: the output [D], and K, V with a row more [T + 1, D]."""
    ### BEGIN SOLUTION
    K, V = np.vstack([K, k]), np.vstack([V, v])
    weights = by_hand.softmax(K @ q / math.sqrt(len(q)))
    return weights @ V, K, V
    ### END SOLUTION

# %% check
check("one more token after three", lambda: cached(*check.rng(7).normal(size=(3, 4)), *check.rng(8).normal(size=(2, 3, 4))))

# %% hidden
check("the first token of all", lambda: cached(*check.rng(9).normal(size=(3, 5)), np.zeros((0, 5)), np.zeros((0, 5))))

# %% hidden
def token_by_token():
    q, k, v = check.rng(10).normal(size=(3, 6, 8)) * 2
    K = V = np.zeros((0, 8))
    out = []
    for i in range(6):
        o, K, V = cached(q[i], k[i], v[i], K, V)
        out.append(o)
    return np.stack(out)

check("six tokens, one after the other", token_by_token)

# %% mutant blind-to-itself "The new token does not see itself: its key and value must be there before it looks."
def cached(q, k, v, K, V):
    out = by_hand.softmax(K @ q / math.sqrt(len(q))) @ V if len(K) else np.zeros(len(q))
    return out, np.vstack([K, k]), np.vstack([V, v])

# %% mutant forgets "The new row is not kept: the next token will not know that this one was there."
def cached(q, k, v, K, V):
    longer = np.vstack([K, k])
    return by_hand.softmax(longer @ q / math.sqrt(len(q))) @ np.vstack([V, v]), K, V

# %% mutant in-front "The new row stands in front: the order of the cache is the order of the text."
def cached(q, k, v, K, V):
    K, V = np.vstack([k, K]), np.vstack([v, V])
    return by_hand.softmax(K @ q / math.sqrt(len(q))) @ V, K, V

# %% mutant no-root "The division by √D is missing."
def cached(q, k, v, K, V):
    K, V = np.vstack([K, k]), np.vstack([V, v])
    return by_hand.softmax(K @ q) @ V, K, V

# %% alternative library "By the library's attention, with one query."
def cached(q, k, v, K, V):
    K, V = np.concatenate([K, k[None]]), np.concatenate([V, v[None]])
    return by_hand.attention(q[None], K, V)[0], K, V

# %% show
from course_lib import data

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
n_head = by_hand.load_config(data.TOWN_GPT)["n_head"]


def story(seed, p=0.9, longest=60):
    """A story by the trained model, drawn from your nucleus."""
    dice, ids = np.random.default_rng(seed), tokenizer.encode("<|endoftext|>", allowed_special="all")
    while len(ids) < longest and (len(ids) == 1 or ids[-1] != ids[0]):
        chances = nucleus(by_hand.softmax(by_hand.gpt(ids, params, n_head)[-1].astype(float)), p)
        ids.append(int(dice.choice(len(chances), p=chances)))
    return tokenizer.decode(ids[1:])


check.show(lambda: story(seed=8))
