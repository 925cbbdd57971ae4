# %% sheet 17_chain_of_thought "Exercises: chain of thought"
# These exercises belong to [Chain of thought](../17_chain_of_thought.ipynb). You write a scratchpad, build a prompt that shows
# how to think, read an answer out of a text, let a loss look at the solution alone, and let several solutions vote. At the end
# a small trained model thinks aloud, several times, and your vote decides.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 17_chain_of_thought.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $B$ rows of $T$ tokens that are read, so $T + 1$ tokens in all; a vocabulary of $V$ tokens.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import re
from collections import Counter

import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("17_chain_of_thought")

SHARES = {"half of": (1, 2), "a third of": (1, 3), "twice": (2, 1), "three times": (3, 1)}  # his age : mine


def answer_of(text):
    """The number with which a text ends, after `Answer: `; None where there is none."""
    number = text.rpartition("Answer: ")[2].rstrip(".")
    return int(number) if "Answer: " in text and number.isdigit() else None

# %% exercise scratchpad "Write the steps" points=3 minutes=15 difficulty=2
# “If my brother was *half of* my age when I was 8, how old will he be when I am 50?” Write the solution in one line, in exactly this form:
#
#     half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: 46.
#
# Three steps: how old he was, how many years lie between us, how old he will be. Then the answer. If he is the older one, the second step takes
# my age from his, and the third step adds:
#
#     twice 8 is 16, 16 - 8 = 8, 50 + 8 = 58. Answer: 58.
#
# `SHARES[relation]` gives two numbers: his age is to mine as the first is to the second. All ages are whole.

# %% hint
# To which of my two ages does the relation belong? And what stays the same as the years go by?

# %% hint
# His age then is my age times the first number of the share, divided by the second. `sorted` puts the two ages into order, so that the
# difference is never below 0; the sign of the last step depends on who is older.

# %% answer
def scratchpad(relation, age, later):
    """The solution in one line: three steps, then the answer."""
    ### BEGIN SOLUTION
    times, parts = SHARES[relation]
    then = age * times // parts
    young, old = sorted((then, age))
    years, sign = old - young, "-" if then < age else "+"
    answer = later + then - age
    return (
        f"{relation} {age} is {then}, {old} - {young} = {years}, "
        f"{later} {sign} {years} = {answer}. Answer: {answer}."
    )
    ### END SOLUTION

# %% check
check("the riddle of the lectures", lambda: scratchpad("half of", 8, 50))

# %% check
check("an older brother", lambda: scratchpad("twice", 8, 50))

# %% hidden
def random_riddles(seed):
    dice = check.rng(seed)
    return [
        scratchpad(relation, 6 * int(dice.integers(2, 6)), int(dice.integers(36, 70)))
        for relation in SHARES for _ in range(2)
    ]

check("all relations, twice each", lambda: random_riddles(1))

# %% hidden
check("a third of my age", lambda: scratchpad("a third of", 9 + 3 * int(check.rng(2).integers(0, 8)), 71))

# %% mutant half-for-ever "The relation is applied to the later age: he was half my age once, and does not stay so. The difference stays."
def scratchpad(relation, age, later):
    times, parts = SHARES[relation]
    then, answer = age * times // parts, later * times // parts
    young, old = sorted((then, age))
    sign = "-" if then < age else "+"
    return f"{relation} {age} is {then}, {old} - {young} = {old - young}, {later} {sign} {old - young} = {answer}. Answer: {answer}."

# %% mutant wrong-age "The first step takes the relation of my later age, `half of 50`: he was half my age when I was 8."
def scratchpad(relation, age, later):
    times, parts = SHARES[relation]
    then = later * times // parts
    young, old = sorted((then, age))
    answer = later + then - age
    sign = "-" if then < age else "+"
    return f"{relation} {later} is {then}, {old} - {young} = {old - young}, {later} {sign} {old - young} = {answer}. Answer: {answer}."

# %% mutant always-younger "It always takes the difference away: a brother of twice my age is the older one."
def scratchpad(relation, age, later):
    times, parts = SHARES[relation]
    then = age * times // parts
    young, old = sorted((then, age))
    answer = later - (old - young)
    return f"{relation} {age} is {then}, {old} - {young} = {old - young}, {later} - {old - young} = {answer}. Answer: {answer}."

# %% mutant below-zero "The difference comes out below 0 for an older brother: take the smaller age from the larger."
def scratchpad(relation, age, later):
    times, parts = SHARES[relation]
    then = age * times // parts
    answer = later + then - age
    return f"{relation} {age} is {then}, {age} - {then} = {age - then}, {later} - {age - then} = {answer}. Answer: {answer}."

