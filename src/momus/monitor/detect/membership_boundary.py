"""membership.boundary: callers who ask along the boundary between two answers.

Whoever measures how far a row is from another answer, to tell training rows or to turn an input, asks where the two
largest probabilities are almost the same, and asks pairs of close rows that are answered differently (a binary search).
Signs: a margin as small as that of one in fifty answers of the same class in the reference; a close neighbour of one's
own, or of a stranger, that was answered with another class.

Blind to: attackers who never come near a boundary; without probabilities only the pairs are seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.calibrate import option
from momus.monitor.callers import CHUNK, Chunk, Kind
from momus.monitor.detect._hits import Hits, crowded, halves, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Closeness, Scale

SMALL = 0.02
STRANGERS = 0.001


class Boundary(Hits):
    """See the module."""

    name: ClassVar[str] = "membership.boundary"
    metric: ClassVar[str] = "boundary_share"

    def __init__(
        self, reference: Reference, kinds: tuple[Kind, ...], seed: int, sizes: tuple[int, int], rows: NumpyArray
    ) -> None:
        super().__init__(reference, kinds, seed, sizes[0])
        self.scale = Scale.of(reference.x, reference.columns)
        size = max(CHUNK, sizes[1])
        self.close_to = Closeness(self.scale(reference.x[rows[:512]]), seed, extra=2, size=size, tables=4)
        self.small = _small(reference, rows)

    def memory(self) -> Mapping[str, Any]:
        return {"recent": self.close_to.recent}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        recent, said = self.close_to.recent, chunk.answered
        before = recent.notes[:, 0]
        close = self.close_to.look(
            self.scale(chunk.x), recent.keys_of(chunk.x), chunk.who, np.column_stack([said, 0 * said])
        )
        pair = close.other & close.fresh
        recent.notes[close.at, 1] = pair
        crowd = close.strange & (recent.notes[np.maximum(close.any_at, 0), 1] > 0)
        known = said >= 0
        turned = [m & known & (before[np.maximum(at, 0)] != said) & (before[np.maximum(at, 0)] >= 0)
                  for m, at in ((close.own, close.own_at), (crowd, close.any_at))]  # fmt: skip
        small = margins(chunk.outputs) <= self.small[np.clip(said, -1, len(self.small) - 2)]
        everything = np.ones(len(chunk), bool)
        return np.stack([close.fresh, close.fresh, everything]), np.stack([small, *turned])


def margins(outputs: NumpyArray) -> NumpyArray:
    """The largest less the second largest probability of each answer; inf where there are none."""
    if outputs.shape[1] < 2:
        return np.full(len(outputs), np.inf)
    top = np.partition(outputs, outputs.shape[1] - 2, axis=1)[:, -2:]
    gap = top[:, 1] - top[:, 0]
    return np.where(np.isnan(gap), np.inf, gap)


def _small(reference: Reference, rows: NumpyArray) -> NumpyArray:
    """For each class the margin below which one in fifty of its answers lies; the last is for an unknown class."""
    k = max(2, reference.outputs.shape[1])
    margin, said = margins(reference.outputs[rows]), reference.said[rows]
    if not np.isfinite(margin).any():
        return np.full(k + 1, -1.0)
    overall = float(np.quantile(margin, SMALL))
    of = [float(np.quantile(margin[said == c], SMALL)) if (said == c).sum() >= 50 else overall for c in range(k)]
    return np.array([*of, overall])


@detector("membership.boundary")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.06) share of small margins that an honest caller may have, who is also allowed
    ``relative`` (4) times the share of all others; ``turns`` (0.01) share of such pairs; ``memory`` (4096) recent
    queries that are compared; ``slots`` (1024) callers counted in full.
    """
    why = lacking(reference)
    if why is not None:
        return why
    if reference.task != "classifier":
        return Lacking("only a classifier has boundaries between answers", "watch perturbation.probing instead")
    made, measured = halves(reference, seed)
    kinds = (
        Kind("small margin", option(options, "honest", 0.06), SMALL, option(options, "relative", 4.0)),
        Kind("turned own", option(options, "turns", 0.01)),
        Kind("turned strangers'", 1.0, STRANGERS),
    )
    sizes = int(option(options, "slots", 1024)), int(option(options, "memory", 4096))

    def build() -> Boundary:
        return Boundary(reference, kinds, seed, sizes, made)

    found = rates(build, reference, measured, seed, warm=0.5)
    fitted = build()
    found[1:] = crowded(found[1:], sizes[1], measured)
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, found, strict=True)))
    return fitted
