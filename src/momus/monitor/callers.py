"""Callers in bounded memory: who is watched in full, what a chunk of events is, and what a window says of them.

Every detector of callers works alike. It marks events with *kinds* of hits (close to an earlier query, off the
reference's ground ...), each so rare in the reference that a share of ``allowed`` of any honest caller's queries may be
hits, and of ``floor`` of everybody's. A window then counts: by caller for those that hold a slot, and over the whole
population, which no change of names escapes. The p-value of a count is a binomial tail at those rates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.calibrate import more
from momus.monitor.events import Batch
from momus.monitor.sketches import mixed

NOBODY = np.uint64(0)
LETTERS = 48  # of a caller's name that are kept for the report; the whole name is hashed
CHUNK = 1024
_last: tuple[tuple[str, ...], NumpyArray, NumpyArray] = ((), np.zeros(0, np.uint64), np.array([""]))


def named(callers: tuple[str, ...], seed: int) -> tuple[NumpyArray, NumpyArray]:
    """uint64 hashes under a key, never 0, and the names cut short. All detectors share the last batch's digests."""
    global _last
    if _last[0] is not callers:
        raw = b"".join(hashlib.blake2b(c.encode(errors="surrogatepass"), digest_size=8).digest() for c in callers)
        names = np.array([c[:LETTERS] for c in callers] or [""], f"U{LETTERS}")
        _last = (callers, np.frombuffer(raw, np.uint64), names)
    return mixed(_last[1] ^ np.uint64(seed % 2**64)) | np.uint64(1), _last[2]


@dataclass(frozen=True)
class Chunk:
    """Some events in a row, as the detectors of callers need them."""

    who: NumpyArray  # uint64, NOBODY where no name is known
    name: NumpyArray
    x: NumpyArray
    outputs: NumpyArray
    said: NumpyArray

    def __len__(self) -> int:
        return len(self.who)

    @property
    def confidence(self) -> NumpyArray:
        """The probability of the class that was answered; NaN where there are no probabilities."""
        if self.outputs.shape[1] < 2 or not len(self):
            return np.full(len(self), np.nan)
        said = np.where(self.said >= 0, self.said, np.nan_to_num(self.outputs, nan=-1.0).argmax(axis=1))
        inside = said < self.outputs.shape[1]
        return np.where(inside, self.outputs[np.arange(len(self)), np.where(inside, said, 0)], np.nan)

    @property
    def answered(self) -> NumpyArray:
        """The class answered, by the probabilities where the log does not say; -1 not known."""
        if self.outputs.shape[1] < 2 or not len(self):
            return self.said
        known = ~np.isnan(self.outputs).any(axis=1)
        return np.where((self.said < 0) & known, np.nan_to_num(self.outputs, nan=-1.0).argmax(axis=1), self.said)


