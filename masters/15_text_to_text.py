# %% sheet 15_text_to_text "Exercises: text-to-text"
# These exercises belong to [T5](../15_text_to_text.ipynb). You say what a decoder reads, hide spans of a text, and sort distances into
# buckets.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 15_text_to_text.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

from course_lib.grading import check

check.sheet("15_text_to_text")

# %% exercise reads "What the decoder reads" points=1 minutes=6 difficulty=1
# In training the decoder is asked for all of its answer at once. `answer` is a list of the ids that it has to write, the end token
# included. At each place it must be given what stands before, and nothing else; the first thing that it is given is the pad id. Return
# the list of ids that it reads, as long as the answer.

# %% hint
# What stands before the second token of the answer? What before the first?

# %% hint
# One id comes in at the front, so one has to go at the end.

# %% answer
def decoder_reads(answer, pad):
    """Ids that the decoder reads while it is asked for `answer`: a list of the same length."""
    ### BEGIN SOLUTION
    return [pad, *answer[:-1]]
    ### END SOLUTION

# %% check
check("an answer of three tokens and an end", lambda: decoder_reads([17, 4, 9, 1], 0))

# %% check
check("nothing but the end", lambda: decoder_reads([1], 0))

# %% hidden
check("a longer answer, another pad id", lambda: decoder_reads([*check.rng(1).integers(2, 400, 12), 1], 477))

# %% mutant unshifted "It reads what it has to write: copying is enough, and nothing is learned."
def decoder_reads(answer, pad):
    return list(answer)

# %% mutant too-long "Nothing is taken off at the end: it reads one id more than there are questions."
def decoder_reads(answer, pad):
    return [pad, *answer]

# %% mutant ahead "It is shifted the other way: at each place the decoder is given the token after the one it is asked for."
def decoder_reads(answer, pad):
    return [*answer[1:], pad]

# %% mutant end-first "It begins with the last token of the answer, the end, in the place of the pad id."
def decoder_reads(answer, pad):
    return [answer[-1], *answer[:-1]]

# %% alternative step-by-step "One id after the other."
def decoder_reads(answer, pad):
    ids, before = [], pad
    for token in answer:
        ids.append(before)
        before = token
    return ids

# %% exercise span_pair "Gaps and sentinels" points=3 minutes=15 difficulty=2
# T5 reads a text with gaps, and writes what is missing. `ids` is a list of $n$ token ids, `gone` a list of $n$ booleans: `True` where a
# token is taken away. Each *run* of taken tokens becomes one sentinel. The first sentinel is the last id of the vocabulary,
# `vocab_size - 1`, the second is `vocab_size - 2`, and so on. Return two lists of ids:
#
# - what the encoder reads: the text, with one sentinel in the place of each run;
# - what the decoder has to write: each sentinel with its tokens behind it, and one more sentinel at the end.
#
# So `[10, 11, 12, 13, 14]` without `12` and `13`, at `vocab_size` 100, gives `[10, 11, 99, 14]` and `[99, 12, 13, 98]`.

# %% hint
# Go through the tokens one by one. A run begins where a token is gone and the one before it is not (or there is none).

# %% hint
# Keep a number `sentinel` that starts at `vocab_size`. At the start of each run, take one off and append it to *both* lists. A
# token then goes to the second list if it is gone, to the first if not. What is still missing at the end?

# %% answer
def span_pair(ids, gone, vocab_size):
    """Ids to read and ids to write, two lists, from a text and its gaps."""
    ### BEGIN SOLUTION
    read, write, sentinel = [], [], vocab_size
    for i, token in enumerate(ids):
        if gone[i] and (i == 0 or not gone[i - 1]):
            sentinel -= 1
            read.append(sentinel)
            write.append(sentinel)
        (write if gone[i] else read).append(token)
    return read, [*write, sentinel - 1]
    ### END SOLUTION

