"""From logits to the next token: temperature, top-k, the nucleus (two conventions), the repetition penalty, a draw.

Every rule takes logits [..., V] and gives logits [..., V] back; a token that it rules out gets −inf, which is
probability 0. The rules follow one another as in GPT-2's own code and in transformers: the repetition penalty on the
model's logits, then division by the temperature, then top-k, then the nucleus, then the draw.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Logits = Float[Tensor, "*B V"]
NEVER = -math.inf


def scale_by_temperature(logits: Logits, temperature: float | int) -> Logits:
    """Divide the logits by the temperature: below 1 the likely tokens gain, above 1 all come closer to equal.

    Where so small a temperature makes a number too large, each row is shifted first, its largest logit to 0.
    Raises ValueError for a temperature that is not above 0 (`sample` reads 0 as greedy).
    """
    check_temperature(temperature)
    warmed = logits / temperature  # [*B, V]
    if warmed.amax(-1).isfinite().all():
        return warmed
    lead = logits - logits.amax(-1, keepdim=True)  # at most 0
    return torch.where(lead == 0, 0.0, lead / temperature)  # [*B, V]


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Keep the k largest logits, and whatever ties with the smallest of them, as GPT-2's code and transformers do.

    A k beyond the vocabulary keeps everything. Raises ValueError for k below 1.
    """
    check_top_k(k)
    kth = logits.topk(min(k, logits.shape[-1])).values[..., -1:]  # [*B, V] -> [*B, K] -> [*B, 1]
    return logits.masked_fill(logits < kth, NEVER)  # [*B, V]


def keep_nucleus(logits: Logits, p: float | int) -> Logits:
    """Keep the smallest set of the likeliest tokens whose probabilities sum to p or more (Holtzman et al. 2020).

    The usual convention, and transformers': the token that reaches p is in. Sums run from the unlikeliest token up,
    where rounding does no harm. Raises ValueError for a p outside (0, 1].
    """
    check_top_p(p)
    rising, order = logits.sort(-1)  # [*B, V]
    out = rising.softmax(-1).cumsum(-1) <= 1 - p  # what the tokens up to here can spare
    out[..., -1] = False  # the likeliest token always stays
    return logits.masked_fill(out.scatter(-1, order, out), NEVER)  # [*B, V]


def keep_nucleus_openai(logits: Logits, p: float | int) -> Logits:
    """Keep the likeliest tokens as long as their probabilities sum to p or less, and at least one.

    The convention of GPT-2's published code (openai/gpt-2, src/sample.py): the token that crosses p is out, so the
    set is one token smaller than `keep_nucleus` has it; ties with its last token stay. Raises as `keep_nucleus` does.
    """
    check_top_p(p)
    falling = logits.sort(-1, descending=True).values  # [*B, V]
    n_kept = (falling.softmax(-1).cumsum(-1) <= p).sum(-1, keepdim=True).clamp(min=1)  # [*B, V] -> [*B, 1]
    return logits.masked_fill(logits < falling.gather(-1, n_kept - 1), NEVER)  # [*B, V]


def penalise_repetition(logits: Logits, ids: Int[Tensor, "*B T"], penalty: float | int) -> Logits:
    """Make each token that stands in `ids` less likely: a positive logit is divided by the penalty, others multiplied.

    Keskar et al. (2019, section 4.1) divide all of them, which helps a token whose logit is negative; this is
    transformers' repair. A token counts once, however often it stands there; 1 changes nothing.
    Raises ValueError for a penalty that is not above 0.
    """
    check_penalty(penalty)
    seen = logits.gather(-1, ids)  # [*B, V] -> [*B, T]
    return logits.scatter(-1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))  # [*B, V]


NUCLEI = {"holtzman": keep_nucleus, "openai": keep_nucleus_openai}


