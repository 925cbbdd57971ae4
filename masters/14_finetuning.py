# %% sheet 14_finetuning "Exercises: fine-tuning"
# These exercises belong to [Fine-tuning](../14_finetuning.ipynb). You find the state that a head may read, add the states of
# two orders, choose between candidates, and write the loss of two parts. At the end you lay out all four tasks, and your own
# rows turn the book's model into one that answers.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 14_finetuning.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $B$ examples, $K$ rows each, $T$ positions, $C$ channels, $N$ labels, a vocabulary of $V$ tokens. The three new tokens have the
# ids 1, 2 and 3: `START`, `DELIMITER` and `EXTRACT`. Padding is `PAD`, the id 0, which no text contains.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("14_finetuning")
PAD, START, DELIMITER, EXTRACT = 0, 1, 2, 3

# %% exercise read_extract "Where the answer stands" points=2 minutes=10 difficulty=1
# Rows of unlike lengths have been padded on the right. `ids` is $[B, T]$, and every row holds `EXTRACT` exactly once. `hidden` is
# $[B, T, C]$: the model's last states.
#
# Return the states at the extract tokens, $[B, C]$: one for each row, from its own place.

# %% hint
# `ids == EXTRACT` is $[B, T]$ and has one True in each row. Which function tells *where* the largest entry of a row stands?

# %% hint
# With the places in an array of $B$ numbers, `hidden[np.arange(len(ids)), places]` takes one state out of each row.

# %% answer
def read_extract(hidden, ids):
    """States [B, C] at the extract tokens, out of hidden [B, T, C]."""
    ### BEGIN SOLUTION
    places = (ids == EXTRACT).argmax(axis=1)
    return hidden[np.arange(len(ids)), places]
    ### END SOLUTION

# %% check
ids = np.array([[1, 7, 8, 3, 0], [1, 9, 3, 0, 0]])
check("two rows of five positions", lambda: read_extract(np.arange(20.0).reshape(2, 5, 2), ids))

# %% hidden
def rows_of(rng, lengths, T):
    ids = np.full((len(lengths), T), PAD)
    for row, n in zip(ids, lengths):
        row[:n] = [START, *rng.integers(4, 50, size=n - 2), EXTRACT]
    return ids

check("rows of many lengths", lambda: read_extract(check.rng(1).normal(size=(4, 9, 3)), rows_of(check.rng(2), [4, 7, 3, 6], 9)))

# %% hidden
check("one row without padding, and a short one", lambda: read_extract(
    check.rng(3).normal(size=(2, 6, 4)), rows_of(check.rng(4), [6, 3], 6)))

# %% mutant minus-one "It reads position −1, which is padding in every row but the longest."
def read_extract(hidden, ids):
    return hidden[:, -1]

# %% mutant before "It reads one position too early: the last word's state has not seen the extract token."
def read_extract(hidden, ids):
    return hidden[np.arange(len(ids)), (ids == EXTRACT).argmax(axis=1) - 1]

# %% mutant one-too-far "It reads one position too far: the length of a row is the place *after* its last token."
def read_extract(hidden, ids):
    places = np.minimum((ids != PAD).sum(axis=1), ids.shape[1] - 1)
    return hidden[np.arange(len(ids)), places]

# %% mutant one-for-all "All rows are read at the place of the first row's extract token."
def read_extract(hidden, ids):
    return hidden[:, (ids[0] == EXTRACT).argmax()]

# %% mutant mean "It averages over all positions: the head reads one state, that of the extract token."
def read_extract(hidden, ids):
    return hidden.mean(axis=1)

# %% mutant start "It reads the start token, whose state has seen nothing of the text."
def read_extract(hidden, ids):
    return hidden[:, 0]

# %% alternative row-by-row "Row by row, by the length without padding."
def read_extract(hidden, ids):
    out = []
    for states, row in zip(hidden, ids):
        n = sum(1 for i in row if i != PAD)
        out.append(states[n - 1])
    return np.array(out)

# %% alternative boolean "With a mask: one True in each row picks one state in each row."
def read_extract(hidden, ids):
    return hidden[ids == EXTRACT]

# %% exercise similarity_scores "Neither comes first" points=2 minutes=10 difficulty=2
# Two texts are laid out in both orders, and both rows went through the model. `hidden` is $[B, 2, T, C]$. Both rows of an example have
# the same tokens in another order, so their extract tokens stand at the same place: `places` $[B]$. The head has `weight` $[C, N]$ and
# `bias` $[N]$.
#
# As GPT-1 did, *add the two states, element by element*, and give the sum to the head, once. Return the scores $[B, N]$.

