# %% sheet 12_autoencoding "Exercises: autoregressive and autoencoding"
# These exercises belong to [GPT and BERT](../12_autoencoding.ipynb). You draw up who may look at whom, choose tokens and hide
# them as BERT's authors did, and score the answers. At the end the book's GPT fills blanks with your code, though it can only
# look to the left.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 12_autoencoding.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: $T$ tokens, a vocabulary of $V$.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("12_autoencoding")

# %% exercise visible "Who may look at whom" points=2 minutes=10 difficulty=1
# Draw up the visibility matrix of $T$ tokens, $[T, T]$, of booleans: row $i$, column $j$ is True where position $i$ may look at position $j$.
#
# - `kind` is `"autoregressive"`: each position looks at itself and at what comes before it.
# - `"autoencoding"`: each looks at all.
# - `"prefix"`: the first `prefix` tokens look at all of themselves and at nothing else. The others look at the prefix, at what comes before them,
#   and at themselves.

# %% hint
# `np.tri(T, dtype=bool)` is one of the three. What does the prefix add to it?

# %% hint
# In a prefix matrix every position sees the first `prefix` columns. Why does that not let the prefix look ahead?

# %% answer
def visible(kind, T, prefix=0):
    """Who may look at whom: booleans [T, T], a row for each position that looks."""
    ### BEGIN SOLUTION
    causal = np.tri(T, dtype=bool)
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    return causal | (np.arange(T) < prefix)
    ### END SOLUTION

# %% check
check("autoregressive, three tokens", lambda: visible("autoregressive", 3).astype(int))

# %% check
check("autoencoding, three tokens", lambda: visible("autoencoding", 3).astype(int))

# %% check
check("a prefix of two of four", lambda: visible("prefix", 4, 2).astype(int))

# %% hidden
check("all three kinds of six tokens", lambda: [visible(kind, 6, 3).astype(int) for kind in ("autoregressive", "autoencoding", "prefix")])

# %% hidden
check("no prefix at all, and one of everything", lambda: [visible("prefix", 4, n).astype(int) for n in (0, 4)])

# %% mutant looks-ahead "A decoder that sees the future: the triangle lies on the wrong side of the diagonal."
def visible(kind, T, prefix=0):
    causal = np.tri(T, dtype=bool).T
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    return causal | (np.arange(T) < prefix)

# %% mutant blind-to-itself "Nobody sees itself: the diagonal belongs to it, and the first token would have nobody to look at."
def visible(kind, T, prefix=0):
    causal = np.tri(T, k=-1, dtype=bool)
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    return causal | (np.arange(T) < prefix)

# %% mutant prefix-sees-all "The prefix looks at everything, and so at the words that are to be predicted: rows were filled where columns should be."
def visible(kind, T, prefix=0):
    causal = np.tri(T, dtype=bool)
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    return causal | (np.arange(T)[:, None] < prefix)

# %% mutant prefix-apart "The others do not see the prefix: it was cut off, where it is what they continue."
def visible(kind, T, prefix=0):
    causal = np.tri(T, dtype=bool)
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    first = np.arange(T) < prefix
    return np.where(first[:, None] | first, first[:, None] & first, causal)

# %% mutant off-by-one "The prefix is one token too long: positions are counted from 0, so its last one is `prefix − 1`."
def visible(kind, T, prefix=0):
    causal = np.tri(T, dtype=bool)
    if kind == "autoregressive":
        return causal
    if kind == "autoencoding":
        return np.ones((T, T), dtype=bool)
    return causal | (np.arange(T) <= prefix)

# %% alternative by-definition "Each pair on its own, as the sentences say it."
def visible(kind, T, prefix=0):
    out = np.zeros((T, T), dtype=bool)
    for i in range(T):
        for j in range(T):
            if kind == "autoencoding":
                out[i, j] = True
            elif kind == "autoregressive":
                out[i, j] = j <= i
            else:
                out[i, j] = j < prefix if i < prefix else j <= i
    return out

