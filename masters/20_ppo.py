# %% sheet 20_ppo "Exercises: PPO"
# These exercises belong to [PPO](../20_ppo.ipynb). You put a price on every token, give the credit for a score to the tokens
# that earned it, whiten it, write PPO's loss, and work out the best policy that there can be. At the end you ask the town's
# model for the answers of that best policy.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 20_ppo.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $B$ answers in rows of $T$ tokens. `mask` $[B, T]$ is `True` where a token belongs to the answer; before it stands the prompt, behind it
# padding. Numbers outside the mask mean nothing, and need not be 0.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import numpy as np
import torch

from course_lib.grading import check

check.sheet("20_ppo")


def rows(seed, spans, T=8):
    """A mask with one answer per row, from start to end, and a generator of random numbers."""
    mask = np.zeros((len(spans), T), dtype=bool)
    for row, (start, end) in zip(mask, spans):
        row[start:end] = True
    return mask, np.random.default_rng(seed)

# %% exercise token_rewards "A price at every token" points=3 minutes=15 difficulty=2
# `logp` and `ref_logp` $[B, T]$ are log-probabilities of the tokens that the policy chose, under the policy and under the reference. `scores` $[B]$ are
# the reward model's numbers for the whole answers. Return the rewards $[B, T]$: at every token of an answer
# $-\beta\,(\log \pi - \log \pi_\text{ref})$, and at its last token the score on top. Outside the mask rewards are 0.

# %% hint
# Whoever says something that the reference would not have said has to pay. Which sign has $\log \pi - \log \pi_\text{ref}$ then?

# %% hint
# The last token of an answer is not the last column. `np.flatnonzero(mask[b])[-1]` is the column of the last `True` in row `b`.

# %% answer
def token_rewards(scores, logp, ref_logp, mask, beta):
    """Rewards [B, T]: the price of KL at every token, the score at the last one."""
    ### BEGIN SOLUTION
    rewards = np.where(mask, -beta * (logp - ref_logp), 0.0)
    for b in range(len(mask)):
        rewards[b, np.flatnonzero(mask[b])[-1]] += scores[b]
    return rewards
    ### END SOLUTION

# %% check
mask, dice = rows(0, [(1, 4), (2, 3)], T=5)
logp, ref_logp = np.log([[0.5, 0.5, 0.2, 0.9, 0.5], [0.5, 0.5, 0.3, 0.5, 0.5]]), np.log([[0.5, 0.25, 0.4, 0.9, 0.1], [0.9, 0.1, 0.3, 0.5, 0.5]])
check("two answers, of three tokens and of one", lambda: token_rewards(np.array([1.0, -2.0]), logp, ref_logp, mask, 0.5))

# %% check
check("no price", lambda: token_rewards(np.array([1.0, -2.0]), logp, ref_logp, mask, 0.0))

# %% hidden
def random_answers(seed):
    mask, dice = rows(check.rng(seed).integers(1000), [(2, 8), (3, 6), (1, 2), (4, 7)])
    return dice.normal(size=4), -dice.exponential(size=(4, 8)), -dice.exponential(size=(4, 8)), mask

check("four answers with a price", lambda: token_rewards(*random_answers(1), 0.1))

# %% hidden
check("four other answers, a high price", lambda: token_rewards(*random_answers(2), 2.0))

# %% mutant sign "The price has the wrong sign: the policy is paid for leaving the reference, and runs away."
def token_rewards(scores, logp, ref_logp, mask, beta):
    rewards = np.where(mask, beta * (logp - ref_logp), 0.0)
    for b in range(len(mask)):
        rewards[b, np.flatnonzero(mask[b])[-1]] += scores[b]
    return rewards

# %% mutant last-column "The score goes into the last column: in all rows but the longest that is padding, and the answer never sees its score."
def token_rewards(scores, logp, ref_logp, mask, beta):
    rewards = np.where(mask, -beta * (logp - ref_logp), 0.0)
    rewards[:, -1] += scores
    return rewards