# %% hint
# The head sees one vector of $C$ numbers per example. How often does that bring in the bias?

# %% hint
# `hidden[b, :, places[b]]` is $[2, C]$: both states of example `b`. `hidden[np.arange(B), :, places]` takes all at once, $[B, 2, C]$.

# %% answer
def similarity_scores(hidden, places, weight, bias):
    """Scores [B, N] from the states at both extract tokens."""
    ### BEGIN SOLUTION
    states = hidden[np.arange(len(places)), :, places]  # [B, 2, T, C] -> [B, 2, C]
    return states.sum(axis=1) @ weight + bias
    ### END SOLUTION

# %% check
hidden = np.arange(16.0).reshape(1, 2, 4, 2) / 8
check("one pair of texts", lambda: similarity_scores(
    hidden, np.array([2]), np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([0.25, -0.5])))

# %% hidden
check("several pairs", lambda: similarity_scores(
    check.rng(5).normal(size=(3, 2, 7, 4)), check.rng(6).permutation(np.arange(1, 6))[:3],
    check.rng(7).normal(size=(4, 3)), check.rng(8).normal(size=3)))

# %% hidden
def swapped():
    hidden, places = check.rng(9).normal(size=(2, 2, 6, 3)), np.array([4, 2])
    weight, bias = check.rng(11).normal(size=(3, 2)), check.rng(12).normal(size=2)
    one = similarity_scores(hidden, places, weight, bias)
    return [one, np.abs(one - similarity_scores(hidden[:, ::-1], places, weight, bias)).max() < 1e-9]

check("the two orders change places", swapped)

# %% mutant bias-twice "It adds the scores of both orders, and so the bias comes in twice: add the states first."
def similarity_scores(hidden, places, weight, bias):
    states = hidden[np.arange(len(places)), :, places]
    return (states @ weight + bias).sum(axis=1)

# %% mutant first-order "It reads the first order only: the state of the second row is missing from the sum."
def similarity_scores(hidden, places, weight, bias):
    return hidden[np.arange(len(places)), 0, places] @ weight + bias

# %% mutant mean "It takes the mean of both states: half of the sum."
def similarity_scores(hidden, places, weight, bias):
    return hidden[np.arange(len(places)), :, places].mean(axis=1) @ weight + bias

# %% mutant last-position "It reads position −1 of each row, where padding may stand."
def similarity_scores(hidden, places, weight, bias):
    return hidden[:, :, -1].sum(axis=1) @ weight + bias

# %% mutant one-for-all "All examples are read at the place of the first one's extract tokens."
def similarity_scores(hidden, places, weight, bias):
    return hidden[:, :, places[0]].sum(axis=1) @ weight + bias

# %% mutant product "It multiplies the states: the rule is to add them."
def similarity_scores(hidden, places, weight, bias):
    return hidden[np.arange(len(places)), :, places].prod(axis=1) @ weight + bias

# %% alternative one-by-one "Example by example."
def similarity_scores(hidden, places, weight, bias):
    scores = []
    for rows, i in zip(hidden, places):
        scores.append([sum(weight[c, n] * (rows[0][i][c] + rows[1][i][c]) for c in range(len(weight))) + bias[n]
                       for n in range(len(bias))])
    return np.array(scores)

# %% alternative half-bias "The head on each order, with half of the bias each."
def similarity_scores(hidden, places, weight, bias):
    b = np.arange(len(hidden))
    return sum(hidden[b, k, places] @ weight + bias / 2 for k in (0, 1))

# %% exercise choose "One of K" points=2 minutes=10 difficulty=2
# Each of $K$ candidates has a row of its own. `states` $[B, K, C]$ are those at the extract tokens, and the head gives each *one* number: it
# has `weight` $[C]$ and a number `bias`. The candidates of one example compete with one another, and with nobody else.
#
# Return two things: the probabilities of the candidates, $[B, K]$, and the mean surprise of the right ones, $-\ln q$ in nats, for `labels` $[B]$.
#
# `by_hand.softmax` works along the last axis.

# %% hint
# The same head for every candidate: $[B, K, C]$ times $[C]$ is $[B, K]$. Which of the two axes has to sum to 1?

