"""ROC curves read at a fixed false-positive rate, with an interval that knows the threshold was estimated too."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.stats.intervals import wilson


@dataclass(frozen=True)
class Curve:
    """An empirical ROC curve. At each distinct false-positive rate it rises from ``bottom`` to ``top``.

    Between two rates it is straight: an attacker who meets tied scores flips a coin among them.
    """

    fpr: NumpyArray
    bottom: NumpyArray
    top: NumpyArray
    positives: int
    negatives: int

    def at(self, rate: float, *, end: str = "top") -> float:
        """True-positive rate at a false-positive rate; ``end`` chooses the end of a vertical step."""
        j = int(np.searchsorted(self.fpr, rate + 1e-12, side="right")) - 1
        if abs(self.fpr[j] - rate) < 1e-9 or j + 1 == len(self.fpr):
            return float(self.top[j] if end == "top" else self.bottom[j])
        share = (rate - self.fpr[j]) / (self.fpr[j + 1] - self.fpr[j])
        return float(self.top[j] + share * (self.bottom[j + 1] - self.top[j]))


def curve(positive: NumpyArray, negative: NumpyArray) -> Curve:
    """The ROC curve of scores, higher meaning positive. Both sides need at least one score."""
    positive, negative = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    if not len(positive) or not len(negative):
        raise ValueError("a ROC curve needs scores on both sides")
    values = np.unique(np.concatenate([positive, negative]))[::-1]
    sorted_p, sorted_n = np.sort(positive), np.sort(negative)
    above_p = np.concatenate([[0], len(positive) - np.searchsorted(sorted_p, values, side="left")]) / len(positive)
    above_n = np.concatenate([[0], len(negative) - np.searchsorted(sorted_n, values, side="left")]) / len(negative)
    fpr, first = np.unique(above_n, return_index=True)
    last = np.append(first[1:], len(above_n)) - 1
    return Curve(fpr, above_p[first], above_p[last], len(positive), len(negative))


def tpr_at_fpr(
    positive: NumpyArray, negative: NumpyArray, rate: float = 0.01, level: float = 0.95
) -> tuple[float, Interval]:
    """True-positive rate at a false-positive rate, and a conservative interval for the population's value.

    Two things are unknown: where the threshold with that rate lies among the negatives, and which share of positives
    lies above it. The number of negatives above the true threshold is binomial(n, rate), which bounds the threshold
    between two order statistics (half of the error goes there); the share above each bound gets a Clopper-Pearson end
    (the other half). Covers at least ``level`` for any distributions; ties count as if broken by a coin.

    At rate 1 % and level 95 % fewer than 437 negatives leave the lower end at 0: nothing can be shown.
    """
    c = curve(positive, negative)
    n, m, tail = c.negatives, c.positives, (1 - level) / 4
    fewest = int(scipy.stats.binom.ppf(tail, n, rate))
    most = int(scipy.stats.binom.ppf(1 - tail, n, rate))
    # Order statistics: a threshold below the (most + 1)-th negative or above the fewest-th has probability tail each.
    low_hits = 0.0 if fewest == 0 else m * c.at(fewest / n, end="bottom")
    high_hits = float(m) if most >= n else m * c.at(most / n, end="top")
    low = float(scipy.stats.beta.ppf(tail, low_hits, m - low_hits + 1)) if low_hits > 0 else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, high_hits + 1, m - high_hits)) if high_hits < m else 1.0
    value = c.at(rate)
    interval = Interval(low=min(low, value), high=max(high, value), level=level, method="order-statistic")
    return value, interval


def least_negatives(rate: float = 0.01, level: float = 0.95) -> int:
    """Fewest negatives with which :func:`tpr_at_fpr` can have a lower end above 0: 1 % -> 437, 0.1 % -> 4380."""
    return math.ceil(math.log((1 - level) / 4) / math.log1p(-rate))


def difference(hits_a: int, n_a: int, hits_b: int, n_b: int, level: float = 0.95) -> tuple[float, Interval]:
    """Share a minus share b of independent samples, with Newcombe's (1998) hybrid score interval."""
    a, b = wilson(hits_a, n_a, level), wilson(hits_b, n_b, level)
    p_a, p_b = (hits_a / n_a if n_a else 0.5), (hits_b / n_b if n_b else 0.5)
    low = p_a - p_b - math.hypot(p_a - a.low, b.high - p_b)
    high = p_a - p_b + math.hypot(a.high - p_a, p_b - b.low)
    return p_a - p_b, Interval(low=max(-1.0, low), high=min(1.0, high), level=level, method="newcombe")


def balanced_accuracy(
    positive: NumpyArray, negative: NumpyArray, threshold: float, level: float = 0.95
) -> tuple[float, Interval]:
    """Mean of the shares told rightly on each side by ``score > threshold``. The threshold must come from elsewhere."""
    hits, rejections = int(np.sum(positive > threshold)), int(np.sum(negative <= threshold))
    gap, ci = difference(hits, len(positive), len(negative) - rejections, len(negative), level)
    return (1 + gap) / 2, Interval(low=(1 + ci.low) / 2, high=(1 + ci.high) / 2, level=level, method="newcombe")


def best_threshold(positive: NumpyArray, negative: NumpyArray) -> float:
    """The threshold with the largest TPR - FPR on these scores (use it on other rows)."""
    values = np.unique(np.concatenate([positive, negative]))
    above_p = 1 - np.searchsorted(np.sort(positive), values, side="right") / len(positive)
    above_n = 1 - np.searchsorted(np.sort(negative), values, side="right") / len(negative)
    return float(values[int(np.argmax(above_p - above_n))])