# %% mutant everywhere "Every token gets the whole score: an answer of ten tokens is then worth ten times its score, and long answers win."
def token_rewards(scores, logp, ref_logp, mask, beta):
    return np.where(mask, scores[:, None] - beta * (logp - ref_logp), 0.0)

# %% mutant unmasked "Prompt and padding have a price, too: the policy did not choose them."
def token_rewards(scores, logp, ref_logp, mask, beta):
    rewards = -beta * (logp - ref_logp)
    for b in range(len(mask)):
        rewards[b, np.flatnonzero(mask[b])[-1]] += scores[b]
    return rewards

# %% mutant instead "At the last token the score stands in the place of the price: the end token would be free."
def token_rewards(scores, logp, ref_logp, mask, beta):
    rewards = np.where(mask, -beta * (logp - ref_logp), 0.0)
    for b in range(len(mask)):
        rewards[b, np.flatnonzero(mask[b])[-1]] = scores[b]
    return rewards

# %% alternative shifted "A token is the last one if the mask ends behind it; no loop."
def token_rewards(scores, logp, ref_logp, mask, beta):
    after = np.concatenate([mask[:, 1:], np.zeros((len(mask), 1), dtype=bool)], axis=1)
    last = mask & ~after
    return mask * beta * (ref_logp - logp) + last * scores[:, None]

# %% exercise gae "Who earned it" points=4 minutes=20 difficulty=3
# `rewards` and `values` $[B, T]$ belong to the tokens. Return the advantages $[B, T]$ with $\gamma = 1$:
#
# $$ \delta_t = r_t + V_{t+1} - V_t, \qquad A_t = \delta_t + \lambda A_{t+1}, $$
#
# where $V$ and $A$ are 0 behind the last token of an answer. Outside the mask advantages are 0.

# %% hint
# An advantage needs the one behind it. In which order do you walk through the tokens?

# %% hint
# `values` has numbers in the padding, too, which mean nothing. `np.where(mask, values, 0.0)` makes them 0; then $V_{t+1}$ is 0 where it should be.

# %% answer
def gae(rewards, values, mask, lam):
    """Advantages [B, T], from the last token back to the first."""
    ### BEGIN SOLUTION
    values = np.where(mask, values, 0.0)
    advantages = np.zeros_like(values)
    V_after = A_after = np.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + V_after - values[:, t]
        advantages[:, t] = np.where(mask[:, t], delta + lam * A_after, 0.0)
        V_after, A_after = values[:, t], advantages[:, t]
    return advantages
    ### END SOLUTION

# %% check
mask, dice = rows(3, [(1, 4), (0, 5)], T=6)
rewards, values = np.zeros((2, 6)), np.full((2, 6), 0.5)
rewards[0, 3] = rewards[1, 4] = 1.0
check("a score of 1 at the end, where 0.5 was expected", lambda: gae(rewards, values, mask, 0.5))

# %% check
check("the same, λ = 0 and λ = 1: row 0", lambda: [gae(rewards, values, mask, lam)[0] for lam in (0.0, 1.0)])

# %% hidden
def random_values(seed):
    mask, dice = rows(check.rng(seed).integers(1000), [(2, 8), (3, 6), (1, 2), (4, 7)])
    return np.where(mask, dice.normal(size=(4, 8)), 0.0), dice.normal(size=(4, 8)), mask

check("four answers, λ = 0.95", lambda: gae(*random_values(4), 0.95))

# %% hidden
check("four other answers, λ = 0.3", lambda: gae(*random_values(5), 0.3))

# %% mutant padding-speaks "Behind an answer it reads the value of a padding token: there is nothing to come, and its value is 0."
def gae(rewards, values, mask, lam):
    advantages = np.zeros_like(values)
    V_after = A_after = np.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + V_after - values[:, t]
        advantages[:, t] = np.where(mask[:, t], delta + lam * A_after, 0.0)
        V_after, A_after = values[:, t], advantages[:, t]
    return advantages