# %% hint
# `q[np.arange(len(labels)), labels]` picks the probability of the right candidate of each example.

# %% answer
def choose(states, weight, bias, labels):
    """Probabilities [B, K] of the candidates, and the mean surprise of the right ones."""
    ### BEGIN SOLUTION
    q = by_hand.softmax(states @ weight + bias)
    return q, -np.log(q[np.arange(len(labels)), labels]).mean()
    ### END SOLUTION

# %% check
states = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]])
check("two choices between three", lambda: list(choose(states, np.array([1.0, -0.5]), 0.3, np.array([0, 1]))))

# %% hidden
check("four choices between five", lambda: list(choose(
    check.rng(13).normal(size=(4, 5, 3)), check.rng(14).normal(size=3), -0.7, check.rng(15).integers(0, 5, size=4))))

# %% hidden
def turned():
    states, weight, labels = check.rng(16).normal(size=(2, 4, 3)), check.rng(17).normal(size=3), np.array([1, 3])
    q, loss = choose(states[:, ::-1], weight, 0.5, 3 - labels)
    return [q[:, ::-1], loss]

check("the candidates in the other direction", turned)

# %% mutant each-alone "Each candidate is judged alone, by a sigmoid: the probabilities of one example do not sum to 1."
def choose(states, weight, bias, labels):
    q = 1 / (1 + np.exp(-(states @ weight + bias)))
    return q, -np.log(q[np.arange(len(labels)), labels]).mean()

# %% mutant over-the-batch "The softmax runs over the examples: candidates of different questions compete."
def choose(states, weight, bias, labels):
    q = by_hand.softmax((states @ weight + bias).T).T
    return q, -np.log(q[np.arange(len(labels)), labels]).mean()

# %% mutant over-everything "One softmax over all candidates of all examples: each example has to have a sum of 1."
def choose(states, weight, bias, labels):
    z = states @ weight + bias
    q = by_hand.softmax(z.reshape(-1)).reshape(z.shape)
    return q, -np.log(q[np.arange(len(labels)), labels]).mean()

# %% mutant all-candidates "The surprise is averaged over all candidates, the wrong ones too."
def choose(states, weight, bias, labels):
    q = by_hand.softmax(states @ weight + bias)
    return q, -np.log(q).mean()

# %% mutant sum "The surprises are summed up: their mean does not depend on how many examples there are."
def choose(states, weight, bias, labels):
    q = by_hand.softmax(states @ weight + bias)
    return q, -np.log(q[np.arange(len(labels)), labels]).sum()

# %% mutant bits "The surprise is in bits: nats take the natural logarithm."
def choose(states, weight, bias, labels):
    q = by_hand.softmax(states @ weight + bias)
    return q, -np.log2(q[np.arange(len(labels)), labels]).mean()

# %% alternative by-logs "Without a softmax: logarithms all the way."
def choose(states, weight, bias, labels):
    z = np.einsum("bkc,c->bk", states, weight)  # a bias that all candidates share cancels
    log_q = z - np.log(np.exp(z - z.max()).sum(axis=1, keepdims=True)) - z.max()
    return np.exp(log_q), -sum(row[label] for row, label in zip(log_q, labels)) / len(labels)

# %% exercise two_part_loss "A loss of two parts" points=4 minutes=20 difficulty=3
# While it learns the task, the model goes on learning language from the very same rows. For $B$ rows of one text each:
#
# - `scores` $[B, N]$ and `labels` $[B]$ give the **task loss**: the mean of $-\ln q$ of the right labels.
# - `logits` $[B, T, V]$ and `ids` $[B, T]$ give the **language loss**. Position $t$ predicts token $t + 1$. What counts is every token
#   after the first, up to *and with* `EXTRACT`, whose place is in `places` $[B]$; padding counts nothing. Take the mean in each row, then the
#   mean over the rows, as GPT-1's code did.
#
# Return the task loss plus `weight` times the language loss, one number in nats.

# %% hint
# The logits of position $t$ belong to the token at $t + 1$: compare `logits[:, :-1]` with `ids[:, 1:]`.

# %% hint
# Row by row: with $p$ the place of its extract token, the targets are `ids[b, 1 : p + 1]`, and the logits `logits[b, :p]`.

