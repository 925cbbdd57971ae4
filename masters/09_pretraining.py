# %% sheet 09_pretraining "Exercises: pre-training"
# These exercises belong to [Pre-training](../09_pretraining.ipynb). You build what a training run is made of: rows, gradients
# from several small batches, clipping, a schedule, and a step of AdamW. At the end they train a small GPT, here and now.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 09_pretraining.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Everything is in NumPy, up to the run at the end.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import numpy as np

from course_lib.grading import check

check.sheet("09_pretraining")

# %% exercise rows "Rows out of a long text" points=1 minutes=10 difficulty=1
# `ids` is one long array of tokens. Cut it into rows of $T$ inputs, one after the other, each with its $T$ targets: the token that
# comes next. The second row begins where the first one ends. So every token but the very first is a target *once*, also the one that
# stands at the seam of two rows. What is left at the end and fills no row is dropped.
#
# Return inputs and targets, two arrays of the shape $[N, T]$, with as many rows as can be filled.

# %% hint
# With 7 tokens and $T = 3$ there are two rows: inputs 0, 1, 2 and 3, 4, 5, targets 1, 2, 3 and 4, 5, 6. How many with 6 tokens?

# %% hint
# $N$ is `(len(ids) - 1) // T`. Inputs and targets are two slices of the same length, the one moved by one place, and both are reshaped.

# %% answer
def rows(ids, T):
    """Inputs and targets, two arrays [N, T], out of a long array of ids."""
    ### BEGIN SOLUTION
    n = (len(ids) - 1) // T
    inputs = ids[: n * T].reshape(n, T)
    targets = ids[1 : n * T + 1].reshape(n, T)
    return inputs, targets
    ### END SOLUTION

# %% check
check("rows of three out of eight tokens", lambda: list(rows(np.arange(10, 18), 3)))

# %% hidden
check("rows of five out of random tokens", lambda: list(rows(check.rng(1).integers(0, 500, size=33), 5)))

# %% hidden
check("rows of four out of exactly twenty tokens", lambda: list(rows(check.rng(2).integers(0, 500, size=20), 4)))

# %% mutant not-moved "The targets were not moved: each position is asked for the token that it has just read."
def rows(ids, T):
    n = (len(ids) - 1) // T
    inputs = ids[: n * T].reshape(n, T)
    return inputs, inputs

# %% mutant backwards "The targets were moved the wrong way: each position is asked for the token before it."
def rows(ids, T):
    n = (len(ids) - 1) // T
    return ids[1 : n * T + 1].reshape(n, T), ids[: n * T].reshape(n, T)

# %% mutant round-trip "The last target of each row is the row's own first token: what comes next stands in the next row."
def rows(ids, T):
    n = (len(ids) - 1) // T
    inputs = ids[: n * T].reshape(n, T)
    return inputs, np.roll(inputs, -1, axis=1)

# %% mutant seams "It cuts rows of T + 1 tokens: then the token after each seam is nobody's target."
def rows(ids, T):
    n = len(ids) // (T + 1)
    table = ids[: n * (T + 1)].reshape(n, T + 1)
    return table[:, :-1], table[:, 1:]

# %% mutant one-row-more "It counts rows of inputs alone: where they come out even, the very last token has no target."
def rows(ids, T):
    n = len(ids) // T
    return ids[: n * T].reshape(n, T), ids[1 : n * T + 1].reshape(n, T)

# %% alternative place-by-place "One row at a time, and lists until the end."
def rows(ids, T):
    found = [(ids[i : i + T], ids[i + 1 : i + T + 1]) for i in range(0, len(ids) - T, T)]
    return np.array([a for a, _ in found]), np.array([b for _, b in found])

# %% exercise accumulate "Many small batches, one gradient" points=2 minutes=12 difficulty=2
# A large batch does not fit into memory. So it came in `parts`, a list of small batches: arrays with one row for each token. They
# differ in length. `gradient_of(part)` gives the mean gradient over the tokens of one part; it refuses more than fits.
#
# Return the mean gradient over *all* tokens of all parts, as if they had been read at once. Every token counts alike.

# %% hint
# A part of 5 tokens and a part of 20 tokens: which of the two means should count for more?

