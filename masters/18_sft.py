# %% sheet 18_sft "Exercises: supervised fine-tuning"
# These exercises belong to [Supervised fine-tuning](../18_sft.ipynb). You lay a chat out in tokens, work out the gradient that
# a demonstration gives, pack chats into rows, and say which targets are learned from. At the end your own labels teach the
# town's model to answer, and to stop.
#
# - Write your answers where the blanks are, and keep the line that begins with `# answer:`.
# - Run the cell below your answer: it prints what your code gives, and whether that is as expected.
# - `python -m course_lib check 18_sft.ipynb` checks the whole notebook, from a fresh start. `--hints 1` shows a hint
#   for what is not solved yet.
# - No exercise needs your answer to another one.
#
# Shapes: $B$ rows of $T$ tokens, so $T - 1$ targets in each; a vocabulary of $V$ tokens.

# %% setup
# In Colab, once: %pip install git+https://github.com/inside-gpt/inside-gpt
import numpy as np

from course_lib import by_hand
from course_lib.grading import check

check.sheet("18_sft")

END, MARK = 0, 1  # the end-of-text token, and the one that says: now answer

# %% exercise chat_row "Lay out a chat" points=3 minutes=12 difficulty=1
# `turns` is a conversation: a list of `(prompt, answer)`, both lists of token ids, at least one turn. Return two lists of the same length: the ids of
# the row, and for each of them 1 if it is a token that the *model* has to write, and 0 if it is not.
#
# The row begins with `END`, as every text does. Then come, turn by turn, the prompt, `MARK`, and the answer with `END` behind it. The model
# writes its answers, and it says when an answer is over. All else is given to it. With one turn:
#
#     END  p  p  p  MARK  a  a  END
#     0    0  0  0  0     1  1  1

# %% hint
# Who writes the mark? And who writes the `END` behind an answer, and who the one in front of everything?

# %% hint
# Begin with one `END` and one 0. In each turn, add `[*prompt, MARK]` with as many zeros, then `[*answer, END]` with as many ones.

# %% answer
def chat_row(turns):
    """Ids of a conversation, and which of them the model writes: two lists."""
    ### BEGIN SOLUTION
    ids, written = [END], [0]
    for prompt, answer in turns:
        ids += [*prompt, MARK, *answer, END]
        written += [0] * (len(prompt) + 1) + [1] * (len(answer) + 1)
    return ids, written
    ### END SOLUTION

# %% check
check("one turn", lambda: chat_row([([5, 6, 7], [8, 9])]))

# %% check
check("two turns, the second answer is empty", lambda: chat_row([([5], [8, 9]), ([6, 6], [])]))

# %% hidden
def random_turns(seed, n):
    dice = check.rng(seed)
    return [tuple(dice.integers(2, 50, size=dice.integers(1, 6)).tolist() for _ in range(2)) for _ in range(n)]

check("one longer turn", lambda: chat_row(random_turns(1, 1)))

# %% hidden
check("three turns", lambda: chat_row(random_turns(2, 3)))

# %% mutant end-not-written "The end token behind an answer is not marked: the model is never asked to stop."
def chat_row(turns):
    ids, written = [END], [0]
    for prompt, answer in turns:
        ids += [*prompt, MARK, *answer, END]
        written += [0] * (len(prompt) + 1) + [1] * len(answer) + [0]
    return ids, written

# %% mutant mark-written "The mark is the model's to write: it is put there by whoever asks."
def chat_row(turns):
    ids, written = [END], [0]
    for prompt, answer in turns:
        ids += [*prompt, MARK, *answer, END]
        written += [0] * len(prompt) + [1] * (len(answer) + 2)
    return ids, written

# %% mutant all-ends "Whatever is `END` is marked, also the one in front of the row, which nobody writes."
def chat_row(turns):
    ids, written = [END], [1]
    for prompt, answer in turns:
        ids += [*prompt, MARK, *answer, END]
        written += [0] * (len(prompt) + 1) + [1] * (len(answer) + 1)
    return ids, written

# %% mutant one-end "There is one `END`, behind the last answer: the earlier answers never end."
def chat_row(turns):
    ids, written = [END], [0]
    for prompt, answer in turns:
        ids += [*prompt, MARK, *answer]
        written += [0] * (len(prompt) + 1) + [1] * len(answer)
    return [*ids, END], [*written, 1]

# %% mutant last-answer "Only the last answer is marked: all answers of a conversation can be learned from at once."
def chat_row(turns):
    ids, written = [END], [0]
    for i, (prompt, answer) in enumerate(turns):
        ids += [*prompt, MARK, *answer, END]
        written += [0] * (len(prompt) + 1) + [int(i == len(turns) - 1)] * (len(answer) + 1)
    return ids, written

