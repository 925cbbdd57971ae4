# %% sheet 02_tokens "Exercises: tokens"
# These exercises belong to [Tokens](../02_tokens.ipynb). You build byte-pair encoding from nothing: counting, merging,
# training, encoding, decoding. At the end your own tokenizer cuts up your own sentence.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 02_tokens.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: the library's `count_pairs` and `merge` are there for the later ones.
#
# A text is a list of ids. The ids 0 to 255 are bytes; each merge makes a new id, from 256 on.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
from course_lib.grading import check
from course_lib.tokens.merging import count_pairs, merge

check.sheet("02_tokens")

# %% exercise pairs "Count neighbours" points=2 minutes=8 difficulty=1
# `chunks` is a list of lists of ids. Return a dict: each pair of neighbours, and how often it stands in all chunks together.
# A pair never reaches from one chunk into the next.

# %% hint
# `zip(ids, ids[1:])` gives the pairs of one chunk.

# %% hint
# `collections.Counter` counts, and is a dict. Pairs may overlap: in `[7, 7, 7]` the pair `(7, 7)` stands twice.

# %% answer
def pairs(chunks):
    """How often each pair of neighbours stands in the chunks: a dict from pairs to counts."""
    ### BEGIN SOLUTION
    counts = {}
    for ids in chunks:
        for pair in zip(ids, ids[1:]):
            counts[pair] = counts.get(pair, 0) + 1
    return counts
    ### END SOLUTION

# %% check
check("pairs of two chunks", lambda: pairs([[1, 2, 3, 1, 2], [2, 1]]))

# %% check
check("pairs of the same id", lambda: pairs([[7, 7, 7]]))

# %% hidden
check("pairs of random chunks", lambda: pairs(check.rng(1).integers(0, 3, size=(5, 12)).tolist()))

# %% hidden
check("pairs where there are none", lambda: pairs([[], [4], [5]]))

# %% mutant across "It counts across the border of two chunks: no token may reach from one word into the next."
def pairs(chunks):
    counts, ids = {}, [i for chunk in chunks for i in chunk]
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts.get(pair, 0) + 1
    return counts

# %% mutant steps-of-two "It steps over every second pair: neighbours overlap."
def pairs(chunks):
    counts = {}
    for ids in chunks:
        for pair in zip(ids[::2], ids[1::2]):
            counts[pair] = counts.get(pair, 0) + 1
    return counts

# %% mutant either-order "It takes (1, 2) and (2, 1) for the same pair: order matters in a text."
def pairs(chunks):
    counts = {}
    for ids in chunks:
        for pair in zip(ids, ids[1:]):
            pair = (min(pair), max(pair))
            counts[pair] = counts.get(pair, 0) + 1
    return counts

# %% mutant chunks-not-places "It counts the chunks that hold a pair, not the places where it stands."
def pairs(chunks):
    counts = {}
    for ids in chunks:
        for pair in set(zip(ids, ids[1:])):
            counts[pair] = counts.get(pair, 0) + 1
    return counts

# %% alternative counter "With a Counter."
def pairs(chunks):
    from collections import Counter
    from itertools import pairwise

    return Counter(pair for ids in chunks for pair in pairwise(ids))

# %% exercise join "Merge one pair" points=2 minutes=12 difficulty=2
# Return a new list in which every `pair` of neighbours in `ids` has become `new_id`, from left to right. An id that was merged is
# used up: it cannot be part of the next pair.

# %% hint
# Walk with an index. It moves on by 2 after a merge, and by 1 otherwise.

# %% hint
# Mind the last id, which has no neighbour to its right.

# %% answer
def join(ids, pair, new_id):
    """Replace each pair of neighbours by a new id, from left to right: a new list."""
    ### BEGIN SOLUTION
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged
    ### END SOLUTION

# %% check
check("a pair that stands twice", lambda: join([1, 2, 3, 1, 2], (1, 2), 9))

# %% check
check("a pair that overlaps itself", lambda: join([5, 5, 5], (5, 5), 9))

# %% hidden
check("random ids", lambda: join(check.rng(2).integers(0, 2, size=40).tolist(), (1, 0), 256))

# %% hidden
check("many of the same", lambda: join([4] * 7 + [1] + [4] * 4, (4, 4), 300))

# %% hidden
def given_before_and_after():
    given = [1, 2, 1, 2]
    return [join(given, (1, 2), 3), given]

check("what it gives, and what it was given", given_before_and_after)

# %% mutant from-the-right "It works from the right: an odd run of the same ids keeps its first, and not its last, one."
def join(ids, pair, new_id):
    merged, i = [], len(ids) - 1
    while i >= 0:
        found = i > 0 and (ids[i - 1], ids[i]) == tuple(pair)
        merged.append(new_id if found else ids[i])
        i -= 2 if found else 1
    return merged[::-1]

# %% mutant once "It merges the first place alone."
def join(ids, pair, new_id):
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == tuple(pair):
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)

# %% mutant keeps-the-second "The second id of a pair stays: after a merge the index must move on by 2."
def join(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == tuple(pair) else ids[i] for i in range(len(ids))]

