"""poisoning.contributors: who supplies labels that nobody else would, and whether one supplies too much of it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.monitor import answers, calibrate, people
from momus.monitor.detect.poisoning_labels import learned
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally
from momus.stats.intervals import wilson

_ROWS = 8  # of one contributor below which nothing is said of it
_SHOWN = 10


class Contributors(Tally):
    """Value: the largest share of a contributor's labels that contradict the model, less the share of all others.

    Of those with enough rows; its interval holds for all of them at once. p: each contributor's contradictions against
    the larger of what the reference leaves open and what all others do in the same window; and the share of the rows
    that the most active one supplies, against earlier windows (the first 12 only teach what is usual). What all
    contributors do together is for poisoning.labels. Memory: 16,384 places, into which contributors fall by a hash.
    """

    name = "poisoning.contributors"
    metric = "contradicting labels of one contributor, over all others'"

    def __init__(self, reference: Reference, seed: int, rows: int, tolerance: float) -> None:
        self.answers, self.seed, self.rows, self.tolerance = answers.of(reference), seed, rows, tolerance
        wrong = self.answers.wrong(reference.outputs, reference.said, reference.label)
        self.usual = int((~np.isnan(wrong)).sum()), int(np.nansum(wrong))
        places = people.empty("rows", "asked", "against")
        lasting = {"largest": calibrate.Usual.new()}
        super().__init__({**places, "nobody": np.zeros(1, np.int64)}, lasting, tuple(places))

    def take(self, batch: Batch) -> None:
        rows = learned(batch)
        if not rows.any():
            return
        who = batch.contributor[rows]
        place = people.meet(self.of, who, batch.contributors, self.seed)
        wrong = self.answers.wrong(batch.outputs[rows], batch.said[rows], batch.label[rows])
        self.of["nobody"] += int((place < 0).sum())
        for name, mask in (("rows", place >= 0), ("asked", ~np.isnan(wrong)), ("against", wrong == 1)):
            np.add.at(self.of[name], place[mask & (place >= 0)], 1)

    def close(self, number: int) -> Reading | None:
        of = dict(self.of)
        total, nobody = int(of["rows"].sum()), int(of["nobody"][0])
        self.clear()
        if not total and not nobody:
            return None
        if not total:
            message = f"none of {nobody} rows to learn from says who supplied it"
            unknown = Caveat(code="unknown", message=message, blocks="both")
            return Reading(0.0, Interval(low=-1.0, high=1.0, method="nothing known"), 0, None, caveats=(unknown,))
        p, share, some = self._each(of)
        first = float(of["rows"].max()) / total
        usual = calibrate.Usual.look(self.of["largest"], *calibrate.angle(int(of["rows"].max()), total))
        value, ci, worst = self._value(of, some)
        order = some[np.argsort(p, kind="stable")]
        guilty = [int(i) for i, v in zip(order, np.sort(p), strict=True) if v * len(some) < 0.01]
        if usual is not None and usual < 0.001 and int(of["rows"].argmax()) not in guilty:
            guilty.append(int(of["rows"].argmax()))
        met = people.of(of)
        figures = (
            Figure(
                name="share of the most active contributor",
                value=first,
                n=total,
                note=met.call(int(of["rows"].argmax())),
            ),
            Figure(name="contributors", value=float((of["rows"] > 0).sum()), n=total),
            Figure(name="contradictions that are usual", value=share, n=self.usual[0]),
        )
        caveats = []
        if nobody:
            caveats.append(
                Caveat(code="unnamed", message=f"{nobody} of {total + nobody} rows do not say who supplied them")
            )
        chance = calibrate.together(
            np.append([calibrate.together(p)] if len(p) else [], np.nan if usual is None else usual)
        )
        return Reading(
            value=value,
            ci=ci,
            n=total,
            p=chance if total >= LEAST and (len(p) or usual is not None) else None,
            figures=figures,
            evidence=self._table(of, met, [*order[:_SHOWN]]),
            caveats=tuple(caveats),
            scope={"rows each": self.rows, "worst": met.call(worst) if worst >= 0 else "nobody had enough rows"},
            who=tuple(met.call(i) for i in guilty[:_SHOWN]),
        )

    def _each(self, of: Mapping[str, NumpyArray]) -> tuple[NumpyArray, float, NumpyArray]:
        """p-values of the contributors with enough rows, the share that counts as usual, and their places."""
        some = np.flatnonzero(of["asked"] >= self.rows)
        asked, against = of["asked"][some], of["against"][some]
        rest = (of["against"].sum() - against) / np.maximum(of["asked"].sum() - asked, 1)
        bound = float(calibrate.upper(self.usual[1], self.usual[0]))
        share = np.minimum(np.maximum(bound, rest) + self.tolerance, 1.0)
        return calibrate.more(against, asked, share), bound, some

    def _value(self, of: Mapping[str, NumpyArray], some: NumpyArray) -> tuple[float, Interval, int]:
        if not len(some):
            return 0.0, Interval(low=-1.0, high=1.0, method="nobody had enough rows"), -1
        level = 1 - 0.05 / len(some)
        spans = [wilson(int(of["against"][i]), int(of["asked"][i]), level) for i in some]
        asked, against = int(of["asked"].sum()), int(of["against"].sum())
        rest = (against - of["against"][some]) / np.maximum(asked - of["asked"][some], 1)
        excess = of["against"][some] / of["asked"][some] - rest
        worst = int(np.argmax([s.low - r for s, r in zip(spans, rest, strict=True)]))
        low = spans[worst].low - float(rest[worst])
        high = max(s.high - float(r) for s, r in zip(spans, rest, strict=True))
        value = float(excess[worst])
        ci = Interval(low=min(low, value), high=max(high, value), method="wilson, all contributors at once")
        return value, ci, int(some[worst])

    def _table(self, of: Mapping[str, NumpyArray], met: people.People, places: list[int]) -> tuple[Table, ...]:
        if not places:
            return ()
        rows = tuple((met.call(i), int(of["rows"][i]), int(of["against"][i]), int(of["asked"][i])) for i in places)
        columns = ("contributor", "rows", "contradictions", "of")
        return (Table(title="Contributors that contradict the model most", columns=columns, rows=rows),)


@detector("poisoning.contributors")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``rows`` (8): of one contributor in a window from which on it is judged. ``tolerance`` (0.0): contradictions that
    people may have beyond the reference's share, where honest ones differ."""
    known = int((~np.isnan(reference.label)).sum())
    if known < LEAST:
        return Lacking(f"the reference has {known} labels", f"name a labelled reference of at least {LEAST} rows")
    rows = int(calibrate.option(options, "rows", _ROWS))
    return Contributors(reference, seed, rows, calibrate.option(options, "tolerance", 0.0))