# %% mutant lambda-on-value "λ multiplies the next value: then it is a discount, and a value is worth less only because it comes later."
def gae(rewards, values, mask, lam):
    values = np.where(mask, values, 0.0)
    advantages = np.zeros_like(values)
    V_after = A_after = np.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + lam * V_after - values[:, t]
        advantages[:, t] = np.where(mask[:, t], delta + lam * A_after, 0.0)
        V_after, A_after = values[:, t], advantages[:, t]
    return advantages

# %% mutant forwards "It walks from the first token to the last: credit would go to what came after the deed."
def gae(rewards, values, mask, lam):
    values = np.where(mask, values, 0.0)
    advantages = np.zeros_like(values)
    A_before = np.zeros(len(values))
    for t in range(values.shape[1]):
        V_after = values[:, t + 1] if t + 1 < values.shape[1] else 0.0
        delta = rewards[:, t] + V_after - values[:, t]
        advantages[:, t] = np.where(mask[:, t], delta + lam * A_before, 0.0)
        A_before = advantages[:, t]
    return advantages

# %% mutant never-less "The value itself is not taken away: every token of a good answer then looks good, and nothing is learned about which."
def gae(rewards, values, mask, lam):
    values = np.where(mask, values, 0.0)
    advantages = np.zeros_like(values)
    V_after = A_after = np.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        advantages[:, t] = np.where(mask[:, t], rewards[:, t] + V_after + lam * A_after, 0.0)
        V_after, A_after = values[:, t], advantages[:, t]
    return advantages

# %% mutant one-step "Only δ: λ is forgotten, so the score reaches no token but the last."
def gae(rewards, values, mask, lam):
    values = np.where(mask, values, 0.0)
    after = np.concatenate([values[:, 1:], np.zeros((len(values), 1))], axis=1)
    return np.where(mask, rewards + after - values, 0.0)

# %% alternative powers "The sum that defines it, one product with a matrix of powers for each answer."
def gae(rewards, values, mask, lam):
    advantages = np.zeros(values.shape)
    for b, own in enumerate(mask):
        r, V = rewards[b, own], values[b, own]
        delta = r + np.append(V[1:], 0.0) - V
        n = np.arange(len(r))
        steps = n[None, :] - n[:, None]
        powers = np.where(steps >= 0, float(lam) ** np.maximum(steps, 0), 0.0)
        advantages[b, own] = powers @ delta
    return advantages

# %% exercise whiten "Whiten" points=2 minutes=10 difficulty=1
# Shift and scale the numbers `x` $[B, T]$ so that those inside the mask, all rows together, have mean 0 and variance 1. The variance is the biased one: divided by their
# number $n$. Outside the mask the result is 0.

# %% hint
# How many numbers are there really? Padding and prompts are not among them.

# %% hint
# `x[mask]` is a flat array with the numbers inside the mask; its `.mean()` and `.std()` are those you need. (NumPy's `std` divides by $n$, PyTorch's does not.)

# %% answer
def whiten(x, mask):
    """x [B, T] with mean 0 and variance 1 inside the mask, 0 outside."""
    ### BEGIN SOLUTION
    return np.where(mask, (x - x[mask].mean()) / x[mask].std(), 0.0)
    ### END SOLUTION

# %% check
mask, dice = rows(6, [(1, 3), (0, 4)], T=5)
check("six numbers, and four that do not count", lambda: whiten(np.arange(10.0).reshape(2, 5) ** 2, mask))

# %% hidden
def random_numbers(seed):
    mask, dice = rows(check.rng(seed).integers(1000), [(2, 8), (3, 6), (1, 2), (4, 7)])
    return 5 + 3 * dice.normal(size=(4, 8)), mask

check("four answers, whitened", lambda: whiten(*random_numbers(7)))

