"""supply_chain.version: answers by a version of the model that nobody approved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.text import clean
from momus.monitor.detector import Detector, Lacking, Reading, State, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.stats.intervals import wilson

_NAMES = 32  # strange versions that are told apart; the rest are counted together


class Versions:
    """Value: share of the events that say their version which an unapproved one answered.

    The answer is certain, so p is 0 or 1. Events that do not say their version are counted as a figure and a caveat: a
    gateway that stops to name versions would be a way around. Cost: one look at each distinct version of a batch.
    """

    name: ClassVar[str] = "supply_chain.version"
    metric: ClassVar[str] = "share of answers by unapproved versions"
    worse: ClassVar[Literal["lower", "higher"]] = "higher"
    cheap: ClassVar[bool] = True

    def __init__(self, approved: tuple[str, ...]) -> None:
        self.approved = frozenset(approved)
        self._events = self._known = 0
        self._strange: dict[str, int] = {}
        self._ever = False

    def take(self, batch: Batch) -> None:
        self._events += len(batch)
        counts = np.bincount(batch.served[batch.served >= 0], minlength=len(batch.version))
        self._known += int(counts.sum())
        self._ever |= bool(counts.sum())
        strange = [i for i in np.flatnonzero(counts) if batch.version[i] not in self.approved]
        first = {i: int(np.argmax(batch.served == i)) for i in strange}
        for i in sorted(strange, key=first.__getitem__):
            name = clean(batch.version[i], 80)
            name = name if name in self._strange or len(self._strange) < _NAMES else "others"
            self._strange[name] = self._strange.get(name, 0) + int(counts[i])

    def close(self, number: int) -> Reading | None:
        events, known, strange = self._events, self._known, dict(self._strange)
        self._events = self._known = 0
        self._strange = {}
        if not events or not (known or self._ever):
            return None
        wrong = sum(strange.values())
        ranked = sorted(strange.items(), key=lambda v: (-v[1], v[0]))
        caveats: tuple[Caveat, ...] = ()
        if known < events:
            caveats = (
                Caveat(
                    code="unknown", message=f"{events - known} of {events} events do not say which version answered"
                ),
            )
        if not known:
            message = "no event of this window says which version answered, and earlier ones did"
            caveats = (Caveat(code="unknown", message=message, blocks="both"),)
        rows = tuple((name, n) for name, n in ranked[:10])
        return Reading(
            value=wrong / known if known else 0.0,
            ci=Interval.exact(wrong / known) if known else wilson(0, 0),
            n=known,
            p=None if not known else 0.0 if wrong else 1.0,
            figures=(Figure(name="events without a version", value=1 - known / events, n=events),),
            evidence=(Table(title="Versions that nobody approved", columns=("version", "events"), rows=rows),)
            if rows
            else (),
            caveats=caveats,
            scope={"approved": clean(", ".join(sorted(self.approved)), 200)},
        )

    def state(self) -> State:
        return {
            "counts": np.array([self._events, self._known, self._ever], dtype=np.int64),
            "names": np.array(list(self._strange), dtype=np.str_),
            "strange": np.array(list(self._strange.values()), dtype=np.int64),
        }

    def restore(self, state: State) -> None:
        if set(state) != {"counts", "names", "strange"} or len(state["names"]) != len(state["strange"]):
            raise ValueError(f"no state of {self.name}")
        self._events, self._known, self._ever = (
            int(state["counts"][0]),
            int(state["counts"][1]),
            bool(state["counts"][2]),
        )
        self._strange = {str(k): int(v) for k, v in zip(state["names"], state["strange"], strict=True)}


@detector("supply_chain.version")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """No options."""
    if not reference.versions:
        return Lacking("no version of the model was approved", "name the approved versions in monitor.versions")
    return Versions(reference.versions)
