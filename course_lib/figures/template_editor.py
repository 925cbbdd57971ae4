"""A movable figure: a prompt and an answer in the template, and which targets carry loss."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import traitlets as t

from .checks import Numbers, checked
from .tokens import merges_as_ids
from .twin import AskingWidget

if TYPE_CHECKING:
    from course_lib.alignment import Chat


@dataclass(frozen=True)
class Graded:
    """A prompt, a finished answer, and what a model makes of each token's successor; both None: nobody knows.

    `nats` `[T]` for a chat of T tokens: the surprise of what comes after each, and after the last that of one more end
    token, which is padding. `slopes` `[T]`: how long softmax minus one-hot is there, the gradient of that surprise by
    the logits.
    """

    prompt: str
    answer: str
    nats: Numbers | None = None
    slopes: Numbers | None = None


class TemplateEditor(AskingWidget):
    """What each position of a chat reads, what it is asked for, and whether that is in the loss.

    The reader writes `first`'s prompt and answer anew; `second` shares the batch with it. `scope` says what is in the
    loss: the answer with its end token, the whole row, or the answer by a mask that was not shifted. With `by_id`
    whatever has the padding's id, which is the end token's, is left out. `packed` lays both chats into rows of `room`.
    A page without a kernel has numbers for the examples alone; with one, `ask` gives the nats and slopes of a prompt
    and an answer, finished or not, or raises a ValueError whose words are shown. All other traits follow the reader.
    Raises ValueError for an empty prompt, chats longer than `room` or `room` than n_ctx, and numbers of a wrong shape.
    """

    label = "Chat template and loss mask"
    merges = t.List(t.List(t.Int())).tag(sync=True)
    first = t.Dict().tag(sync=True)
    second = t.Dict().tag(sync=True)
    known = t.List(t.Dict()).tag(sync=True)
    n_ctx = t.Int(1, min=1).tag(sync=True)
    room = t.Int(1, min=1).tag(sync=True)
    prompt = t.Unicode().tag(sync=True)
    answer = t.Unicode().tag(sync=True)
    finished = t.Bool(True).tag(sync=True)
    scope = t.Enum(["answer", "all", "unshifted"], "answer").tag(sync=True)
    by_id = t.Bool(False).tag(sync=True)
    packed = t.Bool(False).tag(sync=True)
    below = t.Enum(["nats", "slopes"], "nats").tag(sync=True)
    asked = t.List(t.Unicode()).tag(sync=True)  # the reader's prompt, answer, and "finished" or ""
    answered = t.Dict().tag(sync=True)

    def __init__(
        self,
        chat: "Chat",
        first: Graded,
        second: Graded,
        *,
        n_ctx: int,
        room: int = 64,
        ask: Callable[[str, str, bool], tuple[Numbers, Numbers]] | None = None,
    ) -> None:
        self._chat = chat
        lengths = [len(chat.prompt(each.prompt)) + len(chat.answer(each.answer)) for each in (first, second)]
        if not max(lengths) <= room <= n_ctx:
            raise ValueError(f"chats of {lengths} tokens, room={room}, n_ctx={n_ctx}: each has to fit into the next")
        graded = [each for each in (first, second) if each.nats is not None and each.slopes is not None]
        super().__init__(
            ask,
            merges=merges_as_ids(chat.tokenizer.merges),
            first={"prompt": first.prompt, "answer": first.answer},
            second={"prompt": second.prompt, "answer": second.answer},
            known=[self._plain(g.prompt, g.answer, True, g.nats, g.slopes) for g in graded],
            n_ctx=n_ctx,
            room=room,
            prompt=first.prompt,
            answer=first.answer,
        )

    def _answer(self, ask: Callable[..., tuple[Numbers, Numbers]], asked: list[str]) -> dict[str, Any]:
        prompt, answer, finished = asked[0], asked[1], bool(asked[2])
        return {"answered": self._plain(prompt, answer, finished, *ask(prompt, answer, finished))}

    def _plain(self, prompt: str, answer: str, finished: bool, nats: Numbers, slopes: Numbers) -> dict:
        n = len(self._chat.prompt(prompt)) + len(self._chat.answer(answer, finished))
        return {"prompt": prompt, "answer": answer, "finished": finished} | {
            name: checked(name, values, n).round(4).tolist() for name, values in (("nats", nats), ("slopes", slopes))
        }
