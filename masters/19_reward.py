# %% sheet 19_reward "Exercises: the reward model"
# These exercises belong to [The reward model](../19_reward.ipynb). You list the pairs of a ranking, write the loss of a reward
# model, say where its reward is read, measure whether two labelers agree, and take the step that fits a reward to a ranking.
# At the end *you* are the labeler, and a town's answers are put into an order by what you taught.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 19_reward.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Ranks count from 0, the best; tied answers share a rank. $K$ answers to a prompt, $B$ rows of $T$ tokens, $F$ features of an answer.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import itertools

import numpy as np

from course_lib.grading import check

check.sheet("19_reward")


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, dtype=float)))

# %% exercise list_pairs "The pairs of a ranking" points=2 minutes=10 difficulty=1
# `ranks[i]` is the rank of answer `i`. Return all pairs `(better, worse)` of *numbers of answers*, as a list of tuples. A tie says nothing, so a tied
# pair is left out. The order of the list does not matter.

# %% hint
# Three answers with the ranks 2, 0 and 1: which of them is the best, number 0 or number 1?

# %% hint
# Two loops over `range(len(ranks))`; a pair `(i, j)` counts if `ranks[i] < ranks[j]`.

# %% answer
def list_pairs(ranks):
    """All (better, worse), as indices of answers; ties left out."""
    ### BEGIN SOLUTION
    n = len(ranks)
    return [(i, j) for i in range(n) for j in range(n) if ranks[i] < ranks[j]]
    ### END SOLUTION

# %% check
check("three answers", lambda: sorted(list_pairs([2, 0, 1])))

# %% check
check("a tie", lambda: sorted(list_pairs([1, 0, 1, 3])))

# %% hidden
def random_ranks(seed):
    dice = check.rng(seed)
    felt = dice.integers(0, 4, size=5)
    return [int((felt > f).sum()) for f in felt]

check("five answers, three times", lambda: [sorted(map(tuple, list_pairs(random_ranks(seed)))) for seed in (1, 2, 3)])

# %% hidden
check("nine answers in order, and two that are tied", lambda: [len(list_pairs(range(9))), len(list_pairs([0, 0]))])

# %% mutant ties-count "A tie counts as a statement: then each of two equal answers is better than the other."
def list_pairs(ranks):
    n = len(ranks)
    return [(i, j) for i in range(n) for j in range(n) if i != j and ranks[i] <= ranks[j]]

# %% mutant worse-first "The worse one stands first: rank 0 is the best, not the lowest mark."
def list_pairs(ranks):
    n = len(ranks)
    return [(i, j) for i in range(n) for j in range(n) if ranks[i] > ranks[j]]

# %% mutant neighbours "Only neighbours in the ranking are paired: K − 1 statements instead of K (K − 1) / 2."
def list_pairs(ranks):
    order = sorted(range(len(ranks)), key=lambda i: ranks[i])
    return [(i, j) for i, j in zip(order, order[1:]) if ranks[i] < ranks[j]]

# %% mutant as-listed "Only answers that were listed in the right order are seen: a better one that stands later has no pair."
def list_pairs(ranks):
    n = len(ranks)
    return [(i, j) for i in range(n) for j in range(i + 1, n) if ranks[i] < ranks[j]]

# %% alternative combinations "With combinations, turned round where need be."
def list_pairs(ranks):
    found = []
    for i, j in itertools.combinations(range(len(ranks)), 2):
        if ranks[i] != ranks[j]:
            found.append((i, j) if ranks[i] < ranks[j] else (j, i))
    return found

# %% exercise ranking_loss "The loss of a reward model" points=4 minutes=20 difficulty=3
# `rewards` is a list of rankings, each with the rewards of its answers, and `ranks` has the ranks in the same form. (The rankings may differ in $K$.)
# A pair of a ranking costs $-\ln \sigma(r_\text{better} - r_\text{worse})$. Return the mean over the pairs of each ranking, and then over the rankings: every
# prompt counts the same, however many pairs it has. Tied pairs have no part in it; a ranking in which everything is tied is left out as a whole.
# At least one ranking has a pair.

# %% hint
# A margin belongs inside the σ, with its sign: a model that has learned the ranking pays little.