# %% answer
def two_part_loss(scores, labels, logits, ids, places, weight):
    """Task loss + weight · language loss, in nats."""
    ### BEGIN SOLUTION
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    language = []
    for z, row, p in zip(logits, ids, places):
        q = by_hand.softmax(z[:p])
        language.append(-np.log(q[np.arange(p), row[1 : p + 1]]).mean())
    return task + weight * np.mean(language)
    ### END SOLUTION

# %% check
ids = np.array([[1, 4, 3, 0, 0], [1, 5, 4, 5, 3]])
z = np.sin(np.arange(60.0)).reshape(2, 5, 6)
scores = np.array([[1.0, -0.5], [0.2, 0.4]])
check("two rows, of 3 and 5 tokens", lambda: two_part_loss(scores, np.array([0, 1]), z, ids, np.array([2, 4]), 0.5))

# %% check
check("the task alone", lambda: two_part_loss(scores, np.array([0, 1]), z, ids, np.array([2, 4]), 0.0))

# %% hidden
def drawn(salt, lengths, T, V=12):
    rng = check.rng(salt)
    ids = np.full((len(lengths), T), PAD)
    for row, n in zip(ids, lengths):
        row[:n] = [START, *rng.integers(4, V, size=n - 2), EXTRACT]
    return rng.normal(size=(len(ids), T, V)) * 2, ids, np.array(lengths) - 1

check("four rows of many lengths", lambda: two_part_loss(
    check.rng(18).normal(size=(4, 3)), check.rng(19).integers(0, 3, size=4), *drawn(20, [3, 9, 5, 7], 10), 0.5))

# %% hidden
check("three rows, language twice as important", lambda: two_part_loss(
    check.rng(21).normal(size=(3, 2)), check.rng(22).integers(0, 2, size=3), *drawn(23, [4, 8, 6], 8), 2.0))

# %% mutant padding-counts "Padding counts as language: the model is taught to write it."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    q = np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2)
    return task - weight * np.log(q).mean()

# %% mutant not-moved "Each position is asked for the token that it has just read."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits), ids[:, :, None], axis=2))[:, :, 0]
    return task + weight * np.mean([row[1 : p + 1].mean() for row, p in zip(nats, places)])

# %% mutant without-extract "It stops before the extract token, which is part of the row and is predicted as well."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2))[:, :, 0]
    return task + weight * np.mean([row[: p - 1].mean() for row, p in zip(nats, places)])

# %% mutant all-tokens-alike "The mean is taken over all tokens of all rows. That is transformers' convention; GPT-1's gives each row the same say."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2))[:, :, 0]
    return task + weight * np.concatenate([row[:p] for row, p in zip(nats, places)]).mean()

# %% mutant weight-on-the-task "The weight stands at the task loss: it belongs to the language loss."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2))[:, :, 0]
    return weight * task + np.mean([row[:p].mean() for row, p in zip(nats, places)])

# %% mutant a-mixture "It mixes the losses, (1 − weight) and weight: GPT-1 *adds* the weighted language loss to the whole task loss."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2))[:, :, 0]
    return (1 - weight) * task + weight * np.mean([row[:p].mean() for row, p in zip(nats, places)])

# %% mutant sums "The language loss is summed over each row: a long text would drown the task."
def two_part_loss(scores, labels, logits, ids, places, weight):
    task = -np.log(by_hand.softmax(scores)[np.arange(len(labels)), labels]).mean()
    nats = -np.log(np.take_along_axis(by_hand.softmax(logits[:, :-1]), ids[:, 1:, None], axis=2))[:, :, 0]
    return task + weight * np.mean([row[:p].sum() for row, p in zip(nats, places)])

# %% alternative masked "All rows at once, with a mask."
def two_part_loss(scores, labels, logits, ids, places, weight):
    def nats(z, targets):
        z = z - z.max(axis=-1, keepdims=True)
        return np.log(np.exp(z).sum(axis=-1)) - np.take_along_axis(z, targets[..., None], axis=-1)[..., 0]

    counts = np.arange(1, ids.shape[1]) <= places[:, None]
    each = (nats(logits[:, :-1], ids[:, 1:]) * counts).sum(axis=1) / counts.sum(axis=1)
    return nats(scores, labels).mean() + weight * each.mean()