# %% exercise choose "How many to choose, and which" points=3 minutes=15 difficulty=2
# BERT's authors chose a fixed number of tokens per text: `min(20, max(1, round(0.15 * length)))`, with the length counted *with* the special
# tokens. Special tokens themselves are never chosen. `ids` $[T]$ are the tokens, `special` says which ids are special, and `lots` $[T]$ are
# random numbers, one for each place: the places with the smallest lots are chosen.
#
# Return booleans $[T]$: True where a token was chosen.

# %% hint
# Give special tokens a lot that never wins, then sort.

# %% hint
# `np.argsort(lots)[:n]` are the places of the $n$ smallest. `np.isin(ids, special)` says where a special token stands.

# %% answer
def choose(ids, special, lots):
    """Which tokens are to be predicted: booleans [T], True for as many as BERT's authors chose."""
    ### BEGIN SOLUTION
    n = min(20, max(1, round(0.15 * len(ids))))
    lots = np.where(np.isin(ids, special), np.inf, lots)
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(lots)[:n]] = True
    return chosen
    ### END SOLUTION

# %% check
short = np.array([1, 7, 8, 9, 7, 6, 5, 9, 8, 2])  # [CLS] is 1, [SEP] is 2
check("ten tokens", lambda: choose(short, [0, 1, 2, 3], np.array([0.1, 0.5, 0.9, 0.3, 0.8, 0.6, 0.2, 0.7, 0.4, 0.0])).astype(int))

# %% check
check("a text of two words", lambda: choose(np.array([1, 6, 9, 2]), [0, 1, 2, 3], np.array([0.1, 0.8, 0.3, 0.2])).astype(int))

# %% hidden
def many(length, seed):
    ids = np.concatenate([[1], check.rng(seed).integers(4, 30, size=length - 2), [2]])
    return np.flatnonzero(choose(ids, [0, 1, 2, 3], check.rng(seed + 100).permutation(length) / length))

check("forty tokens", lambda: many(40, 1))

# %% hidden
check("two hundred tokens", lambda: many(200, 2))

# %% hidden
check("lengths at which the special tokens make the difference", lambda: [len(many(n, 3)) for n in (11, 17, 24, 31)])

# %% mutant masks-specials "It chooses special tokens as well: there is nothing to learn from guessing that a text begins with [CLS]."
def choose(ids, special, lots):
    n = min(20, max(1, round(0.15 * len(ids))))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(lots)[:n]] = True
    return chosen

# %% mutant counts-words-alone "It takes 15 % of the ordinary tokens: the special ones are counted in the length, though they are not chosen."
def choose(ids, special, lots):
    ordinary = ~np.isin(ids, special)
    n = min(20, max(1, round(0.15 * ordinary.sum())))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(np.where(ordinary, lots, np.inf))[:n]] = True
    return chosen

# %% mutant none-in-short-texts "From a short text it chooses nothing: at least one token has to be asked for."
def choose(ids, special, lots):
    n = min(20, int(0.15 * len(ids)))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(np.where(np.isin(ids, special), np.inf, lots))[:n]] = True
    return chosen

# %% mutant no-limit "It knows no limit: BERT's authors never ask for more than twenty tokens of one text."
def choose(ids, special, lots):
    n = max(1, round(0.15 * len(ids)))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(np.where(np.isin(ids, special), np.inf, lots))[:n]] = True
    return chosen

# %% mutant coins "It throws a coin for each token: that is how a later library does it, and then the number is not fixed."
def choose(ids, special, lots):
    return (lots < 0.15) & ~np.isin(ids, special)

# %% mutant largest-lots "The largest lots win."
def choose(ids, special, lots):
    n = min(20, max(1, round(0.15 * len(ids))))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[np.argsort(np.where(np.isin(ids, special), -np.inf, lots))[-n:]] = True
    return chosen

# %% alternative one-by-one "One token after another, in the order of their lots."
def choose(ids, special, lots):
    left = min(20, max(1, round(0.15 * len(ids))))
    chosen = [False] * len(ids)
    for _, place in sorted((lot, place) for place, lot in enumerate(lots)):
        if left and ids[place] not in set(special):
            chosen[place] = True
            left -= 1
    return np.array(chosen)