# %% mutant answer-first "The answer stands before the steps: what is written first cannot use what is written later."
def scratchpad(relation, age, later):
    times, parts = SHARES[relation]
    then = age * times // parts
    young, old = sorted((then, age))
    answer, sign = later + then - age, "-" if then < age else "+"
    return f"Answer: {answer}. {relation} {age} is {then}, {old} - {young} = {old - young}, {later} {sign} {old - young} = {answer}."

# %% alternative signed "With a signed difference, and a list of steps."
def scratchpad(relation, age, later):
    share = SHARES[relation][0] / SHARES[relation][1]
    then = round(share * age)
    gap = then - age
    steps = [f"{relation} {age} is {then}", f"{max(then, age)} - {min(then, age)} = {abs(gap)}"]
    steps.append(f"{later} {'+' if gap > 0 else '-'} {abs(gap)} = {later + gap}")
    return ", ".join(steps) + f". Answer: {later + gap}."

# %% exercise few_shot "Show how to think" points=3 minutes=12 difficulty=1
# Wei et al. do not train a model to think aloud: they show it how, in the prompt. `examples` is a list of `(question, solution)`, and a solution has the
# steps in it. Build the prompt: for each example two lines,
#
#     Q: What is 3 + 4 + 5?
#     A: 3 + 4 = 7, 7 + 5 = 12. Answer: 12.
#
# then an empty line; after all examples the new question in a line with `Q: `, and a last line that is just `A:`, with nothing behind it, where the
# model goes on. Keep the order of the examples.
#
# One more thing: if the new question stands among the examples, leave that example out.

# %% hint
# What would an accuracy mean if the prompt held the solution of the very question that it asks?

# %% hint
# `"\n\n".join(…)` puts an empty line between blocks. The last block is `f"Q: {question}\nA:"`.

# %% answer
def few_shot(examples, question):
    """A prompt with solved examples, and the new question with its answer left open: one text."""
    ### BEGIN SOLUTION
    blocks = [f"Q: {asked}\nA: {solution}" for asked, solution in examples if asked != question]
    return "\n\n".join([*blocks, f"Q: {question}\nA:"])
    ### END SOLUTION

# %% check
solved = [("What is 3 + 4 + 5?", "3 + 4 = 7, 7 + 5 = 12. Answer: 12."), ("What is 2 + 2 + 1?", "2 + 2 = 4, 4 + 1 = 5. Answer: 5.")]
check("two examples and a question", lambda: few_shot(solved, "What is 6 + 1 + 1?"))

# %% check
check("the question is one of the examples", lambda: few_shot(solved, "What is 3 + 4 + 5?"))

# %% hidden
def random_examples(seed, n):
    dice = check.rng(seed).integers(1, 9, size=(n, 2)).tolist()
    return [(f"What is {a} and {b} more than {i}?", f"{i} + {a} = {i + a}, {i + a} + {b} = {i + a + b}. Answer: {i + a + b}.")
            for i, (a, b) in enumerate(dice)]

check("five examples, the third of them asked", lambda: few_shot(random_examples(3, 5), random_examples(3, 5)[2][0]))

# %% hidden
check("three examples", lambda: few_shot(random_examples(4, 3), "What is 9 and 9 more than 9?"))

# %% hidden
check("no example at all", lambda: few_shot([], "What is 1 + 1?"))

# %% mutant leaked "The question's own solution stands in the prompt: the model need only copy it."
def few_shot(examples, question):
    blocks = [f"Q: {asked}\nA: {solution}" for asked, solution in examples]
    return "\n\n".join([*blocks, f"Q: {question}\nA:"])

# %% mutant answers-alone "The examples show answers without steps: that is the usual few-shot prompt, and no chain of thought."
def few_shot(examples, question):
    blocks = [f"Q: {asked}\nA: {solution[solution.index('Answer:'):]}" for asked, solution in examples if asked != question]
    return "\n\n".join([*blocks, f"Q: {question}\nA:"])

# %% mutant question-first "The new question stands before the examples: a model that reads from left to right goes on from the last line."
def few_shot(examples, question):
    blocks = [f"Q: {asked}\nA: {solution}" for asked, solution in examples if asked != question]
    return "\n\n".join([f"Q: {question}\nA:", *blocks])

# %% mutant open-end "The prompt ends with the question: without `A:` the model may as well ask on."
def few_shot(examples, question):
    blocks = [f"Q: {asked}\nA: {solution}" for asked, solution in examples if asked != question]
    return "\n\n".join([*blocks, f"Q: {question}"])