# %% hint
# The mean of a part times its number of tokens is its sum. Add up the sums, and divide once, at the end.

# %% answer
def accumulate(parts, gradient_of):
    """The mean gradient over all tokens, from parts of different lengths."""
    ### BEGIN SOLUTION
    total = sum(len(part) * gradient_of(part) for part in parts)
    return total / sum(len(part) for part in parts)
    ### END SOLUTION

# %% check
def mean_of(part):
    if len(part) > 3:
        raise MemoryError(f"a part of {len(part)} tokens does not fit")
    return part.mean(axis=0)

check("a part of one token and a part of three", lambda: accumulate(
    [np.array([[8.0, 0.0]]), np.array([[0.0, 4.0], [0.0, 4.0], [4.0, 4.0]])], mean_of))

# %% hidden
def bent_mean(part):
    if len(part) > 8:
        raise MemoryError(f"a part of {len(part)} tokens does not fit")
    return np.tanh(part).mean(axis=0)

check("random parts of many lengths", lambda: accumulate(
    [check.rng(n).normal(size=(n, 3)) + n / 4 for n in (2, 8, 3, 5)], bent_mean))

# %% mutant mean-of-means "It takes the mean of the means: tokens of short parts then count for more than those of long ones."
def accumulate(parts, gradient_of):
    return sum(gradient_of(part) for part in parts) / len(parts)

# %% mutant sum-of-means "It adds up and never divides: the more parts, the longer the gradient."
def accumulate(parts, gradient_of):
    return sum(gradient_of(part) for part in parts)

# %% mutant last-alone "Each part's gradient writes over the one before: only the last part is left."
def accumulate(parts, gradient_of):
    for part in parts:
        gradient = gradient_of(part)
    return gradient

# %% mutant divided-twice "It divides means by the number of tokens: they had been divided once before."
def accumulate(parts, gradient_of):
    return sum(gradient_of(part) for part in parts) / sum(len(part) for part in parts)

# %% mutant at-once "It puts all parts together and reads them at once: that is what memory cannot hold."
def accumulate(parts, gradient_of):
    return gradient_of(np.concatenate(parts))

# %% alternative running "A running mean, which never holds more than one gradient and one mean."
def accumulate(parts, gradient_of):
    mean, seen = 0.0, 0
    for part in parts:
        seen += len(part)
        mean = mean + (gradient_of(part) - mean) * len(part) / seen
    return mean

# %% exercise clip "Not longer than that" points=2 minutes=10 difficulty=1
# `gradients` is a list of arrays, one for each parameter of a model. Together they are one long vector, whose length is
#
# $$\sqrt{\sum_{\text{arrays}} \sum_{\text{entries}} G^2} .$$
#
# If it is longer than `longest`, scale it down to that length. Its *direction* must stay. If it is not, leave it as it is. Return a new
# list of arrays. It must hold for gradients that are all 0, too.

# %% hint
# One length, and so one factor, for all arrays together.

# %% hint
# The factor is `longest` divided by the larger of two numbers: the length, and `longest` itself.

# %% answer
def clip(gradients, longest):
    """Scale a list of arrays down to a common length of at most `longest`: a new list of arrays."""
    ### BEGIN SOLUTION
    length = math.sqrt(sum((g**2).sum() for g in gradients))
    factor = longest / max(length, longest)
    return [g * factor for g in gradients]
    ### END SOLUTION

# %% check
check("gradients of length 5, clipped to 1", lambda: clip([np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([4.0])], 1.0))

# %% check
check("gradients that are short enough", lambda: clip([np.array([0.3, 0.0]), np.array([0.4])], 1.0))

# %% hidden
check("random gradients, clipped", lambda: clip(
    [check.rng(3).normal(size=(3, 4)) * 5, check.rng(4).normal(size=4) / 10, check.rng(5).normal(size=(2, 2))], 0.7))

# %% hidden
check("random gradients, short enough", lambda: clip([check.rng(6).normal(size=(2, 3)), check.rng(7).normal(size=3)], 50.0))

# %% hidden
check("gradients that are all 0", lambda: clip([np.zeros((2, 2)), np.zeros(3)], 1.0))

# %% mutant one-by-one "Each array is clipped on its own: that turns the direction of the whole, since long arrays lose more than short ones."
def clip(gradients, longest):
    return [g * longest / max(longest, np.linalg.norm(g)) for g in gradients]

