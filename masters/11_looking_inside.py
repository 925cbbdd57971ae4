# %% sheet 11_looking_inside "Exercises: looking inside"
# These exercises belong to [Looking inside](../11_looking_inside.ipynb). You score heads, find the depth at which a model
# makes up its mind, take a head away, and ask who wrote a logit. In between and at the end you hold your own tools to the
# trained model of the book.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 11_looking_inside.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one: where an earlier piece is needed, `by_hand` has it.
#
# Shapes: $T$ positions, $C$ channels, $H$ heads with $D = C/H$ channels each, $L$ blocks, a vocabulary of $V$ tokens. Everything is in NumPy;
# positions, heads and depths are counted from 0.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("11_looking_inside")

# %% exercise targets "Where should it look?" points=2 minutes=12 difficulty=1
# An induction head at position $i$ looks for earlier places where its own token stood, and looks at what came *next* there. So from $i$ it
# should look at every position $j \le i$ whose left neighbour is the token of $i$. With $w_i$ for the id of the token at $i$:
#
# $$w_{j-1} = w_i .$$
#
# `ids` is an array of $T$ tokens. Return a table $[T, T]$ of booleans, a row for each position $i$ that looks.

# %% hint
# In *a b c a*, the last position should look at place 1, where *b* stands. Position 0 has no left neighbour, so nobody looks there.

# %% hint
# Two loops do it: for each $i$, all $j$ from 1 to $i$. Or compare all with all, move the table one column to the right, and cut off what
# lies above the diagonal.

# %% answer
def targets(ids):
    """Where an induction head should look from each of T positions: booleans [T, T]."""
    ### BEGIN SOLUTION
    table = np.zeros((len(ids), len(ids)), dtype=bool)
    for i in range(len(ids)):
        for j in range(1, i + 1):
            table[i, j] = ids[j - 1] == ids[i]
    return table
    ### END SOLUTION

# %% check
check("targets in a b c a b a", lambda: targets(np.array([0, 1, 2, 0, 1, 0])))

# %% hidden
check("targets in a text of few words", lambda: targets(check.rng(1).integers(0, 4, size=16)))

# %% hidden
check("targets of a word that comes three times", lambda: targets(np.array([5, 1, 5, 2, 3, 5, 4])))

# %% hidden
check("targets of a word said twice in a row", lambda: targets(np.array([3, 3, 1, 3])))

# %% mutant duplicates "It marks the earlier places of the token itself. What is wanted stands one further to the right."
def targets(ids):
    return np.tril(ids[:, None] == ids[None, :], k=-1)

# %% mutant left-neighbour "It marks what came *before* the token the last time, not what came after."
def targets(ids):
    same = np.tril(ids[:, None] == ids[None, :], k=-1)
    table = np.zeros_like(same)
    table[:, :-1] = same[:, 1:]
    return table

# %% mutant looks-ahead "It marks places that lie ahead: no head of a GPT can see them."
def targets(ids):
    table = np.zeros((len(ids), len(ids)), dtype=bool)
    table[:, 1:] = ids[:, None] == ids[None, :-1]
    return table

# %% mutant latest-alone "It marks the latest place alone: a token that came twice before has two places to look at."
def targets(ids):
    table = np.zeros((len(ids), len(ids)), dtype=bool)
    for i in range(len(ids)):
        found = [j for j in range(1, i + 1) if ids[j - 1] == ids[i]]
        table[i, found[-1:]] = True
    return table

# %% mutant turned "Rows and columns are exchanged: a row belongs to a position that looks, a column to what it looks at."
def targets(ids):
    table = np.zeros((len(ids), len(ids)), dtype=bool)
    table[:, 1:] = np.tril(ids[:, None] == ids[None, :], k=-1)[:, :-1]
    return table.T

# %% alternative all-at-once "Compare all with all, and move."
def targets(ids):
    i, j = np.indices((len(ids), len(ids)))
    return (j >= 1) & (j <= i) & (np.roll(ids, 1)[j] == ids[i])

# %% exercise score "Does it look there?" points=2 minutes=12 difficulty=2
# `weights` $[H, T, T]$ are the attention weights of $H$ heads, a row for each position that looks, and `targets` $[T, T]$ says where they should
# look. The score of a head is the attention that a position gives to *all* its targets together, averaged over the positions that
# *have* a target. Return one number for each head, $[H]$.

