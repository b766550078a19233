"""dependencies.cost: answers that take long, take much memory, or fail, beyond what inputs of their size usually do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.evidence import Table
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray
from momus.monitor import calibrate
from momus.monitor.detect.shift_inputs import LEAST
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.tally import Tally
from momus.stats.intervals import wilson

_SIZES, _STEPS = 32, 160  # classes of size by doubling; of amounts by quarter doublings, from 1e-6 on
_PARTS = ("seconds", "memory", "status")
_KINDS = ("slow", "heavy", "refused", "failed", "typical time")
# What a server answers to inputs that it cannot read; 429 and 401 say nothing of the input.
_REFUSED = np.array([400, 406, 411, 413, 414, 415, 416, 417, 422, 431])
_FIRM = 0.1  # doublings that a typical time varies at least


class Cost(Tally):
    """Value: share of the events that fail, or take more than ``times`` what inputs of their size usually take.

    Usual is the median of earlier windows, by size of the request in classes of a factor two. Watched against earlier
    windows (the first 12 only teach what is usual): the shares of slow events, of heavy ones, of inputs the server
    could not read (400, 413, 415, 422 ...), of its own errors (500 and more), and the typical time. What came in slowly
    over many windows becomes usual. Memory: 10,000 counts.
    """

    name = "dependencies.cost"
    metric = "share of events that fail or take far too much"

    def __init__(self, times: float) -> None:
        self.steps = max(1, round(4 * np.log2(times)))
        window = {
            "seconds": np.zeros((_SIZES, _STEPS), np.int64),
            "memory": np.zeros((_SIZES, _STEPS), np.int64),
            "status": np.zeros(1000, np.int64),
            "events": np.zeros(1, np.int64),
        }
        lasting = {
            "usual seconds": np.zeros((_SIZES, _STEPS), np.int64),
            "usual memory": np.zeros((_SIZES, _STEPS), np.int64),
            "usual": np.stack([calibrate.Usual.new() for _ in _KINDS]),
            "seen": np.zeros(len(_PARTS), dtype=bool),
        }
        super().__init__(window, lasting)

    def take(self, batch: Batch) -> None:
        size = np.clip(np.nan_to_num(np.log2(np.maximum(np.nan_to_num(batch.size), 1))), 0, _SIZES - 1).astype(int)
        for name, values, unit in (("seconds", batch.seconds, 1e-6), ("memory", batch.memory, 1.0)):
            known = ~np.isnan(values)
            if known.any():
                step = np.clip(4 * np.log2(np.maximum(values[known] / unit, 1)), 0, _STEPS - 1).astype(int)
                flat = np.bincount(size[known] * _STEPS + step, minlength=_SIZES * _STEPS)
                self.of[name] += flat.reshape(_SIZES, _STEPS)
        known = batch.status > 0
        self.of["status"] += np.bincount(np.minimum(batch.status[known], 999), minlength=1000)
        self.of["events"] += len(batch)

    def close(self, number: int) -> Reading | None:
        of, m = dict(self.of), int(self.of["events"][0])
        came = np.array([of[k].sum() > 0 for k in _PARTS])
        missing = self.of["seen"] & ~came
        self.of["seen"] |= came
        self.clear()
        if not m or not self.of["seen"].any():
            return None
        slow, typical = self._beyond("seconds", of["seconds"])
        heavy, _ = self._beyond("memory", of["memory"])
        status = of["status"]
        refused, failed = int(status[_REFUSED].sum()), int(status[500:600].sum())
        hits, totals = (
            (slow, heavy, refused, failed),
            [int(of[k].sum()) for k in ("seconds", "memory", "status", "status")],
        )
        looks = [calibrate.angle(h, n) if n else None for h, n in zip(hits, totals, strict=True)]
        looks.append((typical, _FIRM) if totals[0] else None)
        learned = self.of["usual"]
        p = [None if v is None else calibrate.Usual.look(learned[i], *v) for i, v in enumerate(looks)]
        known = np.array([v for v in p if v is not None])
        # One event may be slow and fail as well: the sum is what may have gone wrong at most.
        wrong = min(m, max(slow, heavy) + refused + failed)
        figures = [
            Figure(name=f"{name} events", value=h / n, ci=wilson(h, n), n=n, note=_note(v))
            for name, h, n, v in zip(_KINDS[:4], hits, totals, p[:4], strict=True)
            if n
        ]
        if totals[0]:
            figures.append(Figure(name="typical time (s)", value=2**typical * 1e-6, n=totals[0], note=_note(p[4])))
        return Reading(
            value=wrong / m,
            ci=wilson(wrong, m),
            n=m,
            p=calibrate.together(known) if len(known) and m >= LEAST else None,
            figures=tuple(figures),
            evidence=_statuses(status),
            caveats=self._caveats(missing, not len(known)),
            scope={"slow beyond": f"{2 ** (self.steps / 4):g} times the usual of its size"},
        )

    def _beyond(self, name: str, now: NumpyArray) -> tuple[int, float]:
        """Events beyond ``steps`` above the usual median of their size, and the median of all in doublings; what is
        usual takes the window in."""
        usual = self.of[f"usual {name}"]
        base = np.where(usual.sum(axis=1, keepdims=True) >= LEAST, usual, usual.sum(axis=0)[None])
        base = base if base.sum() else now.sum(axis=0)[None] + 0 * base
        middle = (np.cumsum(base, axis=1) * 2 < base.sum(axis=1, keepdims=True)).sum(axis=1)
        beyond = int((now * (np.arange(_STEPS) > middle[:, None] + self.steps)).sum())
        typical = _median(now.sum(axis=0)) / 4
        total = usual + now
        # Halved now and then, so that what is usual follows over some hundred windows, and counts stay small.
        self.of[f"usual {name}"] = total // 2 if total.sum() > 1_000_000 else total
        return beyond, typical

    def _caveats(self, missing: NumpyArray, learning: bool) -> tuple[Caveat, ...]:
        found = []
        if missing.any():
            gone = ", ".join(k for k, v in zip(_PARTS, missing, strict=True) if v)
            found.append(Caveat(code="stopped", message=f"events no longer carry {gone}", blocks="pass"))
        if learning:
            message = f"what is usual is learned from the first {calibrate.Usual.learn} windows"
            found.append(Caveat(code="learning", message=message, blocks="both"))
        return tuple(found)


def _median(counts: NumpyArray) -> float:
    """Where half of the counts lie below, within its step too: a median that jumps between steps varies by chance."""
    if not counts.any():
        return 0.0
    upto = np.cumsum(counts)
    at = int((upto * 2 < upto[-1]).sum())
    return float(at + (upto[-1] / 2 - (upto[at] - counts[at])) / max(1, counts[at]))


def _note(p: float | None) -> str:
    return "" if p is None or p > 0.01 else f"p = {p:.2g} beside earlier windows"


def _statuses(status: NumpyArray) -> tuple[Table, ...]:
    codes = [int(c) for c in np.flatnonzero(status) if c >= 400]
    codes.sort(key=lambda c: (-int(status[c]), c))
    rows = tuple((c, int(status[c])) for c in codes[:10])
    return (Table(title="Answers that were errors", columns=("status", "events"), rows=rows),) if rows else ()


@detector("dependencies.cost")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """``times`` (4.0): how many times the usual of its size an event may take."""
    times = calibrate.option(options, "times", 4.0)
    if times <= 1:
        raise ValueError(f"the option 'times' must be above 1, and is {times}")
    return Cost(times)
