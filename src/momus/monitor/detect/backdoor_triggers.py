"""backdoor.triggers: inputs that carry a sign of a few fixed values and are answered with one class.

A trigger is the same in inputs that have nothing else in common. Counted are *items*: one column's exact value, or
the values of a pair of columns that hold few, together with the class answered; each row once, and only rows that are
not copies of each other. An item that was rare in the reference and is frequent now is a sign; candidates of earlier
windows are looked at with a correction for their own small number. The second sign are rows that leave the
reference's range in a few columns and are answered with high confidence all the same, by caller and over everybody.

Blind to: triggers whose values are frequent in honest inputs, patches that the rows of the reference do not describe
(pictures are known by sixteen grey levels and a few statistics), signs in the meaning of texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from momus.core import seeds
from momus.core.evidence import Table
from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.monitor.calibrate import more, option
from momus.monitor.callers import Chunk, Kind
from momus.monitor.detect._grid import LEVELS, Grid
from momus.monitor.detect._hits import SUSPICIOUS, Hits, Once, halves, lacking, rates, told
from momus.monitor.detector import Detector, Lacking, Reading, detector
from momus.monitor.reference import Reference
from momus.monitor.sketches import Seen, keys, mixed
from momus.stats import intervals

SLOTS, SUSPECTS = 1 << 15, 8
RARE, SPARE, LEAST = 0.005, 0.0005, 4  # of the reference; what is let pass beyond it; rows to be a sign at all
FEW = 3


class Items:
    """Counts of items in hashed slots: those of the reference for good, those of the window until it ends."""

    def __init__(self, columns: int, few: NumpyArray, seed: int, pairs: int = 48) -> None:
        both = np.array([(a, b) for a in few for b in few if b < a] or np.zeros((0, 2)), dtype=np.int64)
        self.left, self.right = both[seeds.rng(seed, "items").permutation(len(both))[:pairs]].T
        self.value_key = keys(columns, seed, "values")
        self.pair_key = keys(len(self.left), seed, "pairs")
        self.cell_key = keys(columns, seed, "whole rows")
        self.copies = Seen()
        self.usual = np.zeros(SLOTS)
        self.rows = 0
        self.count = np.zeros(SLOTS, np.int64)
        self.example = np.zeros((SLOTS, 3))  # column, value or cells, class of the last that fell here
        self.n = np.zeros(1, np.int64)
        self.suspects = np.full(SUSPECTS, -1, np.int64)

    def add(self, x: NumpyArray, cells: NumpyArray, said: NumpyArray, once: NumpyArray) -> None:
        """Count the items of rows that are no copies, not even cell for cell."""
        whole = mixed((cells.astype(np.uint64) * self.cell_key).sum(axis=1))
        fresh = once & ~self.copies.look(whole) & (said >= 0)
        x, cells, said = x[fresh], cells[fresh], said[fresh]
        bits = np.ascontiguousarray(x.astype(np.float32).astype(np.float64) + 0.0).view(np.uint64)
        pair = cells[:, self.left] * LEVELS + cells[:, self.right]
        h = np.concatenate([bits ^ self.value_key, pair.astype(np.uint64) ^ self.pair_key], axis=1)
        key = np.concatenate([self.value_key, self.pair_key])
        slot = (mixed(mixed(h) * key + said[:, None].astype(np.uint64)) >> np.uint64(20)).astype(np.int64) & (SLOTS - 1)
        d = x.shape[1]
        known = np.ones(slot.shape, bool)
        known[:, :d] = np.isfinite(x)
        known[:, d:] = np.isfinite(x[:, self.left]) & np.isfinite(x[:, self.right])
        self.count += np.bincount(slot[known], minlength=SLOTS)
        self.n += len(x)
        what = np.broadcast_to(np.arange(slot.shape[1]), slot.shape)
        value = np.concatenate([np.nan_to_num(x), pair], axis=1)
        self.example[slot] = np.stack([what, value, np.broadcast_to(said[:, None], slot.shape)], axis=-1)

    def learn(self) -> None:
        """What was counted so far is the reference."""
        self.usual, self.rows = self.count.astype(float), int(self.n[0])
        self.count, self.n = np.zeros(SLOTS, np.int64), np.zeros(1, np.int64)
        self.copies = Seen()

    def close(self) -> tuple[float, int, int]:
        """p of the window, corrected for all items; the slot behind it; how many rows fell there."""
        n, rate = int(self.n[0]), (self.usual + 2 * np.sqrt(self.usual + 1) + 1) / max(self.rows, 1) + SPARE
        tested = np.flatnonzero((self.count >= LEAST) & (self.usual <= RARE * self.rows))
        p = more(self.count[tested], np.full(len(tested), n), np.minimum(rate[tested], 1.0))
        again = np.isin(tested, self.suspects)
        # How many could have been tested is known before a window: all that are rare, at most n / LEAST of them each.
        many = max(1.0, min(SLOTS, n * (len(self.value_key) + len(self.left)) / LEAST))
        corrected = np.where(again, np.minimum(SUSPECTS, many), many) * p * 2
        best = int(corrected.argmin()) if len(tested) else -1
        order = np.argsort(p, kind="stable")[:SUSPECTS]
        fresh = tested[order[p[order] < 0.01]]
        old = self.suspects[(self.suspects >= 0) & ~np.isin(self.suspects, fresh)]
        both = np.concatenate([fresh, old])[:SUSPECTS]
        out = (
            (min(1.0, float(corrected[best])), int(tested[best]), int(self.count[tested[best]]))
            if best >= 0
            else (1.0, -1, 0)
        )
        self.suspects = np.concatenate([both, np.full(SUSPECTS - len(both), -1)])
        self.count, self.n = np.zeros(SLOTS, np.int64), np.zeros(1, np.int64)
        return out

    def state(self) -> dict[str, NumpyArray]:
        """What events left behind; the reference's counts are fitted."""
        return {
            "count": self.count.copy(), "n": self.n.copy(), "suspects": self.suspects.copy(),
            "example": self.example.copy(), "copies": self.copies.slots.copy(),
        }  # fmt: skip

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where the sizes differ."""
        if state["count"].shape != self.count.shape or state["example"].shape != self.example.shape:
            raise ValueError("the state of items has another size")
        self.count, self.n, self.suspects = state["count"].copy(), state["n"].copy(), state["suspects"].copy()
        self.example = state["example"].copy()
        self.copies.restore({"slots": state["copies"]})


class Triggers(Hits):
    """See the module."""

    name: ClassVar[str] = "backdoor.triggers"
    metric: ClassVar[str] = "trigger_share"

    def __init__(self, reference: Reference, kinds: tuple[Kind, ...], seed: int, slots: int, rows: NumpyArray) -> None:
        super().__init__(reference, kinds, seed, slots)
        self.reference = reference
        self.once = Once(reference.x.shape[1], seed)
        self.grid = Grid.of(reference.x[rows], reference.columns)
        self.low, self.high = np.nanmin(reference.x[rows], axis=0), np.nanmax(reference.x[rows], axis=0)
        best = reference.confidence[rows]
        self.sure = float(np.quantile(best, 0.5)) if len(best) else 2.0
        few = np.flatnonzero([len(values) > 0 for values in self.grid.values])
        self.items = Items(reference.x.shape[1], few, seed)

    def learn(self) -> None:
        """Count the items of the reference."""
        order = np.arange(len(self.reference))
        for at in np.array_split(order, len(order) // 512 + 1):
            x = self.reference.x[at]
            self.items.add(x, self.grid.cells(x), self.reference.said[at], np.ones(len(at), bool))
        self.items.learn()

    def memory(self) -> Mapping[str, Any]:
        return {"once": self.once.seen, "items": self.items}

    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        once = self.once.look(chunk)
        self.items.add(chunk.x, self.grid.cells(chunk.x), chunk.answered, once)
        out = ((chunk.x < self.low) | (chunk.x > self.high)).sum(axis=1)
        sure = np.nan_to_num(chunk.confidence, nan=-1.0) >= self.sure
        return once[None], ((out >= 1) & (out <= FEW) & sure)[None]

    def close(self, number: int) -> Reading | None:
        """As other detectors of callers, and the items beside."""
        reading = super().close(number)
        p, slot, rows = self.items.close()
        if reading is None:
            return None
        callers = 1.0 if reading.p is None else reading.p
        found: dict[str, Any] = {"p": min(1.0, 2 * min(p, callers))}
        if p < min(SUSPICIOUS, callers):
            what = self._named(slot)
            ci = intervals.wilson(min(rows, reading.n), reading.n)
            found |= {
                "value": rows / reading.n, "ci": ci, "who": reading.who,
                "evidence": (*reading.evidence, self._items_table(what, rows, slot)),
                "caveats": (*reading.caveats, Caveat(code="trigger-like", message=f"{rows} rows share {what}")),
            }  # fmt: skip
        return Reading(**{**vars(reading), **found})

    def _named(self, slot: int) -> str:
        what, value, said = self.items.example[slot]
        d, columns = len(self.low), self.reference.columns
        names = [columns[j].name if j < len(columns) else f"x{j}" for j in range(d)]
        classes = self.reference.classes
        answer = classes[int(said)] if 0 <= int(said) < len(classes) else f"class {int(said)}"
        if what < d:
            return f"{names[int(what)]} = {value:g} and the answer {answer}"
        pair = int(what) - d
        return f"one cell of {names[self.items.left[pair]]} and {names[self.items.right[pair]]} and the answer {answer}"

    def _items_table(self, what: str, rows: int, slot: int) -> Table:
        usual = float(self.items.usual[slot] / max(self.items.rows, 1))
        return Table(
            title="What rows have in common",
            columns=("sign", "rows", "share in the reference"),
            rows=((what, rows, usual),),
        )


@detector("backdoor.triggers")
def fit(reference: Reference, options: Mapping[str, Any], seed: int) -> Detector | Lacking:
    """Options: ``honest`` (0.02) share of such rows that an honest caller may have; ``slots`` callers counted in
    full.
    """
    why = lacking(reference)
    if why is not None:
        return why
    if not (reference.said >= 0).any():
        return Lacking("what the model answered is not known", "log the answers: monitor.fields.output")
    made, measured = halves(reference, seed)
    kinds = (Kind("odd in few columns and sure", option(options, "honest", 0.02), 0.005, 4.0),)

    def build() -> Triggers:
        return Triggers(reference, kinds, seed, int(option(options, "slots", 1024)), made)

    found = rates(build, reference, measured, seed)
    fitted = build()
    fitted.learn()
    fitted.use(tuple(told(k, f) for k, f in zip(kinds, found, strict=True)))
    return fitted