# %% hint
# Multiply the weights by the targets, and add up along one axis. Which one?

# %% hint
# `targets.any(axis=-1)` says which positions have a target. The others must not count, neither above nor below the line of the fraction.

# %% answer
def score(weights, targets):
    """Mean attention from positions that have targets [T, T] to these, for each head of weights [H, T, T]: [H]."""
    ### BEGIN SOLUTION
    given = (weights * targets).sum(axis=-1)
    asks = targets.any(axis=-1)
    return given[:, asks].mean(axis=-1)
    ### END SOLUTION

# %% check
one_head = np.array([[[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.2, 0.3, 0.5, 0.0], [0.1, 0.6, 0.2, 0.1]]])
where = np.zeros((4, 4), dtype=bool)
where[1:, 0] = where[2:, 1] = True
check("score of one head", lambda: score(one_head, where))

# %% hidden
def random_maps(seed, n_head, t):
    z = check.rng(seed).normal(size=(n_head, t, t)) * 2
    return by_hand.softmax(np.where(by_hand.causal_mask(t), z, -np.inf))

def random_targets(seed, t):
    marked = np.tril(check.rng(seed).random((t, t)) < 0.2)
    marked[3, :2] = marked[5, 2] = True
    marked[[0, 4]] = False
    return marked

check("scores of three heads", lambda: score(random_maps(2, 3, 12), random_targets(3, 12)))

# %% hidden
check("scores of five heads", lambda: score(random_maps(4, 5, 8), random_targets(5, 8)))

# %% mutant everybody "It averages over all positions: those without a target count as failures, and no head can reach 1."
def score(weights, targets):
    return (weights * targets).sum(axis=-1).mean(axis=-1)

# %% mutant each-target "It averages over targets, not over positions: a head that shares its attention between two right places is punished for it."
def score(weights, targets):
    return weights[:, targets].mean(axis=-1)

# %% mutant best-alone "Of several targets only the best counts: attention to all of them should be added up."
def score(weights, targets):
    return (weights * targets).max(axis=-1)[:, targets.any(axis=-1)].mean(axis=-1)

# %% mutant received "It adds up columns: what a place receives, not what a position gives."
def score(weights, targets):
    return (weights * targets).sum(axis=-2)[:, targets.any(axis=-2)].mean(axis=-1)

# %% mutant hits "It counts how often the largest weight lies on a target. A score that counts weights tells more, and sooner."
def score(weights, targets):
    asks = np.flatnonzero(targets.any(axis=-1))
    return np.array([np.mean([targets[i, w[i].argmax()] for i in asks]) for w in weights])

# %% alternative loops "Head by head, position by position."
def score(weights, targets):
    found = []
    for one in weights:
        sums = [row[mark].sum() for row, mark in zip(one, targets) if mark.any()]
        found.append(sum(sums) / len(sums))
    return np.array(found)

# %% show
from course_lib import data, figures, town

params = by_hand.load_params(data.TOWN_GPT)
tokenizer = data.town_tokenizer()
n_head = by_hand.load_config(data.TOWN_GPT)["n_head"]


def twice(seed, length=12):
    """Random words of the town, and the same words again."""
    chosen = np.random.default_rng(seed).choice(town.WORLD.words, length, replace=False)
    return np.array(tokenizer.encode("<|endoftext|>Repeat: " + " ".join([*chosen, *chosen]), allowed_special="all"))


def your_scores():
    """Your scores, with your targets, of all heads of the trained model: the mean over eight rows of words."""
    table = 0.0
    for ids in map(twice, range(8)):
        where = targets(ids)
        table = table + np.stack([score(maps, where) for maps in by_hand.attention_maps(ids, params, n_head)]) / 8
    return figures.count_table(
        [str(layer) for layer in range(len(table))],
        [str(head) for head in range(n_head)],
        table.round(2),
        row_label="layer",
        column_label="head",
        title="Who copies? By your own score",
        alt="A heat map with a row for each layer and a column for each head. A few heads have high scores, most are near 0.",
    )


check.show(your_scores)