# %% exercise corrupt "Eighty, ten, ten" points=3 minutes=15 difficulty=2
# Make what BERT reads and what it is asked for. `ids`, `chosen`, `dice` and `anything` all are $[T]$. A token that was chosen becomes
#
# - the id `mask` where its die is below 0.8,
# - the id in `anything` (a random token) where its die is from 0.8 to below 0.9,
# - itself where its die is 0.9 or more.
#
# All others stay. Return the `inputs` $[T]$, and the `targets` $[T]$: the true token where one was chosen, −100 elsewhere. The `ids` that came in
# stay as they are.

# %% hint
# What is asked for at a chosen position that was left as it is? (It is asked for, too.)

# %% hint
# Work on a copy. Several conditions go together with `&`, each in brackets: `(a < 3) & (a > 1)`. `np.where` is another way.

# %% answer
def corrupt(ids, chosen, dice, anything, mask):
    """What is read, and what is asked for: two arrays [T]."""
    ### BEGIN SOLUTION
    inputs = ids.copy()
    inputs[chosen & (dice < 0.8)] = mask
    swapped = chosen & (dice >= 0.8) & (dice < 0.9)
    inputs[swapped] = anything[swapped]
    return inputs, np.where(chosen, ids, -100)
    ### END SOLUTION

# %% check
ids = np.array([11, 12, 13, 14, 15, 16])
dice = np.array([0.3, 0.85, 0.95, 0.1, 0.82, 0.7])
check("three of six tokens, one of each sort", lambda: corrupt(
    ids, np.array([True, True, True, False, False, False]), dice, np.array([21, 22, 23, 24, 25, 26]), 99)[0])

# %% check
check("what is asked for", lambda: corrupt(
    ids, np.array([True, True, True, False, False, False]), dice, np.array([21, 22, 23, 24, 25, 26]), 99)[1])

# %% hidden
def corrupted(seed, T=40):
    rng = check.rng(seed)
    ids, anything = rng.integers(10, 50, size=T), rng.integers(50, 90, size=T)
    return corrupt(ids, np.arange(T) % 3 != 1, (rng.permutation(T) + 0.5) / T, anything, 3)

check("forty tokens, what is read", lambda: corrupted(1)[0])

# %% hidden
check("forty tokens, what is asked for", lambda: corrupted(2)[1])

# %% hidden
check("nothing chosen", lambda: list(corrupt(ids, np.zeros(6, dtype=bool), dice, ids + 30, 99)))

# %% hidden
def before_and_after():
    given = check.rng(5).integers(10, 50, size=8)
    before = given.copy()
    corrupt(given, np.ones(8, dtype=bool), np.linspace(0, 0.99, 8), before + 50, 3)
    return bool((given == before).all())

check("the ids themselves are left as they were", before_and_after)

# %% mutant masks-all "Every chosen token becomes [MASK]: then [MASK] stands at 15 %, and a model may learn that only [MASK] needs thought."
def corrupt(ids, chosen, dice, anything, mask):
    return np.where(chosen, mask, ids), np.where(chosen, ids, -100)

# %% mutant all-targets "It asks for every token, not for the chosen ones alone: copying what stands there is most of the work then."
def corrupt(ids, chosen, dice, anything, mask):
    inputs = np.where(chosen & (dice < 0.8), mask, ids)
    return np.where(chosen & (dice >= 0.8) & (dice < 0.9), anything, inputs), ids.copy()

# %% mutant masked-targets "It asks only where the token was changed: a chosen token that stayed is asked for as well."
def corrupt(ids, chosen, dice, anything, mask):
    inputs = np.where(chosen & (dice < 0.8), mask, ids)
    inputs = np.where(chosen & (dice >= 0.8) & (dice < 0.9), anything, inputs)
    return inputs, np.where(inputs != ids, ids, -100)

# %% mutant reads-target "It asks for what it has just written, [MASK] or the random token: the target is what stood there before."
def corrupt(ids, chosen, dice, anything, mask):
    inputs = np.where(chosen & (dice < 0.8), mask, ids)
    inputs = np.where(chosen & (dice >= 0.8) & (dice < 0.9), anything, inputs)
    return inputs, np.where(chosen, inputs, -100)

