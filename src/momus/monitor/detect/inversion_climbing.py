"""inversion.climbing: series of queries that climb the confidence of one class.

Who rebuilds what a class looks like, or searches an input that is called something for sure, asks close rows one after
the other and goes on from the better one. The sign: a row close to an earlier one of the same answer, with a higher
confidence than that, which had itself climbed from an earlier one: three rungs, by caller and among strangers. A search
that draws directions at random has no rungs; its queries lie where no natural row does and where the model is unsure,
which is the second sign.

Blind to: climbs in steps larger than what is close in the reference, answers without
probabilities, and inversions that are computed from a stolen copy without asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.calibrate import option
from momus.monitor.callers import CHUNK, Chunk, Kind
from momus.monitor.detect._grid import Grid, Odds
from momus.monitor.detect._hits import Hits, crowded, halves, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Closeness, Scale

RUNGS = 3
STRANGERS = 0.001
ODD, UNSURE = 0.03, 0.1  # share of the reference that is as odd; that is as unsure


class Climbing(Hits):
    """See the module."""

    name: ClassVar[str] = "inversion.climbing"
    metric: ClassVar[str] = "climbing_share"

    def __init__(
        self, reference: Reference, kinds: tuple[Kind, ...], seed: int, sizes: tuple[int, int], rows: NumpyArray
    ) -> None:
        super().__init__(reference, kinds, seed, sizes[0])
        self.scale = Scale.of(reference.x, reference.columns)
        self.close_to = Closeness(
            self.scale(reference.x[rows[:512]]), seed, extra=4, size=max(CHUNK, sizes[1]), tables=4
        )
        self.grid = Grid.of(reference.x[rows], reference.columns)
        cells = self.grid.cells(reference.x[rows])
        self.odds = Odds(cells, seed)
        self.bar = float(np.quantile(self.odds(cells), 1 - ODD))
        self.unsure = float(np.quantile(reference.confidence[rows], UNSURE))

    def memory(self) -> Mapping[str, Any]:
        return {"recent": self.close_to.recent}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        recent, said = self.close_to.recent, chunk.answered
        sure = np.nan_to_num(chunk.confidence, nan=-1.0)
        notes = np.column_stack([said, sure, np.zeros((len(chunk), 2))])
        close = self.close_to.look(self.scale(chunk.x), recent.keys_of(chunk.x), chunk.who, notes)
        rung = [self._rungs(close.at, m, at, said, sure, 2 + i)
                for i, (m, at) in enumerate(((close.own, close.own_at), (close.strange, close.any_at)))]  # fmt: skip
        lost = (self.odds(self.grid.cells(chunk.x)) > self.bar) & (sure <= self.unsure) & (sure >= 0)
        everything = np.ones(len(chunk), bool)
        rungs = [r >= RUNGS for r in rung]
        return np.stack([close.fresh, everything, close.fresh]), np.stack([*rungs, lost])

    def _rungs(
        self, here: NumpyArray, near: NumpyArray, at: NumpyArray, said: NumpyArray, sure: NumpyArray, note: int
    ) -> NumpyArray:
        """How many steps up lead to each row; several of them may lie in this chunk."""
        notes, at = self.close_to.recent.notes, np.maximum(at, 0)
        level = near & (notes[at, 0] == said) & (sure >= notes[at, 1] - 1e-6) & (sure >= 0)
        up = sure > notes[at, 1] + 1e-6  # a step on the level, as trees answer, is neither a rung nor an end
        for _ in range(RUNGS):
            notes[here, note] = np.where(level, np.minimum(notes[at, note] + up, RUNGS), 0)
        return np.array(notes[here, note])


@detector("inversion.climbing")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.01) share of an honest caller's queries that may be on a third rung; ``searching`` (0.03)
    share that may be odd and unsure; ``memory`` (4096) recent queries that are compared; ``slots`` (1024) callers
    counted in full.
    """
    why = lacking(reference, outputs=True)
    if why is not None:
        return why
    made, measured = halves(reference, seed)
    kinds = (
        Kind("climbs from own", option(options, "honest", 0.01)),
        Kind("climbs from strangers'", 1.0, STRANGERS),
        Kind("unsure where nobody is", option(options, "searching", 0.03), 0.005, 4.0),
    )
    sizes = int(option(options, "slots", 1024)), int(option(options, "memory", 4096))

    def build() -> Climbing:
        return Climbing(reference, kinds, seed, sizes, made)

    found = rates(build, reference, measured, seed, warm=0.5)
    fitted = build()
    found[:2] = crowded(found[:2], sizes[1], measured)
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, found, strict=True)))
    return fitted