# %% exercise decided "When did it make up its mind?" points=3 minutes=20 difficulty=3
# `stream` $[L + 1, T, C]$ is the residual stream at each depth. The logit lens reads any depth as if it were the last: LayerNorm with `ln_f`, then a
# dot product with every row of `wte` $[V, C]$. The token with the largest logit is what that depth would *say*.
#
# Return for each position the depth at which it is decided: the smallest depth from which on *all* depths, up to the last, say what the last one
# says. That is an array of $T$ whole numbers from 0 to $L$. `by_hand.layer_norm(x, **ln_f)` is there for you.

# %% hint
# First make a table $[L + 1, T]$ of the tokens that are said. Then compare each row with the last.

# %% hint
# A model may say the right thing, change its mind, and come back. Walk from the last depth downwards, and stop where it says something else.

# %% answer
def decided(stream, ln_f, wte):
    """The depth from which on each position says what the last depth says, from a stream [L + 1, T, C]: [T]."""
    ### BEGIN SOLUTION
    said = (by_hand.layer_norm(stream, **ln_f) @ wte.T).argmax(axis=-1)
    depth = np.full(said.shape[1], len(said) - 1)
    for t in range(said.shape[1]):
        while depth[t] > 0 and said[depth[t] - 1, t] == said[-1, t]:
            depth[t] -= 1
    return depth
    ### END SOLUTION

# %% check
axes = np.eye(4)
norm = {"weight": np.array([1.0, 1.0, 1.0, -1.0]), "bias": np.array([0.0, 0.1, 0.2, 0.0])}
small = np.stack([axes[[0, 1, 2]], axes[[0, 3, 1]], axes[[0, 1, 2]], axes[[0, 1, 3]]])  # [L + 1, T, C] = [4, 3, 4]
check("three positions, three blocks", lambda: decided(small, norm, axes))

# %% hidden
def random_walk(seed, n_layer, t, c):
    steps = check.rng(seed).normal(size=(n_layer + 1, t, c)) + 0.7
    return steps.cumsum(axis=0)

def random_norm(seed, c):
    dice = check.rng(seed)
    return {"weight": dice.normal(size=c), "bias": dice.normal(size=c)}

check("thirty positions, six blocks", lambda: decided(
    random_walk(6, 6, 30, 5), random_norm(7, 5), check.rng(8).normal(size=(7, 5))))

# %% hidden
check("forty positions, four blocks", lambda: decided(
    random_walk(9, 4, 40, 6), random_norm(10, 6), check.rng(11).normal(size=(4, 6))))

# %% mutant first-time "It takes the first depth that says it, though the model may change its mind after that."
def decided(stream, ln_f, wte):
    said = (by_hand.layer_norm(stream, **ln_f) @ wte.T).argmax(axis=-1)
    return (said == said[-1]).argmax(axis=0)

# %% mutant no-norm "The last LayerNorm is missing: its gain decides which channels count, and nobody read the stream without it."
def decided(stream, ln_f, wte):
    said = (stream @ wte.T).argmax(axis=-1)
    agrees = np.cumprod((said == said[-1])[::-1], axis=0)
    return len(said) - agrees.sum(axis=0)

# %% mutant counts-from-one "It counts blocks from 1: depth 0 is the embedding, before any block."
def decided(stream, ln_f, wte):
    said = (by_hand.layer_norm(stream, **ln_f) @ wte.T).argmax(axis=-1)
    agrees = np.cumprod((said == said[-1])[::-1], axis=0)
    return len(said) - agrees.sum(axis=0) + 1

# %% mutant last-doubt "It gives the last depth that says something else: the decision falls one further on."
def decided(stream, ln_f, wte):
    said = (by_hand.layer_norm(stream, **ln_f) @ wte.T).argmax(axis=-1)
    agrees = np.cumprod((said == said[-1])[::-1], axis=0)
    return len(said) - agrees.sum(axis=0) - 1

# %% mutant how-often "It counts how many depths say it, and takes them for the last ones. They need not stand together."
def decided(stream, ln_f, wte):
    said = (by_hand.layer_norm(stream, **ln_f) @ wte.T).argmax(axis=-1)
    return len(said) - (said == said[-1]).sum(axis=0)