# %% hidden
check("four other answers, whitened", lambda: whiten(*random_numbers(8)))

# %% mutant padding-counts "Mean and variance are taken over padding, too: how large an advantage is then depends on how long the rows happen to be."
def whiten(x, mask):
    x = np.where(mask, x, 0.0)
    return np.where(mask, (x - x.mean()) / x.std(), 0.0)

# %% mutant each-row "Every answer is whitened for itself: then no answer can be better than another one."
def whiten(x, mask):
    out = np.zeros(x.shape)
    for b, own in enumerate(mask):
        out[b, own] = (x[b, own] - x[b, own].mean()) / (x[b, own].std() + 1e-8)
    return out

# %% mutant unbiased "The variance is divided by n − 1. That is trl's convention; asked for was the other one."
def whiten(x, mask):
    return np.where(mask, (x - x[mask].mean()) / x[mask].std(ddof=1), 0.0)

# %% mutant variance "It divides by the variance, not by its root."
def whiten(x, mask):
    return np.where(mask, (x - x[mask].mean()) / x[mask].var(), 0.0)

# %% mutant mean-stays "The mean is left where it was: that is done with rewards, not with advantages."
def whiten(x, mask):
    return np.where(mask, x / x[mask].std(), 0.0)

# %% alternative sums "With sums and a count."
def whiten(x, mask):
    n = mask.sum()
    mean = (x * mask).sum() / n
    variance = ((x - mean) ** 2 * mask).sum() / n
    return (x - mean) * mask / variance**0.5

# %% exercise policy_loss "The clipped loss" points=5 minutes=25 difficulty=3
# This one is in PyTorch, for its gradient matters. All arguments are tensors $[B, T]$. `logp` are the policy's log-probabilities now, `old_logp` those of the rollout, `returns` what
# came, and `values` what was expected. The advantage of a token is `returns - values`. Return PPO's loss, one number: *minus* the mean, over the tokens inside the mask, of
#
# $$ \min\big(\rho_t A_t,\; \mathrm{clip}(\rho_t, 1 - \epsilon, 1 + \epsilon)\, A_t\big), \qquad \rho_t = \pi / \pi_\text{old}. $$
#
# The checks also look at the gradients. `values` come out of a network that has a loss of its own: this loss must not move it.

# %% hint
# What would a step down the gradient do to `values`, if $A_t$ in this loss depends on them? `.detach()` makes a tensor a plain number for the gradient.

# %% hint
# `torch.minimum(a, b)` and `ratio.clamp(1 - clip, 1 + clip)`. The mean over the mask is the mean of `x[mask]`.

# %% answer
def policy_loss(logp, old_logp, returns, values, mask, clip):
    """PPO's policy loss: one number, whose gradient reaches logp alone."""
    ### BEGIN SOLUTION
    advantages = (returns - values).detach()
    ratio = (logp - old_logp).exp()
    smaller = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -smaller[mask].mean()
    ### END SOLUTION

# %% check
def loss_and_gradients(logp, old_logp, returns, values, mask, clip):
    """The loss, its gradient in logp, and its gradient in values."""
    logp, values = logp.clone().requires_grad_(), values.clone().requires_grad_()
    loss = policy_loss(logp, old_logp, returns, values, mask, clip)
    loss.backward()
    moved = torch.zeros_like(values) if values.grad is None else values.grad
    return loss.detach(), logp.grad, moved


ratios = torch.tensor([[0.5, 1.0, 1.5, 1.1], [0.5, 1.0, 1.5, 3.0]], dtype=torch.float64)
good_and_bad = torch.tensor([[1.0] * 4, [-1.0] * 4], dtype=torch.float64)
inside = torch.tensor([[True] * 4, [True, True, True, False]])
zeros = torch.zeros(2, 4, dtype=torch.float64)
check("four good tokens, three bad ones: the loss", lambda: loss_and_gradients(ratios.log(), zeros, good_and_bad, zeros, inside, 0.2)[0])