# %% hint
# `margins = r[:, None] - r[None, :]` $[K, K]$ holds $r_i - r_j$, and `ranks[:, None] < ranks[None, :]` says where $i$ was ranked above $j$. Pick
# the margins there, take `-np.log(sigmoid(…))`, and their mean, if there are any.

# %% answer
def ranking_loss(rewards, ranks):
    """Mean of −ln σ(margin) over the pairs of each ranking, then over the rankings: one number."""
    ### BEGIN SOLUTION
    means = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        margins = (r[:, None] - r[None, :])[rank[:, None] < rank[None, :]]
        if len(margins):
            means.append(-np.log(sigmoid(margins)).mean())
    return sum(means) / len(means)
    ### END SOLUTION

# %% check
check("a model that knows nothing pays ln 2", lambda: ranking_loss([[0.0, 0.0, 0.0]], [[2, 0, 1]]))

# %% check
check("one pair, right and wrong", lambda: [ranking_loss([[2.0, 1.0]], [[0, 1]]), ranking_loss([[2.0, 1.0]], [[1, 0]])])

# %% check
check("two rankings of different length, with a tie", lambda: ranking_loss([[1.0, 0.0, -1.0, 0.5], [0.3, 1.0]], [[0, 1, 3, 1], [1, 0]]))

# %% hidden
def random_rankings(seed):
    dice = check.rng(seed)
    rewards, ranks = [], []
    for K in (4, 2, 6, 3):
        felt = dice.integers(0, 4, size=K)
        felt[0], felt[-1] = 0, 4  # at least one pair
        rewards.append((2 * dice.normal(size=K)).tolist())
        ranks.append([int((felt > f).sum()) for f in felt])
    return rewards, ranks

check("four rankings", lambda: ranking_loss(*random_rankings(4)))

# %% hidden
check("four other rankings", lambda: ranking_loss(*random_rankings(5)))

# %% hidden
def with_all_tied(seed):
    rewards, ranks = random_rankings(seed)
    return [*rewards, [0.5, -2.0, 3.0]], [*ranks, [0, 0, 0]]

check("one ranking is all tied", lambda: ranking_loss(*with_all_tied(6)))

# %% mutant wrong-order "The pair stands the wrong way round: the model learns to like what was ranked last."
def ranking_loss(rewards, ranks):
    means = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        margins = (r[:, None] - r[None, :])[rank[:, None] > rank[None, :]]
        if len(margins):
            means.append(-np.log(sigmoid(margins)).mean())
    return sum(means) / len(means)

# %% mutant ties-counted "Ties count, too, and pull both answers towards one reward: a tie was to say nothing."
def ranking_loss(rewards, ranks):
    means = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        wanted = (rank[:, None] <= rank[None, :]) & ~np.eye(len(r), dtype=bool)
        means.append(-np.log(sigmoid((r[:, None] - r[None, :])[wanted])).mean())
    return sum(means) / len(means)

# %% mutant all-in-one "The mean runs over all pairs of all rankings at once: a prompt with nine answers counts 36 times as much as one with two."
def ranking_loss(rewards, ranks):
    costs = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        costs.extend(-np.log(sigmoid((r[:, None] - r[None, :])[rank[:, None] < rank[None, :]])))
    return sum(costs) / len(costs)

# %% mutant tied-rankings-divide "A ranking in which all is tied adds nothing and is still counted: it makes the loss smaller."
def ranking_loss(rewards, ranks):
    total = 0.0
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        margins = (r[:, None] - r[None, :])[rank[:, None] < rank[None, :]]
        if len(margins):
            total += -np.log(sigmoid(margins)).mean()
    return total / len(rewards)

# %% mutant by-k-squared "The sum over pairs is divided by K², ties, mirror images and the answers themselves included."
def ranking_loss(rewards, ranks):
    means = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        margins = (r[:, None] - r[None, :])[rank[:, None] < rank[None, :]]
        if len(margins):
            means.append(-np.log(sigmoid(margins)).sum() / len(r) ** 2)
    return sum(means) / len(means)

