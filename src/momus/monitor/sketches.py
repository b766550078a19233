"""Bounded memory of rows: keyed hashes, a scale that the reference sets, and the recent rows that lie close to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from momus.core import seeds
from momus.core.samples import Column, ColumnKind, NumpyArray

CODED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)
FAR = np.float32(np.inf)


def mixed(h: NumpyArray) -> NumpyArray:
    """uint64 in, uint64 out: every bit of the one depends on every bit of the other."""
    h = (h ^ (h >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((h ^ (h >> np.uint64(29))) * np.uint64(0x94D049BB133111EB))


def keys(n: int, *parts: object) -> NumpyArray:
    """``n`` odd 64-bit numbers: who does not know the seed cannot aim at a slot."""
    drawn = seeds.rng(*parts).integers(0, 2**63, n, dtype=np.uint64)
    return np.asarray(drawn * np.uint64(2) + np.uint64(1))


def hashed(values: NumpyArray, key: NumpyArray) -> NumpyArray:
    """uint64 (n,): a hash of each row of ``values`` (n, d), bit for bit, where all missing values are one."""
    plain = np.ascontiguousarray(values, dtype=np.float64) + 0.0
    plain[np.isnan(plain)] = np.nan
    bits = plain.view(np.uint64)
    return mixed((mixed(bits ^ key) * key).sum(axis=1, dtype=np.uint64))


@dataclass(frozen=True)
class Scale:
    """What counts as a step in each column: its interquartile range, or any change of a code.

    The distance of two rows is the mean over the columns of ``min(|difference| / unit, 1)``: in [0, 1], small where
    many columns moved a little as well as where few moved far.
    """

    centre: NumpyArray
    unit: NumpyArray

    @classmethod
    def of(cls, x: NumpyArray, columns: tuple[Column, ...]) -> Scale:
        """From the reference's rows."""
        coded = np.array([c.kind in CODED for c in columns] or [False] * x.shape[1], bool)
        if not x.size:
            return cls(np.zeros(x.shape[1]), np.ones(x.shape[1]))
        filled = np.where(np.isfinite(x), x, np.nan)
        empty = np.isnan(filled).all(axis=0)
        filled[:, empty] = 0.0
        low, centre, high = np.nanquantile(filled, [0.25, 0.5, 0.75], axis=0)
        spread = np.where(high > low, high - low, np.nanstd(filled, axis=0))
        unit = np.where(coded | ~(spread > 0), 1.0, spread)
        return cls(np.where(coded, 0.0, centre), unit)

    def __call__(self, x: NumpyArray) -> NumpyArray:
        """float32 (n, d) in units of the scale; a missing value is a step away from all others."""
        z = (x - self.centre) / self.unit
        return np.asarray(np.clip(np.where(np.isnan(z), -1e4, z), -1e4, 1e4), dtype=np.float32)


def apart(a: NumpyArray, b: NumpyArray) -> NumpyArray:
    """The distance of each row of ``a`` from the same row of ``b``; see :class:`Scale`."""
    gap = np.subtract(a, b)
    np.abs(gap, out=gap)
    np.minimum(gap, np.float32(1), out=gap)
    return np.asarray(gap @ np.full(gap.shape[-1], 1 / max(1, gap.shape[-1]), np.float32))