# %% mutant always "It scales up what is short: a quiet batch would shout as loudly as any other."
def clip(gradients, longest):
    length = math.sqrt(sum((g**2).sum() for g in gradients))
    return [g * longest / length if length else g for g in gradients]

# %% mutant each-number "It cuts each number off by itself: then the direction is another one."
def clip(gradients, longest):
    return [np.clip(g, -longest, longest) for g in gradients]

# %% mutant no-root "The root is missing: it divides by the square of the length."
def clip(gradients, longest):
    square = sum((g**2).sum() for g in gradients)
    return [g * longest / max(square, longest) for g in gradients]

# %% mutant zero-by-zero "Where all gradients are 0, it divides by 0. One batch like that, and all weights are lost."
def clip(gradients, longest):
    length = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g / length * min(length, longest) for g in gradients]

# %% alternative one-vector "Literally one long vector."
def clip(gradients, longest):
    vector = np.concatenate([g.ravel() for g in gradients])
    if np.linalg.norm(vector) <= longest:
        return list(gradients)
    vector = vector * (longest / np.linalg.norm(vector))
    out = []
    for g in gradients:
        out.append(vector[: g.size].reshape(g.shape))
        vector = vector[g.size :]
    return out

# %% exercise schedule "Up in a line, down along a wave" points=2 minutes=12 difficulty=2
# The learning rate is multiplied by a factor that depends on the number of the step, $s = 0, 1, 2, \dots, S - 1$. During the $w$ steps of the
# warm-up it rises in a line, and step $w - 1$ already has the whole of it:
#
# $$\frac{s + 1}{w} \qquad \text{for } s < w .$$
#
# Then it follows *half* a wave of the cosine, from 1 at step $w$ down to `least`, which it would reach at step $S$.

# %% hint
# How far has it come on its way down? A number that is 0 at step $w$ and 1 at step $S$.

# %% hint
# For that number, call it $d$, $\frac12 (1 + \cos \pi d)$ falls from 1 to 0. Squeeze that into the space between `least` and 1.

# %% answer
def schedule(step, n_steps, warmup, least):
    """The factor on the learning rate at a step, counted from 0."""
    ### BEGIN SOLUTION
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (n_steps - warmup)
    return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2
    ### END SOLUTION

# %% check
check("twelve steps, four of warm-up", lambda: np.array([schedule(s, 12, 4, 0.1) for s in range(12)]))

# %% hidden
a, b = int(check.rng(8).integers(2, 9)), int(check.rng(9).integers(12, 40))
check("a random schedule", lambda: np.array([schedule(s, a + b, a, 0.2) for s in range(a + b)]))

# %% hidden
check("a schedule down to nothing", lambda: np.array([schedule(s, 10, 1, 0.0) for s in range(10)]))

# %% mutant from-zero "The first step has the factor 0: a whole batch is read, and nothing is learned from it."
def schedule(step, n_steps, warmup, least):
    if step < warmup:
        return step / warmup
    done = (step - warmup) / (n_steps - warmup)
    return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2

# %% mutant whole-wave "It follows a whole wave: in the end the learning rate is back on top."
def schedule(step, n_steps, warmup, least):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (n_steps - warmup)
    return least + (1 - least) * (1 + math.cos(2 * math.pi * done)) / 2

# %% mutant wave-from-the-start "The wave is counted from step 0: at the end of the warm-up the factor jumps down."
def schedule(step, n_steps, warmup, least):
    if step < warmup:
        return (step + 1) / warmup
    return least + (1 - least) * (1 + math.cos(math.pi * step / n_steps)) / 2

# %% mutant cut-off "It goes down to 0 and is cut off at the least value: then it stands still for the last steps."
def schedule(step, n_steps, warmup, least):
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / (n_steps - warmup)
    return max(least, (1 + math.cos(math.pi * done)) / 2)

# %% mutant straight "It goes down in a straight line: half a wave leaves slowly, and arrives slowly."
def schedule(step, n_steps, warmup, least):
    if step < warmup:
        return (step + 1) / warmup
    return 1 - (1 - least) * (step - warmup) / (n_steps - warmup)