# %% alternative pairs "Token by token, in pairs."
def chat_row(turns):
    pairs = [(END, 0)]
    for prompt, answer in turns:
        pairs += [(i, 0) for i in prompt] + [(MARK, 0)] + [(i, 1) for i in answer] + [(END, 1)]
    return [i for i, _ in pairs], [w for _, w in pairs]

# %% exercise response_gradient "What a demonstration pulls at" points=3 minutes=20 difficulty=3
# `logits` $[B, T - 1, V]$ came out of a model; `labels` $[B, T - 1]$ say which token was right at each place, and $-100$ where nobody asks. The loss is
# the mean of $-\ln q$ of the right tokens over all places of the batch that are asked for.
#
# Return its gradient by the logits, $[B, T - 1, V]$: for each logit, how fast the loss grows with it. `by_hand.softmax` works on the last axis.

# %% hint
# Of a single surprise $-\ln \operatorname{softmax}(z)_y$ the derivative by $z_v$ is $\operatorname{softmax}(z)_v$, less 1
# where $v = y$ ([Predicting the next token](../01_predicting.ipynb)). What does the mean make of it, and where is it 0?

# %% hint
# `np.eye(V)[labels]` makes one-hot rows. A label of $-100$ must not get that far: `np.where(labels == -100, 0, labels)`, and multiply by the mask in the end.

# %% answer
def response_gradient(logits, labels):
    """Gradient of the mean surprise by the logits: [B, T - 1, V]."""
    ### BEGIN SOLUTION
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    return (by_hand.softmax(logits) - right) * asked[..., None] / asked.sum()
    ### END SOLUTION

# %% check
z = np.log(np.array([[[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]], [[1.0, 1.0, 2.0], [1.0, 1.0, 1.0]]]))
check("two rows, three places", lambda: response_gradient(z, np.array([[0, 1], [-100, 2]])))

# %% check
check("a row that nobody asks about", lambda: response_gradient(z, np.array([[-100, -100], [2, 0]])))

# %% hidden
def random_case(seed):
    dice = check.rng(seed)
    labels = dice.integers(0, 4, size=(2, 3))
    labels[dice.random((2, 3)) < 0.4] = -100
    labels[0, :2] = [2, -100]  # some are asked for, some are not
    return dice.normal(size=(2, 3, 4)), labels

check("random numbers", lambda: response_gradient(*random_case(3)))

# %% hidden
check("other random numbers", lambda: response_gradient(*random_case(4)))

# %% mutant by-all "It divides by all places, those that nobody asks about included: with much padding the steps become small."
def response_gradient(logits, labels):
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    return (by_hand.softmax(logits) - right) * asked[..., None] / asked.size

# %% mutant uphill "The sign: this is the gradient of the mean log-probability, and a step against it makes the answers less likely."
def response_gradient(logits, labels):
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    return (right - by_hand.softmax(logits)) * asked[..., None] / asked.sum()

# %% mutant prompts-too "Places that nobody asks about have a gradient, as if token 0 were right there."
def response_gradient(logits, labels):
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    return (by_hand.softmax(logits) - right) / asked.sum()

# %% mutant last-token "The label -100 is taken for a token, from the end of the vocabulary."
def response_gradient(logits, labels):
    right = np.eye(logits.shape[-1])[np.where(labels == -100, -1, labels)]
    return (by_hand.softmax(logits) - right) / (labels != -100).sum()

# %% mutant only-right "Only the right token has a gradient. But to raise one probability is to lower all others: their logits have some, too."
def response_gradient(logits, labels):
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    return (by_hand.softmax(logits) - 1) * right * asked[..., None] / asked.sum()

# %% mutant row-means "It takes the mean of each row, then of the rows: a token of a short answer then counts more than one of a long answer. Here all tokens count alike."
def response_gradient(logits, labels):
    asked = labels != -100
    right = np.eye(logits.shape[-1])[np.where(asked, labels, 0)]
    n = np.maximum(asked.sum(1), 1)[:, None, None] * asked.any(1).sum()
    return (by_hand.softmax(logits) - right) * asked[..., None] / n

# %% alternative loops "Place by place."
def response_gradient(logits, labels):
    out, n = np.zeros_like(logits), (labels != -100).sum()
    for b, t in zip(*np.nonzero(labels != -100)):
        q = np.exp(logits[b, t] - logits[b, t].max())
        out[b, t] = q / q.sum() / n
        out[b, t, labels[b, t]] -= 1 / n
    return out

# %% exercise pack "Less padding" points=3 minutes=15 difficulty=2
# Chats of the given `lengths` (in tokens) are to be laid end to end into rows with `room` tokens each. Take the chats one after the other, and
# put each into the *first* row that still has place for all of it; if none has, open a new row at the end. No chat is cut, and none is longer than
# `room`.
#
# Return the rows: a list of lists, with the numbers of the chats (from 0) in the order in which they were put there.

