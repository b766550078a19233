"""shift.harm: what drift costs. How much accuracy is lost by now, before labels have come, and by labels that have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.methods.harm import together
from momus.monitor import answers, calibrate, people
from momus.monitor.columns import Cells
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.drifted import Drifted, compare
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, inputs
from momus.stats.intervals import wilson

_PRIOR = 2.0  # rows at the common error rate that a cell's own rate is drawn towards
_CALM = 20.0  # rows without a rest, likewise
_MOVED = 0.01  # p of a column, all columns considered, that is corrected for


class Harm(Tally):
    """Value: share of the answers that are wrong now, less that of the reference.

    By labels where at least ``labels`` of the window have one. Else by the error rate of each confidence in the
    reference (calibrated confidence), corrected by the column that moved furthest: rows of a cell count as often as
    they come now (:mod:`momus.methods.harm` has the same two on whole data sets). The interval spans both estimates
    and knows nothing of events that lie half a range outside the reference. A regressor's answer is wrong where it is
    off by more than nine in ten of the reference's. A changed relation of inputs and labels shows only in labels.
    p tests drift of inputs, confidence and answers, and the labelled error rate; what a caller asks again in a window
    counts once there: one wrong row that a bot repeats is one error. Memory: 40 counts a column, and which rows came.
    """

    name = "shift.harm"
    metric = "accuracy lost"

    def __init__(self, reference: Reference, tolerance: float, labels: int, seed: int) -> None:
        self.answers = answers.of(reference)
        self.tolerance, self.labels = tolerance, labels
        self.columns = reference.x.shape[1]
        k = max(len(reference.classes), int(reference.said.max(initial=-1)) + 1)
        names = tuple(str(i) for i in range(k))
        more: tuple[Column, ...] = (Column("confidence" if self.answers.classes else "the answer"),)
        more += (Column("the answer", ColumnKind.CATEGORICAL, categories=names),) if self.answers.classes else ()
        described = self._rows(reference.x, reference.outputs, reference.said)
        self.cells = Cells(described, (*reference.columns, *more))
        x = np.where(np.isfinite(reference.x), reference.x, np.nan)
        low, high = _ends(x)
        self._low, self._high = low - (high - low) / 2, high + (high - low) / 2
        wrong = self.answers.wrong(reference.outputs, reference.said, reference.label)
        self._learn(described, wrong)
        self.repeats = people.Repeats(self.columns, seed)
        once = ~np.isnan(wrong) & (self.repeats.unique(reference.x) if self.columns else True)
        self.once = round(float(wrong[once].sum())), int(once.sum())
        counts = np.zeros((len(self.cells), self.cells.size), dtype=np.int64)
        window = {"counts": counts, "labelled": np.zeros(2, np.int64), "outside": np.zeros(1, np.int64)}
        asked = {"asked": np.zeros(people.PLACES, np.uint64)}
        super().__init__({**window, **asked}, {"seen": np.zeros(len(self.cells), dtype=bool)}, tuple(asked))

    def _rows(self, x: NumpyArray, outputs: NumpyArray, said: NumpyArray) -> NumpyArray:
        said = self.answers.said(outputs, said)
        parts = [x, self.answers.signal(outputs)[:, None]]
        if self.answers.classes:
            parts.append(np.where(said >= 0, said, np.nan)[:, None])
        return np.concatenate(parts, axis=1)

    def _learn(self, rows: NumpyArray, wrong: NumpyArray) -> None:
        """Error rate of each cell of the confidence, and what is left of the errors in the cells of each column."""
        known = ~np.isnan(wrong)
        place = self.cells.place(rows)
        at = place[self.columns]
        self.calibrated = bool(known.sum() >= LEAST)
        if not self.calibrated:  # no labels: confidence is taken at its word
            wrong, known = 1 - rows[:, self.columns], ~np.isnan(rows[:, self.columns])
        self.base = float(wrong[known].mean())
        self.rows = int(known.sum())
        self.errors = round(float(wrong[known].sum()))
        size = self.cells.size
        n = np.bincount(at[known], minlength=size)
        self.rate = (np.bincount(at[known], wrong[known], minlength=size) + _PRIOR * self.base) / (n + _PRIOR)
        rest = np.where(known, wrong - self.rate[at], 0.0)
        self.left = float(np.var(rest[known]))
        self.weight = np.stack([np.bincount(p[known], minlength=size) for p in place])
        self.rest = np.stack([np.bincount(p, rest, minlength=size) for p in place]) / (self.weight + _CALM)

    def take(self, batch: Batch) -> None:
        x = inputs(batch, self.columns)
        self.of["counts"] += self.cells.count(self._rows(x, batch.outputs, batch.said))
        self.of["outside"] += int(((x < self._low) | (x > self._high)).any(axis=1).sum())
        wrong = self.answers.wrong(batch.outputs, batch.said, batch.label)
        known = ~np.isnan(wrong)
        at = np.flatnonzero(known)
        known[at] = self.repeats.first(self.of["asked"], batch.take(at), x[at])
        self.of["labelled"] += int(known.sum()), int(wrong[known].sum())

    def close(self, number: int) -> Reading | None:
        now, m = self.of["counts"], int(self.of["counts"][0].sum())
        if not m:
            return None
        found = compare(self.cells, now, self.of["seen"], self.tolerance)
        labelled, errors = (int(v) for v in self.of["labelled"])
        outside = float(self.of["outside"][0]) / m
        self.clear()
        figures = list(found.figures(m))
        told = self._told(found, outside)
        value, ci, caveats = 0.0, Interval(low=-1.0, high=1.0, method="nothing known"), list(found.caveats(m))
        n = 0
        if told is not None:
            value, ci, n = *told, m
            figures.insert(0, Figure(name="accuracy lost, by confidence", value=value, ci=ci, n=m))
            if not self.calibrated:
                message = "the reference has no labels: confidence is taken at its word"
                caveats.append(Caveat(code="uncalibrated", message=message, blocks="both"))
        counted = np.nan
        if labelled:
            lost = self._counted(errors, labelled)
            figures.insert(0, Figure(name="accuracy lost, by labels", value=lost[0], ci=lost[1], n=labelled))
            if self.calibrated:
                usual = max(float(calibrate.upper(*rate)) for rate in ((self.errors, self.rows), self.once))
                counted = float(calibrate.more(errors, labelled, usual))
            if labelled >= self.labels:
                value, ci, n = *lost, labelled
        if not n:
            message = "the events of this window carry neither probabilities nor enough labels"
            caveats.append(Caveat(code="unknown", message=message, blocks="both"))
        p = calibrate.together(np.append(found.p, counted)) if m >= LEAST and len(found.order) else None
        if outside > 0.001:
            figures.append(Figure(name="events outside the reference", value=outside, ci=wilson(round(outside * m), m)))
        scope = {"reference rows": len(self), "error rate of the reference": round(self.base, 6), "labelled": labelled}
        return Reading(value, ci, n, p, tuple(figures), found.bars(), tuple(caveats), scope)

    def __len__(self) -> int:
        return int(self.cells.counts[0].sum())

    def _told(self, found: Drifted, outside: float) -> tuple[float, Interval] | None:
        """Accuracy lost by confidence, corrected by what moved; None where no answer has a confidence."""
        at = self.columns
        seen = found.now[at].copy()
        seen[self.cells.missing] = 0
        m = int(seen.sum())
        if m < LEAST:
            return None
        share = seen / m
        told = float(share @ self.rate)
        # How the answers of this window fall, and how well the reference knows the rate of each cell.
        noise = (
            told * (1 - told) / m + float(share**2 @ (self.rate * (1 - self.rate) / (self.weight[at] + 1))) + 1 / m**2
        )
        estimates = [(told, noise)]
        for j in found.order[:3]:
            if j >= at or found.p[j] * len(found.order) > _MOVED:
                continue
            part = found.now[j] / max(1, found.now[j].sum())
            own = float((part**2) @ (self.left / (self.weight[j] + 1)))
            estimates.append((told + float(part @ self.rest[j]), noise + own))
        value = estimates[min(1, len(estimates) - 1)][0]
        spans = [Interval(low=v - 1.96 * s**0.5, high=v + 1.96 * s**0.5) for v, s in estimates]
        ci = together(min(max(value, 0.0), 1.0), spans, outside)
        return min(max(value, 0.0), 1.0) - self.base, ci.model_copy(
            update={"low": ci.low - self.base, "high": ci.high - self.base}
        )

    def _counted(self, errors: int, labelled: int) -> tuple[float, Interval]:
        """Accuracy lost by labels: the difference of two shares (Newcombe's interval)."""
        now, one, two = errors / labelled, wilson(errors, labelled), wilson(self.errors, self.rows)
        value = now - self.base
        low = value - float(np.hypot(now - one.low, two.high - self.base))
        high = value + float(np.hypot(one.high - now, self.base - two.low))
        return value, Interval(low=min(low, value), high=max(high, value), method="newcombe")


def _ends(x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Least and largest value of each column; a column without values has no ends."""
    some = ~np.isnan(x)
    low = np.where(some, x, np.inf).min(axis=0)
    high = np.where(some, x, -np.inf).max(axis=0)
    return np.where(some.any(axis=0), low, -np.inf), np.where(some.any(axis=0), high, np.inf)


@detector("shift.harm")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``tolerance`` (0.0): a distance of a column up to it is no shift. ``labels`` (100): labelled events of a window
    from which on labels decide and no estimate."""
    if len(reference) < LEAST:
        return Lacking(
            f"the reference has {len(reference)} rows",
            f"name one of at least {LEAST}, and of 2,000 to see small shifts",
        )
    labelled = int((~np.isnan(reference.label)).sum())
    if reference.outputs.shape[1] < 2 and labelled < LEAST:
        return Lacking(
            "the reference has neither labels nor probabilities",
            "name a labelled reference: harm is about wrong answers",
        )
    return Harm(
        reference, calibrate.option(options, "tolerance", 0.0), int(calibrate.option(options, "labels", 100)), seed
    )
