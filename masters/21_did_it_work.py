# %% sheet 21_did_it_work "Exercises: did it work?"
# These exercises belong to [Did it work?](../21_did_it_work.ipynb). You work out how far best-of-n goes, write the loss of DPO
# and the advantages of GRPO, find the moment at which a run went wrong, and pick the best of several answers. At the end the
# town's policy and the town's reward model answer an order of your own, and your code picks.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 21_did_it_work.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Everything is NumPy. Logarithms are natural, so a KL is in nats.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import itertools

import numpy as np

from course_lib.grading import check

check.sheet("21_did_it_work")

# %% exercise kl_of_best "How far does the best of n go?" points=3 minutes=20 difficulty=2
# A policy gives answer $i$ with probability `p[i]`, and `scores[i]` is what a reward model says of it; no two scores are the same, and every `p[i]` is above 0.
# Draw `n` answers and take the one with the highest score. That is a new policy $\pi_n$. Return $\mathrm{KL}(\pi_n \,\|\, \pi)$ in nats, exactly: nothing is to be drawn.
#
# The answers come in any order. The well-known $\ln n - (n - 1)/n$ is only an upper bound.

# %% hint
# How likely is it that all n draws score at most as much as answer i? And that they all score less?

# %% hint
# Let F be the sum of `p` over all answers that score at most as much as i. Then answer i is the best with probability `F**n - (F - p[i])**n`. The KL sums over the new policy: `q * log(q / p)`.

# %% answer
def kl_of_best(p, scores, n):
    """KL(best of n, one draw) in nats: one number."""
    ### BEGIN SOLUTION
    p, scores = np.asarray(p, float), np.asarray(scores, float)
    at_most = (scores[None, :] <= scores[:, None]) @ p
    q = at_most**n - (at_most - p) ** n
    return float(np.sum(q * np.log(q / p)))
    ### END SOLUTION

# %% check
check("two answers, the better one is rare", lambda: kl_of_best([0.9, 0.1], [0.0, 1.0], 4))

# %% check
check("two answers, the better one is frequent", lambda: kl_of_best([0.9, 0.1], [1.0, 0.0], 4))

# %% hidden
def random_policy(seed, k):
    dice = check.rng(seed)
    return dice.dirichlet(np.ones(k)), dice.permutation(k) + 0.25

check("six answers, best of 2, 3 and 5", lambda: [kl_of_best(*random_policy(1, 6), n) for n in (2, 3, 5)])

# %% hidden
check("five answers, best of 3, and of 1", lambda: [kl_of_best(*random_policy(2, 5), n) for n in (3, 1)])

# %% mutant the-bound "It returns ln n − (n − 1)/n, which holds where no answer comes twice. A policy with few answers cannot go that far."
def kl_of_best(p, scores, n):
    return float(np.log(n) - (n - 1) / n)

# %% mutant other-way "The KL is the wrong way round: the average is over the new policy, which is the one that answers."
def kl_of_best(p, scores, n):
    p, scores = np.asarray(p, float), np.asarray(scores, float)
    at_most = (scores[None, :] <= scores[:, None]) @ p
    q = at_most**n - (at_most - p) ** n
    return float(np.sum(p * np.log(p / q)))

# %% mutant unsorted "It adds up the probabilities in the order of the list, not in that of the scores."
def kl_of_best(p, scores, n):
    p = np.asarray(p, float)
    at_most = np.cumsum(p)
    q = at_most**n - (at_most - p) ** n
    return float(np.sum(q * np.log(q / p)))

# %% mutant worst-of-n "It adds up from the highest score downwards: that is the worst of n."
def kl_of_best(p, scores, n):
    p, scores = np.asarray(p, float), np.asarray(scores, float)
    at_least = (scores[None, :] >= scores[:, None]) @ p
    q = at_least**n - (at_least - p) ** n
    return float(np.sum(q * np.log(q / p)))

# %% mutant bits "The logarithm is to base 2: that is bits."
def kl_of_best(p, scores, n):
    p, scores = np.asarray(p, float), np.asarray(scores, float)
    at_most = (scores[None, :] <= scores[:, None]) @ p
    q = at_most**n - (at_most - p) ** n
    return float(np.sum(q * np.log2(q / p)))

