# %% sheet 01_predicting "Exercises: predicting the next token"
# These exercises belong to [Predicting the next token](../01_predicting.ipynb). You count pairs of words, turn counts into
# probabilities, measure how good they are, and at the end your own model tells stories of Robot Town.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 01_predicting.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: a vocabulary of $V$ words, known by their numbers $0 \ldots V - 1$; a text of $T$ words.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("01_predicting")

# %% exercise count "Count pairs" points=2 minutes=10 difficulty=1
# `words` is a text as numbers. Return a table $[V, V]$: in row $i$ and column $j$, how often word $j$ follows word $i$.

# %% hint
# A text of $T$ words has $T - 1$ pairs of neighbours.

# %% hint
# `zip(words, words[1:])` gives the pairs.

# %% answer
def count(words, V):
    """How often each word follows each: a table [V, V], a row for each word, a column for each next word."""
    ### BEGIN SOLUTION
    table = np.zeros((V, V))
    for before, after in zip(words, words[1:]):
        table[before, after] += 1
    return table
    ### END SOLUTION

# %% check
check("pairs of a short text", lambda: count([0, 1, 2, 0, 1, 1], 3))

# %% hidden
check("pairs of a random text", lambda: count(check.rng(1).integers(0, 5, size=60).tolist(), 5))

# %% hidden
check("pairs of a text with a rare word", lambda: count([3, 3, 3, 0], 6))

# %% mutant turned "Rows and columns are exchanged: a row must say what follows its word, not what stands before it."
def count(words, V):
    table = np.zeros((V, V))
    for before, after in zip(words, words[1:]):
        table[after, before] += 1
    return table

# %% mutant around "The last word is followed by the first: a text is no ring."
def count(words, V):
    table = np.zeros((V, V))
    for before, after in zip(words, [*words[1:], words[0]]):
        table[before, after] += 1
    return table

# %% mutant once "A pair counts once however often it stands: NumPy's `table[i, j] += 1` on lists of indices does that."
def count(words, V):
    table = np.zeros((V, V))
    table[words[:-1], words[1:]] += 1
    return table

# %% mutant either-order "A pair counts in both orders: a text has a direction."
def count(words, V):
    table = np.zeros((V, V))
    for before, after in zip(words, words[1:]):
        table[before, after] += 1
        table[after, before] += 1
    return table

# %% alternative add-at "Without a loop: `np.add.at` counts what comes twice."
def count(words, V):
    table = np.zeros((V, V))
    np.add.at(table, (words[:-1], words[1:]), 1)
    return table

# %% exercise smooth "From counts to probabilities" points=2 minutes=8 difficulty=1
# Turn counts $[V, V]$ into probabilities: add 1 to every count, so that nothing is impossible, and let each row sum to 1.

# %% hint
# Each row belongs to one word that has been read. Its probabilities are for what comes next.

# %% hint
# `sum(axis=1, keepdims=True)` keeps a column, so that the division fits.

# %% answer
def smooth(counts):
    """Probabilities of the next word from counts [V, V], each count raised by 1: [V, V], rows sum to 1."""
    ### BEGIN SOLUTION
    raised = counts + 1
    return raised / raised.sum(axis=1, keepdims=True)
    ### END SOLUTION

# %% check
check("probabilities from a small table", lambda: smooth(np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 5.0, 2.0]])))

# %% hidden
check("probabilities from random counts", lambda: smooth(check.rng(2).integers(0, 9, size=(6, 6)).astype(float)))

# %% mutant unsmoothed "Nothing is added: a word that was never counted gets 0 over 0, and a new pair is impossible."
def smooth(counts):
    return counts / counts.sum(axis=1, keepdims=True)

# %% mutant columns "The columns sum to 1, not the rows."
def smooth(counts):
    return (counts + 1) / (counts + 1).sum(axis=0, keepdims=True)