# %% check
check("the gradient in logp", lambda: loss_and_gradients(ratios.log(), zeros, good_and_bad, zeros, inside, 0.2)[1])

# %% check
check("the gradient in values", lambda: loss_and_gradients(ratios.log(), zeros, good_and_bad, zeros, inside, 0.2)[2])

# %% hidden
def random_tokens(seed):
    mask, dice = rows(check.rng(seed).integers(1000), [(2, 8), (3, 6), (1, 2), (4, 7)])
    now, old, returns, values = (torch.from_numpy(0.5 * dice.normal(size=(4, 8))) for _ in range(4))
    return now - 2, old - 2, 2 * returns, values, torch.from_numpy(mask)

check("four answers: loss and gradients", lambda: loss_and_gradients(*random_tokens(9), 0.2))

# %% hidden
check("four other answers, a wider clip: loss and gradients", lambda: loss_and_gradients(*random_tokens(10), 0.4))

# %% mutant not-detached "The advantage is not detached: the value network is pulled down wherever a token was likely, just to make this loss smaller."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = returns - values
    ratio = (logp - old_logp).exp()
    smaller = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -smaller[mask].mean()

# %% mutant wrong-side "The larger of the two is taken: tokens that run on in their direction are never stopped, and those that went astray are given up."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = (returns - values).detach()
    ratio = (logp - old_logp).exp()
    larger = torch.maximum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -larger[mask].mean()

# %% mutant clip-alone "Only the clipped ratio counts: a good token that has become much less likely has no gradient, and nobody brings it back."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = (returns - values).detach()
    ratio = (logp - old_logp).exp()
    return -(ratio.clamp(1 - clip, 1 + clip) * advantages)[mask].mean()

# %% mutant by-all "The sum is divided by all positions, padding included: the step shrinks with every padding token."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = (returns - values).detach()
    ratio = (logp - old_logp).exp()
    smaller = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -torch.where(mask, smaller, 0.0).mean()

# %% mutant upside-down "The ratio is the old one over the new one: what should become likelier becomes less likely."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = (returns - values).detach()
    ratio = (old_logp - logp).exp()
    smaller = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -smaller[mask].mean()

# %% mutant no-minus "The minus is missing: an optimiser goes down, so bad tokens would be learned."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    advantages = (returns - values).detach()
    ratio = (logp - old_logp).exp()
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)[mask].mean()

# %% alternative cases "By cases: flat where a token has gone far enough, and ρA everywhere else."
def policy_loss(logp, old_logp, returns, values, mask, clip):
    with torch.no_grad():
        A = (returns - values)[mask]
    ratio = torch.exp(logp[mask] - old_logp[mask])
    far = ((A > 0) & (ratio > 1 + clip)) | ((A < 0) & (ratio < 1 - clip))
    border = torch.where(A > 0, 1 + clip, 1 - clip)
    return -torch.where(far, border * A, ratio * A).sum() / mask.sum()

# %% exercise best_policy "The best policy there can be" points=3 minutes=15 difficulty=2
# To one prompt there are $N$ answers. `ref_logp` $[N]$ are the logarithms of their probabilities under the reference, and `scores` $[N]$ their scores. Return the
# probabilities $[N]$ of the policy that makes the mean score less $\beta$ times the KL from the reference as large as possible:
#
# $$ \pi^*(y) = \frac{1}{Z}\, \pi_\text{ref}(y)\, e^{r(y)/\beta}. $$
#
# Prices may be small, so that $r/\beta$ runs into the thousands. Your answer should have no NaN then.

# %% hint
# A product of probabilities and powers is a sum of logarithms. And what turns any numbers into probabilities?

# %% hint
# Add `scores / beta` to the logarithms, then take a softmax. Take the largest number away from all of them before `np.exp`: the softmax does not
# change, and nothing overflows.

