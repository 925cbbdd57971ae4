# %% sheet 16_in_context "Exercises: in-context learning"
# These exercises belong to [In-context learning](../16_in_context.ipynb). You write prompts that do not give their answer
# away, score answers in three ways, take the bias out of a prompt, and measure what shots are worth. At the end the book's
# model answers out of a code book of your own.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 16_in_context.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $N$ prompts with $K$ answers each, a vocabulary of $V$ tokens, rows of $T$ tokens.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import random

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("16_in_context")

# %% exercise prompt_for "A prompt that does not tell" points=2 minutes=15 difficulty=1
# `examples` is a list of pairs (question, answer). Write the prompt that asks the question of example number `asked`, with the others as
# its shots, in their order: the task, then for each shot a space, `question = answer;`, and at the end a space and `question =`.
# So a task "Code:" with the examples kite/Hugo, drum/Anna, hat/Ben, asked for number 1, gives
#
#     Code: kite = Hugo; hat = Ben; drum =
#
# The prompt must not hold its own answer: the example that is asked is no shot, and neither is any other example *with the same question*.
# (In a code book of the town a key may come again, since there the look-up is the task. In a test of anything else it gives the answer away.)
# It ends with the sign and no space, as the space belongs to the answer.

# %% hint
# Which examples may be shots? Compare their questions with the one that is asked. Comparing their numbers is not enough.

# %% hint
# Build a list of pieces, `f" {q} = {a};"` for each shot, and join it between the task and the question.

# %% answer
def prompt_for(task, examples, asked):
    """A text that ends where the answer to example number `asked` would begin."""
    ### BEGIN SOLUTION
    question = examples[asked][0]
    shots = "".join(f" {q} = {a};" for q, a in examples if q != question)
    return f"{task}{shots} {question} ="
    ### END SOLUTION

# %% check
check("three examples", lambda: prompt_for("Code:", [("kite", "Hugo"), ("drum", "Anna"), ("hat", "Ben")], 1))

# %% check
check("no shot is left", lambda: prompt_for("Answer:", [("one and one", "two")], 0))

# %% hidden
check("a question that comes twice", lambda: prompt_for(
    "Rule:", [("big hat", "Anna"), ("tiny hat", "Ben"), ("big hat", "Anna"), ("big cup", "Dan")], 2))

# %% hidden
check("the last of five", lambda: prompt_for(
    "Code:", [("six", "Bip"), ("red", "Zed"), ("park", "Tik"), ("cup", "Nut"), ("box", "Momo")], 4))

# %% mutant leaked "The asked example is among its own shots: the answer stands in the prompt, and only copying is tested."
def prompt_for(task, examples, asked):
    shots = "".join(f" {q} = {a};" for q, a in examples)
    return f"{task}{shots} {examples[asked][0]} ="

# %% mutant leaked-twin "Another example with the same question stays, and tells the answer."
def prompt_for(task, examples, asked):
    shots = "".join(f" {q} = {a};" for i, (q, a) in enumerate(examples) if i != asked)
    return f"{task}{shots} {examples[asked][0]} ="

# %% mutant trailing-space "The prompt ends with a space: the tokenizer would make a token of it that training never put there."
def prompt_for(task, examples, asked):
    question = examples[asked][0]
    shots = "".join(f" {q} = {a};" for q, a in examples if q != question)
    return f"{task}{shots} {question} = "

# %% mutant only-before "Only examples before the asked one are shots: those after it are shots as well."
def prompt_for(task, examples, asked):
    question = examples[asked][0]
    shots = "".join(f" {q} = {a};" for q, a in examples[:asked] if q != question)
    return f"{task}{shots} {question} ="

# %% mutant no-task "The task is left out: without shots the model would not know what is wanted."
def prompt_for(task, examples, asked):
    question = examples[asked][0]
    shots = "".join(f" {q} = {a};" for q, a in examples if q != question)
    return f"{shots} {question} =".strip()

# %% alternative loop "Piece by piece."
def prompt_for(task, examples, asked):
    text, question = task, examples[asked][0]
    for each in examples:
        if each[0] == question:
            continue
        text += " " + each[0] + " = " + each[1] + ";"
    return text + " " + question + " ="

