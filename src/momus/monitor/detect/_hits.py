"""What the detectors of callers share: marks of events in, rates from simulated callers, a reading of a window out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from momus.core import seeds
from momus.core.evidence import Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.monitor.calibrate import upper
from momus.monitor.callers import CHUNK, Chunk, Chunks, Count, Kind, Slots
from momus.monitor.detector import Lacking, Reading
from momus.monitor.events import Batch
from momus.monitor.reference import Reference
from momus.monitor.sketches import Seen, hashed, keys, mixed
from momus.stats import intervals

LEAST = 200  # rows of the reference below which no rate of a rare sign is known
SUSPICIOUS = 1e-4


class Hits(ABC):
    """A detector that marks events with kinds of hits and counts them by caller and over everybody."""

    name: ClassVar[str]
    metric: ClassVar[str]
    worse: ClassVar[Literal["lower", "higher"]] = "higher"
    cheap: ClassVar[bool] = True

    def __init__(self, reference: Reference, kinds: Sequence[Kind], seed: int, slots: int) -> None:
        self.kinds = tuple(kinds)
        self.chunks = Chunks(reference.x.shape[1], reference.outputs.shape[1], seed)
        self.tally = Slots(self.kinds, slots)

    def use(self, kinds: Sequence[Kind]) -> None:
        """Count at other rates from now on."""
        self.kinds = self.tally.kinds = tuple(kinds)

    @abstractmethod
    def marks(self, chunk: Chunk) -> tuple[NumpyArray, NumpyArray]:
        """bool (kinds, n) twice: events that count for each kind, and those that are hits."""

    @abstractmethod
    def memory(self) -> Mapping[str, Any]:
        """What holds the arrays that events left behind, beside the tally: name -> an object with state and restore."""

    def take(self, batch: Batch) -> None:
        """Take events in."""
        for chunk in self.chunks.add(batch):
            self._work(chunk)

    def _work(self, chunk: Chunk) -> None:
        counted, hits = self.marks(chunk)
        self.tally.add(chunk.who, chunk.name, counted, hits)

    def close(self, number: int) -> Reading | None:
        """The reading of a window: the share of hits above what the reference has, and who stands out."""
        for chunk in self.chunks.rest():
            self._work(chunk)
        count = self.tally.close()
        return self._reading(count) if count.n else None

    def _reading(self, count: Count) -> Reading:
        shares = [
            (h / max(1, count.n) - self._usual(k), i)
            for i, (h, k) in enumerate(zip(count.hits, self.kinds, strict=True))
        ]
        _, top = max(shares)
        kind, hits = self.kinds[top], int(count.hits[top])
        usual = self._usual(kind)
        ci = intervals.wilson(hits, count.n)
        low, high = max(0.0, ci.low - usual), max(0.0, ci.high - usual)
        value = max(0.0, hits / count.n - usual)
        figures = [
            Figure(name=f"share_{k.name}", value=float(h / count.n), n=count.n)
            for k, h in zip(self.kinds, count.hits, strict=True)
        ]
        if count.worst:
            _, k, h, n, _ = count.worst[0]
            figures.append(
                Figure(name="worst_caller_share", value=h / n, n=n, note=f"{h} of {n} queries: {self.kinds[k].name}")
            )
        loud = count.p < SUSPICIOUS
        who = tuple(w[0] for w in count.worst if w[4] < SUSPICIOUS) if loud else ()
        return Reading(
            value=value, ci=Interval(low=low, high=high, level=ci.level, method=ci.method), n=count.n, p=count.p,
            figures=tuple(figures), evidence=(self._table(count),) if loud and count.worst else (),
            caveats=self._caveats(count, loud, who), scope={"callers": round(count.callers)}, who=who,
        )  # fmt: skip

    def _usual(self, kind: Kind) -> float:
        """The share that a population with nothing wrong may have."""
        return kind.floor if kind.floor is not None else kind.allowed

    def _table(self, count: Count) -> Table:
        rows = tuple((name, self.kinds[k].name, h, n, h / n, p) for name, k, h, n, p in count.worst)
        return Table(
            title="Callers that stand out", columns=("caller", "sign", "hits", "queries", "share", "p"), rows=rows
        )

    def _caveats(self, count: Count, loud: bool, who: tuple[str, ...]) -> tuple[Caveat, ...]:
        found = []
        if loud:
            by = "by " + ", ".join(who) if who else "under many names, or none"
            found.append(Caveat(code="callers-stand-out", message=f"queries {by} are of this kind", blocks="pass"))
        if not self.tally.who.any():
            message = "the log names no callers: only what shows over all queries together was looked for"
            found.append(Caveat(code="no-callers", message=message, blocks="pass"))
        return tuple(found)

    def state(self) -> dict[str, NumpyArray]:
        """Everything that the events so far left behind."""
        parts = {f"{name} {k}": v for name, part in self.memory().items() for k, v in part.state().items()}
        return {**parts, **self.chunks.state(), **self.tally.state()}

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """Go on from a state. ValueError where it is not one of this detector's."""
        try:
            for name, part in self.memory().items():
                part.restore({k.removeprefix(f"{name} "): v for k, v in state.items() if k.startswith(f"{name} ")})
            self.chunks.restore(state)
            self.tally.restore(state)
        except KeyError as missing:
            raise ValueError(f"the state of {self.name} lacks {missing}") from missing


