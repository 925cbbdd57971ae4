"""GPT-1's four input formats (Radford et al. 2018, figure 1): every task becomes one text, or several, for one model.

Texts come as token ids and leave as rows of token ids. The three tokens between them are new to the model: `widen`
gives them their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

Ids = Sequence[int]


@dataclass(frozen=True)
class SpecialTokens:
    """The ids of the three new tokens: where a row starts, what stands between two texts, where the answer is read."""

    start: int
    delimiter: int
    extract: int

    def __post_init__(self) -> None:
        ids = [self.start, self.delimiter, self.extract]
        if min(ids) < 0 or len(set(ids)) < 3:
            raise ValueError(f"start, delimiter and extract are {ids}: they must be three different ids, none below 0")

    def __getitem__(self, name: str) -> int:
        """Find the id by its name. Raises ValueError for an unknown one."""
        names = [field.name for field in fields(self)]
        if name not in names:
            raise ValueError(f"no special token is called {name!r}: there are {', '.join(names)}")
        return getattr(self, name)


def format_classification(text: Ids, special: SpecialTokens, n_ctx: int, truncate: bool = False) -> list[list[int]]:
    """Lay out one text: `start text extract`, one row.

    A row of more than n_ctx tokens is refused with a ValueError, or cut with `truncate`: then the end of the text is
    lost, never a special token. Raises ValueError for an empty text.
    """
    _not_empty(text=text)
    (text,) = _fit([text], n_ctx - 2, n_ctx, truncate)
    return [[special["start"], *text, special["extract"]]]


def format_entailment(
    premise: Ids, hypothesis: Ids, special: SpecialTokens, n_ctx: int, truncate: bool = False
) -> list[list[int]]:
    """Lay out a premise and what may follow from it: `start premise delimiter hypothesis extract`, one row.

    With `truncate`, the longer text loses its end first (GPT-1 cuts each at n_ctx // 2 − 2 instead). Errors as in
    `format_classification`.
    """
    _not_empty(premise=premise, hypothesis=hypothesis)
    premise, hypothesis = _fit([premise, hypothesis], n_ctx - 3, n_ctx, truncate)
    return [_pair(premise, hypothesis, special)]


def format_similarity(a: Ids, b: Ids, special: SpecialTokens, n_ctx: int, truncate: bool = False) -> list[list[int]]:
    """Lay out two texts of which neither comes first: `start a delimiter b extract` and `start b delimiter a extract`.

    The states at both extract tokens are added. With `truncate`, the longer text loses its end first, the same tokens
    in both rows. Errors as in `format_classification`.
    """
    _not_empty(a=a, b=b)
    a, b = _fit([a, b], n_ctx - 3, n_ctx, truncate)
    return [_pair(a, b, special), _pair(b, a, special)]


def format_multiple_choice(
    document: Ids,
    question: Ids,
    answers: Sequence[Ids],
    special: SpecialTokens,
    n_ctx: int,
    truncate: bool = False,
) -> list[list[int]]:
    """Lay out each answer with all that comes before it: `start document question delimiter answer extract`, K rows.

    Nothing stands between document and question, and the question may be empty. With `truncate` the document loses
    its end, as much as the longest answer asks for and the same in every row; question and answers stay whole. Raises
    ValueError for an empty document or answer, fewer than two answers, or answers that leave no room for a document.
    """
    if len(answers) < 2:
        raise ValueError(f"{len(answers)} candidate answer(s): a choice needs at least 2")
    _not_empty(document=document, **{f"answer {k}": answer for k, answer in enumerate(answers)})
    longest = max(map(len, answers))
    room = n_ctx - 3 - len(question) - longest
    if room < 1:
        raise ValueError(
            f"a question of {len(question)} tokens and an answer of {longest}, with 3 special tokens, leave no room "
            f"for a document in n_ctx = {n_ctx}"
        )
    (document,) = _fit([document], room, n_ctx, truncate)
    return [_pair([*document, *question], answer, special) for answer in answers]


def _pair(first: Ids, second: Ids, special: SpecialTokens) -> list[int]:
    return [special["start"], *first, special["delimiter"], *second, special["extract"]]


def _not_empty(**texts: Ids) -> None:
    for name, text in texts.items():
        if len(text) == 0:
            raise ValueError(f"the {name} is empty: it must have at least one token")


def _fit(texts: list[Ids], room: int, n_ctx: int, truncate: bool) -> list[Ids]:
    """Cut the ends of the longest texts until all together fit into `room`; equal texts are cut alike."""
    lengths = [len(text) for text in texts]
    if sum(lengths) <= room:
        return texts
    if room < len(texts):
        raise ValueError(f"n_ctx = {n_ctx} leaves {room} tokens for {len(texts)} text(s): it is too small")
    if not truncate:
        raise ValueError(
            f"texts of {' + '.join(map(str, lengths))} tokens do not fit into the {room} that the special tokens (and "
            f"other texts) leave of n_ctx = {n_ctx}: shorten them, or allow truncate=True"
        )
    longest = room - min(lengths) if len(texts) == 2 else room  # the shorter one stays whole if it has less than half
    return [text[: max(room // len(texts), longest)] for text in texts]