# %% exercise lay_out "Four tasks, one kind of text" points=4 minutes=20 difficulty=2
# Now the formats. `texts` is a list of texts, each a list of ids. Return a list of rows, each a list of ids that begins with `START` and
# ends with `EXTRACT`:
#
# | `form` | `texts` | rows |
# |---|---|---|
# | `"classification"` | text | start text extract |
# | `"entailment"` | premise, hypothesis | start premise delimiter hypothesis extract |
# | `"similarity"` | a, b | start a delimiter b extract, and the same with b first |
# | `"multiple_choice"` | document, question, answer, answer, … | for each answer: start document question delimiter answer extract |
#
# Nothing stands between document and question. The texts that come in stay as they are.
#
# The cell at the end takes your rows, and fine-tunes the book's model on a few hundred labels.

# %% hint
# All but the first are pairs. Write one small function that makes a row out of two texts, and use it three times.

# %% hint
# Lists are joined by `+`, or `[START, *a, DELIMITER, *b, EXTRACT]`. For a choice the first text of each pair is `document + question`.

# %% answer
def lay_out(form, texts):
    """Rows of ids for one of the four formats."""
    ### BEGIN SOLUTION
    def pair(first, second):
        return [START, *first, DELIMITER, *second, EXTRACT]

    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [pair(*texts)]
    if form == "similarity":
        return [pair(*texts), pair(*texts[::-1])]
    document, question, *answers = texts
    return [pair(document + question, answer) for answer in answers]
    ### END SOLUTION

# %% check
check("one text", lambda: lay_out("classification", [[11, 12, 13]]))

# %% check
check("a premise and a hypothesis", lambda: lay_out("entailment", [[11, 12, 13], [14, 15]]))

# %% check
check("two texts, neither before the other", lambda: lay_out("similarity", [[11, 12, 13], [14, 15]]))

# %% check
check("three answers", lambda: lay_out("multiple_choice", [[11, 12, 13], [14], [15], [16, 17], [18]]))

# %% hidden
def texts(salt, *lengths):
    return [check.rng(salt + i).integers(4, 90, size=n).tolist() for i, n in enumerate(lengths)]

check("all four, with other texts", lambda: [
    lay_out("classification", texts(24, 6)), lay_out("entailment", texts(25, 4, 3)), lay_out("similarity", texts(27, 3, 5)),
    lay_out("multiple_choice", texts(29, 4, 2, 1, 3, 2, 2))])

# %% hidden
check("an empty question", lambda: lay_out("multiple_choice", texts(35, 3, 0, 2, 1)))

# %% hidden
def before_and_after():
    given = texts(39, 3, 2, 1, 2)
    before = [list(text) for text in given]
    for form, n in {"classification": 1, "entailment": 2, "similarity": 2, "multiple_choice": 4}.items():
        lay_out(form, given[:n])
    return given == before

check("the texts are left as they were", before_and_after)

# %% mutant no-delimiter "The delimiter is missing: nothing tells where the first text ends."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [[START, *texts[0], *texts[1], EXTRACT]]
    if form == "similarity":
        return [[START, *a, *b, EXTRACT] for a, b in (texts, texts[::-1])]
    return [[START, *texts[0], *texts[1], *answer, EXTRACT] for answer in texts[2:]]

# %% mutant one-order "Similarity has one row only: then the text that comes first is treated otherwise than the second."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form in ("entailment", "similarity"):
        return [[START, *texts[0], DELIMITER, *texts[1], EXTRACT]]
    return [[START, *texts[0], *texts[1], DELIMITER, *answer, EXTRACT] for answer in texts[2:]]

# %% mutant twice-the-same "Both rows of similarity have the same order."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form in ("entailment", "similarity"):
        row = [START, *texts[0], DELIMITER, *texts[1], EXTRACT]
        return [row] if form == "entailment" else [row, list(row)]
    return [[START, *texts[0], *texts[1], DELIMITER, *answer, EXTRACT] for answer in texts[2:]]

# %% mutant in-one-row "Both orders stand in one row, one after the other: the second order has then seen the first."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    a, b, *answers = texts
    if form == "entailment":
        return [[START, *a, DELIMITER, *b, EXTRACT]]
    if form == "similarity":
        return [[START, *a, DELIMITER, *b, DELIMITER, *b, DELIMITER, *a, EXTRACT]]
    return [[START, *a, *b, DELIMITER, *answer, EXTRACT] for answer in answers]

# %% mutant delimiter-after-document "A delimiter stands between document and question, too: GPT-1 has none there."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [[START, *texts[0], DELIMITER, *texts[1], EXTRACT]]
    if form == "similarity":
        return [[START, *a, DELIMITER, *b, EXTRACT] for a, b in (texts, texts[::-1])]
    return [[START, *texts[0], DELIMITER, *texts[1], DELIMITER, *answer, EXTRACT] for answer in texts[2:]]

