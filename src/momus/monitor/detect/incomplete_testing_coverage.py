"""incomplete_testing.coverage: what the model meets in use, and no test row was like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.core.seeds import rng
from momus.methods.importance import Support
from momus.monitor import calibrate
from momus.monitor.columns import Cells
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, filled, inputs, middles
from momus.stats.intervals import wilson


class Coverage(Tally):
    """Value: share of the events that no row of the reference is like.

    Unlike is what lies off the principal components of the reference, far out along them, half a range beyond a
    column's, or in a category that the reference does not hold. The reference should be what the system was tested
    with. p tests the share over the largest that the reference leaves open, by rows that the components were not drawn
    from. The table says in which columns. Memory: 40 counts a column.
    """

    name = "incomplete_testing.coverage"
    metric = "share of events that no test row is like"

    def __init__(self, reference: Reference, seed: int, tolerance: float) -> None:
        self.tolerance = tolerance
        x = reference.x
        self.middle = middles(reference.x)
        half = rng(seed, self.name).permutation(len(x))
        drawn, rest = x[half[: len(x) // 2]], x[half[len(x) // 2 :]]
        self.support = Support(filled(drawn, self.middle), rng(seed, self.name, 1))
        # Cells of the whole, counts of the half: what is new to half of the rows is no news.
        self.cells = Cells(x, reference.columns)
        self.fresh = (self.cells.count(drawn) == 0) & self.cells.wide[:, None]
        self.fresh[:, self.cells.missing] = False
        unlike, _ = self._unlike(rest)
        self.usual = len(rest), int(unlike.sum())
        shape = (len(self.cells), self.cells.size)
        window = {"counts": np.zeros(shape, np.int64), "all": np.zeros(3, np.int64)}
        super().__init__(window, {"seen": np.zeros(1, dtype=bool)})

    def _unlike(self, x: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """(n,) mask of events, and their places (d, n)."""
        place = self.cells.place(x)
        new = self.fresh[np.arange(len(self.cells))[:, None], place].any(axis=0)
        return np.asarray(new | self.support.unlike(filled(x, self.middle))), place

    def take(self, batch: Batch) -> None:
        x = inputs(batch, len(self.cells))
        known = ~np.isnan(x).all(axis=1)
        unlike, place = self._unlike(x[known])
        self.of["counts"] += self.cells.tally(place[:, unlike])
        self.of["all"] += len(x), int(known.sum()), int(unlike.sum())

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        m, known, unlike = (int(v) for v in of["all"])
        self.of["seen"] |= known > 0
        self.clear()
        if not m or not self.of["seen"][0]:
            return None
        caveats = list(calibrate.small_reference(self.usual[0], known, 1))
        if known < m:
            message = f"{m - known} of {m} events do not carry their input"
            caveats.append(Caveat(code="unknown", message=message, blocks="pass" if known else "both"))
        share = np.minimum(calibrate.upper(self.usual[1], self.usual[0]) + self.tolerance, 1.0)
        usual = Figure(
            name="as much in the reference",
            value=self.usual[1] / self.usual[0],
            ci=wilson(self.usual[1], self.usual[0]),
            n=self.usual[0],
        )
        return Reading(
            value=unlike / known if known else 0.0,
            ci=wilson(unlike, known),
            n=known,
            p=float(calibrate.more(unlike, known, share)) if known >= LEAST else None,
            figures=(usual,),
            evidence=self._table(of["counts"], unlike),
            caveats=tuple(caveats),
            scope={"reference rows": int(self.cells.counts[0].sum())},
        )

    def _table(self, counts: NumpyArray, unlike: int) -> tuple[Table, ...]:
        """Where such events differ most from the reference."""
        if not unlike:
            return ()
        gap = counts / unlike - self.cells.counts / self.cells.counts.sum(axis=1, keepdims=True)
        order = np.argsort(-gap, axis=None, kind="stable")[:6]
        at = [(int(i) // gap.shape[1], int(i) % gap.shape[1]) for i in order]
        rows = tuple((self.cells.say(j, c), float(counts[j, c] / unlike)) for j, c in at if gap[j, c] > 0.05)
        columns = ("input", "share of these events")
        return (
            (Table(title="What events are like that no test row is like", columns=columns, rows=rows),) if rows else ()
        )


@detector("incomplete_testing.coverage")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``tolerance`` (0.01): a share larger than the reference's own by so much is no sign."""
    if not reference.x.shape[1]:
        return Lacking("the reference has no columns", "name a reference data set whose inputs can be described")
    if len(reference) < 4 * LEAST:
        return Lacking(f"the reference has {len(reference)} rows", f"name one of at least {4 * LEAST}")
    return Coverage(reference, seed, calibrate.option(options, "tolerance", 0.01))