# %% check
check("one gap of two tokens", lambda: span_pair([10, 11, 12, 13, 14], [False, False, True, True, False], 100))

# %% check
check("the paper's example: two gaps", lambda: span_pair(
    [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30], [i in (2, 3, 8) for i in range(11)], 1000))

# %% hidden
check("a gap at the start, and one at the end", lambda: span_pair(
    [10, 11, 12, 13, 14, 15], [True, True, False, False, False, True], 1000))

# %% hidden
check("a longer text with many gaps", lambda: span_pair(
    check.rng(1).integers(0, 400, 24).tolist(), (check.rng(2).random(24) < 0.4).tolist(), 512))

# %% hidden
check("nothing is gone", lambda: span_pair([5, 6, 7], [False] * 3, 64))

# %% mutant counts-up "The sentinels count up: the first is the *last* id of the vocabulary, and from there they go down."
def span_pair(ids, gone, vocab_size):
    starts = [i for i in range(len(ids)) if gone[i] and (i == 0 or not gone[i - 1])]
    sentinel = vocab_size - 1 - len(starts)
    read, write = [], []
    for i, token in enumerate(ids):
        if i in starts:
            read.append(sentinel)
            write.append(sentinel)
            sentinel += 1
        (write if gone[i] else read).append(token)
    return read, [*write, sentinel]

# %% mutant each-token "It has one sentinel for each token that is gone; a whole run of them shares one."
def span_pair(ids, gone, vocab_size):
    read, write, sentinel = [], [], vocab_size
    for token, is_gone in zip(ids, gone):
        if is_gone:
            sentinel -= 1
            read.append(sentinel)
            write += [sentinel, token]
        else:
            read.append(token)
    return read, [*write, sentinel - 1]

# %% mutant no-last "The last sentinel is missing: it tells the decoder's reader that the last gap is filled."
def span_pair(ids, gone, vocab_size):
    read, write, sentinel = [], [], vocab_size
    for i, token in enumerate(ids):
        if gone[i] and (i == 0 or not gone[i - 1]):
            sentinel -= 1
            read.append(sentinel)
            write.append(sentinel)
        (write if gone[i] else read).append(token)
    return read, write

# %% mutant writes-kept "Its target holds the tokens that are still there to be read; the decoder has to write the missing ones."
def span_pair(ids, gone, vocab_size):
    read, write, sentinel = [], [], vocab_size
    for i, token in enumerate(ids):
        if gone[i] and (i == 0 or not gone[i - 1]):
            sentinel -= 1
            read.append(sentinel)
            write.append(sentinel)
        if not gone[i]:
            read.append(token)
            write.append(token)
    return read, [*write, sentinel - 1]

# %% mutant one-mask "It has one and the same sentinel for every gap, like BERT's [MASK]: nobody knows which answer belongs where."
def span_pair(ids, gone, vocab_size):
    read, write = [], []
    for i, token in enumerate(ids):
        if gone[i] and (i == 0 or not gone[i - 1]):
            read.append(vocab_size - 1)
            write.append(vocab_size - 1)
        (write if gone[i] else read).append(token)
    return read, [*write, vocab_size - 1]

# %% alternative grouped "Run by run, with itertools.groupby."
def span_pair(ids, gone, vocab_size):
    from itertools import groupby

    read, write, sentinels = [], [], iter(range(vocab_size - 1, -1, -1))
    for is_gone, run in groupby(zip(ids, gone), key=lambda pair: bool(pair[1])):
        tokens = [token for token, _ in run]
        if is_gone:
            sentinel = next(sentinels)
            read.append(sentinel)
            write += [sentinel, *tokens]
        else:
            read += tokens
    return read, [*write, next(sentinels)]

