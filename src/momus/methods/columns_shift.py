"""Column by column: how far did each column of two described data sets move, and is that beyond chance?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.records import Interval
from momus.core.samples import Samples
from momus.methods.describe import Description, aligned, describe
from momus.stats import multiple, two_sample

ALPHA = 0.05


@dataclass(frozen=True)
class ColumnShift:
    """``effect`` is the KS distance of numbers or the total variation of categories; ``p`` is adjusted (Holm)."""

    name: str
    test: str
    effect: float
    p_raw: float
    p: float
    q: float
    missing: float
    bias: float


@dataclass(frozen=True)
class Shift:
    """All columns, the largest effect with an interval that holds for all columns at once."""

    columns: tuple[ColumnShift, ...]
    value: float
    ci: Interval
    half_width: float

    @property
    def worst(self) -> ColumnShift:
        return max(self.columns, key=lambda c: c.effect)

    @property
    def moved(self) -> tuple[ColumnShift, ...]:
        return tuple(sorted((c for c in self.columns if c.p <= ALPHA), key=lambda c: -c.effect))


def column_shift(reference: Samples, current: Samples) -> Shift:
    """Each column, the label as one more, and the share of missing values as part of its column.

    The interval widens the largest observed effect by a bound that holds for all columns together (McDiarmid, and
    Dvoretzky-Kiefer-Wolfowitz with Massart's constant); its lower end also allows for what chance adds to a total
    variation over many categories. It is conservative: about as wide as a band, not as one column's interval.
    """
    a, b = aligned(_with_label(reference), _with_label(current))
    n, m, d = len(reference), len(current), len(a.names)
    rows = [_one(a, b, j) for j in range(d)]
    raw = np.array([r[2] for r in rows])
    holm, bh = multiple.holm(raw), multiple.benjamini_hochberg(raw)
    columns = tuple(
        ColumnShift(a.names[j], test, effect, p, float(holm[j]), float(bh[j]), missing, bias)
        for j, (test, effect, p, missing, bias) in enumerate(rows)
    )
    half = two_sample.half_width(n, m, d)
    value = max(c.effect for c in columns)
    low = max(0.0, max(c.effect - c.bias for c in columns) - half)
    ci = Interval(low=min(low, value), high=min(1.0, value + half), method="simultaneous band")
    return Shift(columns, value, ci, half)


def _with_label(samples: Samples) -> Description:
    d = describe(samples)
    if samples.y is None:
        return d
    # Labels of a classifier are classes; a regressor's are floats with many values.
    y = np.asarray(samples.y)
    classes = samples.classes or tuple(str(i) for i in range(int(y.max()) + 1)) if y.dtype.kind in "iub" else ()
    return Description(
        np.column_stack([d.values, y.astype(float)]), (*d.names, "label"), (*d.labels, classes if classes else None)
    )


def _one(a: Description, b: Description, j: int) -> tuple[str, float, float, float, float]:
    x, y = a.values[:, j], b.values[:, j]
    one, two = x[np.isfinite(x)], y[np.isfinite(y)]
    gone = abs(len(one) / len(x) - len(two) / len(y))
    lost = (
        two_sample.chi2_p_value(
            np.array([len(one), len(x) - len(one)]), np.array([len(two), len(y) - len(two)]), least_expected=0.0
        )
        if gone
        else 1.0
    )
    if not len(one) or not len(two):
        return "missing", gone, lost, gone, 0.0
    coded = a.labels[j] is not None and b.labels[j] is not None
    if coded and len(a.labels[j] or ()) <= 1000:
        k = int(max(one.max(), two.max())) + 1
        counts = [np.bincount(v.astype(int), minlength=k) for v in (one, two)]
        counts = [c[(counts[0] + counts[1]) > 0] for c in counts]
        effect, p = two_sample.total_variation(*counts), two_sample.chi2_p_value(*counts)
        bias = two_sample.tv_bias(*counts)
        test = "chi-squared"
    else:
        effect, bias, test = two_sample.ks_statistic(one, two), 0.0, "Kolmogorov-Smirnov"
        p = two_sample.ks_p_value(effect, len(one), len(two))
    if gone > effect:
        return "missing", gone, min(1.0, 2 * min(p, lost)), gone, 0.0
    return test, effect, p if lost == 1.0 else min(1.0, 2 * min(p, lost)), gone, bias
