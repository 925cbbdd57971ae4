"""A movable figure: GPT-1's four input formats, on the reader's own sentences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import traitlets as t

from .checks import Numbers, checked
from .tokens import merges_as_ids
from .twin import AskingWidget

if TYPE_CHECKING:
    from course_lib.tokens import Tokenizer

FORMS = {"classification": 1, "entailment": 2, "similarity": 2, "multiple_choice": 4}  # texts, at the least


@dataclass(frozen=True)
class Formatted:
    """An example in one of the four formats, and what a model's head made of it.

    `texts` are those of the format in their order: (text), (premise, hypothesis), (a, b), (document, question, answer,
    answer, …), where the question may be empty. `scores` `[K, N]` has a row for each row of tokens: N scores, one for
    each label, or a single one where the rows are candidates. Those of the two orders of a similarity are still to be
    added: a bias of the head is divided between them. None: nobody knows them, and the reader sets them.
    """

    form: str
    texts: Sequence[str]
    scores: Numbers | None = None


class FormatPicker(AskingWidget):
    """Rows of tokens in four formats, where the head reads, and what becomes of its scores.

    `labels` names the labels of each format but multiple choice, whose answers name themselves. A page without a
    kernel cuts the reader's sentences into tokens and rows, and lets the reader set the scores that it does not have;
    with a kernel `ask` gives the scores `[K, N]` of a form and texts, or raises a ValueError whose words are shown.
    Each text begins with a space before it becomes tokens, so that a word is the same token everywhere.
    `form`, `texts`, `padded` and `place` (where to read) follow the reader.
    Raises ValueError for an unknown form, texts that do not fit it, and scores of a wrong shape.
    """

    label = "Input formats for fine-tuning"
    merges = t.List(t.List(t.Int())).tag(sync=True)
    examples = t.List(t.Dict()).tag(sync=True)
    labels = t.Dict().tag(sync=True)
    n_ctx = t.Int(1, min=1).tag(sync=True)
    form = t.Unicode().tag(sync=True)
    texts = t.List(t.Unicode()).tag(sync=True)
    padded = t.Bool(False).tag(sync=True)
    place = t.Enum(["extract", "last"], "extract").tag(sync=True)
    asked = t.List(t.Unicode()).tag(sync=True)  # form and texts of the reader's own
    answered = t.Dict().tag(sync=True)

    def __init__(
        self,
        tokenizer: "Tokenizer",
        examples: Sequence[Formatted],
        labels: Mapping[str, Sequence[str]],
        *,
        n_ctx: int,
        ask: Callable[[str, list[str]], Numbers] | None = None,
    ) -> None:
        if not examples:
            raise ValueError("0 examples: the figure begins with one")
        names = {form: list(these) for form, these in labels.items()}
        plain = [_plain(each.form, each.texts, each.scores, names) for each in examples]
        super().__init__(
            ask,
            merges=merges_as_ids(tokenizer.merges),
            examples=plain,
            labels=names,
            n_ctx=n_ctx,
            form=plain[0]["form"],
            texts=plain[0]["texts"],
        )

    def _answer(self, ask: Callable[[str, list[str]], Numbers], asked: list[str]) -> dict[str, Any]:
        form, *texts = asked
        return {"answered": _plain(form, texts, ask(form, texts), self.labels)}


def _plain(form: str, texts: Sequence[str], scores: Numbers | None, labels: Mapping[str, Sequence[str]]) -> dict:
    if form not in FORMS:
        raise ValueError(f"no format called {form!r}: choose one of {', '.join(FORMS)}")
    if len(texts) < FORMS[form] or (len(texts) > FORMS[form] and form != "multiple_choice"):
        raise ValueError(f"{len(texts)} texts for {form}, which takes {FORMS[form]}")
    if form == "multiple_choice":
        shape = (len(texts) - 2, 1)
    elif form in labels:
        shape = (2 if form == "similarity" else 1, len(labels[form]))
    else:
        raise ValueError(f"nobody named the labels of {form}: labels has {', '.join(labels) or 'none'}")
    numbers = None if scores is None else checked("scores", scores, *shape).round(3).tolist()
    return {"form": form, "texts": list(texts), "scores": numbers}
