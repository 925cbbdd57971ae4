# %% sheet 13_recurrence "Exercises: Transformer-XL"
# These exercises belong to [Transformer-XL](../13_recurrence.ipynb). You let attention ask for distances, give a model a memory, and
# read a long text segment by segment.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 13_recurrence.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $T$ positions in a segment, $M$ in the memory, $S = M + T$ together, $C$ channels, $D$ channels of a head.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import math

import torch
from torch.nn import functional as F

from course_lib.grading import check

check.sheet("13_recurrence")


def numbers(seed, *shape):
    """Some numbers to try an answer on."""
    return torch.from_numpy(check.rng(seed).normal(size=shape))

# %% exercise attend "How far away is it?" points=4 minutes=20 difficulty=3
# One head of Transformer-XL. `q` $[T, D]$ are the queries of a segment. `k` $[S, D]$ are keys, first those of the memory, then those of the segment.
# Row $c$ of `r` $[S, D]$ describes the distance $S - 1 - c$: the largest comes first, distance 0 last. `u` and `v` $[D]$ are learned. The key at $j$
# and the query at $i$ are $S - T + i - j$ places apart, and their score is
#
# $$s_{ij} = \frac{(q_i + u) \cdot k_j + (q_i + v) \cdot r_{(S-T+i-j)}}{\sqrt D} ,$$
#
# where $r_{(d)}$ is the row that describes distance $d$. Nobody looks ahead. Return the attention weights $[T, S]$: after the softmax, and 0 for what lies ahead.

# %% hint
# Which row of `r` describes distance $d$? And which is the last key that query $i$ may look at?

# %% hint
# Distance $d$ stands in row $S - 1 - d$. Query $i$ sees the keys $0, \dots, S - T + i$. Two loops are good enough; fill what lies ahead with $-\infty$.

# %% answer
def attend(q, k, r, u, v):
    """Weights [T, S] of queries [T, D] over keys [S, D], with distances described by r [S, D], the largest first."""
    ### BEGIN SOLUTION
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(S - T + i + 1):
            row = S - 1 - (S - T + i - j)
            scores[i, j] = ((q[i] + u) @ k[j] + (q[i] + v) @ r[row]) / math.sqrt(D)
    return scores.softmax(-1)
    ### END SOLUTION

# %% check
check("two queries, three keys", lambda: attend(numbers(1, 2, 4), numbers(2, 3, 4), numbers(3, 3, 4), numbers(4, 4), numbers(5, 4)))

# %% check
nothing = torch.zeros(1)
check("only distance counts", lambda: attend(torch.zeros(2, 1), torch.zeros(4, 1), torch.tensor([[0.0], [0.0], [2.0], [1.0]]), nothing, nothing + 1))

# %% hidden
check("a long memory", lambda: attend(numbers(6, 3, 5), numbers(7, 8, 5), numbers(8, 8, 5), numbers(9, 5), numbers(10, 5)))

# %% hidden
check("no memory", lambda: attend(numbers(11, 4, 2), numbers(12, 4, 2), numbers(13, 4, 2), numbers(14, 2), numbers(15, 2)))

# %% hidden
check("u weighs the keys, v the distances", lambda: [
    attend(torch.zeros(2, 3).double(), numbers(16, 3, 3), torch.zeros(3, 3).double(), numbers(17, 3), numbers(18, 3)),
    attend(torch.zeros(2, 3).double(), torch.zeros(3, 3).double(), numbers(19, 3, 3), numbers(20, 3), numbers(21, 3))])

# %% mutant unshifted "It takes row j of r for key j, whatever the query: that is right for the last query alone, all others need a shift."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = ((q + u) @ k.T + (q + v) @ r.T) / math.sqrt(D)
    return scores.masked_fill(torch.ones(T, S, dtype=torch.bool).triu(S - T + 1), -math.inf).softmax(-1)

# %% mutant wrong-sign "It reads r from the wrong end, as if the first row were distance 0: what is near counts as far."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(S - T + i + 1):
            scores[i, j] = ((q[i] + u) @ k[j] + (q[i] + v) @ r[S - T + i - j]) / math.sqrt(D)
    return scores.softmax(-1)