# %% alternative backwards "All positions at once: how many depths agree, counted from the end, until the first that does not."
def decided(stream, ln_f, wte):
    said = np.stack([np.argmax(by_hand.layer_norm(h, **ln_f) @ wte.T, axis=1) for h in stream])
    differs = said != said[-1]
    last = [np.flatnonzero(column) for column in differs.T]
    return np.array([int(places[-1]) + 1 if len(places) else 0 for places in last])

# %% show
text = "<|endoftext|>Anna asks Bip to take the ball not to the park but to the tower. Bip takes the ball to the tower."  # yours?


def your_depths():
    """At which depth the trained model decides what comes after each token of the text, by your own reading."""
    ids = tokenizer.encode(text, allowed_special="all")
    stream = np.stack(by_hand.residual_stream(ids, params, n_head))
    depths = decided(stream, params["ln_f"], params["wte"]["weight"])
    return figures.token_strip(
        [tokenizer.decode([i]).replace("<|endoftext|>", "⏹") for i in ids],
        depths,
        decimals=0,
        alt="The tokens of a text, each with the depth at which what comes after it was decided.",
    )


check.show(your_depths)

# %% exercise without_head "Take a head away" points=3 minutes=15 difficulty=2
# `z` $[T, H, D]$ is what the heads of one layer have found, before $W_O$. Return what the layer adds to the stream, $[T, C]$, when one head is ablated:
# put `instead` $[D]$ in its place at every position, and zeros where `instead` is `None`. Then the heads are laid side by side, as always, and
#
# $$\text{output} = z\, W_O + b_O .$$
#
# `W_O` has the shape $[C, C]$ and `b_O` $[C]$. The array `z` must be left as it was: you will want to ablate the next head, too.

# %% hint
# Where does a head have channels of its own: before $W_O$ or after it?

# %% hint
# Copy `z`, write into `[:, head]`, then `reshape(T, -1)` lays the heads side by side.

# %% answer
def without_head(z, head, W_O, b_O, instead=None):
    """The output [T, C] of an attention layer with heads z [T, H, D], one of which is ablated."""
    ### BEGIN SOLUTION
    z = z.copy()
    z[:, head] = 0 if instead is None else instead
    return z.reshape(len(z), -1) @ W_O + b_O
    ### END SOLUTION

# %% check
heads = np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
check("zeros in the place of head 1", lambda: without_head(heads, 1, np.eye(4)[::-1], np.full(4, 0.5)))

# %% check
check("a mean in the place of head 0", lambda: without_head(heads, 0, np.eye(4)[::-1], np.full(4, 0.5), np.array([-1.0, -2.0])))

# %% hidden
def random_case(seed, t, n_head, d):
    dice = check.rng(seed)
    return dice.normal(size=(t, n_head, d)), dice.normal(size=(n_head * d,) * 2), dice.normal(size=n_head * d), dice.normal(size=d)

def ablated(seed, head, mean):
    z, W, b, m = random_case(seed, 5, 3, 4)
    return without_head(z, head, W, b, m if mean else None)

check("zeros in the place of a random head", lambda: ablated(12, int(check.rng(13).integers(3)), False))
check("a mean in the place of a random head", lambda: ablated(14, int(check.rng(15).integers(3)), True))

# %% hidden
def heads_before_and_after():
    z, W, b, m = random_case(16, 4, 2, 3)
    before = z.copy()
    without_head(z, 0, W, b, m)
    without_head(z, 1, W, b)
    return bool((z == before).all())

check("the heads themselves are left as they were", heads_before_and_after)

# %% mutant after-the-mixing "It cuts channels out of the output: after W_O no channel belongs to one head any more."
def without_head(z, head, W_O, b_O, instead=None):
    out, D = z.reshape(len(z), -1) @ W_O + b_O, z.shape[-1]
    out[:, head * D : (head + 1) * D] = 0 if instead is None else instead
    return out

# %% mutant always-zero "It puts zeros in the head's place in any case: zero is what the other layers have never seen it say."
def without_head(z, head, W_O, b_O, instead=None):
    z = z.copy()
    z[:, head] = 0
    return z.reshape(len(z), -1) @ W_O + b_O

# %% mutant mean-of-this-text "It takes the mean over this text's positions: what the head says about this text is then still there, in part."
def without_head(z, head, W_O, b_O, instead=None):
    z = z.copy()
    z[:, head] = 0 if instead is None else z[:, head].mean(axis=0)
    return z.reshape(len(z), -1) @ W_O + b_O