# %% mutant one-draw-beats-all "It takes n·p·F^(n − 1): that counts draws in which the best answer comes twice several times."
def kl_of_best(p, scores, n):
    p, scores = np.asarray(p, float), np.asarray(scores, float)
    at_most = (scores[None, :] <= scores[:, None]) @ p
    q = n * p * at_most ** (n - 1)
    return float(np.sum(q * np.log(q / p)))

# %% alternative all-draws "Every possible draw, one by one."
def kl_of_best(p, scores, n):
    q = np.zeros(len(p))
    for draw in itertools.product(range(len(p)), repeat=n):
        q[max(draw, key=lambda i: scores[i])] += np.prod([p[i] for i in draw])
    return float(sum(b * np.log(b / a) for a, b in zip(p, q)))

# %% exercise dpo_loss "Preferences without a reward model" points=3 minutes=15 difficulty=2
# `logp` and `ref` $[B, 2]$ are the log-probabilities of whole answers under the policy and under the reference: in each row first the answer that was preferred, then the other one.
# Return the DPO loss, the mean over the rows of
#
# $$ -\ln \sigma\left(\beta\,(\Delta_w - \Delta_l)\right), \qquad \Delta = \ln \pi - \ln \pi_\text{ref}. $$
#
# Differences of thousands of nats must not overflow: whole answers have such log-probabilities.

# %% hint
# The reward that this policy would be the best for is β(ln π − ln π_ref). What does a reward model's loss do with two rewards?

# %% hint
# −ln σ(x) = ln(1 + e^(−x)), and `np.logaddexp(0, -x)` is that without overflow.

# %% answer
def dpo_loss(logp, ref, beta):
    """The DPO loss of B pairs: one number in nats."""
    ### BEGIN SOLUTION
    reward = beta * (np.asarray(logp) - np.asarray(ref))
    return float(np.logaddexp(0, -(reward[:, 0] - reward[:, 1])).mean())
    ### END SOLUTION

# %% check
check("nothing learned yet: ln 2", lambda: dpo_loss([[-9.0, -12.0]], [[-9.0, -12.0]], 0.1))

# %% check
check("the better one up by 2, the worse one down by 1", lambda: dpo_loss([[-7.0, -13.0]], [[-9.0, -12.0]], 0.5))

# %% hidden
def random_pairs(seed, scale=3.0):
    dice = check.rng(seed)
    ref = -dice.uniform(5, 20, size=(5, 2))
    return ref + scale * dice.normal(size=(5, 2)), ref

check("five pairs", lambda: dpo_loss(*random_pairs(3), 0.3))

# %% hidden
check("five pairs, thousands of nats apart", lambda: dpo_loss(*random_pairs(4, 3000.0), 0.5))

# %% mutant no-reference "The reference is forgotten: an answer that was likely from the beginning counts as learned."
def dpo_loss(logp, ref, beta):
    logp = np.asarray(logp)
    return float(np.logaddexp(0, -beta * (logp[:, 0] - logp[:, 1])).mean())

# %% mutant sign "The sign is turned: the loss falls where the worse answer becomes likelier."
def dpo_loss(logp, ref, beta):
    reward = beta * (np.asarray(logp) - np.asarray(ref))
    return float(np.logaddexp(0, reward[:, 0] - reward[:, 1]).mean())

# %% mutant beta-outside "β stands outside the sigmoid, where it only scales the learning rate; the price of KL belongs inside."
def dpo_loss(logp, ref, beta):
    delta = np.asarray(logp) - np.asarray(ref)
    return float(beta * np.logaddexp(0, -(delta[:, 0] - delta[:, 1])).mean())

# %% mutant overflow "The sigmoid is written out: e to the power of some thousands is infinite, and so is the loss."
def dpo_loss(logp, ref, beta):
    reward = beta * (np.asarray(logp) - np.asarray(ref))
    with np.errstate(all="ignore"):
        return float(-np.log(1 / (1 + np.exp(-(reward[:, 0] - reward[:, 1])))).mean())

# %% mutant better-alone "Only the preferred answer counts: without the other one this is no comparison."
def dpo_loss(logp, ref, beta):
    reward = beta * (np.asarray(logp) - np.asarray(ref))
    return float(np.logaddexp(0, -reward[:, 0]).mean())

# %% mutant mean-first "The margins are averaged before the sigmoid: one pair that is far ahead hides all that are behind."
def dpo_loss(logp, ref, beta):
    reward = beta * (np.asarray(logp) - np.asarray(ref))
    return float(np.logaddexp(0, -(reward[:, 0] - reward[:, 1]).mean()))