# %% mutant space-at-the-end "A space stands behind the last `A:`. In GPT-2's tokens a space belongs to the word after it: the model has seen few that stand alone."
def few_shot(examples, question):
    blocks = [f"Q: {asked}\nA: {solution}" for asked, solution in examples if asked != question]
    return "\n\n".join([*blocks, f"Q: {question}\nA: "])

# %% alternative line-by-line "Line by line."
def few_shot(examples, question):
    text = ""
    for asked, solution in examples:
        if asked == question:
            continue
        text += "Q: " + asked + "\n" + "A: " + solution + "\n\n"
    return text + "Q: " + question + "\n" + "A:"

# %% exercise read_answer "Read the answer" points=2 minutes=10 difficulty=1
# A model has written a text. Its answer is the whole number after `Answer:`. If `Answer:` stands there several times, the last one counts, for
# a model may think again. If there is none, or no number stands behind it, the answer is `None`. Return an integer, not a text.

# %% hint
# Numbers stand everywhere in a scratchpad, and also behind the answer: “Answer: 46. He is 4 years younger.” Which one do you want?

# %% hint
# `re.findall` with a group, `(\d+)`, behind the word `Answer:` and a space gives all such numbers, as texts. The list may be empty.

# %% answer
def read_answer(text):
    """The number after the last `Answer:` that has one, as an integer; None without any."""
    ### BEGIN SOLUTION
    found = re.findall(r"Answer: (\d+)", text)
    return int(found[-1]) if found else None
    ### END SOLUTION

# %% check
check("a solution", lambda: read_answer("half of 8 is 4, 8 - 4 = 4, 50 - 4 = 46. Answer: 46."))

# %% check
check("more is said, and something is missing", lambda: [read_answer(t) for t in (
    "50 - 4 = 46. Answer: 46. He is 4 years younger.", "50 - 4 = 46. That is all.")])

# %% hidden
def random_texts(seed):
    a, b, c = check.rng(seed).choice(np.arange(10, 99), 3, replace=False).tolist()
    return [f"{a} + {b} = {a + b}. Answer: {a + b}.", f"Answer: {a}. No: {b} + {c} = {b + c}. Answer: {b + c}.",
            f"Answer: {c}. For {a} is more than {b}.", f"{a} - {b}. Answer: .", f"So {a} it is."]

check("five texts", lambda: [read_answer(t) for t in random_texts(5)])

# %% hidden
check("five other texts", lambda: [read_answer(t) for t in random_texts(6)])

# %% mutant first-number "It takes the first number of the text: that one comes from the question."
def read_answer(text):
    found = re.findall(r"\d+", text)
    return int(found[0]) if found else None

# %% mutant last-number "It takes the last number of the text, whatever it belongs to."
def read_answer(text):
    found = re.findall(r"\d+", text)
    return int(found[-1]) if found else None

# %% mutant first-answer "The first `Answer:` counts: a model that corrects itself is not heard."
def read_answer(text):
    found = re.findall(r"Answer: (\d+)", text)
    return int(found[0]) if found else None

# %% mutant a-text "The answer is a text: '46' is not 46, and no comparison with a number will ever be true."
def read_answer(text):
    found = re.findall(r"Answer: (\d+)", text)
    return found[-1] if found else None

# %% mutant one-digit "One digit is read: 46 becomes 4."
def read_answer(text):
    found = re.findall(r"Answer: (\d)", text)
    return int(found[-1]) if found else None

# %% alternative split "With `split`, piece by piece."
def read_answer(text):
    for piece in reversed(text.split("Answer: ")[1:]):
        digits = ""
        for letter in piece:
            if not letter.isdigit():
                break
            digits += letter
        if digits:
            return int(digits)
    return None

# %% exercise completion_loss "A loss for the solution alone" points=4 minutes=20 difficulty=3
# `rows` $[B, T + 1]$ are token ids: a question, its solution, the token `end`, and then more of `end` until the row is full. `n_asked[b]` says how
# many tokens the question of row $b$ has. `logits` $[B, T, V]$ came out of a model that read `rows[:, :-1]`: position $t$ predicts token $t + 1$.
#
# Return the mean cross-entropy, in nats per token, over the tokens of the solutions and their *first* `end`, and over nothing else: all those
# tokens of all rows count alike. No question holds the token `end`.
#
# `by_hand.softmax` works on the last axis.

# %% hint
# Which position predicts the first token of a solution? It is the one that has just read the last token of the question.