# %% mutant corrupts-others "It replaces tokens that were not chosen: nobody will ask for those, so nothing makes up for the harm."
def corrupt(ids, chosen, dice, anything, mask):
    inputs = np.where(chosen & (dice < 0.8), mask, ids)
    return np.where((dice >= 0.8) & (dice < 0.9), anything, inputs), np.where(chosen, ids, -100)

# %% mutant swapped-tens "The two tens are exchanged: dice from 0.8 to 0.9 mean a random token, from 0.9 on the token itself."
def corrupt(ids, chosen, dice, anything, mask):
    inputs = np.where(chosen & (dice < 0.8), mask, ids)
    return np.where(chosen & (dice >= 0.9), anything, inputs), np.where(chosen, ids, -100)

# %% mutant spoils-the-ids "It writes into the ids that it was given: the next pass over the text would begin from the spoiled ones."
def corrupt(ids, chosen, dice, anything, mask):
    targets = np.where(chosen, ids, -100)
    ids[chosen & (dice < 0.8)] = mask
    swapped = chosen & (dice >= 0.8) & (dice < 0.9)
    ids[swapped] = anything[swapped]
    return ids, targets

# %% alternative token-by-token "One token at a time."
def corrupt(ids, chosen, dice, anything, mask):
    inputs, targets = [], []
    for i, c, d, a in zip(ids.tolist(), chosen, dice, anything.tolist()):
        targets.append(i if c else -100)
        inputs.append(i if not c or d >= 0.9 else mask if d < 0.8 else a)
    return np.array(inputs), np.array(targets)

# %% exercise masked_loss "The loss of the chosen ones" points=3 minutes=15 difficulty=2
# From `logits` $[T, V]$ and `targets` $[T]$ make the loss of masked language modelling: the mean of $-\log q$ of the targets, in nats, over the
# chosen positions alone. Where the target is −100 nothing was asked. Position $i$ is scored by the logits of position $i$ itself: BERT says what
# stands *here*, not what comes next. Logits may be as large as a thousand.

# %% hint
# First throw away the rows that nobody asked for. Then it is a cross-entropy like any other.

# %% hint
# $-\log q_t = \log \sum_v e^{z_v} - z_t$. Take the largest logit out of both terms before you raise $e$ to anything.

# %% answer
def masked_loss(logits, targets):
    """Mean cross-entropy over the chosen positions, in nats: one number."""
    ### BEGIN SOLUTION
    asked = targets != -100
    z, t = logits[asked], targets[asked]
    z = z - z.max(axis=-1, keepdims=True)
    nats = np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]
    return float(nats.mean())
    ### END SOLUTION

# %% check
table = np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.0], [0.0, 0.0, 3.0], [-1.0, 1.0, 0.5]])
check("two of four positions", lambda: masked_loss(table, np.array([-100, 0, -100, 1])))

# %% hidden
check("five of twelve positions", lambda: masked_loss(
    check.rng(1).normal(size=(12, 9)) * 2, np.where(np.arange(12) % 5 < 2, check.rng(2).integers(0, 9, size=12), -100)))

# %% hidden
check("large logits", lambda: masked_loss(np.array([[1000.0, 998.0, 0.0], [5.0, 1.0, 2.0]]), np.array([1, -100])))

# %% hidden
check("one position, the first", lambda: masked_loss(check.rng(3).normal(size=(5, 6)), np.array([4, -100, -100, -100, -100])))

# %% mutant all-positions "Every position counts: where nothing was asked, −100 reads a column from behind, or a token was taken for one."
def masked_loss(logits, targets):
    z = logits - logits.max(axis=-1, keepdims=True)
    t = np.where(targets == -100, 0, targets)
    return float((np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]).mean())

# %% mutant divides-by-length "The sum is right, but it is divided by the number of all positions, not of the chosen ones."
def masked_loss(logits, targets):
    asked = targets != -100
    z, t = logits[asked], targets[asked]
    z = z - z.max(axis=-1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]).sum() / len(targets))