# %% mutant whole-table "The whole table sums to 1: these are probabilities of pairs, not of the next word."
def smooth(counts):
    return (counts + 1) / (counts + 1).sum()

# %% mutant sum-too-small "The 1 is added above the line and forgotten below it: rows sum to more than 1."
def smooth(counts):
    return (counts + 1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)

# %% alternative row-by-row "One row at a time; V additions of 1 raise the sum by V."
def smooth(counts):
    rows = []
    for row in counts:
        total = sum(row) + len(row)
        rows.append([(n + 1) / total for n in row])
    return np.array(rows)

# %% exercise loss "How good is it?" points=2 minutes=10 difficulty=2
# A model `table` $[V, V]$ gives probabilities of the next word. Its loss on a text is the mean of $-\ln p$ over all words that have
# one before them: the *cross-entropy*, in nats per word.

# %% hint
# Take the probability that the model gave to what came, for each pair of neighbours.

# %% hint
# First the logarithms, then the mean. The mean of the probabilities is another thing.

# %% answer
def loss(table, words):
    """Mean of -ln p of each next word, from probabilities [V, V] and a text of numbers."""
    ### BEGIN SOLUTION
    chances = [table[i, j] for i, j in zip(words, words[1:])]
    return -np.log(chances).mean()
    ### END SOLUTION