# %% exercise answer_nats "How likely is this answer?" points=3 minutes=20 difficulty=2
# A model has read `ids` $[T]$, a prompt of `n_prompt` tokens with an answer behind it, and given logits $[T, V]$: row $i$ is about
# the token *after* position $i$. Return $\log p(\text{answer} \mid \text{prompt})$ in nats: the sum over the answer's tokens, and over them alone.

# %% hint
# The first token of the answer stands at position `n_prompt`. Which row of the logits is about it?

# %% hint
# Turn each row into log-probabilities first: `np.log(by_hand.softmax(logits))`. Then take one number from each of the rows
# `n_prompt - 1` to `T - 2`.

# %% answer
def answer_nats(logits, ids, n_prompt):
    """log p(answer | prompt) in nats: one number."""
    ### BEGIN SOLUTION
    log_p = np.log(by_hand.softmax(logits))
    return sum(log_p[i - 1, ids[i]] for i in range(n_prompt, len(ids)))
    ### END SOLUTION

# %% check
small = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]))
check("an answer of one token", lambda: answer_nats(small, np.array([0, 0, 1, 2]), 3))

# %% check
check("an answer of two tokens", lambda: answer_nats(small, np.array([0, 0, 1, 2]), 2))

# %% hidden
check("random logits", lambda: answer_nats(check.rng(1).normal(size=(9, 12)) * 2, check.rng(2).integers(0, 12, size=9), 5))

# %% hidden
check("a long answer", lambda: answer_nats(check.rng(3).normal(size=(14, 7)) + 3, check.rng(4).integers(0, 7, size=14), 2))

# %% mutant whole-text "It adds up the prompt as well: that asks how likely the whole text is, not the answer."
def answer_nats(logits, ids, n_prompt):
    log_p = np.log(by_hand.softmax(logits))
    return sum(log_p[i - 1, ids[i]] for i in range(1, len(ids)))

# %% mutant same-row "It reads each token in its own row: that row is about the token after it."
def answer_nats(logits, ids, n_prompt):
    log_p = np.log(by_hand.softmax(logits))
    return sum(log_p[i, ids[i]] for i in range(n_prompt, len(ids)))

# %% mutant first-left-out "The answer's first token is left out: the last row of the prompt is the one that is about it."
def answer_nats(logits, ids, n_prompt):
    log_p = np.log(by_hand.softmax(logits))
    return sum(log_p[i - 1, ids[i]] for i in range(n_prompt + 1, len(ids)))

# %% mutant logits-added "It adds logits, which are no log-probabilities: each row may be shifted by any number."
def answer_nats(logits, ids, n_prompt):
    return sum(logits[i - 1, ids[i]] for i in range(n_prompt, len(ids)))

# %% mutant mean "It takes the mean over the answer's tokens; here the sum is wanted."
def answer_nats(logits, ids, n_prompt):
    log_p = np.log(by_hand.softmax(logits))
    return np.mean([log_p[i - 1, ids[i]] for i in range(n_prompt, len(ids))])

# %% mutant positive "It is the surprise, with the other sign: a log-probability is never above 0."
def answer_nats(logits, ids, n_prompt):
    log_p = np.log(by_hand.softmax(logits))
    return -sum(log_p[i - 1, ids[i]] for i in range(n_prompt, len(ids)))

# %% alternative at-once "All rows at once, and the softmax through its logarithm."
def answer_nats(logits, ids, n_prompt):
    rows = logits[n_prompt - 1 : -1]
    top = rows.max(axis=1)
    total = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
    return (rows[np.arange(len(rows)), ids[n_prompt:]] - total).sum()

# %% exercise three_ways "Three scores, three choices" points=2 minutes=15 difficulty=2
# For $N$ prompts with $K$ answers each you have `nats` $[N, K]$, the log-likelihoods of the answers; `n_tokens` $[N, K]$, how many tokens
# each has; and `bare` $[N, K]$, their log-likelihoods after a prompt without the question. Return the numbers of the chosen answers, $[3, N]$: a row by the sum, a
# row by the mean per token, and a row by the sum minus what the answer gets anyway.

# %% hint
# All three are tables $[N, K]$ of scores, in which the highest of each row is chosen.

# %% hint
# `argmax(axis=1)` takes the best of each row; `np.stack` puts three rows together.