# %% mutant no-bias "The bias is gone as well: it belongs to the layer, and to no head."
def without_head(z, head, W_O, b_O, instead=None):
    z = z.copy()
    z[:, head] = 0 if instead is None else instead
    return z.reshape(len(z), -1) @ W_O

# %% mutant head-alone "It gives what this head writes. What is asked for is what the layer writes without it."
def without_head(z, head, W_O, b_O, instead=None):
    D = z.shape[-1]
    return (z[:, head] - (0 if instead is None else instead)) @ W_O[head * D : (head + 1) * D]

# %% mutant spoils-the-heads "It writes into the heads that it was given: one ablation after the other, and soon no head is left."
def without_head(z, head, W_O, b_O, instead=None):
    z[:, head] = 0 if instead is None else instead
    return z.reshape(len(z), -1) @ W_O + b_O

# %% alternative head-by-head "Each head writes through its own rows of W_O, and the writings are added up."
def without_head(z, head, W_O, b_O, instead=None):
    t, n_head, d = z.shape
    out = np.tile(b_O, (t, 1)).astype(float)
    for h in range(n_head):
        rows = W_O[h * d : (h + 1) * d]
        if h != head:
            out += z[:, h] @ rows
        elif instead is not None:
            out += instead @ rows
    return out

# %% exercise speaks_for "Who wrote this logit?" points=3 minutes=20 difficulty=3
# At the end the stream $h$ goes through the last LayerNorm and meets the embeddings. For two tokens $w$ and $w'$ with $u = W_E[w] - W_E[w']$,
#
# $$z_w - z_{w'} = \Big(\frac{h - \bar h}{\sigma} \odot g + b\Big) \cdot u , \qquad \sigma = \sqrt{\operatorname{var}(h) + \epsilon} ,$$
#
# with the mean $\bar h$ and the variance over the channels. The stream is a sum of all that was written into it. Hold $\sigma$ at what it was; then each
# writer has a share of its own. Return the share of one writer, who wrote `write` $[T, C]$ into the `stream` $[T, C]$: one number for each position, $[T]$.
# The shift $b$ is nobody's.

# %% hint
# $h - \bar h$ is linear in $h$. So what does it make of `write` alone? And whose variance is $\sigma$ made of?

# %% hint
# Take off the mean of `write`, divide by the root of the variance of `stream` plus epsilon, multiply by the gain, then the dot product with `u`.

# %% answer
def speaks_for(write, stream, gain, u, eps=1e-5):
    """What `write` [T, C], a part of `stream` [T, C], adds to the difference of two logits: [T]."""
    ### BEGIN SOLUTION
    sigma = np.sqrt(stream.var(axis=-1, keepdims=True) + eps)
    centred = write - write.mean(axis=-1, keepdims=True)
    return (centred / sigma * gain) @ u
    ### END SOLUTION

# %% check
whole = np.array([[1.0, 2.0, 3.0, 6.0], [4.0, 0.0, 0.0, -4.0]])
part = np.array([[0.0, 1.0, 0.0, 3.0], [4.0, 1.0, 0.0, 0.0]])
check("the share of a writer at two positions", lambda: speaks_for(
    part, whole, np.array([1.0, 2.0, 1.0, 0.5]), np.array([1.0, 0.0, -1.0, 2.0]), eps=0.5))

# %% hidden
def random_writers(seed, n, t, c):
    dice = check.rng(seed)
    return dice.normal(size=(n, t, c)) * 2 + 1, dice.normal(size=c), dice.normal(size=c)

def share_of_one(seed):
    writers, gain, u = random_writers(seed, 3, 5, 6)
    return speaks_for(writers[1], writers.sum(axis=0), gain, u)

check("the share of one writer of three", lambda: share_of_one(17))

# %% hidden
def all_shares(seed):
    writers, gain, u = random_writers(seed, 4, 3, 8)
    stream = writers.sum(axis=0)
    ours = sum(speaks_for(one, stream, gain, u) for one in writers)
    return [ours, ours - by_hand.layer_norm(stream, gain, np.zeros(8)) @ u]

check("all shares together, and what is missing from the whole", lambda: all_shares(18))