# %% check
table = np.array([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
check("loss on a short text", lambda: loss(table, [0, 1, 0, 2, 2]))

# %% hidden
check("loss of a random table", lambda: loss(
    by_hand.softmax(check.rng(3).normal(size=(7, 7))), check.rng(4).integers(0, 7, size=40).tolist()))

# %% hidden
check("loss of a model that knows nothing, less ln V", lambda: loss(np.full((9, 9), 1 / 9), [1, 2, 3, 8, 0]) - math.log(9))

# %% mutant bits "It is in bits: the logarithm must be the natural one, for nats."
def loss(table, words):
    return -np.mean([math.log2(table[i, j]) for i, j in zip(words, words[1:])])

# %% mutant sum "It is the sum, not the mean: longer texts would always look worse."
def loss(table, words):
    return -sum(math.log(table[i, j]) for i, j in zip(words, words[1:]))

# %% mutant log-of-mean "It is the logarithm of the mean: one very wrong guess would hardly be felt."
def loss(table, words):
    return -math.log(np.mean([table[i, j] for i, j in zip(words, words[1:])]))

# %% mutant sign "The sign is missing: a loss is small when a model is good, and never negative."
def loss(table, words):
    return np.mean([math.log(table[i, j]) for i, j in zip(words, words[1:])])

# %% mutant wrong-count "It divides by the number of words. There is one pair less than words."
def loss(table, words):
    return -sum(math.log(table[i, j]) for i, j in zip(words, words[1:])) / len(words)

# %% alternative arrays "With arrays of indices."
def loss(table, words):
    words = np.array(words)
    return float(np.log(1 / table[words[:-1], words[1:]]).sum() / (len(words) - 1))

# %% exercise heat "Temperature" points=2 minutes=10 difficulty=2
# Turn scores $z$ $[V]$ into probabilities at temperature $\tau$:
#
# $$q_k = \frac{e^{z_k / \tau}}{\sum_m e^{z_m / \tau}}$$
#
# It must work for very low temperatures, too, where $z / \tau$ becomes large. `by_hand.softmax` is there for you.

# %% hint
# Temperature changes scores, not probabilities: it belongs inside the exponential.

# %% hint
# `by_hand.softmax` takes care of large scores.

# %% answer
def heat(z, temperature):
    """Probabilities of scores z [V] at a temperature above 0: [V]."""
    ### BEGIN SOLUTION
    return by_hand.softmax(z / temperature)
    ### END SOLUTION

# %% check
check("three scores, cool and warm", lambda: np.stack([heat(np.array([2.0, 1.0, 0.0]), t) for t in (0.5, 1.0, 2.0)]))

# %% hidden
check("random scores at a high temperature", lambda: heat(check.rng(5).normal(size=8), 3.0))

# %% hidden
check("random scores near 0", lambda: heat(check.rng(6).normal(size=5) * 10, 0.001))

# %% mutant upside-down "It multiplies: a high temperature must make the probabilities more alike, not less."
def heat(z, temperature):
    return by_hand.softmax(z * temperature)

# %% mutant outside "It divides the probabilities, after the softmax: they no longer sum to 1."
def heat(z, temperature):
    return by_hand.softmax(z) / temperature

# %% mutant overflow "At a low temperature e overflows: take the largest score off first, or let `by_hand.softmax` do it."
def heat(z, temperature):
    e = np.exp(z / temperature)
    return e / e.sum()

# %% mutant ignored "The temperature is not used."
def heat(z, temperature):
    return by_hand.softmax(z)

# %% alternative powers "Powers of the odds: the same as dividing the scores."
def heat(z, temperature):
    e = np.exp(z - z.max())
    powers = e ** (1 / temperature)
    return powers / powers.sum()

# %% exercise draw "Draw a word" points=2 minutes=12 difficulty=2
# Let chance choose: lay the probabilities $p$ $[V]$ side by side on a line from 0 to 1, and return the number of the word on which
# `u` falls, a number from 0 up to, but not including, 1. So word 0 is chosen for $u < p_0$, word 1 for $p_0 \le u < p_0 + p_1$, and
# so on.

# %% hint
# `np.cumsum(p)` gives where each word's piece of the line ends.

# %% hint
# Count the pieces that end at `u` or before it.

# %% answer
def draw(p, u):
    """The number of the word on which u in [0, 1) falls, given probabilities p [V]: an integer."""
    ### BEGIN SOLUTION
    ends = np.cumsum(p)
    return int((ends <= u).sum())
    ### END SOLUTION

# %% check
check("five draws from three words", lambda: [draw(np.array([0.5, 0.25, 0.25]), u) for u in (0.0, 0.3, 0.5, 0.74, 0.9)])

# %% hidden
check("many draws", lambda: [draw(by_hand.softmax(check.rng(7).normal(size=6) * 2), u) for u in check.rng(8).random(40)])

# %% hidden
check("a word that cannot come", lambda: [draw(np.array([0.0, 0.5, 0.0, 0.5]), u) for u in (0.0, 0.25, 0.5, 0.99)])

# %% mutant likeliest "It takes the likeliest word and no notice of chance."
def draw(p, u):
    return int(np.argmax(p))

# %% mutant uniform "Every word gets a piece of the same length: the probabilities are not used."
def draw(p, u):
    return int(u * len(p))

# %% mutant border "A border belongs to the wrong side: a word of probability 0 can come."
def draw(p, u):
    return int((np.cumsum(p) < u).sum())

# %% mutant one-less "It is one too low: the piece before."
def draw(p, u):
    return max(int((np.cumsum(p) <= u).sum()) - 1, 0)

# %% alternative walk "Walk along the line."
def draw(p, u):
    word = 0
    while u >= p[word] and word < len(p) - 1:
        u -= p[word]
        word += 1
    return word

# %% show
import re

from course_lib import town

known = [town.END, *town.WORDS, *".,:;="]  # the words of Robot Town, and the mark of the end
number = {word: i for i, word in enumerate(known)}
text = [w for d in town.documents(2000) for w in (town.END, *re.findall(r"\w+|[^\w\s]", d.text))]


def tell(seed, longest=50):
    """A story: your pairs, your probabilities, your draws."""
    model = smooth(count([number[word] for word in text], len(known)))
    dice, words = np.random.default_rng(seed), [0]
    while len(words) == 1 or (words[-1] != 0 and len(words) < longest):
        words.append(draw(model[words[-1]], dice.random()))
    return re.sub(r" ([.,:;])", r"\1", " ".join(known[i] for i in words[1:] if i))


check.show(lambda: tell(seed=1))