# %% answer
def three_ways(nats, n_tokens, bare):
    """Choices by sum, by mean and unconditionally normalised: whole numbers, [3, N]."""
    ### BEGIN SOLUTION
    return np.stack([table.argmax(axis=1) for table in (nats, nats / n_tokens, nats - bare)])
    ### END SOLUTION

# %% check
few = np.array([[-2.0, -3.0, -4.0], [-6.0, -5.0, -9.0]])
check("two prompts", lambda: three_ways(few, np.array([[1, 2, 4], [2, 1, 3]]), np.array([[-1.0, -4.0, -2.5], [-5.0, -4.5, -12.0]])))

# %% hidden
check("eight prompts with four answers", lambda: three_ways(
    -check.rng(5).random((8, 4)) * 9 - 1, check.rng(6).integers(1, 6, size=(8, 4)), -check.rng(7).random((8, 4)) * 9))

# %% hidden
check("twelve prompts with two answers", lambda: three_ways(
    -check.rng(8).random((12, 2)) * 6 - 1, check.rng(9).integers(1, 4, size=(12, 2)), -check.rng(10).random((12, 2)) * 5))

# %% mutant not-normalised "The second row is not divided by the number of tokens: long answers pay for their length."
def three_ways(nats, n_tokens, bare):
    return np.stack([table.argmax(axis=1) for table in (nats, nats, nats - bare)])

# %% mutant bare-added "What the answer gets anyway is added: it should be taken off, so that frequent words have no start."
def three_ways(nats, n_tokens, bare):
    return np.stack([table.argmax(axis=1) for table in (nats, nats / n_tokens, nats + bare)])

# %% mutant lowest "It takes the lowest score: log-likelihoods are negative, and the likeliest is nearest to 0."
def three_ways(nats, n_tokens, bare):
    return np.stack([table.argmin(axis=1) for table in (nats, nats / n_tokens, nats - bare)])

# %% mutant over-all "It takes the best of the whole table: each prompt has its own choice."
def three_ways(nats, n_tokens, bare):
    return np.stack([np.full(len(nats), table.argmax() % nats.shape[1]) for table in (nats, nats / n_tokens, nats - bare)])

# %% mutant times-tokens "It multiplies by the number of tokens: long answers then pay twice."
def three_ways(nats, n_tokens, bare):
    return np.stack([table.argmax(axis=1) for table in (nats, nats * n_tokens, nats - bare)])

# %% alternative loops "Row by row, with max and a key."
def three_ways(nats, n_tokens, bare):
    rows = [[], [], []]
    for a, n, b in zip(nats, n_tokens, bare):
        for row, score in zip(rows, (a, a / n, a - b)):
            row.append(max(range(len(score)), key=lambda k: score[k]))
    return np.array(rows)

# %% exercise calibrated "What it says to nothing" points=3 minutes=20 difficulty=3
# The model has read $N$ prompts, and `logits` $[N, V]$ are what it gave for the next token of each. The answers are single tokens, with ids
# `answers` $[K]$. With the same shots it was asked $M$ questions without content, and `free` $[M, V]$ are the logits there.
#
# 1. Turn both into probabilities of the $K$ answers, that sum to 1 in each row: no other token of the vocabulary counts.
# 2. The bias is the *mean* of those of the questions without content, $[K]$.
# 3. Divide by it, and share out 1 among the answers again: $[N, K]$.

# %% hint
# A softmax over the columns of the answers alone does step 1 in one line.

# %% hint
# `p / p_free.mean(axis=0)`, then divide each row by its sum.

# %% answer
def calibrated(logits, answers, free):
    """Probabilities of the K answers to N prompts after contextual calibration, [N, K]."""
    ### BEGIN SOLUTION
    p, p_free = by_hand.softmax(logits[:, answers]), by_hand.softmax(free[:, answers])
    weighed = p / p_free.mean(axis=0)
    return weighed / weighed.sum(axis=1, keepdims=True)
    ### END SOLUTION

# %% check
check("a bias towards the first answer", lambda: calibrated(
    np.log(np.array([[0.1, 0.6, 0.2, 0.1], [0.2, 0.5, 0.1, 0.2]])), np.array([1, 2]), np.log(np.array([[0.1, 0.7, 0.1, 0.1]]))))

