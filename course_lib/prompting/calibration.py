"""Contextual calibration (Zhao et al. 2021): what a prompt answers to a question without content is its bias."""

from jaxtyping import Float
from torch import Tensor

from course_lib.models.checks import check_finite


def answer_probabilities(log_likelihoods: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
    """Share out 1 among the K answers of each prompt, in proportion to their likelihoods.

    Raises ValueError for one that is NaN or infinite.
    """
    check_finite(log_likelihoods=log_likelihoods)
    return log_likelihoods.softmax(1)


def calibrate(p: Float[Tensor, "N K"], content_free: Float[Tensor, "M K"]) -> Float[Tensor, "N K"]:
    """Divide by the answers to questions without content, so that those would get equal probabilities.

    `p` `[N, K]` are the probabilities of the answers to N questions after one set of shots; `content_free` `[M, K]`
    those of M questions that say nothing, such as "N/A", after the same shots: their mean is divided by. It is
    the paper's W = diag(p_cf)⁻¹ and b = 0. Its softmax of W p is left out: like our division by the sum, it changes
    no choice. Raises ValueError for probabilities that are negative or do not sum to 1, and for an answer that has none
    without content.
    """
    for name, rows in (("p", p), ("content_free", content_free)):
        sums = rows.sum(1)
        if len(rows) == 0 or not (rows.min() >= 0 and (sums - 1).abs().max() <= 1e-3):  # a NaN is neither
            raise ValueError(f"rows of {name} sum to {sums.tolist()[:3]}: give probabilities that sum to 1")
    bias = content_free.mean(0)  # [M, K] -> [K]
    if bias.min() <= 0:
        raise ValueError(f"an answer has probability 0 without content ({bias.tolist()}): nothing can be divided by it")
    weighed = p / bias  # [N, K] / [K] -> [N, K]
    return weighed / weighed.sum(1, keepdim=True)
