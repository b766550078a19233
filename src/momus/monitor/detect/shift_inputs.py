"""shift.inputs: which columns of the inputs no longer look as they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.records import Interval
from momus.monitor.calibrate import option
from momus.monitor.columns import Cells
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.drifted import compare
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, inputs
from momus.stats import two_sample

LEAST = 50  # rows of a reference, and events of a window, below which nothing is said


class Inputs(Tally):
    """Value: distance of the column that moved furthest (Kolmogorov-Smirnov of numbers, total variation of codes).

    Missing values are a value of their own, so that a column that stops coming has moved as far as can be. The p-value
    holds for all columns and for any number of windows with one reference (:mod:`momus.monitor.calibrate`). Cost: about
    0.04 microseconds a value; memory: 40 counts a column.
    """

    name = "shift.inputs"
    metric = "largest distance of a column from the reference"

    def __init__(self, cells: Cells, tolerance: float) -> None:
        counts = np.zeros((len(cells), cells.size), dtype=np.int64)
        super().__init__({"counts": counts}, {"seen": np.zeros(len(cells), dtype=bool)})
        self.cells, self.tolerance = cells, tolerance

    def take(self, batch: Batch) -> None:
        self.of["counts"] += self.cells.count(inputs(batch, len(self.cells)))

    def close(self, number: int) -> Reading | None:
        now = self.of["counts"]
        m = int(now[0].sum())
        found = compare(self.cells, now, self.of["seen"], self.tolerance) if m else None
        self.clear()
        if found is None or not len(found.order):
            return None
        value = float(found.gap[found.order[0]])
        half = two_sample.half_width(int(self.cells.counts[0].sum()), m, len(self.cells))
        return Reading(
            value=value,
            ci=Interval(low=max(0.0, value - half), high=min(1.0, value + half), method="simultaneous band"),
            n=m,
            p=found.chance if m >= LEAST else None,
            figures=found.figures(m),
            evidence=found.bars(),
            caveats=found.caveats(m),
            scope={"columns": len(self.cells), "reference rows": int(self.cells.counts[0].sum())},
        )


@detector("shift.inputs")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``tolerance`` (0.0): a distance up to it is no shift. For traffic with a rhythm of its own, such as day and
    night, set what a usual day shows."""
    if not reference.x.shape[1]:
        return Lacking("the reference has no columns", "name a reference data set whose inputs can be described")
    if len(reference) < LEAST:
        return Lacking(
            f"the reference has {len(reference)} rows",
            f"name one of at least {LEAST}, and of 2,000 to see small shifts",
        )
    return Inputs(Cells(reference.x, reference.columns), option(options, "tolerance", 0.0))
