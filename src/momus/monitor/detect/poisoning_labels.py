"""poisoning.labels: what goes back into training, against what the model and the reference know of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Figure
from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.core.text import clean
from momus.monitor import answers, calibrate
from momus.monitor.columns import Cells
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.drifted import compare
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally
from momus.stats.intervals import wilson

_CLASSES = 50  # classes beyond which no table of answer against label is kept


def learned(batch: Batch) -> NumpyArray:
    """(n,) rows that go back into training: the log says so, or names who supplied them."""
    out: NumpyArray = (batch.learned | (batch.contributor >= 0)) & ~np.isnan(batch.label)
    return out


class Labels(Tally):
    """Value: share of the rows to learn from whose label contradicts a sure answer of the model.

    Sure are answers at least as confident as the reference's median; a regressor's labels contradict where they are
    further off than nine in ten of the reference's. p tests that share, over the largest that the reference leaves
    open, and the mix of the labels. The model that answers must be the one of the reference: after training again,
    build it anew. Memory: classes squared, 2,500 counts at most.
    """

    name = "poisoning.labels"
    metric = "share of labels to learn from that contradict sure answers"

    def __init__(self, reference: Reference, tolerance: float) -> None:
        self.answers, self.tolerance = answers.of(reference), tolerance
        self.classes = reference.classes
        signal = self.answers.signal(reference.outputs)
        self.sure = float(np.nanmedian(signal)) if self.answers.classes and not np.isnan(signal).all() else -np.inf
        sure, against = self._against(reference.outputs, reference.said, reference.label)
        self.usual = np.array([sure.sum(), against.sum()], dtype=np.int64)
        known = reference.label[~np.isnan(reference.label)]
        column = Column("label")
        if self.answers.classes:
            k = max(len(reference.classes), int(known.max(initial=-1)) + 1)
            column = Column("label", ColumnKind.CATEGORICAL, categories=tuple(str(i) for i in range(k)))
        self.cells = Cells(known[:, None], (column,))
        self.k = min(_CLASSES, len(column.categories))
        window = {
            "mix": np.zeros((1, self.cells.size), np.int64),
            "sure": np.zeros(2, np.int64),
            "table": np.zeros((self.k, self.k), np.int64),
        }
        super().__init__(window, {"seen": np.zeros(1, dtype=bool)})

    def _against(self, outputs: NumpyArray, said: NumpyArray, label: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        wrong = self.answers.wrong(outputs, said, label)
        signal = self.answers.signal(outputs)
        sure = ~np.isnan(wrong) & ((signal >= self.sure) | np.isneginf(self.sure))
        return sure, sure & (wrong == 1)

    def take(self, batch: Batch) -> None:
        rows = learned(batch)
        if not rows.any():
            return
        outputs, said, label = batch.outputs[rows], batch.said[rows], batch.label[rows]
        sure, against = self._against(outputs, said, label)
        self.of["sure"] += int(sure.sum()), int(against.sum())
        self.of["mix"] += self.cells.count(label[:, None])
        if self.k:
            said = self.answers.said(outputs, said)[against]
            lie = np.clip(label[against], -1, self.k).astype(np.int64)
            inside = (said < self.k) & (lie >= 0) & (lie < self.k)
            np.add.at(self.of["table"], (said[inside], lie[inside]), 1)

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        n, (sure, against) = int(of["mix"].sum()), (int(v) for v in of["sure"])
        mix = compare(self.cells, of["mix"], self.of["seen"], self.tolerance)
        self.clear()
        if not n:
            return None
        share = np.minimum(calibrate.upper(self.usual[1], self.usual[0]) + self.tolerance, 1.0)
        p = np.append(mix.p, calibrate.more(against, sure, share) if sure else np.nan)
        usual = int(self.usual[1]) / max(1, int(self.usual[0]))
        figures = (
            Figure(name="as much in the reference", value=usual, ci=wilson(int(self.usual[1]), int(self.usual[0]))),
            Figure(name="distance of the mix of labels", value=float(np.nan_to_num(mix.gap[0])), n=n),
        )
        return Reading(
            value=against / sure if sure else 0.0,
            ci=wilson(against, sure),
            n=sure,
            p=calibrate.together(p) if n >= LEAST else None,
            figures=figures,
            evidence=self._lies(of["table"]),
            caveats=calibrate.small_reference(int(self.cells.counts.sum()), n, 1),
            scope={"rows to learn from": n, "sure from": round(max(self.sure, 0.0), 4)},
        )

    def _lies(self, table: NumpyArray) -> tuple[Table, ...]:
        """Which class is called which, the commonest first."""
        at = sorted(np.argwhere(table), key=lambda ij: (-table[ij[0], ij[1]], *ij))[:5]
        if not at:
            return ()
        rows = tuple((self._name(int(i)), self._name(int(j)), int(table[i, j])) for i, j in at)
        return (Table(title="Labels against sure answers", columns=("answered", "labelled", "rows"), rows=rows),)

    def _name(self, i: int) -> str:
        return clean(self.classes[i], 60) if i < len(self.classes) else str(i)


@detector("poisoning.labels")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``tolerance`` (0.0): a share of contradictions, or a distance of the mix, larger by so much is no sign."""
    known = int((~np.isnan(reference.label)).sum())
    if known < LEAST:
        return Lacking(f"the reference has {known} labels", f"name a labelled reference of at least {LEAST} rows")
    return Labels(reference, calibrate.option(options, "tolerance", 0.0))