# %% mutant softmax-over-all "A softmax over all K answers, and the surprise of the best one: then nothing is learned about the others."
def ranking_loss(rewards, ranks):
    means = []
    for r, rank in zip(rewards, ranks):
        r, rank = np.array(r, dtype=float), np.array(rank)
        if len(set(rank.tolist())) > 1:
            means.append(np.log(np.exp(r).sum()) - r[rank.argmin()])
    return sum(means) / len(means)

# %% alternative loops "Pair by pair."
def ranking_loss(rewards, ranks):
    means = []
    for r, rank in zip(rewards, ranks):
        costs = [np.log1p(np.exp(r[j] - r[i])) for i in range(len(r)) for j in range(len(r)) if rank[i] < rank[j]]
        if costs:
            means.append(np.mean(costs))
    return np.mean(means)

# %% exercise read_rewards "Where the reward is read" points=3 minutes=15 difficulty=2
# A reward model gives a number at every position, `values` $[B, T]$. `ids` $[B, T]$ are the tokens, a prompt, then its answer, then padding.
# `n_prompt[b]` says how many tokens the prompt of row $b$ has. An answer ends with its *first* token `end`, which belongs to it. The padding is made of the
# same token `end`. An answer that broke off has no `end`, and fills its row to the last position. A prompt holds no `end`.
#
# Return the reward of each row: the number at the answer's last token. It is a list or an array with $B$ numbers.

# %% hint
# Padding and the end of an answer look alike. Which of the tokens `end` of a row is the answer's?

# %% hint
# For each row: `places = np.flatnonzero(ids[b] == end)` lists the tokens `end`. The first of them is the place, if there is one; otherwise it is `T - 1`.

# %% answer
def read_rewards(values, ids, n_prompt, end):
    """The number at the last token of each answer, B of them."""
    ### BEGIN SOLUTION
    found = []
    for b, row in enumerate(ids):
        places = np.flatnonzero(np.array(row)[n_prompt[b] :] == end)
        found.append(values[b][n_prompt[b] + places[0]] if len(places) else values[b][-1])
    return np.array(found)
    ### END SOLUTION

# %% check
ids = np.array([[5, 6, 1, 0, 0, 0], [5, 1, 2, 3, 4, 0], [5, 6, 7, 1, 2, 3]])  # end is 0
numbers = np.arange(18.0).reshape(3, 6) ** 2
check("a short answer, a long one, one that broke off", lambda: read_rewards(numbers, ids, [2, 1, 3], 0))

# %% check
check("the same answer beside a longer row", lambda: read_rewards(numbers[:1, :4], ids[:1, :4], [2], 0))

# %% hidden
def random_rows(seed, B=5, T=10, end=0):
    dice = check.rng(seed)
    ids = dice.integers(1, 9, size=(B, T))
    n_prompt = dice.integers(1, 4, size=B).tolist()
    for b, last in enumerate([5, 9, T, 6, 7]):  # row 2 breaks off
        ids[b, last:] = 0
    if end:
        ids = np.where(ids == 0, end, np.where(ids == end, 1, ids))
    return dice.normal(size=(B, T)) * 3, ids, n_prompt, end

check("five rows", lambda: read_rewards(*random_rows(7)))

# %% hidden
check("five other rows, and another token ends them", lambda: read_rewards(*random_rows(8, end=4)))

# %% hidden
def empty_answer(seed):
    values, ids, n_prompt, end = random_rows(seed)
    ids[0, n_prompt[0] :] = end
    return values, ids, n_prompt, end

check("an answer that says nothing and ends", lambda: read_rewards(*empty_answer(9)))

# %% mutant position-minus-1 "Position −1 is padding for all but the longest row, and depends on what else is in the batch."
def read_rewards(values, ids, n_prompt, end):
    return np.array([row[-1] for row in values])

# %% mutant before-the-end "The last token that is no end token: there the model does not know yet that the answer is over."
def read_rewards(values, ids, n_prompt, end):
    return np.array([values[b][np.flatnonzero(np.array(row) != end)[-1]] for b, row in enumerate(ids)])

# %% mutant mean-over-padding "A mean over the whole row, padding included: the longer the other answers, the more padding counts."
def read_rewards(values, ids, n_prompt, end):
    return np.array(values).mean(1)

