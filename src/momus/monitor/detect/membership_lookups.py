"""membership.lookups: callers who ask about rows that the model was trained on.

Whoever tests whether somebody was in the training data asks with that very row, and with copies of it changed a little.
Signs: a row that is, value for value, a training row; a row much closer to one than rows of the reference are to each
other. How often this happens by chance (twins in the population, customers who come back) is measured on the reference.

Blind to: attackers who ask with rows rounded or recoded, and copies of training rows beyond the 16,384 kept for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core import seeds
from momus.core.samples import NumpyArray
from momus.monitor.calibrate import option
from momus.monitor.callers import Chunk, Kind
from momus.monitor.detect._hits import Hits, Once, halves, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Recent, Scale, apart, hashed, keys

MOST, ANCHORS = 16_384, 512


class Lookups(Hits):
    """See the module."""

    name: ClassVar[str] = "membership.lookups"
    metric: ClassVar[str] = "training_row_share"

    def __init__(self, reference: Reference, kinds: tuple[Kind, ...], seed: int, slots: int, rows: NumpyArray) -> None:
        super().__init__(reference, kinds, seed, slots)
        self.once = Once(reference.x.shape[1], seed)
        self.key = keys(reference.x.shape[1], seed, "members")
        self.scale = Scale.of(reference.x, reference.columns)
        self.exact = np.unique(hashed(reference.members.astype(np.float32), self.key))
        chosen = seeds.rng(seed, "members").permutation(len(reference.members))[:MOST]
        z = self.scale(reference.members[chosen])
        anchors = self.scale(reference.x[rows])[:ANCHORS]
        self.natural = np.concatenate(
            [apart(anchors[None], part[:, None]).min(axis=1) for part in np.array_split(z, len(z) // 64 + 1)]
        )
        self.near = Recent(self.scale(reference.x[rows]), seed, size=max(len(z), 1), tables=4)
        self.near.hold(z)
        self.sparse = float(np.median(self.natural)) if len(z) else 0.0

    def memory(self) -> Mapping[str, Any]:
        return {"once": self.once.seen}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        h = hashed(chunk.x.astype(np.float32), self.key)
        at = np.minimum(np.searchsorted(self.exact, h), len(self.exact) - 1)
        member = self.exact[at] == h
        far, which = self.near.nearest(self.scale(chunk.x))
        natural = self.natural[which]
        copy = ~member & (natural >= self.sparse) & (far <= 0.4 * natural)
        once = self.once.look(chunk)
        return np.stack([once, once]), np.stack([member, copy])


@detector("membership.lookups")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.05) share of an honest caller's rows that may be training rows, who is also allowed
    ``relative`` (4) times the share of all others: where business goes on with the clients the model was trained
    on, everybody asks about them; ``copies`` (0.02) the same for close copies; ``slots`` callers counted in full.
    """
    why = lacking(reference)
    if why is not None:
        return why
    if not len(reference.members):
        return Lacking("the rows that the model was trained on are not known", "name them: monitor.members")
    made, measured = halves(reference, seed)
    relative = option(options, "relative", 4.0)
    kinds = (
        Kind("training rows", option(options, "honest", 0.05), 0.005, relative),
        Kind("close to training rows", option(options, "copies", 0.02), 0.005, relative),
    )

    def build() -> Lookups:
        return Lookups(reference, kinds, seed, int(option(options, "slots", 1024)), made)

    found = rates(build, reference, measured, seed)
    fitted = build()
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, found, strict=True)))
    return fitted