# %% mutant all-answers-in-a-row "All answers stand in one row: each candidate needs its own, and its own extract token."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [[START, *texts[0], DELIMITER, *texts[1], EXTRACT]]
    if form == "similarity":
        return [[START, *a, DELIMITER, *b, EXTRACT] for a, b in (texts, texts[::-1])]
    row = [START, *texts[0], *texts[1]]
    for answer in texts[2:]:
        row = [*row, DELIMITER, *answer]
    return [[*row, EXTRACT]]

# %% mutant extract-in-front "The extract token stands before the second text, so its state has seen nothing of that text."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [[START, *texts[0], EXTRACT, DELIMITER, *texts[1]]]
    if form == "similarity":
        return [[START, *a, EXTRACT, DELIMITER, *b] for a, b in (texts, texts[::-1])]
    return [[START, *texts[0], *texts[1], EXTRACT, DELIMITER, *answer] for answer in texts[2:]]

# %% mutant changes-the-texts "It adds the question to the document that came in: the caller's text has changed."
def lay_out(form, texts):
    if form == "classification":
        return [[START, *texts[0], EXTRACT]]
    if form == "entailment":
        return [[START, *texts[0], DELIMITER, *texts[1], EXTRACT]]
    if form == "similarity":
        return [[START, *a, DELIMITER, *b, EXTRACT] for a, b in (texts, texts[::-1])]
    document, question, *answers = texts
    document += question
    return [[START, *document, DELIMITER, *answer, EXTRACT] for answer in answers]

# %% alternative by-parts "A table of parts, and one line that joins them."
def lay_out(form, texts):
    n = len(texts)
    if form == "classification":
        parts = [[texts[0]]]
    elif form == "multiple_choice":
        parts = [[texts[0] + texts[1], texts[k]] for k in range(2, n)]
    else:
        parts = [[texts[0], texts[1]], [texts[1], texts[0]]][: 1 + (form == "similarity")]
    rows = []
    for row in parts:
        ids = [START] + row[0]
        for other in row[1:]:
            ids = [*ids, DELIMITER, *other]
        rows.append([*ids, EXTRACT])
    return rows

# %% show
import torch
from IPython.display import Markdown

from course_lib import data, finetuning, town
from course_lib.town import HELD_OUT

tokenizer = data.town_tokenizer()


def your_fine_tuning(n_labels=320, lr=1e-3):
    """Your rows, a few hundred labels, one linear layer: was the last order obeyed?"""
    torch.manual_seed(12)
    model = data.town_gpt()
    special = finetuning.widen(model, start_as=tokenizer.special_tokens["<|endoftext|>"])
    names = {START: special.start, DELIMITER: special.delimiter, EXTRACT: special.extract}

    def encoded(example):
        """Your row, with the new tokens' ids in this model's vocabulary; the town's own ids are moved out of their way."""
        text = [i + 10 for i in tokenizer.encode(" " + example.texts[0])]
        rows = lay_out("classification", [text])
        return finetuning.Encoded(tuple(tuple(names[i] if i in names else i - 10 for i in row) for row in rows), example.label)

    task = finetuning.TaskModel(model, "classification")
    examples = [encoded(town.task("classify", i)) for i in range(n_labels)]
    settings = finetuning.Settings(lr=lr, epochs=3, similar_lengths=4)
    steps = list(finetuning.finetune(task, examples, settings))
    fresh = [town.task("classify", HELD_OUT + i) for i in range(60)]
    scores = finetuning.predict(task, [encoded(example) for example in fresh])
    right = sum(int(z.argmax()) == example.label for z, example in zip(scores, fresh))
    names_of = town.LABELS["classify"]
    lines = [f"{n_labels} labels, {len(steps)} steps: **{right} of {len(fresh)}** new stories are answered rightly. Was the last order obeyed?", ""]
    for example, z in list(zip(fresh, scores))[:5]:
        said, p = names_of[int(z.argmax())], z.softmax(-1).max().item()
        lines.append(f"- {example.texts[0]} → **{said}** ({p:.2f}), {'right' if said == names_of[example.label] else 'wrong'}")
    return Markdown("\n".join(lines))


check.show(your_fine_tuning)