# %% mutant mean-over-answer "A mean over the answer: the scalar head was to be read once, when everything has been said."
def read_rewards(values, ids, n_prompt, end):
    found = []
    for b, row in enumerate(ids):
        places = np.flatnonzero(np.array(row) == end)
        stop = places[0] + 1 if len(places) else len(row)
        found.append(values[b][n_prompt[b] : stop].mean())
    return np.array(found)

# %% mutant end-of-prompt "The number at the prompt's last token: all answers to a prompt are still equal there."
def read_rewards(values, ids, n_prompt, end):
    return np.array([values[b][n - 1] for b, n in enumerate(n_prompt)])

# %% alternative argmax "All rows at once: the first True of each row, or the last column."
def read_rewards(values, ids, n_prompt, end):
    ends = np.array(ids) == end
    place = np.where(ends.any(1), ends.argmax(1), ends.shape[1] - 1)
    return np.take_along_axis(np.array(values), place[:, None], 1)[:, 0]

# %% exercise agreement "Do two labelers agree?" points=3 minutes=15 difficulty=2
# Two labelers ranked the same $K$ answers: `a` and `b` are their ranks. Of the pairs that *both* put into an order, return the share that they put into the
# *same* order. If there is no such pair, return `None`.

# %% hint
# A pair that one of them tied says nothing about agreement. It is neither agreed on nor disagreed on.

# %% hint
# For answers $i < j$ the sign of `a[i] - a[j]` tells the order, and it is 0 at a tie. Both signs must be other than 0; then compare them.

# %% answer
def agreement(a, b):
    """The share of the pairs ordered by both that are ordered alike; None without any."""
    ### BEGIN SOLUTION
    same = []
    for i, j in itertools.combinations(range(len(a)), 2):
        if a[i] != a[j] and b[i] != b[j]:
            same.append((a[i] < a[j]) == (b[i] < b[j]))
    return sum(same) / len(same) if same else None
    ### END SOLUTION

# %% check
check("one pair of six is turned round", lambda: agreement([0, 1, 2, 3], [0, 2, 1, 3]))

# %% check
check("ties, of one, of the other, of both", lambda: [agreement([0, 0, 2, 3], [1, 0, 3, 2]), agreement([0, 1, 2], [0, 0, 2]), agreement([0, 1], [0, 0])])

# %% hidden
def two_labelers(seed, K=7):
    dice = check.rng(seed)
    worth = dice.normal(size=K) * 1.5
    felt = [np.round(worth + dice.normal(size=K)) for _ in range(2)]
    return [[int((f > x).sum()) for x in f] for f in felt]

check("seven answers, three times", lambda: [agreement(*two_labelers(seed)) for seed in (10, 11, 12)])

# %% hidden
check("they turn everything round, and two that never meet", lambda: [agreement([0, 1, 2, 3], [3, 2, 1, 0]), agreement([0, 0, 2], [0, 2, 2])])

# %% hidden
check("both ways round", lambda: [agreement(*two_labelers(13)) - agreement(*two_labelers(13)[::-1]), agreement(*two_labelers(13))])

# %% mutant equal-ranks "It counts the answers with equal ranks: one answer that moves to the front shifts all the others, and they still agree on most pairs."
def agreement(a, b):
    return sum(x == y for x, y in zip(a, b)) / len(a)

# %% mutant ties-agree "Two ties agree, a tie and an order disagree: then those who tie much seem to disagree with everybody."
def agreement(a, b):
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in itertools.combinations(range(len(a)), 2)]
    return sum(x == y for x, y in signs) / len(signs)

# %% mutant all-pairs "It divides by all pairs, tied ones included."
def agreement(a, b):
    n = len(a)
    same = [(a[i] - a[j]) * (b[i] - b[j]) > 0 for i, j in itertools.combinations(range(n), 2)]
    return sum(same) / len(same)

# %% mutant one-side "It drops what the first labeler tied, and counts the ties of the second as disagreement."
def agreement(a, b):
    same = []
    for i, j in itertools.combinations(range(len(a)), 2):
        if a[i] != a[j]:
            same.append((a[i] - a[j]) * (b[i] - b[j]) > 0)
    return sum(same) / len(same) if same else None