class Chunks:
    """Events until there are enough of them: however they come in, they are worked on in the same pieces."""

    FIELDS = ("who", "name", "x", "outputs", "said")

    def __init__(self, columns: int, outputs: int, seed: int, size: int = CHUNK) -> None:
        self.columns, self.outputs, self.seed, self.size = columns, outputs, seed, size
        self.held = 0
        self.kept = Chunk(
            np.zeros(size, np.uint64), np.zeros(size, f"U{LETTERS}"), np.zeros((size, columns)),
            np.zeros((size, outputs)), np.zeros(size, np.int64),
        )  # fmt: skip

    def add(self, batch: Batch) -> list[Chunk]:
        """The chunks that are full now."""
        hashes, names = named(batch.callers, self.seed)
        known = batch.caller >= 0
        at = np.where(known, batch.caller, 0)
        full, start = [], 0
        while start < len(batch):
            stop = min(len(batch), start + self.size - self.held)
            part, here = slice(start, stop), slice(self.held, self.held + stop - start)
            self.kept.who[here] = np.where(known[part], hashes[at[part]], NOBODY) if len(hashes) else NOBODY
            self.kept.name[here] = np.where(known[part], names[at[part]], "")
            self.kept.x[here] = _wide(batch.x[part], self.columns)
            self.kept.outputs[here] = _wide(batch.outputs[part], self.outputs)
            self.kept.said[here] = batch.said[part]
            self.held, start = self.held + stop - start, stop
            if self.held == self.size:
                full += self.rest()
        return full

    def rest(self) -> list[Chunk]:
        """What is left at a window's end: one chunk, or none."""
        if not self.held:
            return []
        held, self.held = self.held, 0
        return [Chunk(**{f: getattr(self.kept, f)[:held].copy() for f in self.FIELDS})]

    def state(self) -> dict[str, NumpyArray]:
        """The events that wait."""
        return {f"chunk {f}": getattr(self.kept, f)[: self.held].copy() for f in self.FIELDS}

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where they do not fit."""
        held = len(state["chunk who"])
        if held >= self.size or state["chunk x"].shape[1] != self.columns:
            raise ValueError("the events that waited belong to another detector")
        for f in self.FIELDS:
            getattr(self.kept, f)[:held] = state[f"chunk {f}"]
        self.held = held


def _wide(values: NumpyArray, columns: int) -> NumpyArray:
    """Not known where the log carries other columns than the reference."""
    return values if values.shape[1] == columns else np.full((len(values), columns), np.nan)


@dataclass(frozen=True)
class Kind:
    """One sign. ``allowed``: share of an honest caller's queries; ``floor``: of everybody's, None if nothing is judged
    there; ``relative``: a caller is also allowed so many times the share of all others in the same window."""

    name: str
    allowed: float
    floor: float | None = None
    relative: float = 0.0


@dataclass(frozen=True)
class Count:
    """What a window held. ``p`` is corrected for every caller and kind; ``worst`` are slots, worst first."""

    n: int
    hits: NumpyArray
    p: float
    worst: tuple[tuple[str, int, int, int, float], ...]  # name, kind, hits, n, p for that caller alone
    crowd: float  # p of the population, corrected for the kinds
    callers: float


class Slots:
    """Space-saving slots: the heaviest callers are always among them, whoever is new takes the lightest's place.

    Weights fade by half from one window to the next. Those who stood out in earlier windows are looked at with a
    correction for their rank alone (2 for the first, 4 for the second, ...), so that a slow attacker does not drown
    among thousands of names.
    """

    SUSPECTS, BITS = 8, 1 << 14

    def __init__(self, kinds: Sequence[Kind], slots: int = 1024) -> None:
        self.kinds, self.slots = tuple(kinds), slots
        k = len(self.kinds)
        self.who = np.zeros(slots, np.uint64)
        self.name = np.zeros(slots, f"U{LETTERS}")
        self.weight = np.zeros(slots)
        self.n = np.zeros((k, slots), np.int64)
        self.hits = np.zeros((k, slots), np.int64)
        self.all_n, self.all_hits = np.zeros(k, np.int64), np.zeros(k, np.int64)
        self.suspects = np.zeros(self.SUSPECTS, np.uint64)  # with the kind, and the logarithm of p so far
        self.suspect_kind = np.zeros(self.SUSPECTS, np.int64)
        self.suspect_p = np.zeros(self.SUSPECTS)
        self.met = np.zeros(self.BITS, bool)

    def add(self, who: NumpyArray, name: NumpyArray, counted: NumpyArray, hits: NumpyArray) -> None:
        """Events of a chunk: bool (kinds, n) which count at all, and which are hits."""
        self.all_n += counted.sum(axis=1)
        self.all_hits += (hits & counted).sum(axis=1)
        known = who != NOBODY
        if not known.any():
            return
        unique, first, inverse = np.unique(who[known], return_index=True, return_inverse=True)
        self.met[(unique >> np.uint64(7)) & np.uint64(self.BITS - 1)] = True
        times = np.bincount(inverse, minlength=len(unique)).astype(float)
        slot = self._seats(unique, name[known][first], times)
        for k in range(len(self.kinds)):
            for store, marks in ((self.n, counted[k]), (self.hits, hits[k] & counted[k])):
                of = np.bincount(inverse, weights=marks[known], minlength=len(unique)).astype(np.int64)
                np.add.at(store[k], slot[slot >= 0], of[slot >= 0])

    def _seats(self, unique: NumpyArray, names: NumpyArray, times: NumpyArray) -> NumpyArray:
        """The slot of each caller; -1 for those who found none, which more callers than slots in one chunk makes."""
        order = np.argsort(self.who, kind="stable")
        spot = np.searchsorted(self.who, unique, sorter=order)
        slot = order[np.minimum(spot, self.slots - 1)]
        there = self.who[slot] == unique
        self.weight[slot[there]] += times[there]
        new = np.flatnonzero(~there)
        if len(new):
            new = new[np.argsort(-times[new], kind="stable")][: self.slots]
            taken = np.zeros(self.slots, bool)
            taken[slot[there]] = True
            free = np.flatnonzero(~taken)
            free = free[np.argsort(self.weight[free], kind="stable")][: len(new)]
            slot[~there] = -1
            new = new[: len(free)]
            slot[new] = free
            self.who[free], self.name[free] = unique[new], names[new]
            self.weight[free] += times[new]
            self.n[:, free] = self.hits[:, free] = 0
        return np.where(there | (slot >= 0), slot, -1)

    def close(self) -> Count:
        """Count the window and begin the next."""
        empty = float((~self.met).sum())
        callers = max(1.0, -self.BITS * np.log(max(empty, 1.0) / self.BITS) * 1.1)
        callers = max(callers, float(((self.n.sum(axis=0)) > 0).sum()))
        p = np.ones((len(self.kinds), self.slots))
        crowd = 1.0
        for k, kind in enumerate(self.kinds):
            hits, n = self.hits[k], self.n[k]
            others = (self.all_hits[k] - hits) / np.maximum(self.all_n[k] - n, 1)
            some = np.flatnonzero(hits)
            p[k, some] = more(hits[some], n[some], np.maximum(kind.allowed, kind.relative * others[some]))
            if kind.floor is not None:
                crowd = min(crowd, float(more(self.all_hits[k], self.all_n[k], kind.floor)))
        tests = len(self.kinds)
        again = self._again(p)
        anew = float(p.min(initial=1.0)) * callers * tests
        crowd = min(1.0, crowd * tests)
        # Shares of the error: four tenths each for those known and for the new ones, two for the population.
        together = min(again / 0.4, anew / 0.4, crowd / 0.2)
        count = Count(
            int(self.all_n.max(initial=0)), self.all_hits.copy(), float(min(1.0, together)),
            self._worst(p), crowd, callers,
        )  # fmt: skip
        self._begin(p)
        return count

    def _worst(self, p: NumpyArray) -> tuple[tuple[str, int, int, int, float], ...]:
        kind = p.argmin(axis=0)
        least = p[kind, np.arange(self.slots)]
        order = np.argsort(least, kind="stable")[:5]
        return tuple(
            (str(self.name[s]), int(kind[s]), int(self.hits[kind[s], s]), int(self.n[kind[s], s]), float(least[s]))
            for s in order
            if least[s] < 0.01
        )

    def _again(self, p: NumpyArray) -> float:
        """The least p of the suspects, corrected for their ranks; what they did is remembered."""
        least = 1.0
        for rank, (who, kind) in enumerate(zip(self.suspects, self.suspect_kind, strict=True)):
            at = np.flatnonzero(self.who == who) if who else np.zeros(0, np.int64)
            found = float(p[kind, at[0]]) if len(at) else 1.0
            least = min(least, found * 2.0 ** (rank + 1))
            self.suspect_p[rank] = min(0.0, 0.9 * self.suspect_p[rank] + np.log(max(found, 1e-300)) + 0.5)
        return least

    def _begin(self, p: NumpyArray) -> None:
        """Who is suspected in the next window: those with the least p so far, then those with the least p now."""
        kind, slot = np.unravel_index(np.argsort(p, axis=None, kind="stable")[: 2 * self.SUSPECTS], p.shape)
        listed = {(int(w), int(k)): float(q) for w, k, q in zip(
            self.suspects, self.suspect_kind, self.suspect_p, strict=True) if w and q < 0}  # fmt: skip
        for k, at in zip(kind, slot, strict=True):
            key = int(self.who[at]), int(k)
            if p[k, at] < 0.05 and key[0] and key not in listed:
                listed[key] = float(np.log(max(p[k, at], 1e-300)))
        order = sorted(listed.items(), key=lambda item: (item[1], item[0]))[: self.SUSPECTS]
        self.suspects[:], self.suspect_kind[:], self.suspect_p[:] = 0, 0, 0.0
        for i, ((who, k), q) in enumerate(order):
            self.suspects[i], self.suspect_kind[i], self.suspect_p[i] = who, k, q
        self.weight *= 0.5
        self.n[:], self.hits[:], self.all_n[:], self.all_hits[:], self.met[:] = 0, 0, 0, 0, False

    def state(self) -> dict[str, NumpyArray]:
        """Everything that events left behind."""
        return {f"slots {k}": v.copy() for k, v in vars(self).items() if isinstance(v, np.ndarray)}

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where the shapes differ."""
        for k, v in list(vars(self).items()):
            if isinstance(v, np.ndarray):
                if state[f"slots {k}"].shape != v.shape:
                    raise ValueError(f"the state of callers has another shape: {k}")
                setattr(self, k, state[f"slots {k}"].copy())
