"""How well answers fit: one score a row in [0, 1], and the share of the skill above guessing that damage leaves.

Accuracy of a model with two classes cannot fall far below a half, and where nine rows in ten are of one class it hardly
falls at all when the model is broken. So rows count by class as if classes were equally common, and what guessing would
score is taken off first: skill = (score - chance) / (1 - chance). For two classes this is Youden's J, for a thousand
nearly the accuracy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods import speech
from momus.stats import intervals

_DRAWS = 1000


@dataclass(frozen=True)
class Yardstick:
    """``chance``: the score of guessing. ``weights`` (n,): what each row counts, 1 on average."""

    chance: float
    weights: NumpyArray

    def skill(self, scores: NumpyArray) -> NumpyArray:
        """(..., n) scores -> (...,) skill: 1 is perfect, 0 is guessing. 0 where guessing is never wrong."""
        return np.asarray(self.above(scores).mean(axis=-1) / max(1 - self.chance, 1e-9))

    def guesses(self, scores: NumpyArray) -> bool:
        """Whether the scores (n,) are not surely (95 %, two-sided) above those of guessing."""
        return intervals.mean(self.above(scores)).low <= 1e-9

    def above(self, scores: NumpyArray) -> NumpyArray:
        return np.asarray(self.weights * (scores - self.chance))


def of_labels(y: NumpyArray) -> Yardstick:
    """Classes that occur in ``y`` (n,) count alike; chance is one over their number."""
    _, where, counts = np.unique(y, return_inverse=True, return_counts=True)
    return Yardstick(1 / len(counts), len(y) / (len(counts) * counts[where]))


def of_values(y: NumpyArray) -> tuple[Yardstick, float]:
    """The yardstick and the scale of errors: what always giving the median would miss on average.

    A row scores 1 less its error over the scale, at least 0; guessing is the median for every row.
    """
    off = np.abs(y - np.median(y))
    scale = float(off.mean())
    chance = float(value_scores(np.full(len(y), np.median(y)), y, scale).mean()) if scale > 0 else 0.0
    return Yardstick(min(chance, 1 - 1e-9), np.ones(len(y))), scale


def of_texts(n: int) -> Yardstick:
    """Who guesses a text scores nothing."""
    return Yardstick(0.0, np.ones(n))


def value_scores(said: NumpyArray, y: NumpyArray, scale: float) -> NumpyArray:
    """(n,) 1 less the error over ``scale``, at least 0."""
    error = np.abs(np.asarray(said, dtype=float) - y)
    return np.asarray(np.clip(1 - error / scale, 0, 1) if scale > 0 else (error == 0).astype(float))


def word_scores(said: Sequence[str], wanted: Sequence[str]) -> NumpyArray:
    """(n,) 1 less the word error rate, at least 0."""
    return np.array([max(0.0, 1 - speech.word_errors(a, b)) for a, b in zip(said, wanted, strict=True)])


def chrf_scores(said: Sequence[str], wanted: Sequence[str]) -> NumpyArray:
    """(n,) chrF in [0, 1] of each answer."""
    return np.array([chrf(a, b) for a, b in zip(said, wanted, strict=True)])


def chrf(said: str, wanted: str, *, longest: int = 6, beta: float = 2.0) -> float:
    """Character n-gram F-score of one sentence (Popović 2015, W15-3049), spaces left out, n = 1 to ``longest``.

    Orders that neither text has are left out; two empty texts agree.
    """
    a, b = "".join(said.split()), "".join(wanted.split())
    if not a or not b:
        return float(a == b)
    precision, recall, orders = 0.0, 0.0, 0
    for n in range(1, longest + 1):
        one, two = (Counter(t[i : i + n] for i in range(len(t) - n + 1)) for t in (a, b))
        if not one and not two:
            continue
        same = (one & two).total()
        precision += same / one.total() if one else 0.0
        recall += same / two.total() if two else 0.0
        orders += 1
    precision, recall = precision / orders, recall / orders
    if precision + recall == 0:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def kept(damaged: NumpyArray, clean: NumpyArray, yard: Yardstick, rng: np.random.Generator) -> tuple[float, Interval]:
    """Skill under damage over clean skill, both from scores (n,), with a bootstrap interval over rows.

    0 is guessing, below 0 worse than that. Without clean skill the value is 0 and the interval says nothing. Where all
    rows agree resampling sees no spread: then the interval is what the number of rows alone would give (Wilson's).
    """
    a, b = yard.above(damaged), yard.above(clean)
    if b.sum() <= 1e-9:
        return 0.0, Interval(low=-1.0, high=1.0)
    value = float(a.sum() / b.sum())
    n = len(a)
    drawn = rng.multinomial(n, np.full(n, 1 / n), _DRAWS)
    below = drawn @ b
    ratios = (drawn @ a)[below > 1e-9] / below[below > 1e-9]
    low, high = np.quantile(ratios, (0.025, 0.975)) if len(ratios) else (value, value)
    if high - low < 1e-9:
        hits = max(1, int((clean > yard.chance).sum()))
        bound = intervals.wilson(round(min(max(value, 0.0), 1.0) * hits), hits)
        low, high = bound.low, bound.high
    return value, Interval(low=min(float(low), value), high=max(float(high), value), method="bootstrap")