# %% exercise bucket "Which bucket is that far?" points=2 minutes=15 difficulty=2
# T5's decoder knows *how far back* a key stands only by the number of a bucket. There are `n` buckets, 0 to $n - 1$. The first half has
# one distance each: distance $d$ has bucket $d$ as long as $d < n/2$. From there on buckets grow with the logarithm: with $e = n/2$ and
# the largest distance $m$,
#
# $$\text{bucket}(d) = e + \left\lfloor \frac{\ln(d / e)}{\ln(m / e)}\,(n - e) \right\rfloor,$$
#
# but never more than $n - 1$. Return the bucket of distance $d \ge 0$ (how many places back), an integer.

# %% hint
# Two cases, and the second needs a lid: `min`.

# %% hint
# `int(...)` cuts off what stands behind the point, as the floor does for numbers that are not negative. `math.log` is the natural logarithm.

# %% answer
def bucket(d, n=32, m=128):
    """The bucket of a key that stands d places back: an integer from 0 to n - 1."""
    ### BEGIN SOLUTION
    e = n // 2
    if d < e:
        return d
    return min(n - 1, e + int(math.log(d / e) / math.log(m / e) * (n - e)))
    ### END SOLUTION

# %% check
check("near: one bucket each", lambda: [bucket(d) for d in (0, 1, 7, 15)])

# %% check
check("far: several distances share one", lambda: [bucket(d) for d in (16, 17, 30, 50, 100)])

# %% hidden
check("as far as there is a bucket for, and further", lambda: [bucket(d) for d in (120, 127, 129, 500)])

# %% hidden
check("fewer buckets", lambda: [bucket(d, 8, 20) for d in (2, 3, 4, 5, 9, 15, 19, 25)])

# %% hidden
check("how many distances below 128 have each of the last six buckets", lambda: [
    sum(bucket(d) == b for d in range(128)) for b in range(26, 32)])

# %% mutant no-lid "Beyond the largest distance it makes up new buckets; the last one is for all that is further away."
def bucket(d, n=32, m=128):
    e = n // 2
    return d if d < e else e + int(math.log(d / e) / math.log(m / e) * (n - e))

# %% mutant straight "Far buckets are all equally wide, as on a straight line; they should grow with the logarithm of the distance."
def bucket(d, n=32, m=128):
    e = n // 2
    return d if d < e else min(n - 1, e + int((d - e) / (m - e) * (n - e)))

# %% mutant logs-all "It takes the logarithm from distance 1 on; the first half of the buckets has one distance each."
def bucket(d, n=32, m=128):
    return 0 if d == 0 else min(n - 1, int(math.log(d) / math.log(m) * n))

# %% mutant lid-n "Its lid is n: buckets are counted from 0, so the last of n is n − 1."
def bucket(d, n=32, m=128):
    e = n // 2
    return d if d < e else min(n, e + int(math.log(d / e) / math.log(m / e) * (n - e)))

# %% mutant rounds "It rounds to the nearest bucket instead of cutting off: half of the distances come one bucket too far."
def bucket(d, n=32, m=128):
    e = n // 2
    return d if d < e else min(n - 1, e + round(math.log(d / e) / math.log(m / e) * (n - e)))

# %% alternative edges "By the edges of the buckets: how many of them are behind us?"
def bucket(d, n=32, m=128):
    e = n // 2
    edges = [*range(1, e + 1), *(e * (m / e) ** (k / (n - e)) for k in range(1, n - e))]
    return sum(d >= edge - 1e-9 for edge in edges)

# %% show
from course_lib import figures
import matplotlib.pyplot as plt

figures.use_style()


def rings(places=48):
    """Your buckets, seen from the last of so many places: each step of colour is a bucket."""
    fig, ax = plt.subplots(figsize=(5.2, 1.4))
    ax.imshow([[bucket(places - 1 - j) for j in range(places)]], aspect="auto", vmin=0, vmax=31)
    ax.set(yticks=[], xlabel="place of the key; the query stands at the right end", title="What the decoder knows of distance")
    return figures.show(fig, alt="A row of cells that get darker to the left: near places differ, far ones share a bucket")


check.show(rings)