# %% alternative mixture "As a mixture of 1 and the least value, with a sine."
def schedule(step, n_steps, warmup, least):
    rising = min(1.0, (step + 1) / warmup)
    down = math.sin(math.pi / 2 * max(0, step - warmup) / (n_steps - warmup)) ** 2
    return rising * ((1 - down) + down * least)

# %% exercise adamw "A step of AdamW" points=4 minutes=25 difficulty=3
# Take one step with one array of parameters `theta`, whose gradient is `G`. `m` and `v` are the two running means as the last step has
# left them, and `s` is the number of this step, counted from 1:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, G, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, G^2,$$
#
# $$\theta \leftarrow (1 - \eta\,\delta)\,\theta - \eta\, \frac{m / (1 - \beta_1^s)}{\sqrt{v / (1 - \beta_2^s)} + \epsilon} .$$
#
# The decay $\delta$ is for matrices alone: an array of a single axis does not decay. Return the new `theta`, `m` and `v`.

# %% hint
# The means that are kept are the plain ones. The divisions by $1 - \beta^s$ are for this step's use only.

# %% hint
# `theta.ndim` is 2 for a matrix and 1 for a vector. And mark what stands inside the root.

# %% answer
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    """One step of AdamW with one array of parameters: the new theta, m and v."""
    ### BEGIN SOLUTION
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    step = (m / (1 - betas[0] ** s)) / (np.sqrt(v / (1 - betas[1] ** s)) + eps)
    shrink = 1 - lr * decay if theta.ndim >= 2 else 1
    return shrink * theta - lr * step, m, v
    ### END SOLUTION

# %% check
start, slope = np.array([[1.0, -2.0], [0.0, 4.0]]), np.array([[0.1, 0.1], [-0.3, 0.0]])
check("the first step of a matrix", lambda: list(adamw(start, slope, 0 * start, 0 * start, 1, lr=0.1)))

# %% check
def two_steps_of_a_vector():
    theta, m, v = np.array([1.0, -1.0]), np.zeros(2), np.zeros(2)
    for s in (1, 2):
        theta, m, v = adamw(theta, theta / 2, m, v, s, lr=0.1, eps=0.1)
    return theta

check("two steps of a vector, with a large epsilon", two_steps_of_a_vector)

# %% hidden
def five_steps(shape, seed, lr, betas, eps, decay):
    dice = check.rng(seed)
    theta, m, v = dice.normal(size=shape), np.zeros(shape), np.zeros(shape)
    for s in range(1, 6):
        theta, m, v = adamw(theta, dice.normal(size=shape) / 3, m, v, s, lr, betas, eps, decay)
    return [theta, m, v]

check("five steps of a matrix", lambda: five_steps((3, 4), 10, 0.05, (0.8, 0.9), 1e-8, 0.5))
check("five steps of a long vector", lambda: five_steps((6,), 11, 0.05, (0.8, 0.9), 1e-8, 0.5))

# %% hidden
def small_gradients():
    theta, m, v = check.rng(12).normal(size=(2, 3)), np.zeros((2, 3)), np.zeros((2, 3))
    for s in (1, 2, 3):
        theta, m, v = adamw(theta, check.rng(13).normal(size=(2, 3)) / 100, m, v, s, 0.1, eps=0.01)
    return theta

check("three steps with a large epsilon", small_gradients)

# %% mutant no-correction "The divisions by 1 - β^s are missing: both means begin at 0, and the first steps come out wrong."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    shrink = 1 - lr * decay if theta.ndim >= 2 else 1
    return shrink * theta - lr * m / (np.sqrt(v) + eps), m, v

# %% mutant correction-kept "The corrected means are kept for the next step, which corrects them once more: keep the plain ones."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = (betas[0] * m + (1 - betas[0]) * G) / (1 - betas[0] ** s)
    v = (betas[1] * v + (1 - betas[1]) * G**2) / (1 - betas[1] ** s)
    shrink = 1 - lr * decay if theta.ndim >= 2 else 1
    return shrink * theta - lr * m / (np.sqrt(v) + eps), m, v

# %% mutant decay-in-the-gradient "The decay is added to the gradient, and then divided by √v with it: that is Adam with L2, and the W stands for not doing so."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    if theta.ndim >= 2:
        G = G + decay * theta
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    step = (m / (1 - betas[0] ** s)) / (np.sqrt(v / (1 - betas[1] ** s)) + eps)
    return theta - lr * step, m, v

