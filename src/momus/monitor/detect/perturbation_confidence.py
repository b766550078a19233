"""perturbation.confidence: answers that have become unsure, as they do while somebody feels for the border."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.records import Figure
from momus.core.samples import Column, NumpyArray
from momus.monitor import calibrate
from momus.monitor.columns import Cells
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.drifted import compare
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, millionths
from momus.stats.intervals import wilson


class Confidence(Tally):
    """Value: share of the answers whose two best classes lie closer than in all but ``share`` of the reference.

    p tests the share of such answers, that of answers less sure than the reference's median, and the distribution of
    the margin as a whole (only towards less). Figures: the mean entropy, in bits, beside the reference's. Memory: 40
    counts.
    """

    name = "perturbation.confidence"
    metric = "share of answers near the border"

    def __init__(self, outputs: NumpyArray, share: float, tolerance: float) -> None:
        self.k, self.tolerance = outputs.shape[1], tolerance
        margin = _margin(outputs)
        known = ~np.isnan(margin)
        self.low, self.middle = (float(v) for v in np.quantile(margin[known], [share, 0.5]))
        self.usual = _near(margin[known], self.low, self.middle)
        self.n = int(known.sum())
        self.entropy = float(_entropy(outputs[known]).mean())
        self.cells = Cells(margin[known][:, None], (Column("margin between the two best classes"),))
        counts = np.zeros((1, self.cells.size), dtype=np.int64)
        window = {"counts": counts, "near": np.zeros(2, np.int64), "entropy": np.zeros(1, np.int64)}
        super().__init__(window, {"seen": np.zeros(1, dtype=bool)})

    def take(self, batch: Batch) -> None:
        if batch.outputs.shape[1] != self.k:
            return
        margin = _margin(batch.outputs)
        known = ~np.isnan(margin)
        self.of["counts"] += self.cells.count(margin[known][:, None])
        self.of["near"] += _near(margin[known], self.low, self.middle)
        self.of["entropy"] += int(millionths(_entropy(batch.outputs[known])).sum())

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        m = int(of["counts"].sum())
        found = compare(self.cells, of["counts"], self.of["seen"], self.tolerance)
        self.clear()
        if not m:
            return None
        near = of["near"]
        counted = calibrate.more(near, m, np.minimum(calibrate.upper(self.usual, self.n, 2) + self.tolerance, 1.0))
        p = np.append(counted, found.p[0] if self._down(of["counts"][0] / m) else 1.0)
        now, usual = int(near[0]) / m, int(self.usual[0]) / self.n
        entropy = int(of["entropy"][0]) / 1e6 / m
        figures = (
            Figure(name="as much in the reference", value=usual, ci=wilson(int(self.usual[0]), self.n), n=self.n),
            Figure(
                name="less sure than the reference's median", value=int(near[1]) / m, ci=wilson(int(near[1]), m), n=m
            ),
            Figure(name="mean entropy (bits)", value=entropy, n=m, note=f"reference {self.entropy:.3g}"),
        )
        return Reading(
            value=now,
            ci=wilson(int(near[0]), m),
            n=m,
            p=calibrate.together(p) if m >= LEAST else None,
            figures=figures,
            caveats=calibrate.small_reference(self.n, m, 1),
            scope={"reference rows": self.n, "border": round(self.low, 6)},
        )

    def _down(self, now: NumpyArray) -> bool:
        """Whether the largest difference is one towards smaller margins."""
        gap = np.cumsum(now - self.cells.counts[0] / self.n)
        return bool(gap.max() >= -gap.min())


def _margin(outputs: NumpyArray) -> NumpyArray:
    """(n,) the largest probability less the second, NaN not known."""
    outputs = np.where(np.isfinite(outputs), outputs, np.nan)
    if outputs.shape[1] == 2:
        return np.asarray(np.abs(outputs[:, 1] - outputs[:, 0]))
    best = np.partition(outputs, -2, axis=1)[:, -2:]
    margin: NumpyArray = best[:, 1] - best[:, 0]
    return np.where(np.isnan(outputs).any(axis=1), np.nan, margin)


def _near(margin: NumpyArray, low: float, middle: float) -> NumpyArray:
    return np.array([(margin < low).sum(), (margin < middle).sum()], dtype=np.int64)


def _entropy(outputs: NumpyArray) -> NumpyArray:
    safe = np.clip(outputs, 1e-12, 1.0)
    out: NumpyArray = -(safe * np.log2(safe)).sum(axis=1)
    return out


@detector("perturbation.confidence")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``share`` (0.05): the part of the reference that counts as near the border. ``tolerance`` (0.0): a share larger
    by so much is no sign."""
    if reference.outputs.shape[1] < 2:
        return Lacking("the target answers without probabilities", "log the probabilities of all classes as the output")
    known = int((~np.isnan(reference.outputs).any(axis=1)).sum())
    if known < LEAST:
        return Lacking(f"the reference has {known} answers", f"name one of at least {LEAST} rows")
    share, tolerance = (calibrate.option(options, k, v) for k, v in (("share", 0.05), ("tolerance", 0.0)))
    if not 0 < share < 0.5:
        raise ValueError(f"the option 'share' lies between 0 and 0.5, and is {share}")
    return Confidence(reference.outputs, share, tolerance)