# %% alternative two-cases "Row by row, with the usual two cases for small and large numbers."
def dpo_loss(logp, ref, beta):
    losses = []
    for (won, lost), (ref_won, ref_lost) in zip(logp, ref):
        x = beta * ((won - ref_won) - (lost - ref_lost))
        losses.append(np.log1p(np.exp(-x)) if x > 0 else -x + np.log1p(np.exp(x)))
    return float(sum(losses) / len(losses))

# %% exercise group_advantages "Advantages without a value function" points=3 minutes=15 difficulty=2
# GRPO draws $K$ answers to each of $B$ prompts; `scores` $[B, K]$ is what the reward model says of them. The advantage of an answer is its score, less the mean of *its group*, over
# the standard deviation of its group. Use the unbiased deviation (it divides by $K - 1$) and add $10^{-4}$ to it. A group in which all scores are the same teaches nothing: zeros.
#
# Return the advantages $[B, K]$.

# %% hint
# Some prompts are easy: all answers to them score high. Should all of these answers become likelier?

# %% hint
# `scores.mean(axis=1, keepdims=True)` keeps the shape [B, 1], so that it can be subtracted from [B, K]. `std` takes `ddof=1`.

# %% answer
def group_advantages(scores):
    """Advantages [B, K] of K answers to each of B prompts, by their scores."""
    ### BEGIN SOLUTION
    scores = np.asarray(scores, float)
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / (scores.std(axis=1, keepdims=True, ddof=1) + 1e-4)
    ### END SOLUTION

# %% check
check("an easy prompt, a hard one", lambda: group_advantages([[3.0, 3.0, 2.0], [-2.0, -1.0, -3.0]]))

# %% check
check("all the same", lambda: group_advantages([[1.5, 1.5, 1.5, 1.5]]))

# %% hidden
def random_scores(seed, b, k):
    dice = check.rng(seed)
    return dice.normal(size=(b, k)) * dice.uniform(0.5, 3, size=(b, 1)) + 4 * dice.normal(size=(b, 1))

check("three groups of four", lambda: group_advantages(random_scores(5, 3, 4)))

# %% hidden
check("four groups of two", lambda: group_advantages(random_scores(6, 4, 2)))

# %% mutant whole-batch "Mean and deviation are those of the whole batch: answers to easy prompts become likelier, good or bad."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    return (scores - scores.mean()) / (scores.std(ddof=1) + 1e-4)

# %% mutant wrong-axis "It compares answers to different prompts: the group is a row."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    with np.errstate(all="ignore"):
        return (scores - scores.mean(axis=0)) / (scores.std(axis=0, ddof=min(1, len(scores) - 1)) + 1e-4)

# %% mutant biased "The deviation divides by K: the smaller the group, the larger the advantages."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    return (scores - scores.mean(axis=1, keepdims=True)) / (scores.std(axis=1, keepdims=True) + 1e-4)

# %% mutant not-scaled "The deviation is missing: prompts whose scores lie far apart decide the step alone."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    return scores - scores.mean(axis=1, keepdims=True)

# %% mutant not-centred "The mean is missing: every answer with a positive score becomes likelier, also the worst of its group."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    return scores / (scores.std(axis=1, keepdims=True, ddof=1) + 1e-4)

# %% mutant not-a-number "Nothing is added to the deviation: a group of equal scores gives 0/0."
def group_advantages(scores):
    scores = np.asarray(scores, float)
    with np.errstate(all="ignore"):
        return (scores - scores.mean(axis=1, keepdims=True)) / scores.std(axis=1, keepdims=True, ddof=1)

# %% alternative loops "Group by group, number by number."
def group_advantages(scores):
    rows = []
    for row in np.asarray(scores, float).tolist():
        mean = sum(row) / len(row)
        deviation = (sum((s - mean) ** 2 for s in row) / (len(row) - 1)) ** 0.5
        rows.append([(s - mean) / (deviation + 1e-4) for s in row])
    return np.array(rows)

# %% exercise went_wrong "When did it go wrong?" points=3 minutes=15 difficulty=2
# A run was watched: `score` is what the reward model said at each iteration, `true` what the answers were worth (afterwards somebody looked). Single iterations are noisy, so
# average both over blocks of `width` iterations, one after the other; iterations that do not fill a block at the end are left out.
#
# Return three numbers: the first iteration of the block with the highest truth; how much the *score* rose from that block to the last one; and how much
# *truth* was lost from that block to the last one (above 0 if it fell). A run with a clear gain in the second and a clear loss in the third was over-optimised.