# %% hidden
def quiet_stream():
    writers, gain, u = random_writers(19, 2, 3, 5)
    return speaks_for(writers[0] / 500, writers.sum(axis=0) / 500, gain, u)

check("a stream so quiet that epsilon counts", quiet_stream)

# %% mutant own-spread "Sigma was made of the writing itself: each writer then seems equally loud. The stream's sigma is the same for all."
def speaks_for(write, stream, gain, u, eps=1e-5):
    return by_hand.layer_norm(write, gain, np.zeros(len(gain)), eps) @ u

# %% mutant not-centred "The mean over the channels was not taken off: LayerNorm does not see it, so it must not count."
def speaks_for(write, stream, gain, u, eps=1e-5):
    return (write / np.sqrt(stream.var(axis=-1, keepdims=True) + eps) * gain) @ u

# %% mutant streams-mean "It takes off the mean of the whole stream: then every writer pays for it, and the shares do not add up."
def speaks_for(write, stream, gain, u, eps=1e-5):
    sigma = np.sqrt(stream.var(axis=-1, keepdims=True) + eps)
    return ((write - stream.mean(axis=-1, keepdims=True)) / sigma * gain) @ u

# %% mutant no-gain "LayerNorm's gain is missing: it decides how much each channel counts."
def speaks_for(write, stream, gain, u, eps=1e-5):
    centred = write - write.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(stream.var(axis=-1, keepdims=True) + eps) @ u

# %% mutant no-division "The division by sigma is missing: these are not yet parts of logits."
def speaks_for(write, stream, gain, u, eps=1e-5):
    return ((write - write.mean(axis=-1, keepdims=True)) * gain) @ u

# %% mutant epsilon-forgotten "Epsilon is missing: in a quiet stream the shares no longer add up to the logits."
def speaks_for(write, stream, gain, u, eps=1e-5):
    sigma = stream.std(axis=-1, keepdims=True)
    return ((write - write.mean(axis=-1, keepdims=True)) / sigma * gain) @ u

# %% alternative direction "Prepare the direction instead of the writing: the gain and the centring can be moved to the other side."
def speaks_for(write, stream, gain, u, eps=1e-5):
    direction = gain * u
    direction = direction - direction.mean()
    return np.array([w @ direction / math.sqrt(h.var() + eps) for w, h in zip(write, stream)])

# %% show
question = "Anna asks Bip to take the ball not to the park but to the tower. Now it is in the tower. At the end the ball is in the"


def who_spoke(right=" tower", wrong=" park"):
    """The largest shares among the heads and MLPs of the trained model, at the last position, by your own code."""
    ids = tokenizer.encode("<|endoftext|>" + question, allowed_special="all")
    stream = by_hand.residual_stream(ids, params, n_head)
    wte, gain = params["wte"]["weight"], params["ln_f"]["weight"]
    u = wte[tokenizer.encode(right)[0]] - wte[tokenizer.encode(wrong)[0]]
    written = {"embedding": stream[0]}
    for layer, (x, p) in enumerate(zip(stream, params["h"])):
        parts = by_hand.queries_keys_values(by_hand.layer_norm(x, **p["ln_1"]), p["attn"], n_head)
        found = by_hand.attention(*parts, by_hand.causal_mask(len(ids)))  # [H, T, D]
        rows = np.split(p["attn"]["c_proj"]["weight"], n_head)  # H of [D, C]
        written |= {f"head {layer}.{h}": found[h] @ rows[h] for h in range(n_head)}
        attention = by_hand.linear(by_hand.merge_heads(found), **p["attn"]["c_proj"])
        written[f"MLP {layer}"] = stream[layer + 1] - x - attention
    shares = {name: float(speaks_for(write, stream[-1], gain, u)[-1]) for name, write in written.items()}
    loudest = sorted(shares, key=lambda name: -abs(shares[name]))[:10]
    return figures.bars(
        [f"{name} {'for' if shares[name] > 0 else 'against'} it" for name in loudest],
        [abs(shares[name]) for name in loudest],
        xlabel="share of the difference of the logits",
        title=f"Who speaks for “{right.strip()}”, against “{wrong.strip()}”?",
        alt="Ten bars, the longest on top: the writers with the largest shares, each with a word on whether it speaks for the "
        "right word or against it.",
    )


check.show(who_spoke)