# %% mutant epsilon-in-the-root "Epsilon stands inside the root: where gradients are small, steps come out much shorter."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    step = (m / (1 - betas[0] ** s)) / np.sqrt(v / (1 - betas[1] ** s) + eps)
    shrink = 1 - lr * decay if theta.ndim >= 2 else 1
    return shrink * theta - lr * step, m, v

# %% mutant vectors-decay "Vectors decay as well: a LayerNorm's gain is at home at 1, and this pulls it to 0."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    step = (m / (1 - betas[0] ** s)) / (np.sqrt(v / (1 - betas[1] ** s)) + eps)
    return (1 - lr * decay) * theta - lr * step, m, v

# %% mutant decay-without-rate "The decay is not multiplied by the learning rate: the weights are gone after a few steps."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = betas[0] * m + (1 - betas[0]) * G
    v = betas[1] * v + (1 - betas[1]) * G**2
    step = (m / (1 - betas[0] ** s)) / (np.sqrt(v / (1 - betas[1] ** s)) + eps)
    shrink = 1 - decay if theta.ndim >= 2 else 1
    return shrink * theta - lr * step, m, v

# %% alternative one-rate "The correction as a change of the learning rate and of epsilon, which saves two divisions of arrays."
def adamw(theta, G, m, v, s, lr, betas=(0.9, 0.95), eps=1e-8, decay=0.1):
    m = m + (G - m) * (1 - betas[0])
    v = v + (G * G - v) * (1 - betas[1])
    root = math.sqrt(1 - betas[1] ** s)
    moved = theta - lr * root / (1 - betas[0] ** s) * m / (v**0.5 + eps * root)
    return (moved - lr * decay * theta if theta.ndim > 1 else moved), m, v

# %% show
import torch
from torch.nn import functional as F

from course_lib import data, figures, town
from course_lib.models import GPT, GPTConfig

tokenizer = data.town_tokenizer()
N_STEPS, LENGTH, BATCH = 80, 32, 16


def town_ids():
    """Documents of the town in a row, each after the end-of-text token, long enough for the run."""
    ids = []
    for number in range(10_000):
        ids += tokenizer.encode("<|endoftext|>" + town.document(number, "short").text, allowed_special="all")
        if len(ids) > N_STEPS * BATCH * LENGTH:
            return np.array(ids)


def your_run(lr=0.004):
    """Train a small GPT: your rows, your clipping, your schedule, your AdamW. PyTorch takes the gradients."""
    torch.manual_seed(7)
    model = GPT(GPTConfig(tokenizer.vocab_size, LENGTH, n_embd=48, n_layer=2, n_head=4))
    parameters = list(model.parameters())
    means = [(np.zeros(p.shape), np.zeros(p.shape)) for p in parameters]
    inputs, targets = (torch.from_numpy(part) for part in rows(town_ids(), LENGTH))
    order = np.random.default_rng(7).permutation(len(inputs))
    losses, rates = [], []
    for step in range(N_STEPS):
        here = order[step * BATCH : (step + 1) * BATCH]
        loss = F.cross_entropy(model(inputs[here]).flatten(0, 1), targets[here].flatten())
        gradients = clip([g.numpy() for g in torch.autograd.grad(loss, parameters)], 1.0)
        rates.append(schedule(step, N_STEPS, 10, 0.1))
        for i, (p, G) in enumerate(zip(parameters, gradients)):
            theta, *means[i] = adamw(p.detach().numpy(), G, *means[i], step + 1, lr * rates[-1])
            p.data = torch.from_numpy(theta).float()
        losses.append(loss.item())
    fresh = math.log(tokenizer.vocab_size)
    return figures.lines(
        range(N_STEPS),
        {"loss / ln V": [loss / fresh for loss in losses], "your schedule": rates},
        xlabel="step",
        title="A GPT learns, by your own code",
        alt="Two curves over the steps. The schedule rises in a short line to 1 and falls along half a wave. The loss, as a "
        "share of ln V, begins near 1 and falls, steeply first and then more and more slowly.",
    )


check.show(your_run)