# %% hint
# A row that was too full for a long chat may still take a short one that comes later.

# %% hint
# Keep a list of rows and a list of what is left in each. `next((r for r, free in enumerate(left) if free >= n), None)` is the first row with place for
# `n` tokens, or None.

# %% answer
def pack(lengths, room):
    """Which chats lie in which row: a list of lists of their numbers."""
    ### BEGIN SOLUTION
    rows, left = [], []
    for i, n in enumerate(lengths):
        r = next((r for r, free in enumerate(left) if free >= n), None)
        if r is None:
            rows.append([])
            left.append(room)
            r = len(rows) - 1
        rows[r].append(i)
        left[r] -= n
    return rows
    ### END SOLUTION

# %% check
check("six chats in rows of 10", lambda: pack([6, 5, 4, 3, 2, 5], 10))

# %% check
check("chats that just fit, and one alone", lambda: [pack([5, 5, 10, 1], 10), pack([7], 7)])

# %% hidden
check("twenty chats", lambda: pack(check.rng(5).integers(3, 30, size=20).tolist(), 40))

# %% hidden
check("thirty chats", lambda: pack(check.rng(6).integers(1, 25, size=30).tolist(), 32))

# %% mutant next-row "Only the last row is tried: what is left in the earlier ones is never used."
def pack(lengths, room):
    rows, left = [], 0
    for i, n in enumerate(lengths):
        if n > left:
            rows.append([])
            left = room
        rows[-1].append(i)
        left -= n
    return rows

# %% mutant never-full "A chat that would fill a row to the last token is sent away: `>` stands for `>=`."
def pack(lengths, room):
    rows, left = [], []
    for i, n in enumerate(lengths):
        r = next((r for r, free in enumerate(left) if free > n), None)
        if r is None:
            rows.append([])
            left.append(room)
            r = len(rows) - 1
        rows[r].append(i)
        left[r] -= n
    return rows

# %% mutant overfull "A row is open as long as it is not full, whether or not the whole chat fits: rows grow too long."
def pack(lengths, room):
    rows, left = [], []
    for i, n in enumerate(lengths):
        r = next((r for r, free in enumerate(left) if free > 0), None)
        if r is None:
            rows.append([])
            left.append(room)
            r = len(rows) - 1
        rows[r].append(i)
        left[r] -= n
    return rows

# %% mutant padded "A row for each chat: that is padding."
def pack(lengths, room):
    return [[i] for i in range(len(lengths))]

# %% mutant tightest "It takes the row in which the chat leaves the least: a good rule, but another one than first fit."
def pack(lengths, room):
    rows, left = [], []
    for i, n in enumerate(lengths):
        fitting = [r for r, free in enumerate(left) if free >= n]
        if not fitting:
            rows.append([])
            left.append(room)
        r = min(fitting, key=lambda r: left[r]) if fitting else len(rows) - 1
        rows[r].append(i)
        left[r] -= n
    return rows

# %% alternative sums "Adding up what each row holds."
def pack(lengths, room):
    rows = []
    for i, n in enumerate(lengths):
        for row in rows:
            if sum(lengths[j] for j in row) + n <= room:
                row.append(i)
                break
        else:
            rows.append([i])
    return rows

# %% exercise labels "What is learned" points=4 minutes=15 difficulty=2
# `ids` is $[B, T]$: chats with one turn each, `END prompt MARK answer END`, filled up with more of `END` on the right. `MARK` stands once in each row.
# No prompt and no answer holds `END`.
#
# Return the labels, $[B, T - 1]$: place $t$ of a row has read token $t$ and is asked for token $t + 1$. Where that token belongs to the answer, or is the
# `END` behind it, the label is its id. Everywhere else it is $-100$, which means that nobody asks.

# %% hint
# Padding and the end of an answer have the same id. What tells them apart? And where does the first token of the answer become a label: at its own
# place, or at that of the mark?

# %% hint
# A target counts if the mark has been read, and no `END` since. `np.cumsum(ids == MARK, axis=1) > 0` is true from the mark on; `ids != END` there says that the answer was
# not over yet. Both ask about the token that is *read*, `ids[:, :-1]`.

# %% answer
def labels(ids):
    """The labels of chats: [B, T - 1], -100 for everything but the answers and their ends."""
    ### BEGIN SOLUTION
    read, targets = ids[:, :-1], ids[:, 1:]
    answering = (np.cumsum(read == MARK, axis=1) > 0) & (read != END)
    return np.where(answering, targets, -100)
    ### END SOLUTION