# %% mutant no-memory-in-distance "It counts the distance i − j as if the memory were not there: keys stand M places further back than that."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(S - T + i + 1):
            scores[i, j] = ((q[i] + u) @ k[j] + (q[i] + v) @ r[S - 1 - abs(i - j)]) / math.sqrt(D)
    return scores.softmax(-1)

# %% mutant exchanged "u and v have changed places: u goes with the keys, v with the distances."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(S - T + i + 1):
            scores[i, j] = ((q[i] + v) @ k[j] + (q[i] + u) @ r[j + T - 1 - i]) / math.sqrt(D)
    return scores.softmax(-1)

# %% mutant mask-at-the-top "Its triangle begins at the top left: the first query sees one key, and most of the memory stays hidden."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(i + 1):
            scores[i, j] = ((q[i] + u) @ k[j] + (q[i] + v) @ r[j + T - 1 - i]) / math.sqrt(D)
    return scores.softmax(-1)

# %% mutant half-a-root "Only the first term is divided by √D; the distances speak louder than they should."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    scores = torch.full((T, S), -math.inf, dtype=q.dtype)
    for i in range(T):
        for j in range(S - T + i + 1):
            scores[i, j] = (q[i] + u) @ k[j] / math.sqrt(D) + (q[i] + v) @ r[j + T - 1 - i]
    return scores.softmax(-1)

# %% alternative shift "All at once, with a table of rows instead of a loop."
def attend(q, k, r, u, v):
    (T, D), S = q.shape, len(k)
    i, j = torch.arange(T)[:, None], torch.arange(S)
    by_distance = ((q + v) @ r.T).gather(1, (j + T - 1 - i).clamp(max=S - 1))
    scores = ((q + u) @ k.T + by_distance) / math.sqrt(D)
    return scores.masked_fill(j > S - T + i, -math.inf).softmax(-1)

# %% exercise remember "What to keep, and what to forget" points=2 minutes=12 difficulty=2
# A layer gets the hidden states `h` $[T, C]$ of a new segment. It has kept `memory`, which is `None` before the first segment and then $[M, C]$. Return two
# things: the *context* that its keys and values are made of, which is the memory and then the segment; and the *new memory*, the last `mem_len`
# states of that context (all of them, if there are fewer).
#
# No gradient may go back into what was remembered, but it must go into this segment. The shortest `mem_len` is 0.

# %% hint
# `x.detach()` has the numbers of `x` and no past. Which of the two results needs it?

# %% hint
# What does `context[-mem_len:]` give for `mem_len = 0`? Count from the front instead.

# %% answer
def remember(memory, h, mem_len):
    """The context [M + T, C] of a segment [T, C], and what is remembered after it [at most mem_len, C]."""
    ### BEGIN SOLUTION
    context = h if memory is None else torch.cat([memory, h])
    return context, context[max(0, len(context) - mem_len) :].detach()
    ### END SOLUTION

# %% check
segment = torch.arange(6.0).reshape(3, 2)
check("the first segment, two places in the memory", lambda: list(remember(None, segment, 2)))

# %% check
check("a second segment", lambda: list(remember(torch.tensor([[7.0, 7.0], [8.0, 8.0]]), segment, 4)))

# %% hidden
check("a memory that is longer than a segment", lambda: list(remember(numbers(30, 5, 2), numbers(31, 2, 2), 6)))

# %% hidden
check("a memory that is shorter than a segment", lambda: list(remember(numbers(32, 1, 2), numbers(33, 4, 2), 1)))

# %% hidden
check("a memory of nothing", lambda: [list(part.shape) for part in remember(None, numbers(34, 3, 2), 0)])