# %% mutant in-place "It writes into the list that it was given: whoever holds that list is surprised."
def join(ids, pair, new_id):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == tuple(pair):
            ids[i : i + 2] = [new_id]
        i += 1
    return ids

# %% alternative look-back "Looking back: at each id, was the last one waiting for it?"
def join(ids, pair, new_id):
    merged, waiting = [], False
    for i in ids:
        if waiting and i == pair[1]:
            merged[-1], waiting = new_id, False
        else:
            merged.append(i)
            waiting = i == pair[0]
    return merged

# %% exercise train "Train" points=3 minutes=15 difficulty=2
# Learn `n` merges from `chunks` (lists of ids from 0 to 255): take the most frequent pair, merge it everywhere, count again. The
# new ids are 256, 257, … Among pairs that are equally frequent take the smallest, `(1, 9)` before `(2, 3)`. Stop early where no
# pair is left. Return the pairs in order. `count_pairs(chunks)` and `merge(ids, pair, new_id)` are there for you.

# %% hint
# `max` and `min` take a `key`. A tuple as key decides first by its first part.

# %% hint
# `min(counts, key=lambda pair: (-counts[pair], pair))` is the most frequent pair, and the smallest among equals.

# %% answer
def train(chunks, n):
    """Learn at most n merges: the list of pairs, in the order in which they were learned."""
    ### BEGIN SOLUTION
    learned = []
    for new_id in range(256, 256 + n):
        counts = count_pairs(chunks)
        if not counts:
            break
        best = min(counts, key=lambda p: (-counts[p], p))
        chunks = [merge(ids, best, new_id) for ids in chunks]
        learned.append(best)
    return learned
    ### END SOLUTION

# %% check
check("three merges of abababcab", lambda: train([list(b"abababcab")], 3))

# %% check
check("more merges than there are pairs", lambda: train([[1, 2], [1, 2], [3]], 5))

# %% hidden
check("merges of random chunks", lambda: train(check.rng(3).integers(0, 4, size=(8, 20)).tolist(), 12))

# %% hidden
check("ties", lambda: train([[9, 8], [2, 3], [1, 9], [4, 4]], 3))

# %% mutant counted-once "It counts once, at the start: after a merge there are new pairs, and old ones have gone."
def train(chunks, n):
    counts = count_pairs(chunks)
    return sorted(counts, key=lambda p: (-counts[p], p))[:n]

# %% mutant largest-first "Among equals it takes the largest pair."
def train(chunks, n):
    learned = []
    for new_id in range(256, 256 + n):
        counts = count_pairs(chunks)
        if not counts:
            break
        learned.append(max(counts, key=lambda p: (counts[p], p)))
        chunks = [merge(ids, learned[-1], new_id) for ids in chunks]
    return learned

# %% mutant same-id "Every merge makes the same new id: two different tokens look alike from then on."
def train(chunks, n):
    learned = []
    for _ in range(n):
        counts = count_pairs(chunks)
        if not counts:
            break
        learned.append(min(counts, key=lambda p: (-counts[p], p)))
        chunks = [merge(ids, learned[-1], 256) for ids in chunks]
    return learned

# %% mutant rarest "It takes the rarest pair: that compresses nothing."
def train(chunks, n):
    learned = []
    for new_id in range(256, 256 + n):
        counts = count_pairs(chunks)
        if not counts:
            break
        learned.append(min(counts, key=lambda p: (counts[p], p)))
        chunks = [merge(ids, learned[-1], new_id) for ids in chunks]
    return learned

# %% alternative by-hand "With its own counting and a sort."
def train(chunks, n):
    learned, chunks = [], [list(ids) for ids in chunks]
    while len(learned) < n:
        seen = [(a, b) for ids in chunks for a, b in zip(ids, ids[1:])]
        if not seen:
            return learned
        pair = sorted(set(seen), key=lambda p: (-seen.count(p), p))[0]
        chunks = [merge(ids, pair, 256 + len(learned)) for ids in chunks]
        learned.append(pair)
    return learned

# %% exercise encode "Encode" points=3 minutes=15 difficulty=3
# Encode one chunk of bytes with merges that were learned: `ranks` is a dict from pairs to their new ids. Merge the pair that was
# learned *first* (its new id is the smallest), everywhere; and again, until no learned pair is left.
# `merge(ids, pair, new_id)` is there for you.

# %% hint
# Which of the pairs that stand in `ids` now are in `ranks`? Of these, which was learned first?

# %% hint
# A loop that ends when there is none: the pairs change after each merge.

# %% answer
def encode(data, ranks):
    """Encode bytes by learned merges, the earliest learned first: a list of ids."""
    ### BEGIN SOLUTION
    ids = list(data)
    while True:
        known = [p for p in zip(ids, ids[1:]) if p in ranks]
        if not known:
            return ids
        first = min(known, key=ranks.get)
        ids = merge(ids, first, ranks[first])
    ### END SOLUTION

# %% check
ranks = {(98, 99): 256, (97, 98): 257, (257, 99): 258, (97, 256): 259}
check("abc, where bc was learned before ab", lambda: encode(b"abcab", ranks))

