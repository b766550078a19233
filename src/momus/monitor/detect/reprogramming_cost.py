"""reprogramming.cost: one caller takes the model's compute for inputs that the model was not made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.core.seeds import rng
from momus.methods.importance import Support
from momus.monitor import calibrate, people
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, filled, inputs, middles, millionths
from momus.stats.intervals import wilson

_EVENTS = 20  # of one caller below which nothing is said of it
_SHOWN = 10


class Cost(Tally):
    """Value: the largest share of all compute that one caller takes for inputs unlike the reference.

    Compute is the time of the answer, and the number of events where the log has none. Unlike is what lies off the
    principal components of the reference, far out along them, or half a range beyond a column's. p: each caller's share
    of such inputs (what it asks again counts once) against what the reference leaves open; and the share of compute of
    the caller who takes most, against earlier windows (the first 12 only teach what is usual). A caller who hides
    behind many names is seen by the shift detectors. Memory: 16,384 places, into which callers fall by a hash.
    """

    name = "reprogramming.cost"
    metric = "share of compute that one caller takes for foreign inputs"

    def __init__(self, reference: Reference, seed: int, events: int, tolerance: float) -> None:
        self.seed, self.events, self.tolerance = seed, events, tolerance
        self.middle = middles(reference.x)
        x = filled(reference.x, self.middle)
        half = rng(seed, self.name).permutation(len(x))
        # A part of the reference that the support was not drawn from says how often ordinary inputs look foreign.
        self.support = Support(x[half[: len(x) // 2]], rng(seed, self.name, 1))
        other = x[half[len(x) // 2 :]]
        rest = self.support.unlike(other)
        # Where rows repeat each other, those that count once are another mixture: the larger rate of both is usual.
        self.repeats = people.Repeats(x.shape[1], seed)
        once = rest[self.repeats.unique(other)]
        self.usual = max(float(calibrate.upper(int(v.sum()), len(v))) for v in (rest, once))
        places = people.empty("events", "foreign", "time", "foreign time", "distinct", "distinct foreign")
        places["asked"] = np.zeros(people.PLACES, np.uint64)
        lasting = {"largest": calibrate.Usual.new(), "seen": np.zeros(1, dtype=bool)}
        super().__init__({**places, "all": np.zeros(4, np.int64)}, lasting, tuple(places))

    def take(self, batch: Batch) -> None:
        x = inputs(batch, len(self.middle))
        known = np.asarray(~np.isnan(x).all(axis=1))
        foreign = np.asarray(known & self.support.unlike(filled(x, self.middle))) if known.any() else known
        place = people.meet(self.of, batch.caller, batch.callers, self.seed)
        time = millionths(batch.seconds)
        named = place >= 0
        once = known & self.repeats.first(self.of["asked"], batch, x)
        amounts = {
            "events": known, "foreign": foreign, "time": time, "foreign time": np.where(foreign, time, 0),
            "distinct": once, "distinct foreign": once & foreign,
        }  # fmt: skip
        for name, amount in amounts.items():
            np.add.at(self.of[name], place[named], amount[named].astype(np.int64))
        self.of["all"] += len(batch), int(named.sum()), int(foreign.sum()), int(time.sum())

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        total, named, foreign, time = (int(v) for v in of["all"])
        self.of["seen"] |= of["events"].any()
        self.clear()
        if not total or not named:
            return None
        met = people.of(of)
        p, some = self._each(of)
        base = "time" if time else "events"
        amount, mine = of[base], of["foreign time" if time else "foreign"]
        whole = max(1, time if time else total)
        most = int(amount.argmax())
        # The share of compute varies as that of so many events would, at least.
        usual = calibrate.Usual.look(
            self.of["largest"], *calibrate.angle(round(total * float(amount[most] / whole)), total)
        )
        worst = int(mine.argmax())
        value = float(mine[worst] / whole)
        span = wilson(min(total, round(value * total)), total, 1 - 0.05 / max(1, len(some)))
        order = some[np.argsort(p, kind="stable")]
        guilty = [int(i) for i, v in zip(order, np.sort(p), strict=True) if v * len(some) < 0.01]
        if usual is not None and usual < 0.001 and most not in guilty:
            guilty.append(most)
        figures = (
            Figure(
                name="compute of the caller who takes most",
                value=float(amount[most] / whole),
                n=total,
                note=met.call(most),
            ),
            Figure(name="foreign inputs of all callers", value=foreign / total, ci=wilson(foreign, total), n=total),
        )
        caveats = []
        if not self.of["seen"][0]:
            caveats.append(Caveat(code="unknown", message="no event so far carried its input", blocks="both"))
        if named < total:
            caveats.append(Caveat(code="unnamed", message=f"{total - named} of {total} events do not say who called"))
        found = np.append([calibrate.together(p)] if len(p) else [], [] if usual is None else [usual])
        return Reading(
            value=value,
            ci=Interval(low=min(span.low, value), high=max(span.high, value), method="wilson, all callers at once"),
            n=total,
            p=calibrate.together(found) if len(found) and total >= LEAST else None,
            figures=figures,
            evidence=self._table(of, met, order),
            caveats=tuple(caveats),
            scope={"measured by": base, "events each": self.events, "worst": met.call(worst) if value else "nobody"},
            who=tuple(met.call(i) for i in guilty[:_SHOWN]),
        )

    def _each(self, of: Mapping[str, NumpyArray]) -> tuple[NumpyArray, NumpyArray]:
        """p-values of the callers with enough events, and their places."""
        some = np.flatnonzero(of["distinct"] >= self.events)
        bound = min(self.usual + self.tolerance, 1.0)
        return calibrate.more(of["distinct foreign"][some], of["distinct"][some], bound), some

    def _table(self, of: Mapping[str, NumpyArray], met: people.People, order: NumpyArray) -> tuple[Table, ...]:
        rows = tuple(
            (met.call(int(i)), int(of["events"][i]), int(of["foreign"][i]), float(of["time"][i]) / 1e6)
            for i in order[:_SHOWN]
        )
        columns = ("caller", "events", "foreign", "seconds")
        return (Table(title="Callers with foreign inputs", columns=columns, rows=rows),) if rows else ()


@detector("reprogramming.cost")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``events`` (20): different ones of one caller in a window from which on it is judged. ``tolerance`` (0.02):
    foreign inputs that an honest caller may send beyond the reference's share."""
    if not reference.x.shape[1]:
        return Lacking("the reference has no columns", "name a reference data set whose inputs can be described")
    if len(reference) < 4 * LEAST:
        return Lacking(f"the reference has {len(reference)} rows", f"name one of at least {4 * LEAST}")
    events = int(calibrate.option(options, "events", _EVENTS))
    return Cost(reference, seed, max(1, events), calibrate.option(options, "tolerance", 0.02))