# %% hidden
def who_learns():
    first, second = torch.ones(3, 2, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    _, memory = remember(None, first, 4)
    context, memory = remember(memory, second, 4)
    (context * torch.arange(10.0).reshape(5, 2)).sum().backward()
    return [0.0 if x.grad is None else float(x.grad.sum()) for x in (first, second)] + [memory.requires_grad]

check("who learns from the second segment", who_learns)

# %% mutant zeros "Before the first segment it remembers zeros. A vector of zeros is not nothing: it is looked at, too, and takes its share of the weights."
def remember(memory, h, mem_len):
    memory = torch.zeros(mem_len, h.shape[1], dtype=h.dtype) if memory is None else memory
    context = torch.cat([memory, h])
    return context, context[max(0, len(context) - mem_len) :].detach()

# %% mutant gradient-through "The gradient runs on into the memory, and with it into all segments before."
def remember(memory, h, mem_len):
    context = h if memory is None else torch.cat([memory, h])
    return context, context[max(0, len(context) - mem_len) :]

# %% mutant nobody-learns "The context has no gradient at all: now even this segment's own states cannot learn."
def remember(memory, h, mem_len):
    context = (h if memory is None else torch.cat([memory, h])).detach()
    return context, context[max(0, len(context) - mem_len) :]

# %% mutant the-oldest "It keeps the oldest states, and forgets the latest."
def remember(memory, h, mem_len):
    context = h if memory is None else torch.cat([memory, h])
    return context, context[:mem_len].detach()

# %% mutant one-segment "It keeps this segment alone, although the memory has room for what came before."
def remember(memory, h, mem_len):
    context = h if memory is None else torch.cat([memory, h])
    return context, h[max(0, len(h) - mem_len) :].detach()

# %% mutant minus-zero "With mem_len = 0 it keeps everything: −0 is 0, and from 0 on is all."
def remember(memory, h, mem_len):
    context = h if memory is None else torch.cat([memory, h])
    return context, context[-mem_len:].detach()

# %% alternative split "Cut it in two, and take the second part."
def remember(memory, h, mem_len):
    context = torch.cat([h[:0] if memory is None else memory, h])
    kept = min(mem_len, len(context))
    return context, context.split([len(context) - kept, kept])[1].clone().detach()

# %% exercise read "Segment by segment" points=4 minutes=20 difficulty=3
# Now the whole of it. `x` $[N, C]$ are the embedded tokens of a long text. `layers` is a list of functions: `layer(h, context)` takes the hidden states $[T, C]$
# of a segment and a context $[S, C]$ that ends with them, and gives the next hidden states $[T, C]$. It looks at nothing ahead.
#
# Cut the text into segments of `segment` tokens (the last may be shorter), and read one after the other. *Each layer* has a memory of its own, empty at
# first: the last `mem_len` states that went *into* this layer. Return what the last layer gives, for all $N$ tokens.

# %% hint
# Two loops, one inside the other: for each segment, for each layer. `x.split(segment)` cuts.

# %% hint
# `memory[n]` is what layer `n` remembers. Update it with the context *before* `h` becomes the layer's output.

# %% answer
def read(x, layers, segment, mem_len):
    """Hidden states [N, C] after the last layer, of a text [N, C] that is read in segments with a memory."""
    ### BEGIN SOLUTION
    memory = [x[:0]] * len(layers)
    outputs = []
    for h in x.split(segment):
        for n, layer in enumerate(layers):
            context = torch.cat([memory[n], h])
            memory[n] = context[max(0, len(context) - mem_len) :].detach()
            h = layer(h, context)
        outputs.append(h)
    return torch.cat(outputs)
    ### END SOLUTION

# %% check
def average(weight):
    """A layer that adds a little of the mean of all that a position sees."""
    def layer(h, context):
        before = len(context) - len(h)
        return h + weight * torch.stack([context[: before + i + 1].mean(0) for i in range(len(h))])
    return layer

line = torch.tensor([[1.0], [0.0], [0.0], [0.0], [0.0], [0.0]])
check("where a one can be felt, two layers", lambda: read(line, [average(1.0), average(2.0)], 2, 2)[:, 0])

# %% check
check("one layer, no memory", lambda: read(line, [average(1.0)], 3, 0)[:, 0])

# %% hidden
check("three layers", lambda: read(numbers(40, 7, 2), [average(1.0), average(-2.0), average(0.5)], 3, 3))

# %% hidden
check("a memory longer than a segment", lambda: read(numbers(41, 9, 2), [average(1.0), average(-2.0)], 2, 5))

# %% hidden
check("segment by segment is one pass", lambda: [
    read(numbers(42, 6, 2), [average(1.0), average(-2.0)], segment, 6) for segment in (1, 4, 6)])

# %% mutant wrong-layer "It remembers what came *out of* the layer: a layer's keys and values are made of what goes in."
def read(x, layers, segment, mem_len):
    memory = [x[:0]] * len(layers)
    outputs = []
    for h in x.split(segment):
        for n, layer in enumerate(layers):
            h = layer(h, torch.cat([memory[n], h]))
            kept = torch.cat([memory[n], h])
            memory[n] = kept[max(0, len(kept) - mem_len) :].detach()
        outputs.append(h)
    return torch.cat(outputs)

# %% mutant one-for-all "All layers share one memory, that of the embedded tokens: the higher ones should find what was worked out before."
def read(x, layers, segment, mem_len):
    memory = x[:0]
    outputs = []
    for h in x.split(segment):
        said = h
        for layer in layers:
            h = layer(h, torch.cat([memory, h]))
        memory = torch.cat([memory, said])
        memory = memory[max(0, len(memory) - mem_len) :]
        outputs.append(h)
    return torch.cat(outputs)

# %% mutant fresh "Each segment starts with an empty memory: that is a model with a short window."
def read(x, layers, segment, mem_len):
    outputs = []
    for h in x.split(segment):
        for layer in layers:
            h = layer(h, h)
        outputs.append(h)
    return torch.cat(outputs)

# %% mutant zeros-first "Its memories begin with zeros, which are looked at like anything else."
def read(x, layers, segment, mem_len):
    memory = [torch.zeros_like(x[:1]).repeat(mem_len, 1)] * len(layers)
    outputs = []
    for h in x.split(segment):
        for n, layer in enumerate(layers):
            context = torch.cat([memory[n], h])
            memory[n] = context[max(0, len(context) - mem_len) :].detach()
            h = layer(h, context)
        outputs.append(h)
    return torch.cat(outputs)

# %% mutant queries-from-memory "Old positions ask again: the outputs that it keeps are those of the first rows, which belong to the memory."
def read(x, layers, segment, mem_len):
    memory = [x[:0]] * len(layers)
    outputs = []
    for h in x.split(segment):
        for n, layer in enumerate(layers):
            context = torch.cat([memory[n], h])
            memory[n] = context[max(0, len(context) - mem_len) :].detach()
            h = layer(context, context)[: len(h)]
        outputs.append(h)
    return torch.cat(outputs)

# %% mutant last-segment-alone "It remembers the segment before and nothing older, even if the memory has room."
def read(x, layers, segment, mem_len):
    memory = [x[:0]] * len(layers)
    outputs = []
    for h in x.split(segment):
        for n, layer in enumerate(layers):
            context = torch.cat([memory[n], h])
            memory[n] = h[max(0, len(h) - mem_len) :].detach()
            h = layer(h, context)
        outputs.append(h)
    return torch.cat(outputs)

# %% alternative layer-by-layer "Layer by layer instead: what a layer needs of earlier segments is there when the layer below is done."
def read(x, layers, segment, mem_len):
    for layer in layers:
        starts = range(0, len(x), segment)
        x = torch.cat([layer(x[s : s + segment], x[max(0, s - mem_len) : s + segment]) for s in starts])
    return x

# %% show
from IPython.display import Markdown

from course_lib.data import recall_model
from course_lib.models.transformer_xl import distance_waves
from course_lib.training import recall
from course_lib.town import HELD_OUT


@torch.no_grad()
def who_is_it(number=5, away=2):
    """A trained model reads a text by your function. The name was said `away` segments before it is asked for."""
    model = recall_model()
    ids = torch.tensor(recall.text(HELD_OUT + number, away)[:-1])
    asked = int((ids == recall.ASKED).nonzero())
    words = [recall.VOCABULARY[i] for i in ids[: asked + 1]]

    def as_layer(block):
        def layer(h, context):
            waves = distance_waves(len(context), model.config.n_embd).to(h)
            return block(h[None], context[None], waves, model.u, model.v)[0]
        return layer

    layers = [as_layer(block) for block in model.h]
    said = [" ".join(words[start : start + recall.SEGMENT]) for start in range(0, len(words), recall.SEGMENT)]
    for mem_len in (12, 0):  # with the memory that it was trained with, and without one
        h = read(model.wte(ids) * math.sqrt(model.config.n_embd), layers, recall.SEGMENT, mem_len)
        p = F.linear(h[asked], model.wte.weight, model.bias).softmax(-1)
        guesses = [f"{recall.VOCABULARY[i]} {p[i]:.3f}" for i in p.argsort(descending=True)[:3]]
        said.append(f"\nwith a memory of {mem_len}: " + ", ".join(guesses))
    return Markdown("```text\n" + "\n".join(said) + "\n```")


check.show(who_is_it)
