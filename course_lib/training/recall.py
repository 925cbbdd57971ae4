"""How far does a memory reach? Texts that ask for a name said segments ago, and two kinds of model that read them.

A text of four segments says once who waits ("Hugo waits") and later asks ("Who ? Hugo"). All other words are drawn
evenly, so nothing else in the text tells the answer. A Transformer-XL reads segment after segment; a GPT reads, for
each segment, all that one layer of the other looks at: this segment and the one before.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.models import Memory, TransformerXL
from course_lib.town import HELD_OUT, WORLD
from course_lib.town.dice import Dice

FILLER = (*WORLD.objects, *WORLD.places, *WORLD.colours, *WORLD.sizes)
VOCABULARY = ("waits", "Who", "?", *WORLD.people, *FILLER)
WAITS, WHO, ASKED = range(3)
NAMES = slice(3, 3 + len(WORLD.people))
CHANCE = 1 / len(WORLD.people)
SEGMENT, SEGMENTS = 12, 4  # tokens; segments of a text that is trained on
FURTHEST = 4  # segments between name and question in the longest texts that a model is judged on


def text(number: int, distance: int | None = None) -> list[int]:
    """Give the token ids of text `number`: "Hugo waits" in its first segment, "Who ? Hugo" `distance` segments on.

    Both stand anywhere in their segments. Without a distance it is drawn from 0 to SEGMENTS − 1. There are
    SEGMENT · SEGMENTS + 1 tokens, and a segment more for distance 4. Raises ValueError for any other distance.
    """
    if distance not in (None, *range(FURTHEST + 1)):
        raise ValueError(f"distance {distance}: choose one from 0 to {FURTHEST}")
    dice = Dice(f"recall/{distance}/{number}")
    away = dice.pick(range(SEGMENTS)) if distance is None else distance
    ids = [VOCABULARY.index(dice.pick(FILLER)) for _ in range(SEGMENT * max(SEGMENTS, away + 1) + 1)]
    said = dice.pick(range(SEGMENT - 1 if away else SEGMENT - 5))
    asked = dice.pick(range(SEGMENT * away + 1 if away else said + 3, SEGMENT * (away + 1) - 1))  # where "?" stands
    name = VOCABULARY.index(dice.pick(WORLD.people))
    ids[said : said + 2] = [name, WAITS]
    ids[asked - 1 : asked + 2] = [WHO, ASKED, name]
    return ids


def rows(batch_size: int, number: int, distance: int | None = None) -> Int[Tensor, "B T1"]:
    """Make batch `number`: texts batch_size · number and on."""
    return torch.tensor([text(batch_size * number + i, distance) for i in range(batch_size)])


def read(model: nn.Module, ids: Int[Tensor, "B T"], mem_len: int | None = None) -> Float[Tensor, "B T V"]:
    """Read texts segment by segment (logits): a Transformer-XL with its memory, or with one of `mem_len` positions.

    A GPT reads each segment together with the one before, as its window has room for two, and is asked about the later.
    """
    if isinstance(model, TransformerXL):
        memory = Memory(model, mem_len)
        return torch.cat([model(segment, memory) for segment in ids.split(SEGMENT, dim=1)], dim=1)
    starts = range(0, ids.shape[1], SEGMENT)
    windows = [model(ids[:, max(0, start + SEGMENT - model.config.n_ctx) : start + SEGMENT]) for start in starts]
    return torch.cat([window[:, -SEGMENT:] for window in windows], dim=1)


def recall_loss(model: nn.Module, rows: Int[Tensor, "B T1"]) -> Tensor:
    """Mean nats per token, and once more those of the answers alone, which would be lost among so much filler."""
    nats = F.cross_entropy(read(model, rows[:, :-1]).mT.float(), rows[:, 1:], reduction="none")  # [B, T]
    return nats.mean() + nats[rows[:, :-1] == ASKED].mean()


@torch.no_grad()
def accuracy(model: nn.Module, distance: int, n: int = 500, mem_len: int | None = None) -> float:
    """Say how often the asked name is the likeliest of the names, in n held-out texts that ask so many segments on."""
    ids = torch.tensor([text(HELD_OUT + i, distance) for i in range(n)])  # [B, T + 1]
    asked = ids[:, :-1] == ASKED  # one in each text
    found = read(model, ids[:, :-1], mem_len)[asked][:, NAMES].argmax(-1)  # [B, T, V] -> [B]
    return (found + NAMES.start == ids[:, 1:][asked]).double().mean().item()