# %% answer
def best_policy(ref_logp, scores, beta):
    """Probabilities [N] of the optimum under KL."""
    ### BEGIN SOLUTION
    z = ref_logp + scores / beta
    powers = np.exp(z - z.max())
    return powers / powers.sum()
    ### END SOLUTION

# %% check
check("two answers, equally likely, scores 1 and 0, β = 0.5", lambda: best_policy(np.log([0.5, 0.5]), np.array([1.0, 0.0]), 0.5))

# %% check
check("four answers, β = 1", lambda: best_policy(np.log([0.6, 0.2, 0.15, 0.05]), np.array([0.0, 1.0, 1.0, 2.0]), 1.0))

# %% hidden
def random_policy(seed, n=7):
    dice = check.rng(seed)
    return np.log(dice.dirichlet(np.ones(n))), dice.normal(size=n)

check("seven answers at three prices", lambda: [best_policy(*random_policy(11), beta) for beta in (4.0, 1.0, 0.3)])

# %% hidden
check("a small price: two answers tie far above the rest", lambda: best_policy(np.log([0.7, 0.2, 0.1]), np.array([-3.0, 2.0, 2.0]), 0.001))

# %% mutant no-reference "The reference is forgotten: an answer that it would never give becomes as likely as any other with its score."
def best_policy(ref_logp, scores, beta):
    z = scores / beta
    powers = np.exp(z - z.max())
    return powers / powers.sum()

# %% mutant times "The scores are multiplied by β: a higher price should make them count for less."
def best_policy(ref_logp, scores, beta):
    z = ref_logp + scores * beta
    powers = np.exp(z - z.max())
    return powers / powers.sum()

# %% mutant overflow "The powers overflow for a small price: infinity divided by infinity is no number."
def best_policy(ref_logp, scores, beta):
    with np.errstate(all="ignore"):
        powers = np.exp(ref_logp) * np.exp(scores / beta)
        return powers / powers.sum()

# %% mutant no-Z "Without Z the numbers are no probabilities: they do not sum to 1."
def best_policy(ref_logp, scores, beta):
    with np.errstate(all="ignore"):
        return np.exp(ref_logp) * np.exp(scores / beta)

# %% mutant both-divided "The reference's logarithm is divided by β as well: then without any scores the optimum is not the reference."
def best_policy(ref_logp, scores, beta):
    z = (ref_logp + scores) / beta
    powers = np.exp(z - z.max())
    return powers / powers.sum()

# %% alternative odds "Relative to the best score, with PyTorch's softmax."
def best_policy(ref_logp, scores, beta):
    z = torch.as_tensor(np.asarray(ref_logp) + (np.asarray(scores) - np.max(scores)) / beta)
    return z.softmax(0).numpy()

# %% show
from course_lib import alignment, data, figures

policy, chat = data.town_sft()
reward_model = data.town_reward()
prompt = "Anna says: Gizmo, take the drum to the tower."  # your own order here


def ideal_robot(beta=0.3, n=200):
    """What a policy with your optimum would say: answers of step 1, each weighted by its score."""
    answers = alignment.sample_answers(policy, chat, [prompt] * n, generator=torch.Generator().manual_seed(17))
    scores = alignment.learned_reward(reward_model, chat, -3.0)([prompt] * n, answers).double().numpy()
    weights = best_policy(np.full(n, -np.log(n)), scores, beta)  # each sample stands for 1/n of the reference
    said = {}
    for answer, weight in zip(answers, weights):
        said[chat.read(answer)[0]] = said.get(chat.read(answer)[0], 0.0) + float(weight)
    best = sorted(said, key=said.get, reverse=True)[:6]
    return figures.bars(
        best,
        [said[text] for text in best],
        xlabel="probability",
        title=f"What the best policy says, β = {beta}",
        alt="Bars: the likeliest answers of the best policy, the likeliest on top.",
    )


check.show(ideal_robot)