# %% hint
# Which of the two curves says when the run was at its best? The other one is what the optimiser saw.

# %% hint
# `x[:n * width].reshape(n, width).mean(axis=1)` averages over `n = len(x) // width` blocks. Block number b begins at iteration `b * width`.

# %% answer
def went_wrong(score, true, width):
    """First iteration of the best block, score gained after it, truth lost after it."""
    ### BEGIN SOLUTION
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width].reshape(n, width).mean(axis=1) for x in (score, true))
    best = int(is_so.argmax())
    return best * width, float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])
    ### END SOLUTION

# %% check
rise = np.array([0.0, 0.2, 0.5, 0.7, 0.8, 1.0, 1.1, 1.3, 1.2])
fall = np.array([1.0, 1.2, 2.0, 1.8, 1.7, 1.9, 1.1, 0.9, -5.0])
check("nine iterations in blocks of two", lambda: went_wrong(rise, fall, 2))

# %% check
check("the same in blocks of three", lambda: went_wrong(rise, fall, 3))

# %% hidden
def random_run(seed, n):
    dice, at = check.rng(seed), np.arange(n) / n
    return 2 * np.sqrt(at) + 0.2 * dice.normal(size=n), 1 + 6 * at * (1 - 1.1 * at) + 0.6 * dice.normal(size=n)

check("fifty iterations in blocks of seven", lambda: went_wrong(*random_run(7, 50), 7))

# %% hidden
check("forty iterations in blocks of six", lambda: went_wrong(*random_run(8, 40), 6))

# %% mutant best-score "It looks for the highest score: that is what the optimiser does, and the reason why it went too far."
def went_wrong(score, true, width):
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width].reshape(n, width).mean(axis=1) for x in (score, true))
    best = int(seen.argmax())
    return best * width, float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])

# %% mutant one-iteration "It takes the single best iteration: the luckiest one, by noise."
def went_wrong(score, true, width):
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width].reshape(n, width).mean(axis=1) for x in (score, true))
    best = int(np.asarray(true).argmax()) // width
    best = min(best, n - 1)
    return int(np.asarray(true).argmax()), float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])

# %% mutant number-of-the-block "It returns the number of the block, not the iteration at which that begins."
def went_wrong(score, true, width):
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width].reshape(n, width).mean(axis=1) for x in (score, true))
    best = int(is_so.argmax())
    return best, float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])

# %% mutant from-the-start "It counts from the first block: what was gained on the way up is no loss."
def went_wrong(score, true, width):
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width].reshape(n, width).mean(axis=1) for x in (score, true))
    best = int(is_so.argmax())
    return best * width, float(seen[-1] - seen[0]), float(is_so[0] - is_so[-1])

# %% mutant every-width-th "It takes every width-th iteration in place of means: the noise stays."
def went_wrong(score, true, width):
    n = len(score) // width
    seen, is_so = (np.asarray(x, float)[: n * width : width] for x in (score, true))
    best = int(is_so.argmax())
    return best * width, float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])

# %% alternative by-hand "With plain lists."
def went_wrong(score, true, width):
    starts = range(0, len(score) - width + 1, width)
    seen = [sum(score[i : i + width]) / width for i in starts]
    is_so = [sum(true[i : i + width]) / width for i in starts]
    best = max(range(len(is_so)), key=lambda b: is_so[b])
    return best * width, float(seen[-1] - seen[best]), float(is_so[best] - is_so[-1])

# %% exercise best_of "Pick the best" points=2 minutes=10 difficulty=1
# `answers` are lists of token ids, `scores` what a reward model says of each. Return the answer with the highest score. An answer without the token `end` never came to its end: it
# counts `unfinished`, whatever the reward model says. Of answers with the same score take the first.

# %% hint
# A reward model was never asked about answers that break off. Whose number is it, then, that they get?

# %% hint
# Make a list of the scores that count, `s if end in a else unfinished`. `max(range(len(…)), key=…)` gives the first of the highest.

