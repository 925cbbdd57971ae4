"""The town's puzzles as questions: the first lines of a code book, game or hidden rule are shots, the next is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.models import GPT
from course_lib.town import HELD_OUT, WORLD, document
from course_lib.town.puzzles import GAMES

from .prompts import Form, Shot
from .scoring import Encoder, accuracy, scores

FORMS = {
    "code book": Form("Code:", " ", " =", ";"),
    "game": Form("Game:", " ", " =", ";"),
    "hidden rule": Form("Rule:", " ", " =", ";"),
}
SHOTS = (0, 1, 2, 4, 8)


@dataclass(frozen=True)
class Question:
    """A question after some shots, with the answers to choose from and the number of the right one."""

    kind: str
    shots: tuple[Shot, ...]
    question: str
    answers: tuple[str, ...]
    right: int

    @property
    def form(self) -> Form:
        """How the town writes this kind."""
        return FORMS[self.kind]

    @property
    def prompt(self) -> str:
        """The text that the model reads."""
        return self.form.prompt(self.question, self.shots)

    @property
    def continuations(self) -> list[str]:
        """The answers as they would follow the prompt, with their ends where one answer begins another."""
        begins = any(b.startswith(f"{a} ") for a in self.answers for b in self.answers)
        return [self.form.answer(answer, end=begins) for answer in self.answers]


def ask(kind: str, n_shots: int, number: int) -> Question:
    """Make a question of document `number`: its first lines are the shots, and the next one is asked.

    With one number, more shots mean a longer beginning of the same document. Raises ValueError for a kind that is no
    puzzle with answers, and for more shots than leave a line to be asked.
    """
    if kind not in FORMS:
        raise ValueError(f"no questions of the kind {kind!r}: choose one of {', '.join(FORMS)}")
    lines = [Shot(*line.split(" = ")) for line in document(number, kind).text[:-1].split(": ", 1)[1].split("; ")]
    if not 0 <= n_shots < len(lines):
        raise ValueError(f"{n_shots} shots: a {kind} has {len(lines)} lines, so 0 to {len(lines) - 1} can be shots")
    asked = lines[n_shots]
    answers = answers_to(kind, asked.question)
    return Question(kind, tuple(lines[:n_shots]), asked.question, answers, answers.index(asked.answer))


def questions(kind: str, n_shots: int, n: int) -> list[Question]:
    """Make n questions, of documents that training never uses."""
    return [ask(kind, n_shots, HELD_OUT + i) for i in range(n)]


def answers_to(kind: str, question: str) -> tuple[str, ...]:
    """Every answer that the town could give: a name, or in a game what each function makes of the three words."""
    if kind != "game":
        return WORLD.names
    words = question.split(" ")
    return tuple(function(*words) for function in GAMES.values())


def accuracy_by_shots(model: GPT, tokenizer: Encoder, kind: str, n: int, shots: Sequence[int] = SHOTS) -> list[float]:
    """Measure how many of n questions of a kind a model answers rightly, after each number of shots.

    The questions come from documents that training never uses, and more shots mean more of the same documents.
    """
    found = []
    for n_shots in shots:
        asked = questions(kind, n_shots, n)
        chosen = scores(model, tokenizer, [q.prompt for q in asked], [q.continuations for q in asked])
        found.append(accuracy(chosen, [q.right for q in asked]))
    return found