# %% check
chats = np.array([[0, 5, 6, 1, 7, 8, 0], [0, 9, 1, 4, 0, 0, 0]])
check("two chats", lambda: labels(chats))

# %% check
check("an empty answer", lambda: labels(np.array([[0, 5, 1, 0, 0]])))

# %% hidden
def random_chats(seed):
    dice = check.rng(seed)
    rows = np.full((4, 14), END)
    for row in rows:
        p, a = dice.integers(1, 7), dice.integers(0, 5)
        text = [END, *dice.integers(2, 40, size=p), MARK, *dice.integers(2, 40, size=a), END]
        row[: len(text)] = text
    return rows

check("four chats", lambda: labels(random_chats(7)))

# %% hidden
check("four other chats", lambda: labels(random_chats(8)))

# %% mutant whole-row "Prompts have labels, too: the model learns to write orders beside answers."
def labels(ids):
    read, targets = ids[:, :-1], ids[:, 1:]
    over = (np.cumsum(read == MARK, axis=1) > 0) & (read == END)
    return np.where(over, -100, targets)

# %% mutant pad-is-end "Every `END` is taken for padding, the one behind the answer included: the model never learns to stop."
def labels(ids):
    read, targets = ids[:, :-1], ids[:, 1:]
    answering = np.cumsum(read == MARK, axis=1) > 0
    return np.where(answering & (targets != END), targets, -100)

# %% mutant padding-too "Padding has labels: behind an answer the model is asked for `END` again and again, and the more padding, the better it looks."
def labels(ids):
    read, targets = ids[:, :-1], ids[:, 1:]
    return np.where(np.cumsum(read == MARK, axis=1) > 0, targets, -100)

# %% mutant off-by-one "The first token of the answer is lost: the mask asks for the mark one place too late."
def labels(ids):
    targets = ids[:, 1:]
    before = np.cumsum(targets == MARK, axis=1) > 0
    answering = before & (targets != MARK) & (ids[:, :-1] != END) & (ids[:, :-1] != MARK)
    return np.where(answering, targets, -100)

# %% mutant unshifted "The labels are the tokens that were read: a model that only repeats its input would have no loss."
def labels(ids):
    read = ids[:, :-1]
    answering = (np.cumsum(read == MARK, axis=1) > 0) & (read != MARK)
    first_end = np.cumsum(answering & (read == END), axis=1) - (read == END)
    return np.where(answering & (first_end < 1), read, -100)

# %% mutant mark-asked "The mark is asked for: the model would have to write it itself."
def labels(ids):
    read, targets = ids[:, :-1], ids[:, 1:]
    answering = (np.cumsum(targets == MARK, axis=1) > 0) & ((read != END) | (targets == MARK))
    return np.where(answering, targets, -100)

# %% alternative rows "Row by row, with Python's `index`."
def labels(ids):
    out = np.full((len(ids), ids.shape[1] - 1), -100)
    for row, line in zip(ids.tolist(), out):
        start = row.index(MARK)
        stop = row.index(END, start)
        line[start:stop] = row[start + 1 : stop + 1]
    return out

# %% show
import torch
from IPython.display import Markdown
from torch.nn import functional as F

from course_lib import alignment, data, town
from course_lib.town import HELD_OUT


def your_fine_tuning(n=320, lr=1e-3):
    """The town's model learns from n demonstrations, and from your labels alone. Then it answers, and you see whether it stops."""
    torch.manual_seed(15)
    model, chat = data.unaligned()
    shown = [town.demonstration(i) for i in range(n)]
    optimiser = torch.optim.AdamW(model.parameters(), lr)
    for i in range(0, n, 16):
        some = shown[i : i + 16]
        ids = chat.batch([chat.prompt(d.prompt) for d in some], [chat.answer(d.answer) for d in some]).ids
        yours = ids.numpy() + 10  # the town's own ids are moved out of the way of END and MARK
        yours = np.where(ids == chat.end_id, END, np.where(ids == chat.answer_id, MARK, yours))
        learned = labels(yours)
        target = np.where(learned == END, chat.end_id, np.where(learned == MARK, chat.answer_id, learned - 10))
        target = torch.tensor(np.where(learned == -100, -100, target))
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), target.flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    prompts = [town.labeler.prompt(HELD_OUT + i) for i in (2, 3, 4, 5, 6, 7)]
    answers = alignment.sample_answers(model.eval(), chat, prompts, temperature=0.5, generator=torch.Generator().manual_seed(0))
    lines = []
    for prompt, answer in zip(prompts, answers):
        text, ended = chat.read(answer)
        lines.append(f"- {prompt} → **{text.replace('*', '')}**" + ("" if ended else " … *and on and on*"))
    return Markdown("\n".join(lines))


check.show(your_fine_tuning)
