"""Estimates of the error in unlabelled rows, put together; which columns carry it; and how both are shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Bars, Evidence, Table
from momus.core.records import Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods import describe, harm, label_shift
from momus.probes.shift._data_asked import Asked

RULED_OUT = 0.001
_NAMES = {
    "calibrated confidence": "confidence",
    "confidence threshold": "threshold",
    "importance weighting": "weighted",
    "corrected confidence": "corrected",
    "classes moved": "if_classes_moved",
}


@dataclass(frozen=True)
class Expected:
    """``value`` and ``ci`` of the mean error in the current rows; ``each`` estimate; ``rows`` (m,) row by row."""

    value: float
    ci: Interval
    each: tuple[harm.Estimate, ...]
    rows: NumpyArray


def expected(a: Asked, rng: np.random.Generator) -> Expected:
    """All estimates that the model's outputs allow, and the interval that holds whichever assumption is right."""
    rates = a.outputs is not None
    before, after = a.sure
    model = harm.expected_errors(before, a.wrong, after, rng, rates=rates)
    rich = harm.expected_errors(a.everything[0], a.wrong, a.everything[1], rng, rates=rates)
    plain, corrected = harm.confidence_estimate(model, a.wrong), harm.corrected_estimate(rich, a.wrong, a.ratio)
    each = [corrected, plain, harm.weighted_estimate(a.wrong, a.ratio)]
    held = [plain.ci if a.confident else harm.corrected_estimate(model, a.wrong, a.ratio).ci, corrected.ci]
    if a.confident:
        each.append(harm.threshold_estimate(before[:, 0], a.wrong, after[:, 0]))
    if a.outputs is not None and a.outputs[0].shape[1] <= label_shift.CLASSES:
        moved = label_shift.estimate(a.outputs[0], np.asarray(a.test.y), a.wrong, a.outputs[1], rng)
        both = [np.concatenate([r, o], axis=1) for r, o in zip(a.rows, a.outputs, strict=True)]
        p, _ = label_shift.fits(both[0], np.asarray(a.test.y), moved.shares, both[1], rng)
        if moved.usable and p > RULED_OUT:  # where inputs moved within the classes, the estimate is void
            each.append(harm.Estimate("classes moved", moved.error, moved.ci))
            held.append(moved.ci)
    most = 1.0 if rates else float(a.wrong.max())
    value = max(0.0, corrected.value)
    return Expected(value, harm.together(value, held, a.ratio.outside_share, most), tuple(each), rich.after)


def figures(a: Asked, e: Expected) -> list[Figure]:
    """Each estimate by name, and what their assumptions rest on."""
    n = len(a.test) + len(a.current)
    word, sign = ("accuracy", -1) if a.outputs is not None else ("relative_error", 1)

    def of(error: float) -> float:
        return 1 - error if sign == -1 else error

    found = [
        Figure(
            name=f"{word}_{_NAMES[k.name]}",
            value=of(k.value),
            ci=Interval(
                low=min(of(k.ci.low), of(k.ci.high)), high=max(of(k.ci.low), of(k.ci.high)), method=k.ci.method
            ),
            n=n,
            note=k.name,
        )
        for k in e.each
    ]
    return [
        *found,
        Figure(name="effective_rows", value=a.ratio.effective, n=len(a.test), note="labelled rows after weighting"),
        Figure(
            name="outside_share",
            value=a.ratio.outside_share,
            n=len(a.current),
            note="current rows unlike any labelled row, by reconstruction: nothing is assumed of their errors",
        ),
    ]


def carried(a: Asked, e: Expected, most: int = 40) -> list[tuple[str, float, float]]:
    """(column, share of the mean error that goes away when its distribution is brought back, how far it moved), the
    heaviest first; among the ``most`` columns that moved farthest.
    """
    from momus.stats.two_sample import ks_statistic, total_variation

    one, two = describe.aligned(describe.describe(a.test), describe.describe(a.current))
    found = []
    for j, name in enumerate(one.names):
        x, y = one.values[:, j], two.values[:, j]
        known = [v[np.isfinite(v)] for v in (x, y)]
        if not len(known[0]) or not len(known[1]):
            continue
        if one.labels[j] is None:
            far = ks_statistic(known[0], known[1])
        else:
            size = 1 + int(max(k.max() for k in known))
            counts = [np.bincount(k.astype(int), minlength=size) for k in known]
            far = total_variation(counts[0], counts[1])
        found.append((far, j, name))
    found.sort(reverse=True)
    made = [
        (name, harm.undone(one.values[:, j], two.values[:, j], e.rows, categories=one.labels[j] is not None), far)
        for far, j, name in found[:most]
    ]
    return sorted(made, key=lambda c: -c[1])


def evidence(a: Asked, e: Expected, moved: list[tuple[str, float, float]]) -> list[Evidence]:
    """Estimates side by side, with the truth where it is known, and the columns that carry the loss."""
    classifier = a.outputs is not None
    bars = [(k.name, k.value, k.ci.low, k.ci.high) for k in e.each]
    if a.wrong_now is not None:
        truth = float(a.wrong_now.mean())
        half = 1.96 * float(a.wrong_now.std()) / np.sqrt(len(a.wrong_now))
        bars.append(("labels", truth, truth - half, truth + half))
    ends = [tuple(sorted((1 - low, 1 - high) if classifier else (low, high))) for _, _, low, high in bars]
    drawn = Bars(
        title="Accuracy on the current rows, estimated" if classifier else "Error on the current rows, estimated",
        y_label="accuracy" if classifier else "error relative to the test rows",
        names=tuple(b[0] for b in bars),
        values=tuple(1 - b[1] if classifier else b[1] for b in bars),
        low=tuple(float(x[0]) for x in ends),
        high=tuple(float(x[1]) for x in ends),
        reference=1 - float(a.wrong.mean()) if classifier else 1.0,
        note="The line is the labelled test rows; 'classes moved' assumes that only the mix of classes changed",
    )
    table = Table(
        title="Columns that carry the expected loss",
        columns=("column", "error that goes when it is brought back", "how far it moved"),
        rows=tuple((name, round(part, 4), round(far, 4)) for name, part, far in moved[:10]),
        note="Rows weighted so that the column is distributed as in the test rows; columns that move together share it",
    )
    return [drawn, table] if moved else [drawn]