# %% mutant kendall "Agreements minus disagreements: that is Kendall's tau, which runs from −1 to 1. A share was asked for."
def agreement(a, b):
    signs = [np.sign((a[i] - a[j]) * (b[i] - b[j])) for i, j in itertools.combinations(range(len(a)), 2)]
    told = [s for s in signs if s]
    return sum(told) / len(told) if told else None

# %% alternative matrices "With matrices of signs; each pair is counted twice, above and below."
def agreement(a, b):
    x, y = (np.sign(np.subtract.outer(ranks, ranks)) for ranks in (a, b))
    both = x * y
    return float((both > 0).sum() / (both != 0).sum()) if both.any() else None

# %% exercise step "Learn from one ranking" points=3 minutes=20 difficulty=3
# The reward of an answer is `features @ w`, with `features` $[K, F]$ and weights `w` $[F]$. A labeler gave `ranks`. Take one step of gradient descent on the mean of
# $-\ln \sigma(m)$ over the pairs $(i, j)$ of the ranking, $m = r_i - r_j$ with $i$ ranked above $j$, and return the new weights:
#
# $$w + \eta \cdot \frac{1}{n} \sum_{(i, j)} \big(1 - \sigma(m)\big) \, (\text{features}_i - \text{features}_j),$$
#
# where $n$ is the number of pairs. Ties are left out; where everything is tied, nothing moves. $\eta$ is `lr`. Do not change the array `w` itself.

# %% hint
# How surprised is the model by a pair? Where it was sure and right, $1 - \sigma(m)$ is nearly 0, and the pair does not pull.

# %% hint
# Loop over the pairs, add up `(1 - sigmoid(m)) * (features[i] - features[j])`, divide by the number of pairs, and multiply by `lr`.

# %% answer
def step(w, features, ranks, lr):
    """New weights after one step downhill, F of them."""
    ### BEGIN SOLUTION
    K = len(ranks)
    pairs = [(i, j) for i in range(K) for j in range(K) if ranks[i] < ranks[j]]
    pull = np.zeros(len(w))
    for i, j in pairs:
        difference = features[i] - features[j]
        pull += (1 - sigmoid(difference @ w)) * difference
    return w + lr * pull / max(1, len(pairs))
    ### END SOLUTION

# %% check
two = np.array([[1.0, 0.0], [0.0, 2.0]])
check("one pair, from 0", lambda: step(np.zeros(2), two, [0, 1], 0.5))

# %% check
check("the model is sure and right, then sure and wrong", lambda: [step(np.array([3.0, -1.0]), two, [0, 1], 1.0), step(np.array([3.0, -1.0]), two, [1, 0], 1.0)])

# %% hidden
def random_step(seed, K=5, F=3):
    dice = check.rng(seed)
    felt = dice.integers(0, 4, size=K)
    felt[0], felt[-1] = 0, 4
    return dice.normal(size=F), dice.normal(size=(K, F)), [int((felt > f).sum()) for f in felt], 0.3

check("five answers with ties", lambda: step(*random_step(14)))

# %% hidden
check("five other answers", lambda: step(*random_step(15)))

# %% hidden
def tied(seed):
    w, features, ranks, lr = random_step(seed)
    return w, features, [0] * len(ranks), lr

check("all tied", lambda: step(*tied(16)))

# %% hidden
def untouched(seed):
    w, features, ranks, lr = random_step(seed)
    before = w.copy()
    step(w, features, ranks, lr)
    return w - before

check("the old weights stay as they were", lambda: untouched(17))

# %% mutant uphill "The sign is turned round: each step makes the ranking less likely."
def step(w, features, ranks, lr):
    K = len(ranks)
    pairs = [(i, j) for i in range(K) for j in range(K) if ranks[i] < ranks[j]]
    pull = np.zeros(len(w))
    for i, j in pairs:
        pull += (1 - sigmoid((features[i] - features[j]) @ w)) * (features[i] - features[j])
    return w - lr * pull / max(1, len(pairs))

