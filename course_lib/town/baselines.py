"""What can be had without reading: the commonest label, and logistic regressions on words and on pairs of words."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from .documents import WORDS
from .tasks import Example

COLUMN = {word: column for column, word in enumerate(WORDS)}
MOST = 6  # counts in the histograms below stop here


def majority(train: Sequence[Example], test: Sequence[Example]) -> float:
    """Accuracy on `test` of always giving the commonest label of `train`."""
    check(train, test)
    commonest = Counter(e.label for e in train).most_common(1)[0][0]
    return sum(e.label == commonest for e in test) / len(test)


def bag_of_words(train: Sequence[Example], test: Sequence[Example]) -> float:
    """Accuracy on `test` of a logistic regression on word counts, and on how they differ between two texts.

    With options, each (text, option) pair is scored as right or wrong and the best score wins. The
    regularisation is strong, because there are several hundred features.
    """
    check(train, test)
    return regression(train, test, features, strength=0.02)


def bigrams(train: Sequence[Example], test: Sequence[Example]) -> float:
    """Accuracy on `test` of the same regression on pairs of neighbouring words, beside the words.

    Only pairs that come at least five times in `train` count. There are thousands: it is regularised more strongly.
    """
    check(train, test)
    seen = Counter(pair for e in train for text in e.texts + e.options for pair in pairwise(words(text)))
    column = {pair: i for i, pair in enumerate(sorted(pair for pair, n in seen.items() if n >= 5))}

    def pairs(text: str) -> Float[np.ndarray, " pairs"]:
        """How often each pair of neighbours comes in the text."""
        row = np.zeros(len(column))
        for pair in pairwise(words(text)):
            if pair in column:
                row[column[pair]] += 1
        return row

    def with_pairs(text: str, other: str | None = None) -> Float[np.ndarray, " features"]:
        """The features of the words, then those of the pairs."""
        a = pairs(text)
        if other is None:
            return np.concatenate([features(text), a])
        b = pairs(other)
        both, apart = np.minimum(a, b), np.abs(a - b)
        return np.concatenate([features(text, other), a, b, both, apart, [both.sum(), apart.sum()]])

    return regression(train, test, with_pairs, strength=0.002)


def regression(
    train: Sequence[Example], test: Sequence[Example], features: Callable[..., np.ndarray], strength: float
) -> float:
    """Accuracy on `test` of a logistic regression on features(text), features(a, b) or features(text, option).

    `strength` is scikit-learn's C: the smaller, the stronger is the regularisation.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    if not train[0].options:
        model.fit(np.stack([features(*e.texts) for e in train]), [e.label for e in train])
        answers = model.predict(np.stack([features(*e.texts) for e in test]))
    else:
        right = [i == e.label for e in train for i in range(len(e.options))]
        model.fit(option_features(train, features), right)
        answers = model.decision_function(option_features(test, features)).reshape(len(test), -1).argmax(1)
    return float(np.mean(answers == np.array([e.label for e in test])))


def option_features(
    examples: Sequence[Example], features: Callable[..., np.ndarray]
) -> Float[np.ndarray, "pairs features"]:
    """One row for every pair of a text and one of its options."""
    return np.stack([features(*e.texts, option) for e in examples for option in e.options])


def features(text: str, other: str | None = None) -> Float[np.ndarray, " features"]:
    """Counts of each word, and how many words come once, twice, …; for two texts also how their counts meet."""
    a = counts(text)
    if other is None:
        return np.concatenate([a, histogram(a)])
    b = counts(other)
    both, apart = np.minimum(a, b), np.abs(a - b)
    in_other = histogram(a[b > 0])  # how often the other text's words come in this one
    sums = [both.sum(), apart.sum(), (a * b).sum()]
    return np.concatenate([a, b, both, apart, histogram(a), histogram(b), in_other, sums])


def counts(text: str) -> Float[np.ndarray, " words"]:
    """How often each word of the town comes in the text."""
    row = np.zeros(len(WORDS))
    for word in words(text):
        row[COLUMN[word]] += 1
    return row


def words(text: str) -> list[str]:
    """The words of the text, without its punctuation."""
    return re.findall(r"\w+", text)


def histogram(row: Float[np.ndarray, " words"]) -> Float[np.ndarray, " most"]:
    """How many words have count 1, 2, …, MOST or more."""
    return np.bincount(np.minimum(row, MOST).astype(int), minlength=MOST + 1)[1:].astype(float)


def check(train: Sequence[Example], test: Sequence[Example]) -> None:
    """Both sets must hold something."""
    if not train or not test:
        raise ValueError(f"{len(train)} examples to train on and {len(test)} to test on: both must be at least 1")