class Seen:
    """Whether the same thing came before: one slot a hash, the last to come stays in it."""

    def __init__(self, bits: int = 15) -> None:
        self.slots = np.zeros(1 << bits, np.uint64)

    def look(self, things: NumpyArray) -> NumpyArray:
        """bool (n,): it was here before, earlier in this chunk or in one before; all of them are kept."""
        slot = (things >> np.uint64(13)).astype(np.int64) & (len(self.slots) - 1)
        before = self.slots[slot] == things
        order = np.argsort(things, kind="stable")
        before[order[1:]] |= things[order[1:]] == things[order[:-1]]
        self.slots[slot] = things
        return np.asarray(before)

    def state(self) -> dict[str, NumpyArray]:
        """What is kept."""
        return {"slots": self.slots.copy()}

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where the size differs."""
        if state["slots"].shape != self.slots.shape:
            raise ValueError("the state of what was seen has another size")
        self.slots = state["slots"].copy()


def fresh(slots: NumpyArray, things: NumpyArray) -> NumpyArray:
    """bool (n,): not here before; ``slots`` (a power of two, 0 for empty) keep whoever came first to each.

    Whoever finds the slot taken by another is new each time. Unlike :class:`Seen` the same however things are cut.
    """
    things = things | np.uint64(1)
    slot = (things >> np.uint64(13)).astype(np.int64) & (len(slots) - 1)
    first = np.unique(slot, return_index=True)[1]
    first = first[slots[slot[first]] == 0]
    slots[slot[first]] = things[first]
    new = np.asarray(slots[slot] != things)
    new[first] = True
    return new


class Last:
    """The last row of each caller, in a fixed number of places; two who share one take turns in it."""

    def __init__(self, columns: int, places: int = 4096) -> None:
        self.who = np.zeros(places, np.uint64)
        self.rows = np.zeros((places, columns), np.float32)

    def look(self, who: NumpyArray, rows: NumpyArray) -> NumpyArray:
        """float32 (n, columns): the row before each of the same caller, NaN where none is known; keeps the new ones."""
        place = (who >> np.uint64(11)).astype(np.int64) % len(self.who)
        before = np.where((self.who[place] == who)[:, None], self.rows[place], np.float32(np.nan))
        order = np.argsort(who, kind="stable")
        follows = who[order[1:]] == who[order[:-1]]
        before[order[1:][follows]] = rows[order[:-1][follows]]
        self.who[place], self.rows[place] = who, rows
        before[who == 0] = np.nan
        return before

    def state(self) -> dict[str, NumpyArray]:
        """What is kept."""
        return {"who": self.who.copy(), "rows": self.rows.copy()}

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where the shapes differ."""
        if state["rows"].shape != self.rows.shape:
            raise ValueError("the state of last rows has another shape")
        self.who, self.rows = state["who"].copy(), state["rows"].copy()


@dataclass(frozen=True)
class Neighbours:
    """For each row of a chunk: the nearest of the recent ones that is not the same row, of anybody and of one's own.

    ``any_at`` and ``own_at`` are places in the memory, -1 none; ``repeated`` marks rows that were there before, value
    for value.
    """

    any_far: NumpyArray
    any_at: NumpyArray
    own_far: NumpyArray
    own_at: NumpyArray
    repeated: NumpyArray
    at: NumpyArray