class Once:
    """Rows that a caller asks for the first time, as far as is remembered: a bot that repeats itself counts once."""

    def __init__(self, columns: int, seed: int) -> None:
        self.key = keys(max(columns, 1), seed, "once")[:columns]
        self.seen = Seen()

    def look(self, chunk: Chunk) -> NumpyArray:
        """bool (n,)."""
        rows = hashed(chunk.x, self.key) if chunk.x.shape[1] else np.zeros(len(chunk), np.uint64)
        return ~self.seen.look(mixed(rows ^ chunk.who))


def anchored(reference: Reference, seed: int) -> tuple[NumpyArray, NumpyArray]:
    """As :func:`halves` for signs that need few rows: one row in four at most, and 512."""
    order = seeds.rng(seed, "anchors").permutation(len(reference))
    few = min(512, len(order) // 4)
    return order[:few], order[few:]


def halves(reference: Reference, seed: int) -> tuple[NumpyArray, NumpyArray]:
    """Indices of the rows that signs are made of, and of those on which their rates are measured."""
    order = seeds.rng(seed, "halves").permutation(len(reference))
    return order[: len(order) // 2], order[len(order) // 2 :]


def lacking(reference: Reference, *, outputs: bool = False) -> Lacking | None:
    """Why nothing can be said of callers here, if so."""
    if not reference.x.shape[1]:
        return Lacking("events carry no input", "name the field that holds it on the card: monitor.fields.input")
    if len(reference) < LEAST:
        return Lacking(
            f"{len(reference)} rows of reference are too few to know how rare a sign is",
            f"give a reference of {LEAST} rows or more",
        )
    if outputs and reference.outputs.shape[1] < 2:
        return Lacking("the model answers no probabilities", "log them: monitor.fields.output")
    return None


def rates(
    make: Callable[[], Hits], reference: Reference, rows: NumpyArray, seed: int, *, most: int = 4096, warm: float = 0.0
) -> NumpyArray:
    """float (kinds, 2): upper bounds of the share of hits among honest callers' queries, and of everybody's.

    The reference's rows are dealt to callers whose numbers of queries differ widely, once in random order and again
    sorted by a column, as batch jobs ask; the first column is the worst of these, the second the random order's, 0
    where there was not one hit. The first ``warm`` of the rows fill the memory and are not counted.
    """
    rng = seeds.rng(seed, "simulated callers")
    rows = rng.permutation(rows)[:most]
    columns = rng.permutation(reference.x.shape[1])[:3]
    orders = [rows, *(rows[np.argsort(reference.x[rows, j], kind="stable")] for j in columns)]
    worst: list[NumpyArray] = []
    none = np.zeros(0, bool)
    for order in orders:
        made = make()
        hits = n = np.zeros(len(made.kinds))
        who = _callers(len(order), rng)
        for start in range(0, len(order), CHUNK):
            at = order[start : start + CHUNK]
            here = who[start : start + CHUNK]
            chunk = Chunk(here, np.full(len(at), ""), reference.x[at], reference.outputs[at], reference.said[at])
            counted, marked = made.marks(chunk)
            if start >= warm * len(order):
                hits, n = hits + (marked & counted).sum(axis=1), n + counted.sum(axis=1)
        none = none if len(none) else hits == 0
        worst.append(upper(hits, n))
    return np.column_stack([np.max(worst, axis=0), np.where(none, 0.0, worst[0])])


def _callers(n: int, rng: np.random.Generator) -> NumpyArray:
    """Names of one query and of hundreds, in runs: uint64 (n,)."""
    sizes = np.minimum(np.round(rng.pareto(0.8, n) + 1), n / 4).astype(int)
    return np.repeat(np.arange(1, n + 1), sizes)[:n].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)


def told(kind: Kind, measured: NumpyArray, factor: float = 1.5) -> Kind:
    """A kind with rates no lower than those measured."""
    floor = None if kind.floor is None else min(1.0, max(kind.floor, float(measured[1])))
    return replace(kind, allowed=min(1.0, max(kind.allowed, factor * float(measured[0]))), floor=floor)


def crowded(found: NumpyArray, memory: int, rows: NumpyArray) -> NumpyArray:
    """Rates of pairs as they are once the memory is full: they grow with the rows that one is compared with."""
    held = 0.75 * min(len(rows), 4096)
    out = found.copy()
    out[:, 1] *= max(1.0, 1.5 * memory / max(held, 1.0))
    return out