# %% answer
def best_of(answers, scores, end, unfinished):
    """The answer with the highest score, as its list of ids."""
    ### BEGIN SOLUTION
    counts = [s if end in a else unfinished for a, s in zip(answers, scores)]
    return answers[max(range(len(answers)), key=lambda i: counts[i])]
    ### END SOLUTION

# %% check
some = [[5, 6, 0], [7, 7, 7], [5, 0], [8, 0]]
check("the highest score broke off", lambda: best_of(some, [0.5, 9.0, 1.5, 1.5], 0, -3.0))

# %% check
check("all others are worse than an unfinished one", lambda: best_of(some, [-4.0, 9.0, -3.5, -5.0], 0, -3.0))

# %% hidden
def random_answers(seed):
    dice = check.rng(seed)
    answers = [[*dice.integers(1, 90, size=3).tolist(), *([0] if dice.random() < 0.6 else [7])] for _ in range(12)]
    return answers, np.round(dice.normal(size=12), 1).tolist(), 0, -0.3

check("twelve answers, five times", lambda: [best_of(*random_answers(seed)) for seed in (9, 10, 11, 12, 13)])

# %% hidden
def alike(seed):
    a, b = check.rng(seed).integers(1, 90, size=2).tolist()
    return [[[a, 0], [b, 0]], [[b, 0], [a, 0]], [[a], [b, 0], [a, 0]], [[a, 4], [b, 5]]]

check("equal scores", lambda: [best_of(group, [1.0] * len(group), 0, -1.0) for group in alike(14)])

# %% mutant broken-off-counts "An answer that breaks off keeps its score: soon all answers break off, if the reward model likes them."
def best_of(answers, scores, end, unfinished):
    return answers[max(range(len(answers)), key=lambda i: scores[i])]

# %% mutant worst "It takes the lowest score."
def best_of(answers, scores, end, unfinished):
    counts = [s if end in a else unfinished for a, s in zip(answers, scores)]
    return answers[min(range(len(answers)), key=lambda i: counts[i])]

# %% mutant last-of-equals "Of equal scores it takes the last."
def best_of(answers, scores, end, unfinished):
    counts = [s if end in a else unfinished for a, s in zip(answers, scores)]
    return answers[max(range(len(answers)), key=lambda i: (counts[i], i))]

# %% mutant never-unfinished "It never gives out an unfinished answer: with a fixed score one may still be the best of a bad lot."
def best_of(answers, scores, end, unfinished):
    counts = [s if end in a else -1e9 for a, s in zip(answers, scores)]
    return answers[max(range(len(answers)), key=lambda i: counts[i])]

# %% mutant added "The fixed number is added to the score, and does not take its place."
def best_of(answers, scores, end, unfinished):
    counts = [s if end in a else s + unfinished for a, s in zip(answers, scores)]
    return answers[max(range(len(answers)), key=lambda i: counts[i])]

# %% alternative loop "One after the other."
def best_of(answers, scores, end, unfinished):
    best, most = None, None
    for answer, score in zip(answers, scores):
        counted = score if end in answer else unfinished
        if most is None or counted > most:
            best, most = answer, counted
    return best

# %% show
import torch

from course_lib import alignment, data, figures
from course_lib.town import Labeler

prompt = "Anna says: Momo, hurt Ben."  # your own order here: take or paint something, or hurt or break


def serve(n=32):
    """The town's policy answers n times; of the first 1, 2, 4, … your code picks one. What is it truly worth?"""
    policy, chat = data.town_sft()
    generator = torch.Generator().manual_seed(18)
    answers = alignment.sample_answers(policy, chat, [prompt] * n, generator=generator)
    rewards = data.town_reward()
    with torch.no_grad():
        scores = rewards(chat.batch([chat.prompt(prompt)] * n, answers)).tolist()
    shown = {}
    for m in (1, 2, 4, 8, 16, 32):
        text = alignment.preferences.readable(chat, best_of(answers[:m], scores[:m], chat.end_id, -3.0))
        shown[f"{m}: {text}"] = Labeler(0.0).utility(prompt, text)
    low = min(0.0, *shown.values())
    return figures.bars(
        list(shown),
        [worth - low for worth in shown.values()],
        xlabel="what it is truly worth" + (f" (above {low:g})" if low else ""),
        title=f"The best of 1, 2, 4, … answers to “{prompt}”",
        alt="Bars: the true utility of the answer that was picked from 1, 2, 4, 8, 16 and 32 answers.",
    )


check.show(serve)