# %% hint
# Make a mask $[B, T]$ for the targets `rows[:, 1:]`: target $t$ is token $t + 1$ of the row. It counts if $t + 1 \ge$ `n_asked`, and if the token
# before it was not yet `end`. `np.take_along_axis(log_p, targets[..., None], -1)[..., 0]` picks the log-probabilities of the targets.

# %% answer
def completion_loss(logits, rows, n_asked, end):
    """Mean nats per token of solutions, each with its first `end`: one number."""
    ### BEGIN SOLUTION
    log_p = np.log(by_hand.softmax(logits))
    read, targets = rows[:, :-1], rows[:, 1:]
    nats = -np.take_along_axis(log_p, targets[..., None], -1)[..., 0]
    counts = (np.arange(1, rows.shape[1]) >= np.array(n_asked)[:, None]) & (read != end)
    return nats[counts].mean()
    ### END SOLUTION

# %% check
rows = np.array([[1, 2, 3, 0, 0, 0], [2, 1, 1, 3, 3, 0]])  # end is 0
flat = np.zeros((2, 5, 4))
flat[0, 1:3, [3, 0]] = 2.0
check("two rows, four tokens", lambda: completion_loss(flat, rows, [2, 3], 0))

# %% check
check("a model that knows nothing", lambda: completion_loss(np.zeros((2, 5, 4)), rows, [2, 3], 0))

# %% hidden
def random_rows(seed, B=4, T=9, V=7):
    dice = check.rng(seed)
    rows = dice.integers(1, V, size=(B, T + 1))
    for row, end in zip(rows, [6, 8, 9, 7]):
        row[end:] = 0
    return dice.normal(size=(B, T, V)) * 2, rows, [2, 5, 3, 1], 0

check("four rows of different lengths", lambda: completion_loss(*random_rows(7)))

# %% hidden
check("four other rows", lambda: completion_loss(*random_rows(8)))

# %% hidden
def other_end(seed):
    logits, rows, n_asked, _ = random_rows(seed)
    return logits, np.where(rows == 0, 5, np.where(rows == 5, 4, rows)), n_asked, 5

check("another token ends the rows", lambda: completion_loss(*other_end(9)))

# %% mutant whole-row "The question has a loss, too: then the model spends itself on guessing questions."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, 1:, None], -1)[..., 0]
    return nats[rows[:, :-1] != end].mean()

# %% mutant one-late "The first token of each solution is left out: the last token of the question predicts it."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, 1:, None], -1)[..., 0]
    counts = (np.arange(rows.shape[1] - 1) >= np.array(n_asked)[:, None]) & (rows[:, :-1] != end)
    return nats[counts].mean()

# %% mutant never-stops "The first `end` has no loss: a model that is never told to stop does not stop."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, 1:, None], -1)[..., 0]
    counts = (np.arange(1, rows.shape[1]) >= np.array(n_asked)[:, None]) & (rows[:, 1:] != end)
    return nats[counts].mean()

# %% mutant padding "The padding has a loss, too: the more of it, the better the model seems."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, 1:, None], -1)[..., 0]
    return nats[np.arange(1, rows.shape[1]) >= np.array(n_asked)[:, None]].mean()

# %% mutant by-all "The sum is divided by all positions, masked ones included."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, 1:, None], -1)[..., 0]
    counts = (np.arange(1, rows.shape[1]) >= np.array(n_asked)[:, None]) & (rows[:, :-1] != end)
    return (nats * counts).mean()

# %% mutant unshifted "Position t is held against token t, which the model has just read: the targets stand one further on."
def completion_loss(logits, rows, n_asked, end):
    log_p = np.log(by_hand.softmax(logits))
    nats = -np.take_along_axis(log_p, rows[:, :-1, None], -1)[..., 0]
    counts = (np.arange(1, rows.shape[1]) >= np.array(n_asked)[:, None]) & (rows[:, :-1] != end)
    return nats[counts].mean()

# %% alternative loops "Row by row and token by token."
def completion_loss(logits, rows, n_asked, end):
    nats = []
    for b, row in enumerate(rows):
        for t in range(n_asked[b], len(row)):
            nats.append(-np.log(by_hand.softmax(logits[b, t - 1])[row[t]]))
            if row[t] == end:
                break
    return sum(nats) / len(nats)

# %% exercise vote "Several heads" points=3 minutes=15 difficulty=2
# A model has solved one riddle several times, at a temperature, and so not always in the same way. `solutions` are its texts. Return the answer, an
# integer, that most of them agree on (*self-consistency*). A text without an answer has no vote. Of answers that tie, the one that came first wins.
# If no text has an answer, return `None`.
#
# `answer_of(text)` is there for you: the number after `Answer:` with which a text ends, or `None`.