# %% hidden
check("three questions without content", lambda: calibrated(
    check.rng(11).normal(size=(5, 9)) * 2, np.array([7, 0, 4]), check.rng(12).normal(size=(3, 9)) * 2))

# %% hidden
check("answers that are unlikely altogether", lambda: calibrated(
    check.rng(13).normal(size=(4, 8)) - 6 * np.isin(np.arange(8), [1, 5]), np.array([5, 1]), check.rng(14).normal(size=(2, 8)) * 3))

# %% mutant whole-vocabulary "It takes the softmax over the whole vocabulary: of two questions without content, the one that answers the more counts more."
def calibrated(logits, answers, free):
    p, p_free = by_hand.softmax(logits)[:, answers], by_hand.softmax(free)[:, answers]
    weighed = p / p_free.mean(axis=0)
    return weighed / weighed.sum(axis=1, keepdims=True)

# %% mutant multiplied "It multiplies by the bias: what is favoured is favoured twice."
def calibrated(logits, answers, free):
    p, p_free = by_hand.softmax(logits[:, answers]), by_hand.softmax(free[:, answers])
    weighed = p * p_free.mean(axis=0)
    return weighed / weighed.sum(axis=1, keepdims=True)

# %% mutant taken-off "It takes the bias off: probabilities would become negative. It divides."
def calibrated(logits, answers, free):
    p, p_free = by_hand.softmax(logits[:, answers]), by_hand.softmax(free[:, answers])
    return p - p_free.mean(axis=0) + 1 / len(answers)

# %% mutant not-shared-out "After the division the rows no longer sum to 1."
def calibrated(logits, answers, free):
    p, p_free = by_hand.softmax(logits[:, answers]), by_hand.softmax(free[:, answers])
    return p / p_free.mean(axis=0)

# %% mutant first-free "It looks at the first question without content alone: the bias is the mean of all."
def calibrated(logits, answers, free):
    p, p_free = by_hand.softmax(logits[:, answers]), by_hand.softmax(free[:, answers])
    weighed = p / p_free[0]
    return weighed / weighed.sum(axis=1, keepdims=True)

# %% mutant not-calibrated "It leaves the bias where it is."
def calibrated(logits, answers, free):
    return by_hand.softmax(logits[:, answers])

# %% alternative logarithms "In logarithms: a division is a difference of logits."
def calibrated(logits, answers, free):
    z = free[:, answers] - free[:, answers].max(axis=1, keepdims=True)
    bias = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)).mean(axis=0)
    return by_hand.softmax(logits[:, answers] - np.log(bias))

# %% exercise curve "What shots are worth" points=3 minutes=20 difficulty=2
# Measure a reader. `documents` is a list of code books, each a list of pairs (key, name). `guess(shots, key)` is the reader: a list of
# pairs and a key go in, a name comes out. For each number $n$ in `shots` let it see the first $n$ pairs of each document, ask for the key of
# the *next* pair, and return the share of right names: a list as long as `shots`.

# %% hint
# The pairs that are seen are `document[:n]`. Which pair is asked, so that it is not among them?

# %% hint
# For one number $n$: the mean of `guess(d[:n], d[n][0]) == d[n][1]` over all documents.

# %% answer
def curve(documents, shots, guess):
    """Accuracy after each number of shots: a list of numbers from 0 to 1."""
    ### BEGIN SOLUTION
    found = []
    for n in shots:
        right = [guess(document[:n], document[n][0]) == document[n][1] for document in documents]
        found.append(sum(right) / len(right))
    return found
    ### END SOLUTION

# %% check
def books(number, lines=10):
    """Code books: four keys, three names."""
    draw = random.Random(number)
    for _ in range(number):
        book = {key: draw.choice(["Anna", "Bip", "Zed"]) for key in ("kite", "drum", "hat", "cup")}
        yield [(key, book[key]) for key in (draw.choice(list(book)) for _ in range(lines))]


def looks_up(shots, key):
    """A reader: the key's name if it was shown, else “Anna”."""
    return dict(shots).get(key, "Anna")


check("six code books", lambda: curve(list(books(6)), [0, 1, 3], looks_up))

# %% hidden
check("forty code books", lambda: curve(list(books(40)), [0, 1, 2, 4, 8], looks_up))

