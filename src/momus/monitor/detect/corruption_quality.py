"""corruption.quality: inputs that arrive broken: missing, out of range, unknown, stuck, doubled, scaled, blurred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from momus.core.records import Caveat, Figure, Interval, Scalar
from momus.core.samples import Column, NumpyArray
from momus.core.text import clean
from momus.monitor import calibrate, callers, units
from momus.monitor.columns import is_coded
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally, inputs
from momus.stats.intervals import wilson

KINDS = ("missing", "too low", "too high", "unknown category", "stuck", "doubled", "other unit")
_FIRST = 128  # events of a window in which columns are compared with each other and their units are looked at
_SURE = 1e-9  # p from which on a column is broken as a whole
_PAIRED = 64  # columns above which no two are compared
# A picture or a sound that is worse than all of the reference but its worst two hundredth, each way.
_EXTREME = 0.005
_SEEN = {
    "sharpness": ("blurred", "noisy"), "mean": ("too dark", "too bright"), "contrast": ("flat", "harsh"),
    "level": ("too quiet", "too loud"), "clipped share": ("", "clipped"), "share of silence": ("", "silent"),
}  # fmt: skip


class Quality(Tally):
    """Value: share of the events with a fault in a single value, less the share that the reference has.

    Faults of an event: a value is missing; it lies outside the range of the column (as declared, else a twentieth
    beyond what the reference holds); it is a category that the reference does not know; pictures and sound: the
    description is more extreme than all but one in 200 of the reference (blur, noise, exposure, contrast, loudness).
    Faults of a column: neighbouring events have the same value too often (*stuck*), two columns agree that did not
    (*doubled*), or all fits again when divided by a factor (*another unit*); their events count in full.
    Each kind of each column has a binomial p-value, over the largest share that the reference leaves open; neighbours
    are taken in pairs that do not overlap, and must agree a quarter of the way beyond it, as must doubled columns. A
    row that its caller sends twice in a row is a retry, and no pair.
    Memory: 16 numbers a column and 128 events.
    """

    name = "corruption.quality"
    metric = "share of events with a fault, over the reference's"

    def __init__(self, reference: Reference, margin: float) -> None:
        x, d = reference.x, reference.x.shape[1]
        self.names = tuple(clean(c.name, 60) for c in reference.columns)
        self.coded = np.array([is_coded(c) for c in reference.columns], dtype=bool)
        self.words = [
            _words(c.name) if reference.encoder in ("image", "sound") else ("", "") for c in reference.columns
        ]
        self.low, self.high = _range(x, reference.columns, self.words, margin)
        self.known = _known(x, self.coded, reference.columns)
        rows = np.random.default_rng(0).permutation(len(x))
        self.reference = len(x)
        self.faults, self.bad = self._flags(x)
        self.same = _pairs(x[rows])
        self.pairs = np.zeros((0, 2), int) if d > _PAIRED else np.argwhere(np.triu(np.ones((d, d), bool), 1))
        self.twins = _equal(x, self.pairs)
        self.units = units.Units(x, self.coded)
        window = {
            "faults": np.zeros((4, d), np.int64), "events": np.zeros(1, np.int64), "bad": np.zeros(1, np.int64),
            "same": np.zeros(d, np.int64), "pairs": np.zeros(1, np.int64),
            "last": np.full(d, np.nan), "sender": np.zeros(1, np.uint64), "first": np.zeros((_FIRST, d)),
        }  # fmt: skip
        super().__init__(window, {"seen": np.zeros(d, dtype=bool)})

    def _flags(self, x: NumpyArray) -> tuple[NumpyArray, int]:
        """Faults (4, d) by kind, and events with at least one."""
        gone, under, over = np.isnan(x), x < self.low, x > self.high
        odd = np.zeros_like(gone)
        for j, codes in self.known.items():
            inside = (x[:, j] >= 0) & (x[:, j] < len(codes))
            odd[:, j] = ~gone[:, j] & ~codes[np.where(inside, np.nan_to_num(x[:, j]), len(codes) - 1).astype(int)]
        every = np.stack([gone, under, over, odd])
        return every.sum(axis=1), int((under | over | odd | gone).any(axis=1).sum())

    def take(self, batch: Batch) -> None:
        x = inputs(batch, len(self.names))
        if not len(x):
            return
        faults, bad = self._flags(x)
        before = int(self.of["events"][0])
        self.of["faults"] += faults
        self.of["bad"] += bad
        self.of["events"] += len(x)
        room = min(len(x), max(0, _FIRST - before))
        self.of["first"][before : before + room] = x[:room]
        # Events 2i and 2i + 1 of the window are a pair, wherever a batch was cut.
        who = self._senders(batch)
        if before % 2:
            x, who = np.concatenate([self.of["last"][None], x]), np.concatenate([self.of["sender"], who])
        even = len(x) // 2 * 2
        same = x[:even:2] == x[1:even:2]
        again = (who[:even:2] != 0) & (who[:even:2] == who[1:even:2]) & same.all(axis=1)
        self.of["same"] += same[~again].sum(axis=0)
        self.of["pairs"] += int((~again).sum())
        self.of["last"], self.of["sender"] = x[-1].copy(), who[-1:].copy()

    def _senders(self, batch: Batch) -> NumpyArray:
        """(n,) uint64 of each event's caller, 0 for nobody."""
        if not len(batch.callers):
            return np.zeros(len(batch), np.uint64)
        hashes = callers.named(batch.callers, 0)[0]
        return np.where(batch.caller >= 0, hashes[np.maximum(batch.caller, 0)], np.uint64(0))

    def close(self, number: int) -> Reading | None:
        self.of["seen"] |= self.of["faults"][0] < self.of["events"][0]
        of, m = dict(self.of), int(self.of["events"][0])  # the arrays, which the next window does not touch
        seen = of["seen"].copy()
        first = of["first"][: min(m, _FIRST)]
        self.clear()
        if not m or not seen.any():
            return None
        faults, same, bad = of["faults"], of["same"], int(of["bad"][0])
        pairs = int(of["pairs"][0])
        p, whole = self._p(faults, same, pairs, first, m, seen)
        figures, told = self._figures(p, faults, same, pairs, m)
        share = 1.0 if whole.any() else bad / m
        value = share - self.bad / self.reference
        if whole.any():
            ci = Interval(low=value, high=value, method="whole columns")
        else:
            one, two = wilson(bad, m), wilson(self.bad, self.reference)
            low = value - float(np.hypot(share - one.low, two.high - self.bad / self.reference))
            high = value + float(np.hypot(one.high - share, self.bad / self.reference - two.low))
            ci = Interval(low=low, high=high, method="newcombe")
        caveats = []
        if not seen.all():
            absent = [self.names[j][:40] for j in np.flatnonzero(~seen)]
            some = ", ".join(absent[:5]) + (" and others" if len(absent) > 5 else "")
            message = f"no event so far carried {some}: nothing is known of them"
            caveats.append(Caveat(code="unknown-columns", message=message, blocks="pass"))
        if len(self.names) > _PAIRED:
            caveats.append(
                Caveat(code="not-compared", message=f"above {_PAIRED} columns no two are compared", blocks="none")
            )
        chance = calibrate.together(p) if m >= LEAST else None
        scope: dict[str, Scalar] = {"columns": len(self.names), "reference rows": self.reference, "worst": told}
        return Reading(value, ci, m, chance, figures, (), tuple(caveats), scope)

    def _p(
        self, faults: NumpyArray, same: NumpyArray, pairs: int, first: NumpyArray, m: int, seen: NumpyArray
    ) -> tuple[NumpyArray, NumpyArray]:
        """p-values (7, d) by kind and column, NaN where not known; (d,) columns that are broken as a whole."""
        n, d = self.reference, len(self.names)
        p = np.full((len(KINDS), d), np.nan)
        # A range that the reference itself drew lies inside what the truth allows: one more hit, as for its extremes.
        more = np.array([0, 1, 1, 1])[:, None]
        p[:4] = calibrate.more(faults, m, calibrate.upper(np.minimum(self.faults + more, n), n, 4 * d))
        p[4] = calibrate.more(same, pairs, _far(calibrate.upper(self.same, n // 2, d)))
        p[5] = 1.0 if len(self.pairs) else np.nan
        if len(self.pairs):
            often = _equal(first, self.pairs)
            twin = calibrate.more(often, len(first), _far(calibrate.upper(self.twins, n, len(self.pairs))))
            twin = np.minimum(1.0, twin * len(self.pairs) / d)  # a column's share of all pairs
            np.minimum.at(p[5], self.pairs[:, 0], twin)
            np.minimum.at(p[5], self.pairs[:, 1], twin)
        p[6], factor = self.units.look(first)
        self._factor = factor
        p[:, ~seen] = np.nan
        whole = np.nan_to_num(p[4:], nan=1.0).min(axis=0) < _SURE
        return p, whole & seen

    def _figures(
        self, p: NumpyArray, faults: NumpyArray, same: NumpyArray, pairs: int, m: int
    ) -> tuple[tuple[Figure, ...], str]:
        """The faults that are least of all chance, in words."""
        ranked = [tuple(int(v) for v in at) for at in np.argwhere(np.nan_to_num(p, nan=1.0) * p.size < 0.01)]
        ranked.sort(key=lambda at: (at[0] < 4 or p[at] > _SURE, p[at], at))  # what explains the others comes first
        found, told = [], "nothing"
        for kind, j in ranked[:6]:
            share = faults[kind, j] / m if kind < 4 else same[j] / max(1, pairs) if kind == 4 else 1.0
            words = self._word(kind, j)
            found.append(Figure(name=f"{words}: {self.names[j]}", value=float(share), n=m))
            told = f"{self.names[j]} {words}" if told == "nothing" else told
        return tuple(found), told

    def _word(self, kind: int, j: int) -> str:
        if kind in (1, 2) and self.words[j][kind - 1]:
            return self.words[j][kind - 1]
        return f"in another unit (times {self._factor[j]:g})" if kind == 6 else KINDS[kind]


def _words(name: str) -> tuple[str, str]:
    """What too little and too much of a describing number is called; empty where neither is a fault."""
    return next((words for key, words in _SEEN.items() if name.startswith(key)), ("", ""))


def _range(
    x: NumpyArray, columns: Sequence[Column], words: Sequence[tuple[str, str]], margin: float
) -> tuple[NumpyArray, NumpyArray]:
    """Ends of what is usual: as declared, as described pictures and sound are, or as observed and ``margin`` beyond."""
    low, high = np.full(x.shape[1], -np.inf), np.full(x.shape[1], np.inf)
    for j, column in enumerate(columns):
        v = x[:, j][np.isfinite(x[:, j])]
        if is_coded(column) or not len(v):
            continue
        if words[j] == ("", "") and any(w != ("", "") for w in words):
            continue  # of a picture or a sound only what has a name is a fault: the rest is another content
        reach = margin * float(v.max() - v.min())
        low[j], high[j] = v.min() - reach, v.max() + reach
        if words[j] != ("", ""):
            ends = np.quantile(v, [_EXTREME, 1 - _EXTREME])
            low[j] = ends[0] if words[j][0] else -np.inf
            high[j] = ends[1] if words[j][1] else np.inf
        elif not column.inferred:
            low[j] = low[j] if column.low is None else column.low
            high[j] = high[j] if column.high is None else column.high
    return low, high


def _known(x: NumpyArray, coded: NumpyArray, columns: Sequence[Column]) -> dict[int, NumpyArray]:
    """Of each column of codes which ones the reference holds; the last entry stands for all others: none."""
    found = {}
    for j in (int(v) for v in np.flatnonzero(coded)):
        v = x[:, j][np.isfinite(x[:, j]) & (x[:, j] >= 0)].astype(int)
        known = np.zeros(max(len(columns[j].categories), int(v.max(initial=-1)) + 1) + 1, dtype=bool)
        known[v] = True
        found[j] = known
    return found


def _far(share: NumpyArray) -> NumpyArray:
    """A quarter of the way from a share to all: values that agree a little oftener are drift, and no fault."""
    out: NumpyArray = share + (1 - share) / 4
    return out


def _pairs(x: NumpyArray) -> NumpyArray:
    """(d,) how many of the pairs of neighbouring rows, each row in one pair, have the same value."""
    even = len(x) // 2 * 2
    return np.asarray((x[:even:2] == x[1:even:2]).sum(axis=0))


def _equal(x: NumpyArray, pairs: NumpyArray) -> NumpyArray:
    """(pairs,) rows in which the two columns hold the same value."""
    flat = np.ascontiguousarray(x.T)
    return np.array([(flat[i] == flat[j]).sum() for i, j in pairs], dtype=np.int64)


@detector("corruption.quality")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``margin`` (0.05): how far beyond the range of the reference a value may lie, in shares of that range."""
    if not reference.x.shape[1]:
        return Lacking("the reference has no columns", "name a reference data set whose inputs can be described")
    if len(reference) < LEAST:
        return Lacking(f"the reference has {len(reference)} rows", f"name one of at least {LEAST}")
    return Quality(reference, calibrate.option(options, "margin", 0.05))