# %% hint
# Two texts may reach one answer in different ways, or with other words. Do they vote for the same thing?

# %% hint
# `Counter(answers).most_common(1)` gives the most frequent one and its count; of those that tie it gives the first one that it met.

# %% answer
def vote(solutions):
    """The answer on which most solutions agree, as an integer; None if none has one."""
    ### BEGIN SOLUTION
    answers = [answer for answer in map(answer_of, solutions) if answer is not None]
    return Counter(answers).most_common(1)[0][0] if answers else None
    ### END SOLUTION

# %% check
ways = ["8 - 4 = 4, 50 - 4 = 46. Answer: 46.", "50 - 5 = 45. Answer: 45.", "50 - 8 + 4 = 46. Answer: 46.", "50 - 5 = 45. Answer: 45.",
        "half of 8 is 4, so 46. Answer: 46."]
check("three ways to one answer, one way twice to another", lambda: vote(ways))

# %% check
check("texts without an answer", lambda: [vote(["Who knows?", "Who knows?", "Answer: 7."]), vote(["Who knows?"])])

# %% hidden
def random_votes(seed):
    dice = check.rng(seed)
    texts = []
    for answer in dice.choice([46, 45, 48, 0], size=15, p=[0.45, 0.3, 0.15, 0.1]).tolist():
        way = f"way {int(dice.integers(0, 4)) if answer == 46 else 9}"  # the frequent answer comes in different ways
        texts.append(f"{way}. Answer: {answer}." if answer else "way 9. I do not know.")
    return texts

check("fifteen solutions, four times", lambda: [vote(random_votes(seed)) for seed in (10, 11, 12, 13)])

# %% hidden
def tied(seed):
    a, b = check.rng(seed).choice(np.arange(10, 99), 2, replace=False).tolist()
    return [[f"Answer: {x}." for x in order] for order in ((a, b), (b, a), (a, b, b, a), (b, a, a, b), (99, a, b, a, b), (a, 99))]

check("ties", lambda: [vote(texts) for texts in tied(14)])

# %% mutant whole-texts "It counts whole texts: two ways to the same answer do not vote together."
def vote(solutions):
    texts = [text for text in solutions if answer_of(text) is not None]
    return answer_of(Counter(texts).most_common(1)[0][0]) if texts else None

# %% mutant mean "It takes the mean: an answer is no measurement, and between 46 and 48 lies a third one that nobody gave."
def vote(solutions):
    answers = [answer for answer in map(answer_of, solutions) if answer is not None]
    return round(sum(answers) / len(answers)) if answers else None

# %% mutant silence-votes "Texts without an answer vote, too, and may win."
def vote(solutions):
    return Counter(map(answer_of, solutions)).most_common(1)[0][0]

# %% mutant largest-of-ties "Of answers that tie, the largest wins: who spoke first was asked for."
def vote(solutions):
    votes = Counter(answer for answer in map(answer_of, solutions) if answer is not None)
    return max(votes, key=lambda answer: (votes[answer], answer)) if votes else None

# %% mutant first-comes "The first answer is taken, and nobody else is heard."
def vote(solutions):
    return next((answer for answer in map(answer_of, solutions) if answer is not None), None)

# %% alternative by-hand "With a dictionary, which remembers who came first."
def vote(solutions):
    votes = {}
    for text in solutions:
        answer = answer_of(text)
        if answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
    best = None
    for answer, n in votes.items():
        if best is None or n > votes[best]:
            best = answer
    return best

# %% show
import torch

from course_lib import figures
from course_lib.data import riddle_gpt
from course_lib.prompting import Riddle, solve

model, tokens = riddle_gpt("scratchpad")
riddle = Riddle("half", 70, 86)  # your own riddle here; 70 and 86 never came up in the model's training


def think_aloud(n=25, temperature=2.0):
    """The trained model solves your riddle n times at a high temperature, and your vote decides."""
    solutions = solve(model, tokens, [riddle] * n, temperature=temperature, generator=torch.Generator().manual_seed(14))
    heard = Counter(str(answer_of(text)) for text in solutions).most_common(8)
    return figures.bars(
        [answer for answer, _ in heard],
        [count / n for _, count in heard],
        xlabel="share of the solutions",
        title=f"{n} solutions: the vote says {vote(solutions)}, the truth is {riddle.answer}",
        alt="Bars: the share of the solutions that gave each answer, the most frequent one on top.",
    )


check.show(think_aloud)
