"""What answers are really worth: the hidden labeler's utility without noise, which no model is trained on."""

import statistics
from collections.abc import Sequence
from typing import Any

from course_lib.town import HELD_OUT, Labeler, labeler

from .chat import Chat
from .preferences import readable

TRUTH = Labeler(noise=0.0)
N_EXAMPLES = 12


def held_out_prompts(n: int) -> list[str]:
    """The first n prompts that nothing was trained on."""
    return [labeler.prompt(HELD_OUT + i) for i in range(n)]


def judged(chat: Chat, prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> dict[str, Any]:
    """True utility, over all prompts and by kind of request, its parts, the answers' style, and how many end.

    The first answers are told as "examples": prompt, answer, utility.
    """
    texts = [readable(chat, answer) for answer in answers]
    utilities = [TRUTH.utility(p, t) for p, t in zip(prompts, texts)]
    kinds = [labeler.read(prompt).kind for prompt in prompts]
    by_kind = {kind: statistics.mean(u for u, k in zip(utilities, kinds) if k == kind) for kind in sorted(set(kinds))}
    return {
        "true": statistics.mean(utilities),
        "by kind": by_kind,
        "parts": means([labeler.judge(p, t) for p, t in zip(prompts, texts)]),
        "style": means([labeler.style(p, t) for p, t in zip(prompts, texts)]),
        "finished": statistics.mean(chat.end_id in answer for answer in answers),
        "examples": [list(row) for row in list(zip(prompts, texts, utilities))[:N_EXAMPLES]],
    }


def means(rows: Sequence[dict[str, float | int]]) -> dict[str, float | int]:
    """The mean of each column."""
    return {name: statistics.mean(row[name] for row in rows) for name in rows[0]}