# %% hidden
check("a longer text", lambda: encode(b"to be or not to be, to be", dict(zip(
    [(116, 111), (98, 101), (32, 257), (256, 258), (259, 44), (111, 32)], range(256, 262)))))

# %% hidden
check("abcbc, where bc was learned first", lambda: encode(b"abcbc", {(98, 99): 256, (97, 98): 257}))

# %% hidden
check("merges that feed on each other", lambda: encode(b"aaaaaaa", {(97, 97): 256, (256, 256): 257, (257, 256): 258}))

# %% hidden
check("one byte, and none", lambda: [encode(b"x", {}), encode(b"", {(97, 97): 256})])

# %% mutant left-to-right "It merges the leftmost learned pair, not the one that was learned first."
def encode(data, ranks):
    ids, i = list(data), 0
    while i < len(ids) - 1:
        pair = (ids[i], ids[i + 1])
        if pair in ranks:
            ids, i = [*ids[:i], ranks[pair], *ids[i + 2 :]], 0
        else:
            i += 1
    return ids

# %% mutant last-learned "It merges the pair that was learned last: tokens come out that training would have built otherwise."
def encode(data, ranks):
    ids = list(data)
    while known := [p for p in zip(ids, ids[1:]) if p in ranks]:
        pair = max(known, key=ranks.get)
        ids = merge(ids, pair, ranks[pair])
    return ids

# %% mutant one-merge "It stops after the first merge: what a merge makes may be part of the next."
def encode(data, ranks):
    ids = list(data)
    known = [p for p in zip(ids, ids[1:]) if p in ranks]
    if known:
        pair = min(known, key=ranks.get)
        ids = merge(ids, pair, ranks[pair])
    return ids

# %% mutant most-frequent "It merges the pair that is most frequent in this text: encoding must not count, only obey."
def encode(data, ranks):
    ids = list(data)
    while known := [p for p in zip(ids, ids[1:]) if p in ranks]:
        pair = max(known, key=lambda p: (known.count(p), -known.index(p)))
        ids = merge(ids, pair, ranks[pair])
    return ids

# %% alternative in-order "All merges once, in the order in which they were learned."
def encode(data, ranks):
    ids = list(data)
    for pair, new_id in sorted(ranks.items(), key=lambda item: item[1]):
        ids = merge(ids, pair, new_id)
    return ids

# %% exercise decode "Decode" points=2 minutes=10 difficulty=2
# Turn ids back into text: `pieces[i]` holds the bytes of token `i`. A token may be half a character. What is no UTF-8 becomes the
# sign � (`errors="replace"`), so that nothing stops the text.

# %% hint
# Join first, decode afterwards.

# %% hint
# `b"".join(…)` joins bytes, `.decode("utf8", errors="replace")` makes text of them.

# %% answer
def decode(ids, pieces):
    """The text of ids, given the bytes of each token."""
    ### BEGIN SOLUTION
    data = b"".join(pieces[i] for i in ids)
    return data.decode("utf8", errors="replace")
    ### END SOLUTION

# %% check
pieces = [bytes([i]) for i in range(256)] + ["é".encode(), b"caf"]
check("a word in two tokens", lambda: decode([257, 256], pieces))

# %% check
check("a character in two tokens", lambda: decode([257, 0xC3, 0xA9], pieces))

# %% hidden
check("half a character", lambda: decode([257, 0xC3], pieces))

# %% hidden
check("a robot in four bytes", lambda: decode(list("🤖 ü".encode()), pieces))

# %% hidden
check("nothing", lambda: decode([], pieces))

# %% mutant one-by-one "It decodes each token on its own: a character that lies in two tokens is lost."
def decode(ids, pieces):
    return "".join(pieces[i].decode("utf8", errors="replace") for i in ids)

# %% mutant ignores "It leaves out what is no UTF-8, where a sign should say that something was there."
def decode(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("utf8", errors="ignore")

# %% mutant strict "It stops at half a character: a model may write one at any time."
def decode(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("utf8")

# %% mutant latin "It takes every byte for a character: Latin-1 is not UTF-8."
def decode(ids, pieces):
    return b"".join(pieces[i] for i in ids).decode("latin1")

# %% alternative bytearray "With a bytearray that grows."
def decode(ids, pieces):
    data = bytearray()
    for i in ids:
        data.extend(pieces[i])
    return str(data, "utf8", "replace")

# %% show
from course_lib import figures, town
from course_lib.tokens.splitting import split

sentence = "Anna asks Bip to take the red ball to the tower."  # your own sentence here


def your_tokens(n_merges=60):
    """Train on stories with your `train`, cut the sentence with your `encode`, name the tokens with your `decode`."""
    words = [list(chunk.encode()) for d in town.documents(30) for chunk in split(d.text)]
    learned = {pair: 256 + i for i, pair in enumerate(train(words, n_merges))}
    own = [bytes([i]) for i in range(256)]
    for a, b in learned:
        own.append(own[a] + own[b])
    return [decode([i], own) for chunk in split(sentence) for i in encode(chunk.encode(), learned)]


check.show(lambda: figures.token_strip(your_tokens(), alt="The sentence as a row of chips, one for each of your tokens."))