class Recent:
    """The last ``size`` rows, and hash tables that name those which may be close to a new one.

    A hash is of a few columns, drawn so that unrelated rows of the reference seldom share it, cut at random offsets
    with one of several widths: rows that differ little, or in few columns, share some of the hashes. A table holds for
    each slot the last row that fell into it, for everybody and for each caller apart; what it names is then measured
    exactly. Nothing grows: a slot is overwritten, and what has left the memory is not found.
    """

    SLOTS = 1 << 14
    WIDTHS = (0.25, 0.5, 1.0, 2.0)

    def __init__(self, reference: NumpyArray, seed: int, *, size: int = 4096, extra: int = 0, tables: int = 6) -> None:
        d = reference.shape[1]
        self.size, self.tables, self.own = size, tables, max(1, tables // 2)
        self._rng = seeds.rng(seed, "recent")
        self._cuts = [self._columns(reference, w) for w in np.resize(self.WIDTHS, tables)]
        self._salt = keys(max(d, 1), seed, "recent columns")
        self._rowkey = keys(max(d, 1), seed, "recent rows")
        self.rows = np.zeros((size, d), np.float32)
        self.row = np.zeros(size, np.uint64)
        self.who = np.zeros(size, np.uint64)
        self.notes = np.zeros((size, extra), np.float32)
        self.table = np.full((tables + self.own + 1, self.SLOTS), -1, np.int64)
        self.seen = 0

    def _columns(self, z: NumpyArray, width: float) -> tuple[NumpyArray, NumpyArray, float]:
        """Columns in random order until two rows of the reference share their bins once in a thousand pairs."""
        rng, d = self._rng, z.shape[1]
        order, offset = rng.permutation(d), rng.random(d).astype(np.float32) * np.float32(width)
        if len(z) < 2:
            return order, offset[order], width
        a, b = z[rng.integers(0, len(z), 4096)], z[rng.integers(0, len(z), 4096)]
        same = np.ones(4096, bool)
        differ = (a != b).any(axis=1)
        taken: list[int] = []
        for j in order:
            left = same & (np.floor((a[:, j] + offset[j]) / width) == np.floor((b[:, j] + offset[j]) / width))
            if left.sum() < same.sum() or not taken:
                taken.append(int(j))
                same = left
            if (same & differ).mean() <= 1e-3:
                break
        chosen = np.array(taken, dtype=np.int64)
        return chosen, offset[chosen], width

    def _hashes(self, z: NumpyArray, who: NumpyArray) -> NumpyArray:
        """int64 (tables, n): slots of each row; the last one is the caller's alone."""
        out = np.empty((len(self.table), len(z)), np.int64)
        mask = np.uint64(self.SLOTS - 1)
        for t, (columns, offset, width) in enumerate(self._cuts):
            bins = np.floor((z[:, columns] + offset) * np.float32(1 / width)).astype(np.int64).view(np.uint64)
            h = (bins * self._salt[columns]).sum(axis=1, dtype=np.uint64) + np.uint64(t * 0x9E3779B97F4A7C15 % 2**64)
            out[t] = mixed(h) & mask
            if t < self.own:
                out[self.tables + t] = mixed(h ^ who) & mask
        out[-1] = mixed(who) & mask
        return out

    def keys_of(self, x: NumpyArray) -> NumpyArray:
        """What tells one row from another, value for value."""
        return hashed(x, self._rowkey[: x.shape[1]]) if x.shape[1] else np.zeros(len(x), np.uint64)

    def look(self, z: NumpyArray, row: NumpyArray, who: NumpyArray, notes: NumpyArray | None = None) -> Neighbours:
        """Take a chunk in, and say what was close to each of its rows before it came. At most ``size`` rows."""
        n = len(z)
        at = np.arange(self.seen, self.seen + n)
        place = at % self.size
        self.rows[place], self.row[place], self.who[place] = z, row, who
        self.notes[place] = 0.0 if notes is None else notes
        slots = self._hashes(z, who)
        named = np.stack([self._named(t, slots[t], at) for t in range(len(slots))])
        self.seen += n
        known = (named >= 0) & (named > self.seen - 1 - self.size)
        spot = np.where(known, named % self.size, 0)
        same = known & (self.row[spot] == row)
        far = np.where(known & ~same, apart(self.rows[spot], z[None]), FAR)
        best = far.argmin(axis=0)
        mine = far[self.tables :]
        nearest = mine.argmin(axis=0)
        index = np.arange(n)
        any_far, own_far = far[best, index], mine[nearest, index]
        return Neighbours(
            any_far, np.where(np.isfinite(any_far), spot[best, index], -1),
            own_far, np.where(np.isfinite(own_far), spot[self.tables :][nearest, index], -1),
            same.any(axis=0), place,
        )  # fmt: skip

    def hold(self, z: NumpyArray) -> None:
        """Rows to be found for good by :meth:`nearest`; of several in one slot the last stays."""
        nobody = np.zeros(len(z), np.uint64)
        self.rows[: len(z)] = z
        for t, slot in enumerate(self._hashes(z, nobody)):
            self.table[t][slot] = np.arange(len(z))
        self.seen = len(z)

    def nearest(self, z: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
        """Distance from, and place of, the nearest row that shares a slot; inf and 0 where none does."""
        slots = self._hashes(z, np.zeros(len(z), np.uint64))[: self.tables]
        named = np.take_along_axis(self.table[: self.tables], slots, axis=1)
        far = np.where(named >= 0, apart(self.rows[np.maximum(named, 0)], z[None]), FAR)
        best = far.argmin(axis=0)
        index = np.arange(len(z))
        return np.asarray(far[best, index]), np.maximum(named[best, index], 0)

    def _named(self, t: int, slot: NumpyArray, at: NumpyArray) -> NumpyArray:
        """The last row before each that fell into the same slot, in this chunk or earlier; the table moves on."""
        order = np.argsort(slot.astype(np.uint16), kind="stable")  # 16 bits are sorted by radix, in a third of the time
        named = self.table[t][slot]
        follows = slot[order[1:]] == slot[order[:-1]]
        named[order[1:][follows]] = at[order[:-1][follows]]
        self.table[t][slot] = at  # of several in one slot the last stays
        return np.asarray(named)

    def state(self) -> dict[str, NumpyArray]:
        """Everything that rows left behind."""
        return {
            "rows": self.rows.copy(), "row": self.row.copy(), "who": self.who.copy(), "notes": self.notes.copy(),
            "table": self.table.copy(), "seen": np.array(self.seen),
        }  # fmt: skip

    def restore(self, state: Mapping[str, NumpyArray]) -> None:
        """ValueError where the shapes are not this memory's."""
        for name in ("rows", "row", "who", "notes", "table"):
            if state[name].shape != getattr(self, name).shape:
                raise ValueError(f"the state of recent rows has another shape: {name} {state[name].shape}")
        self.rows, self.row, self.who = state["rows"].copy(), state["row"].copy(), state["who"].copy()
        self.notes, self.table = state["notes"].copy(), state["table"].copy()
        self.seen = int(state["seen"])


@dataclass(frozen=True)
class Close:
    """Which rows of a chunk are closer to an earlier one than rows of the reference are to each other.

    ``own``: to one of the same caller, at place ``own_at`` of the memory. ``other``: to anybody's, at ``any_at``;
    ``strange``: to one under another name. ``fresh``: rows that are no repetition. ``at``: where the rows lie now.
    """

    own: NumpyArray
    own_at: NumpyArray
    other: NumpyArray
    any_at: NumpyArray
    strange: NumpyArray
    fresh: NumpyArray
    at: NumpyArray


class Closeness:
    """Near-duplicates of recent queries, by a radius that follows the reference.

    A pair is close where its distance is less than half of the row's distance from the nearest of five hundred rows of
    the reference, and below what is usual there: where natural rows lie thick (people who owe nothing, empty forms),
    only what is closer still is suspicious. Rows of strangers are compared with many more than one's own, so these
    have to be closer (0.3), and not where rows lie thickest.
    """

    SAMPLE, OWN, OTHER = 512, 0.5, 0.3

    def __init__(self, z: NumpyArray, seed: int, *, extra: int, size: int = 4096, tables: int = 6) -> None:
        rng = seeds.rng(seed, "closeness")
        self.anchors = z[rng.permutation(len(z))[: self.SAMPLE]]
        some = self.anchors[:400]
        far = np.array([_other(row, self.anchors) for row in some]) if len(some) else np.ones(1)
        self.thick, self.radius, self.own_radius = np.quantile(far, [0.15, 0.1, 0.5])
        self.recent = Recent(z, seed, size=size, extra=extra, tables=tables)

    def look(self, z: NumpyArray, row: NumpyArray, who: NumpyArray, notes: NumpyArray | None = None) -> Close:
        """Take a chunk in and compare it with what came before."""
        found = self.recent.look(z, row, who, notes)
        fresh = ~found.repeated
        own, other = fresh & (found.own_far <= self.own_radius), fresh & (found.any_far <= self.radius)
        asked = np.flatnonzero(own | other)
        for start in range(0, len(asked), 32):
            some = asked[start : start + 32]
            natural = apart(self.anchors[None], z[some, None]).min(axis=1)
            own[some] &= found.own_far[some] <= self.OWN * natural
            other[some] &= (found.any_far[some] <= self.OTHER * natural) & (natural >= self.thick)
        strange = other & ((self.recent.who[found.any_at] != who) | (who == 0))
        return Close(own, found.own_at, other, found.any_at, strange, fresh, found.at)


def _other(row: NumpyArray, rows: NumpyArray) -> float:
    """The distance of a row from the nearest of ``rows`` that is not the same."""
    far = apart(rows, row[None])
    return float(np.where((rows != row).any(axis=1), far, 1.0).min())
