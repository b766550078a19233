"""What a window's counts say of every column: how far it moved, and which columns have never come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Bars
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.monitor import calibrate
from momus.monitor.columns import Cells
from momus.stats import two_sample

SHOWN = 8


@dataclass(frozen=True)
class Drifted:
    """``gap`` and ``p`` (d,), each by itself; NaN for a column that never came, which is not known and not calm."""

    cells: Cells
    now: NumpyArray
    gap: NumpyArray
    p: NumpyArray

    @property
    def order(self) -> NumpyArray:
        """Columns that are known, furthest moved first."""
        known = np.flatnonzero(~np.isnan(self.gap))
        return known[np.argsort(-self.gap[known], kind="stable")]

    @property
    def chance(self) -> float | None:
        """One p-value for all columns; None where none is known."""
        return calibrate.together(self.p) if len(self.order) else None

    def figures(self, m: int) -> tuple[Figure, ...]:
        """The columns furthest moved, with what they lack beside the reference."""
        half = two_sample.half_width(int(self.cells.counts.sum(axis=1).max(initial=0)), m, max(1, len(self.cells)))
        found = []
        for j in self.order[:5]:
            gap = float(self.gap[j])
            gone = self.now[j, self.cells.missing] / max(1, self.now[j].sum())
            note = "it stopped coming" if gone == 1 else f"{gone:.0%} missing" if gone > 0.01 else ""
            ci = Interval(low=max(0.0, gap - half), high=min(1.0, gap + half), method="simultaneous band")
            found.append(Figure(name=f"moved: {self.cells.names[j]}", value=gap, ci=ci, n=m, note=note))
        return tuple(found)

    def bars(self) -> tuple[Bars, ...]:
        """How far each of the first columns moved."""
        some = self.order[:SHOWN]
        if not len(some):
            return ()
        names = tuple(self.cells.names[j] for j in some)
        values = tuple(float(self.gap[j]) for j in some)
        return (
            Bars(title="Columns furthest moved", y_label="distance from the reference", names=names, values=values),
        )

    def caveats(self, m: int) -> tuple[Caveat, ...]:
        """Columns that are not known, and a reference that hides what there may be."""
        n = int(self.cells.counts.sum(axis=1).max(initial=0))
        found = list(calibrate.small_reference(n, m, len(self.cells)))
        absent = [self.cells.names[j] for j in np.flatnonzero(np.isnan(self.gap))]
        if absent:
            some = ", ".join(a[:40] for a in absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
            message = f"no event so far carried {some}: nothing is known of them"
            found.append(Caveat(code="unknown-columns", message=message, blocks="pass"))
        return tuple(found)


def compare(cells: Cells, now: NumpyArray, seen: NumpyArray, tolerance: float) -> Drifted:
    """``seen`` (d,) marks columns that have come at all since the watch began, and is brought up to date."""
    came = now.sum(axis=1) > now[:, cells.missing]
    seen |= came
    gap, p = calibrate.drift(cells, now, tolerance=tolerance)
    # A column that nobody fills in the reference either has come in its own way.
    empty = cells.counts.sum(axis=1) == cells.counts[:, cells.missing]
    known = seen | empty
    return Drifted(cells, now, np.where(known, gap, np.nan), np.where(known, p, np.nan))