# %% hidden
check("a reader who repeats the last name", lambda: curve(
    list(books(30)), [1, 2, 5], lambda shots, key: shots[-1][1] if shots else "Bip"))

# %% hidden
check("a reader who counts its shots", lambda: curve(
    list(books(25)), [2, 3, 4, 5], lambda shots, key: ("Anna", "Bip", "Zed")[len(shots) % 3]))

# %% mutant asks-what-it-showed "It asks for the last pair that was shown: a question whose answer stands in the prompt tests nothing."
def curve(documents, shots, guess):
    return [np.mean([guess(d[:n], d[max(n - 1, 0)][0]) == d[max(n - 1, 0)][1] for d in documents]) for n in shots]

# %% mutant one-more "The asked pair is among the shots: one shot too many, and it is the answer."
def curve(documents, shots, guess):
    return [np.mean([guess(d[: n + 1], d[n][0]) == d[n][1] for d in documents]) for n in shots]

# %% mutant shots-from-the-test "The shots are drawn from all of the document, the asked pair and those after it included."
def curve(documents, shots, guess):
    draw = random.Random(0)
    return [np.mean([guess(draw.sample(d, n), d[n][0]) == d[n][1] for d in documents]) for n in shots]

# %% mutant counts "It counts the right names and does not divide: a share lies between 0 and 1."
def curve(documents, shots, guess):
    return [sum(guess(d[:n], d[n][0]) == d[n][1] for d in documents) for n in shots]

# %% mutant others-shots "The shots come from another document, whose names are others."
def curve(documents, shots, guess):
    turned = documents[1:] + documents[:1]
    return [np.mean([guess(o[:n], d[n][0]) == d[n][1] for d, o in zip(documents, turned)]) for n in shots]

# %% mutant always-the-last "It always asks for the document's last pair: the next one after the shots is wanted."
def curve(documents, shots, guess):
    return [np.mean([guess(d[:n], d[-1][0]) == d[-1][1] for d in documents]) for n in shots]

# %% alternative arrays "A table of hits, and its means."
def curve(documents, shots, guess):
    hits = np.zeros((len(shots), len(documents)))
    for row, n in enumerate(shots):
        for column, document in enumerate(documents):
            key, name = document[n]
            hits[row, column] = guess(document[:n], key) == name
    return hits.mean(axis=1).tolist()

# %% show
yours = [("happy", "Ben"), ("robot", "Anna"), ("huge", "Zed"), ("says", "Gina")]  # words of the town, and names


def own_code_book():
    """The book's model answers out of your code book; then your curve for it, on books that it has never seen."""
    import torch
    from IPython.display import Markdown

    from course_lib import data, town

    model, tokenizer = data.town_gpt(), data.town_tokenizer()
    names = list(town.WORLD.names)
    ids = [tokenizer.encode(" " + name)[0] for name in names]

    def guess(shots, key):
        """The likeliest name, found by your `answer_nats` in the logits of one reading."""
        text = "<|endoftext|>Code:" + "".join(f" {k} = {name};" for k, name in shots) + f" {key} ="
        prompt = tokenizer.encode(text, allowed_special="all")
        with torch.no_grad():
            logits = model(torch.tensor([prompt]))[0].numpy()  # [T, V]
        logits = np.vstack([logits, logits[-1:]])  # a row for the answer itself, which is about nothing
        return max(zip(names, ids), key=lambda each: answer_nats(logits, np.array([*prompt, each[1]]), len(prompt)))[0]

    told, lines = [], ["Your code book, line by line:", ""]
    for key, name in [*yours, *yours]:
        said = guess(told, key)
        lines.append(f"- after {len(told)} shots, {key} = **{said}**: {'right' if said == name else f'it is {name}'}")
        told.append((key, name))
    held_out = []
    for number in range(10_000_000, 10_000_025):
        text = town.document(number, "code book").text[:-1].removeprefix("Code: ")
        held_out.append([tuple(line.split(" = ")) for line in text.split("; ")])
    shots = (0, 1, 2, 4, 8)
    shares = zip(shots, curve(held_out, shots, guess))
    lines += ["", "The town's own code books: " + ", ".join(f"**{share:.2f}** after {n}" for n, share in shares) + " shots."]
    return Markdown("\n".join(lines))


check.show(own_code_book)
