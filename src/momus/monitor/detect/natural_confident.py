"""natural.confident: ordinary inputs that are answered wrongly with confidence, by the labels that come later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.monitor import answers, calibrate, people
from momus.monitor.columns import Cells
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, inputs
from momus.stats.intervals import wilson


class Confident(Tally):
    """Value: share of the sure answers that their label proves wrong.

    Sure are answers at least as confident as the reference's median. Rows that go back into training are left to
    poisoning.labels, since their labels may be somebody's lie. What a caller asks again in a window counts once. p
    tests the share over the largest that the reference leaves open, over all sure answers and in each cell of each
    column, so that one kind of input that fails is seen though most others do not. The table names the kinds of
    inputs. Memory: 80 counts a column, and which rows came.
    """

    name = "natural.confident"
    metric = "share of sure answers that are wrong"

    def __init__(self, reference: Reference, tolerance: float, seed: int) -> None:
        self.answers, self.tolerance = answers.of(reference), tolerance
        self.sure = float(np.nanmedian(self.answers.signal(reference.outputs)))
        self.cells = Cells(reference.x, reference.columns)
        sure, wrong = self._wrong(reference.outputs, reference.said, reference.label)
        self.usual = int(sure.sum()), int(wrong.sum())
        place = self.cells.place(reference.x)
        self.before = [self.cells.tally(place[:, mask]) for mask in (sure, wrong)]
        # Where rows repeat each other, those that count once are another mixture: the larger rate of both is usual.
        self.repeats = people.Repeats(len(self.cells), seed)
        once = self.repeats.unique(reference.x)
        self.usual_once = int((sure & once).sum()), int((wrong & once).sum())
        self.before_once = [self.cells.tally(place[:, mask & once]) for mask in (sure, wrong)]
        shape = (len(self.cells), self.cells.size)
        window = {"sure": np.zeros(shape, np.int64), "wrong": np.zeros(shape, np.int64), "all": np.zeros(3, np.int64)}
        asked = {"asked": np.zeros(people.PLACES, np.uint64)}
        super().__init__({**window, **asked}, {"seen": np.zeros(1, dtype=bool)}, tuple(asked))

    def _wrong(self, outputs: NumpyArray, said: NumpyArray, label: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        wrong = self.answers.wrong(outputs, said, label)
        sure = ~np.isnan(wrong) & (self.answers.signal(outputs) >= self.sure)
        return sure, sure & (wrong == 1)

    def take(self, batch: Batch) -> None:
        sure, wrong = self._wrong(batch.outputs, batch.said, batch.label)
        sure &= ~batch.learned
        at, x = np.flatnonzero(sure), inputs(batch, len(self.cells))
        sure[at] = self.repeats.first(self.of["asked"], batch.take(at), x[at])
        wrong &= sure
        self.of["all"] += len(batch), int(sure.sum()), int(wrong.sum())
        if not sure.any():
            return
        place = self.cells.place(x[sure])
        self.of["sure"] += self.cells.tally(place)
        self.of["wrong"] += self.cells.tally(place[:, wrong[sure]])

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        m, sure, wrong = (int(v) for v in of["all"])
        self.of["seen"] |= sure > 0
        self.clear()
        if not m or not self.of["seen"][0]:
            return None
        if not sure:
            message = f"none of {m} events has a label beside a sure answer: log labels as they come"
            unknown = Caveat(code="unknown", message=message, blocks="both")
            return Reading(0.0, Interval(low=0.0, high=1.0, method="nothing known"), 0, None, caveats=(unknown,))
        p, tested = self._cells(of["sure"], of["wrong"])
        usual = max(float(calibrate.upper(bad, n)) for n, bad in (self.usual, self.usual_once))
        bound = min(usual + self.tolerance, 1.0)
        whole = float(calibrate.more(wrong, sure, bound))
        # Half of the chance for all answers together, half for all cells.
        chance = min(1.0, 2 * min(whole, calibrate.together(p[tested])))
        figures = (
            Figure(
                name="as much in the reference",
                value=self.usual[1] / max(1, self.usual[0]),
                ci=wilson(self.usual[1], self.usual[0]),
                n=self.usual[0],
            ),
            Figure(name="events with a label", value=sure / m, n=m, note="of sure answers, repeated ones once"),
        )
        return Reading(
            value=wrong / sure,
            ci=wilson(wrong, sure),
            n=sure,
            p=chance if sure >= LEAST else None,
            figures=figures,
            evidence=self._table(p, tested, of),
            caveats=calibrate.small_reference(self.usual[0], sure, 1),
            scope={"sure from": round(self.sure, 4), "kinds of input tried": int(tested.sum())},
        )

    def _cells(self, sure: NumpyArray, wrong: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """p-values (d, cells), and which of them have rows enough on both sides to be tried."""
        tested = (sure >= 10) & (self.before[0] >= 10)
        looks = max(1, tested.size)
        share = np.maximum(*(calibrate.upper(bad, n, looks) for n, bad in (self.before, self.before_once)))
        return calibrate.more(wrong, sure, np.minimum(share + self.tolerance, 1.0)), tested

    def _table(self, p: NumpyArray, tested: NumpyArray, of: Mapping[str, NumpyArray]) -> tuple[Table, ...]:
        at = [(int(j), int(c)) for j, c in np.argwhere(tested & (p * tested.sum() < 0.05))]
        at.sort(key=lambda jc: (p[jc], jc))
        rows = tuple((self.cells.say(j, c), int(of["wrong"][j, c]), int(of["sure"][j, c])) for j, c in at[:8])
        return (Table(title="Kinds of input that fail", columns=("input", "wrong", "of"), rows=rows),) if rows else ()


@detector("natural.confident")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``tolerance`` (0.0): a share larger than the reference's by so much is no sign."""
    known = int((~np.isnan(reference.label)).sum())
    if reference.outputs.shape[1] < 2 or np.isnan(reference.outputs).all():
        return Lacking("the target answers without probabilities", "log the probabilities of all classes as the output")
    if known < LEAST:
        return Lacking(f"the reference has {known} labels", f"name a labelled reference of at least {LEAST} rows")
    if not reference.x.shape[1]:
        return Lacking("the reference has no columns", "name a reference data set whose inputs can be described")
    return Confident(reference, calibrate.option(options, "tolerance", 0.0), seed)
