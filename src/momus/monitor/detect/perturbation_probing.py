"""perturbation.probing: queries that are nearly the same as earlier ones, as a search for a turned input asks them.

Near-duplicates are found by hashing (:class:`momus.monitor.sketches.Recent`) and then measured. By caller: the share of
queries close to an earlier one of the same name. Over everybody: queries close to one under another name that itself
had such a neighbour, for attackers who rotate their names; clusters of three are rare where pairs are uncommon.

Blind to: queries that lie far apart (a search that moves in large steps, or asks each input once), and to what has left
the memory. After Chen, Carlini & Wagner 2019 (arXiv:1907.05587) and Li et al. 2022 (Blacklight, arXiv:2006.14042).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.calibrate import option
from momus.monitor.callers import CHUNK, Chunk, Kind
from momus.monitor.detect._hits import Hits, anchored, crowded, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Closeness, Scale

STRANGERS, ANYBODY = 0.001, 0.005  # least shares of clusters among strangers, and among all, that are let pass


class Probing(Hits):
    """See the module."""

    name: ClassVar[str] = "perturbation.probing"
    metric: ClassVar[str] = "near_duplicate_share"

    def __init__(
        self, reference: Reference, kinds: tuple[Kind, ...], seed: int, slots: int, memory: int, rows: NumpyArray
    ) -> None:
        super().__init__(reference, kinds, seed, slots)
        self.scale = Scale.of(reference.x, reference.columns)
        self.close_to = Closeness(self.scale(reference.x[rows]), seed, extra=1, size=max(CHUNK, memory))

    def memory(self) -> Mapping[str, Any]:
        return {"recent": self.close_to.recent}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        recent = self.close_to.recent
        close = self.close_to.look(self.scale(chunk.x), recent.keys_of(chunk.x), chunk.who)
        pair = close.other & close.fresh
        recent.notes[close.at, 0] = pair
        cluster = pair & (recent.notes[np.maximum(close.any_at, 0), 0] > 0)
        counted = np.stack([close.fresh, *np.ones((2, len(chunk)), bool)])
        return counted, np.stack([close.own, cluster & close.strange, cluster])


@detector("perturbation.probing")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.02) share of an honest caller's queries that may be close to an earlier one (forms
    sent again with a value corrected); ``memory`` (4096) recent queries that are compared; ``slots`` (1024) callers
    counted in full.
    """
    why = lacking(reference)
    if why is not None:
        return why
    made, measured = anchored(reference, seed)
    kinds = (
        Kind("close to own", option(options, "honest", 0.02)),
        Kind("close to strangers'", 1.0, STRANGERS),
        Kind("close to anybody's", 1.0, ANYBODY),
    )
    slots, memory = int(option(options, "slots", 1024)), int(option(options, "memory", 4096))

    def build() -> Probing:
        return Probing(reference, kinds, seed, slots, memory, made)

    found = rates(build, reference, measured, seed, warm=0.5)
    fitted = build()
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, crowded(found, memory, measured), strict=True)))
    return fitted