# %% mutant next-token "The logits are shifted by one, as for a GPT: a masked position says what stands there itself."
def masked_loss(logits, targets):
    asked = np.flatnonzero(targets != -100)
    z, t = logits[np.maximum(asked - 1, 0)], targets[asked]
    if asked[0] == 0:
        z[0] = logits[-1]
    z = z - z.max(axis=-1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]).mean())

# %% mutant overflows "e to the power of a thousand is infinite: the largest logit has to come off first."
def masked_loss(logits, targets):
    asked = targets != -100
    z, t = logits[asked], targets[asked]
    with np.errstate(all="ignore"):
        return float((np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]).mean())

# %% mutant sum "It is the sum over the chosen positions, not their mean."
def masked_loss(logits, targets):
    asked = targets != -100
    z, t = logits[asked], targets[asked]
    z = z - z.max(axis=-1, keepdims=True)
    return float((np.log(np.exp(z).sum(axis=-1)) - z[np.arange(len(t)), t]).sum()) + 0.0 * len(t)

# %% alternative one-by-one "Position by position, with `math`."
def masked_loss(logits, targets):
    nats = []
    for z, t in zip(logits.tolist(), targets.tolist()):
        if t != -100:
            top = max(z)
            nats.append(top + math.log(sum(math.exp(x - top) for x in z)) - z[t])
    return sum(nats) / len(nats)

# %% exercise fill "A blank, filled by trying" points=4 minutes=20 difficulty=3
# A GPT cannot look to the right. But it can say how likely a *whole* text is. So let it try all candidates in the blank, and compare.
#
# `ids` $[T]$ is a text, `place` is where the blank is, `candidates` $[K]$ are the tokens that may stand there. `log_q(ids)` gives the logits'
# log-probabilities $[T, V]$: row $t$ is about the token *after* position $t$. The probability of a text is the product over all its tokens but the
# first. Return the probability of each candidate, $[K]$, with sum 1. Leave `ids` as it is.

# %% hint
# For each candidate: put it into a copy of the text, and add up the log-probabilities of tokens 1, 2, …, each from the row before it. Which
# tokens' terms can depend on the candidate?

# %% hint
# With a log-probability per candidate, what is left is a softmax. `by_hand.softmax` is there for you.

# %% answer
def fill(ids, place, candidates, log_q):
    """How likely each candidate is in the blank, given all the rest of the text: [K]."""
    ### BEGIN SOLUTION
    scores = []
    for candidate in candidates:
        text = np.array(ids)
        text[place] = candidate
        rows = log_q(text)[np.arange(len(text) - 1), text[1:]]
        scores.append(rows.sum())
    return by_hand.softmax(np.array(scores))
    ### END SOLUTION

# %% check
step = np.log(np.array([[0.1, 0.6, 0.3], [0.3, 0.2, 0.5], [0.7, 0.2, 0.1]]))  # a bigram model: row after column before
check("a bigram model, a blank in the middle", lambda: fill(np.array([0, 1, 2, 1]), 2, [0, 1, 2], lambda ids: step[ids]))

# %% check
check("two candidates for the last token", lambda: fill(np.array([2, 0, 1]), 2, [1, 2], lambda ids: step[ids]))

# %% hidden
def of_history(seed):
    """A model whose guess depends on all that came before."""
    table = check.rng(seed).normal(size=(7, 7))

    def log_q(ids):
        z = np.cumsum(table[np.asarray(ids)], axis=0)
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    return log_q

check("a model with a memory", lambda: fill(np.array([3, 1, 4, 1, 5, 2, 6]), 2, [0, 2, 3, 5], of_history(1)))

# %% hidden
check("a blank near the beginning", lambda: fill(np.array([6, 0, 2, 2, 5]), 1, [1, 4, 6], of_history(2)))

# %% hidden
def before_and_after():
    given = np.array([0, 1, 2, 1])
    fill(given, 1, [2, 0], lambda ids: step[np.asarray(ids)])
    return given