@dataclass(frozen=True)
class Sampler:
    """The rules by which the next token is drawn. Raises ValueError, with the value, for a rule that makes no sense.

    `temperature` 0 is greedy: always the likeliest token (the first of those that tie), and nothing is drawn.
    `top_k` None and `top_p` None keep every token. `nucleus` names the convention of top_p: "holtzman" or "openai".
    `repetition_penalty` looks at the whole text so far, prompt included.
    """

    temperature: float | int = 1.0
    top_k: int | None = None
    top_p: float | int | None = None
    nucleus: str = "holtzman"
    repetition_penalty: float | int = 1.0

    def __post_init__(self) -> None:
        if self.nucleus not in NUCLEI:
            raise ValueError(f"nucleus is {self.nucleus!r}: choose one of {', '.join(NUCLEI)}")
        if self.temperature != 0 and not 0 < self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}: it must be 0 (greedy) or a finite number above")
        check_penalty(self.repetition_penalty)
        if self.top_k is not None:
            check_top_k(self.top_k)
        if self.top_p is not None:
            check_top_p(self.top_p)

    def logits(self, logits: Logits, ids: Int[Tensor, "*B T"] | None = None) -> Logits:
        """Apply the rules, in order; `ids`, the text so far, is only read by the repetition penalty."""
        if self.repetition_penalty != 1 and ids is not None:
            logits = penalise_repetition(logits, ids, self.repetition_penalty)
        if self.temperature not in (0, 1):
            logits = scale_by_temperature(logits, self.temperature)
        if self.top_k is not None:
            logits = keep_top_k(logits, self.top_k)
        if self.top_p is not None:
            logits = NUCLEI[self.nucleus](logits, self.top_p)
        return logits

    def probabilities(self, logits: Logits, ids: Int[Tensor, "*B T"] | None = None) -> Float[Tensor, "*B V"]:
        """Give the distribution that `choose` draws from; for temperature 0 all of it stands on one token."""
        logits = self.logits(_checked(logits), ids)
        if self.temperature == 0:
            return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1)  # [*B, V]
        return logits.softmax(-1)  # [*B, V]

    def choose(
        self, logits: Logits, ids: Int[Tensor, "*B T"] | None = None, generator: torch.Generator | None = None
    ) -> Int[Tensor, "*B"]:
        """Choose the next token of each row. Raises ValueError for logits that are NaN or infinite."""
        if self.temperature == 0:
            return self.logits(_checked(logits), ids).argmax(-1)  # [*B, V] -> [*B]
        p = self.probabilities(logits, ids)
        rows = p.view(-1, p.shape[-1])  # [*B, V] -> [N, V]
        return rows.multinomial(1, generator=generator).view(p.shape[:-1])  # [N, V] -> [N, 1] -> [*B]


def sample(
    logits: Logits,
    temperature: float | int = 1.0,
    top_k: int | None = None,
    top_p: float | int | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "*B"]:
    """Draw one token from each row of logits by the rules of `Sampler`, whose errors it raises."""
    return Sampler(temperature, top_k, top_p).choose(logits, generator=generator)


def check_temperature(temperature: float | int) -> None:
    """Raise ValueError for a temperature that nothing can be divided by."""
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature is {temperature}: it must be a finite number above 0")


def check_top_k(k: int) -> None:
    """Raise ValueError for a k that leaves no token."""
    if k < 1:
        raise ValueError(f"top_k is {k}: it must be at least 1 (None keeps every token)")


def check_top_p(p: float | int) -> None:
    """Raise ValueError for a p that is no probability, and for 0."""
    if not 0 < p <= 1:
        raise ValueError(f"top_p is {p}: it must be above 0 and at most 1 (None keeps every token)")


def check_penalty(penalty: float | int) -> None:
    """Raise ValueError for a penalty that is not above 0, or infinite."""
    if not 0 < penalty < math.inf:
        raise ValueError(f"repetition_penalty is {penalty}: it must be a finite number above 0 (1 changes nothing)")


def _checked(logits: Logits) -> Logits:
    """Refuse what no softmax can read; and draw in float32 at least, since sums of half-precision numbers drift."""
    largest = logits.amax(-1)  # [*B, V] -> [*B]; a NaN wins
    if not largest.isfinite().all():
        raise ValueError(f"the largest logit is {largest[~largest.isfinite()][0].item()}: the model's output is broken")
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
