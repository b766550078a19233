"""stealing.coverage: callers whose queries cover the input space as no natural ones do.

Who copies a model asks everywhere: drawn rows, rows moved along gradients, one column at a time through its range.
Signs: a row odder than all but one in a hundred of the reference's by the shares of its cells in pairs of columns, or
than all but one in fifty by its distance from the middle in units of their covariance; a value that such a column never
holds (1.37 children, a code that is none); a row that keeps half or more of the fine-grained values of the caller's
last one to the last digit, and is not the same.

Blind to: thieves who own rows of the kind and ask with those alone (a copy learned from natural rows looks like
business), however many they ask. A published test of callers, PRADA (Juuti et al. 2019, arXiv:1805.02628), is what the
benchmark compares this with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.calibrate import option
from momus.monitor.callers import Chunk, Kind
from momus.monitor.detect._grid import Grid, Odds
from momus.monitor.detect._hits import Hits, Once, halves, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Last, Scale

ODD, FAR = 0.01, 0.02  # shares of the reference that are as odd by cells; as far from the middle
FINE, LEAST = 0.01, 4  # most rows of one value in a column of fine grain; such columns below which nothing is said


class Coverage(Hits):
    """See the module."""

    name: ClassVar[str] = "stealing.coverage"
    metric: ClassVar[str] = "off_ground_share"

    def __init__(self, reference: Reference, kinds: tuple[Kind, ...], seed: int, slots: int, rows: NumpyArray) -> None:
        super().__init__(reference, kinds, seed, slots)
        self.once = Once(reference.x.shape[1], seed)
        tables, held = rows[: 2 * len(rows) // 3], rows[2 * len(rows) // 3 :]
        self.grid = Grid.of(reference.x[rows], reference.columns)
        self.odds = Odds(self.grid.cells(reference.x[tables]), seed)
        self.bar = float(np.quantile(self.odds(self.grid.cells(reference.x[held])), 1 - ODD))
        self.scale = Scale.of(reference.x[rows], reference.columns)
        z = np.clip(self.scale(reference.x[tables]), -20, 20)
        self.middle = z.mean(axis=0)
        spread = np.cov(z.T).reshape(z.shape[1], z.shape[1]) + 1e-3 * np.eye(z.shape[1])
        self.root = np.linalg.cholesky(np.linalg.inv(spread)).astype(np.float32)
        self.far = float(np.quantile(self._out(reference.x[held]), 1 - FAR))
        self.fine = np.flatnonzero([_commonest(reference.x[rows, j]) <= FINE for j in range(z.shape[1])])
        self.last = Last(len(self.fine))

    def memory(self) -> Mapping[str, Any]:
        return {"once": self.once.seen, "last": self.last}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        odd = (self.odds(self.grid.cells(chunk.x)) > self.bar) | (self._out(chunk.x) > self.far)
        once = self.once.look(chunk)
        fine = chunk.x[:, self.fine].astype(np.float32)
        kept = (self.last.look(chunk.who, fine) == fine).sum(axis=1)
        turned = (2 * kept >= len(self.fine)) & (len(self.fine) >= LEAST)
        return np.stack([once, once, once]), np.stack([odd, self.grid.made_up(chunk.x), turned])

    def _out(self, x: NumpyArray) -> NumpyArray:
        """How far rows lie from the middle, squared; a missing value is no distance."""
        z = np.where(np.isnan(x), 0.0, np.clip(self.scale(x), -20, 20) - self.middle).astype(np.float32)
        return np.asarray(((z @ self.root) ** 2).sum(axis=1))


def _commonest(values: NumpyArray) -> float:
    """The share of rows that hold the value that most of them hold."""
    _, counts = np.unique(values, return_counts=True)
    return float(counts.max() / max(1, len(values))) if len(counts) else 1.0


@detector("stealing.coverage")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.06) share of odd rows that an honest caller may have, who is also allowed ``relative``
    (4) times the share of all others, so that a drift of everybody is nobody's theft; ``made_up`` (0.02) the same
    for values; ``slots`` callers counted in full.
    """
    why = lacking(reference)
    if why is not None:
        return why
    made, measured = halves(reference, seed)
    relative = option(options, "relative", 4.0)
    kinds = (
        Kind("odd rows", option(options, "honest", 0.06), ODD, relative),
        Kind("values made up", option(options, "made_up", 0.02), 0.002, relative),
        Kind("a few columns turned", option(options, "turned", 0.04)),
    )

    def build() -> Coverage:
        return Coverage(reference, kinds, seed, int(option(options, "slots", 1024)), made)

    found = rates(build, reference, measured, seed)
    fitted = build()
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, found, strict=True)))
    return fitted