check("the text itself is left as it was", before_and_after)

# %% mutant left-alone "It asks what follows on the left, and no more: what stands behind the blank does not count, and that is where the answer is."
def fill(ids, place, candidates, log_q):
    return by_hand.softmax(log_q(np.array(ids))[place - 1, np.array(candidates)])

# %% mutant right-alone "It scores only what comes after the blank: the candidate itself has a probability, too."
def fill(ids, place, candidates, log_q):
    scores = []
    for candidate in candidates:
        text = np.array(ids)
        text[place] = candidate
        scores.append(log_q(text)[np.arange(len(text) - 1), text[1:]][place:].sum())
    return by_hand.softmax(np.array(scores))

# %% mutant per-token "It takes the mean over the tokens: that flattens the answer as a high temperature would. Texts here have one length; the sum is right."
def fill(ids, place, candidates, log_q):
    scores = []
    for candidate in candidates:
        text = np.array(ids)
        text[place] = candidate
        scores.append(log_q(text)[np.arange(len(text) - 1), text[1:]].mean())
    return by_hand.softmax(np.array(scores))

# %% mutant same-place "It reads each token's score from the token's own row: row t is about the token after position t."
def fill(ids, place, candidates, log_q):
    scores = []
    for candidate in candidates:
        text = np.array(ids)
        text[place] = candidate
        scores.append(log_q(text)[np.arange(len(text)), text].sum())
    return by_hand.softmax(np.array(scores))

# %% mutant next-alone "It stops one token behind the blank: in a model with a memory the candidate changes everything that follows."
def fill(ids, place, candidates, log_q):
    scores = []
    for candidate in candidates:
        text = np.array(ids)
        text[place] = candidate
        scores.append(log_q(text)[np.arange(len(text) - 1), text[1:]][: place + 1].sum())
    return by_hand.softmax(np.array(scores))

# %% mutant spoils-the-text "It leaves its last candidate in the text."
def fill(ids, place, candidates, log_q):
    scores = []
    for candidate in candidates:
        ids[place] = candidate
        scores.append(log_q(ids)[np.arange(len(ids) - 1), ids[1:]].sum())
    return by_hand.softmax(np.array(scores))

# %% alternative from-the-blank-on "Only what can differ: the candidate's own term and all behind it."
def fill(ids, place, candidates, log_q):
    ids = [int(i) for i in ids]
    scores = []
    for candidate in candidates:
        text = [*ids[:place], int(candidate), *ids[place + 1 :]]
        q = log_q(np.array(text))
        scores.append(sum(q[t - 1][text[t]] for t in range(max(1, place), len(text))))
    powers = [math.exp(s - max(scores)) for s in scores]
    return np.array([p / sum(powers) for p in powers])

# %% show
from course_lib import data, figures, town

params = by_hand.load_params(data.TOWN_GPT)
tokenizer, n_head = data.town_tokenizer(), by_hand.load_config(data.TOWN_GPT)["n_head"]
before = "Anna asks Bip to take the ball not to the park but to the"  # your own text here, with the blank between the two
after = ". Bip goes to the tower with it. Anna is glad. At the end the ball is in the tower."


def blank():
    """The book's GPT fills a blank, all the town's places in turn, with your code; beside it what the town's grammar says."""
    words = list(town.WORLD.places)
    left = tokenizer.encode("<|endoftext|>" + before, allowed_special="all")
    ids = np.array([*left, 0, *tokenizer.encode(after), left[0]])

    def log_q(ids):
        return np.log(by_hand.softmax(by_hand.gpt(ids, params, n_head).astype(float)))

    candidates = [tokenizer.encode(" " + word)[0] for word in words]
    ours, exact = fill(ids, len(left), candidates, log_q), town.fill_blank(before + " ", after)
    return figures.distribution(
        [f"{word} (exactly {exact.get(word, 0):.2f})" for word in words],
        ours,
        title="… but to the ____ . Bip goes to the tower with it.",
        alt="Bars for the six places of the town. Nearly all of the probability lies on one of them.",
    )


check.show(blank)