# %% mutant sure-pulls "It pulls by σ(m) instead of by the surprise: what is known already pulls most."
def step(w, features, ranks, lr):
    K = len(ranks)
    pairs = [(i, j) for i in range(K) for j in range(K) if ranks[i] < ranks[j]]
    pull = np.zeros(len(w))
    for i, j in pairs:
        pull += sigmoid((features[i] - features[j]) @ w) * (features[i] - features[j])
    return w + lr * pull / max(1, len(pairs))

# %% mutant sum-of-pairs "The pulls are added up and not averaged: a ranking of nine moves the model 36 times as far as one of two."
def step(w, features, ranks, lr):
    K = len(ranks)
    pull = np.zeros(len(w))
    for i in range(K):
        for j in range(K):
            if ranks[i] < ranks[j]:
                pull += (1 - sigmoid((features[i] - features[j]) @ w)) * (features[i] - features[j])
    return w + lr * pull

# %% mutant perceptron "Only pairs in the wrong order pull, and all alike: a rule from before there were probabilities."
def step(w, features, ranks, lr):
    K = len(ranks)
    pairs = [(i, j) for i in range(K) for j in range(K) if ranks[i] < ranks[j]]
    pull = np.zeros(len(w))
    for i, j in pairs:
        difference = features[i] - features[j]
        pull += (difference @ w <= 0) * difference
    return w + lr * pull / max(1, len(pairs))

# %% mutant in-place "It changes the old weights as well: whoever kept them to compare has lost them."
def step(w, features, ranks, lr):
    K = len(ranks)
    pairs = [(i, j) for i in range(K) for j in range(K) if ranks[i] < ranks[j]]
    pull = np.zeros(len(w))
    for i, j in pairs:
        pull += (1 - sigmoid((features[i] - features[j]) @ w)) * (features[i] - features[j])
    w += lr * pull / max(1, len(pairs))
    return w

# %% alternative matrix "All pairs in one product."
def step(w, features, ranks, lr):
    better, worse = np.nonzero(np.less.outer(ranks, ranks))
    if len(better) == 0:
        return w.copy()
    differences = np.asarray(features)[better] - np.asarray(features)[worse]
    return w + lr * (1 - sigmoid(differences @ w)) @ differences / len(differences)

# %% show
from course_lib import figures
from course_lib.town import WORLD

MINE = {  # your own ranking: the best first, with any words of the town
    "Momo, take the lamp to the park.": [
        "Momo takes it to the park. Anna is happy.",
        "Momo takes it to the park.",
        "Bip takes it to the park. Bip takes it to the park.",
        "Momo does not want to.",
    ],
    "Tik, paint the cup red.": [
        "Tik paints the cup red. Gina is glad.",
        "Tik makes it blue. Gina is glad. Now it is blue.",
        "Tik says: no.",
    ],
}
NEW = [
    "Nut goes there. Ben is happy. Ben is glad.",
    "Nut goes to the tower with it.",
    "Nut says: no. Ben is sad.",
    "Zed goes there with it. Ben is glad.",
    "Nut does nothing. Nut does nothing.",
]


def seen(prompt, answer):
    """What your reward model looks at: the asked robot, happy words, refusals, sentences."""
    words = answer.replace(".", " ").replace(":", " ").split()
    return np.array([
        float(prompt.split(",")[0] in words),
        sum(word in WORLD.happy for word in words),
        sum(word in ("no", "not", "nothing") for word in words),
        answer.count("."),
    ])


def taught():
    """Fit a reward to the ranking above, step by step with your code, and order new answers by it."""
    w = np.zeros(4)
    for _ in range(300):
        for prompt, answers in MINE.items():
            features = np.array([seen(prompt, answer) for answer in answers])
            w = step(w, features, list(range(len(answers))), 0.1)
    rewards = np.array([seen("Nut, take the hat to the tower.", answer) @ w for answer in NEW])
    order = (-rewards).argsort()
    return figures.bars(
        [NEW[i] for i in order],
        sigmoid(rewards - rewards.mean())[order],
        line=("as good as the average one:", 0.5),
        xlabel="probability that it is preferred to an average answer",
        title="“Nut, take the hat to the tower.”",
        alt="Bars: five answers to an order, the one that your reward model likes best on top.",
    )


check.show(taught)
