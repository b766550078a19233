"""The corruptions of a table, each a plain function of values (n, f) in field space, a strength and chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.corrupt import chance
from momus.methods.corrupt.tables_facts import TableFacts

SENTINELS = (-1.0, 0.0, 999.0)
_RUN = 10  # rows that a gap or a stuck sensor lasts
_OUTAGES = 16  # different sets of columns that are down, each for a sixteenth of the rows


@dataclass(frozen=True)
class Rows:
    """Which rows these are (n,), and the seed from which their chance comes. ``time`` (n,) orders them."""

    seed: int
    index: NumpyArray
    time: NumpyArray | None = None

    def cells(self, facts: TableFacts, stream: str = "cells") -> NumpyArray:
        """(n, f) uniform."""
        return chance.uniform(self.seed, stream, self.index[:, None], np.arange(len(facts.fields))[None])

    def rows(self, stream: str = "rows") -> NumpyArray:
        """(n,) uniform."""
        return chance.uniform(self.seed, stream, self.index)

    def runs(self, facts: TableFacts, stream: str) -> NumpyArray:
        """(n, f) uniform, the same for ``_RUN`` neighbouring rows."""
        return chance.uniform(self.seed, stream, self.index[:, None] // _RUN, np.arange(len(facts.fields))[None])


Way = Callable[[NumpyArray, TableFacts, float, Rows], NumpyArray]


def _lost(facts: TableFacts) -> NumpyArray:
    """(f,) what stands in place of a lost value."""
    return np.array([np.nan if facts.missing else f.fill for f in facts.fields])


def _of(facts: TableFacts, what: str) -> NumpyArray:
    return np.array([getattr(f, what) for f in facts.fields], dtype=np.float64)


def missing_random(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    return np.where(rows.cells(facts) < rate, _lost(facts), v)


def missing_block(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """Runs of ten rows lose a third of the fields, neighbours in the file."""
    count = len(facts.fields)
    run = rows.index // _RUN
    start = (chance.uniform(rows.seed, "start", run) * count).astype(np.int64)
    inside = (np.arange(count)[None] - start[:, None]) % count < -(-count // 3)
    hit = chance.uniform(rows.seed, "run", run) < rate
    return np.where(inside & hit[:, None], _lost(facts), v)


def missing_column(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """Whole fields are gone; sixteen different outages, so that no single column decides the number."""
    count = len(facts.fields)
    drawn = chance.uniform(rows.seed, "outage", np.arange(_OUTAGES)[:, None], np.arange(count)[None])
    rank = drawn.argsort(axis=1).argsort(axis=1)
    gone = rank < max(1, int(np.ceil(rate * count - 1e-9)))
    which = (rows.rows("shift") * _OUTAGES).astype(np.int64)
    return np.where(gone[which], _lost(facts), v)


def sentinel(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """A lost number is written as -1, 0 or 999, one of them a column."""
    pick = chance.uniform(rows.seed, "sentinel", np.arange(len(facts.fields)))
    mark = np.array(SENTINELS)[(pick * len(SENTINELS)).astype(np.int64)]
    return np.where((rows.cells(facts) < rate) & facts.where("number", "whole"), mark, v)


def unit_scale(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    factor = np.array([1000.0, 0.001, 10.0])[(rows.cells(facts, "factor") * 3).astype(np.int64)]
    hit = (rows.cells(facts) < rate) & facts.where("number", "whole")
    return np.where(hit, _whole(v * factor, facts), v)


def unit_convert(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """The slip that each column's name and range suggest: inch for cm, C read as F, a share written as percent."""
    hit = (rows.cells(facts) < rate) & np.array([bool(f.slip) for f in facts.fields])
    return np.where(hit, _whole(v * _of(facts, "factor") + _of(facts, "offset"), facts), v)


def sign_flip(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    return np.where((rows.cells(facts) < rate) & facts.where("number", "whole"), -v, v)


def swapped_like(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    return _swapped(v, like_pairs(facts), facts, rate, rows)


def swapped_neighbours(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    return _swapped(v, neighbour_pairs(facts), facts, rate, rows)


def _swapped(v: NumpyArray, pairs: list[tuple[int, int]], facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    out, drawn = v.copy(), rows.cells(facts)
    for a, b in pairs:
        hit = drawn[:, a] < rate
        out[hit, a], out[hit, b] = v[hit, b], v[hit, a]
    return out


def like_pairs(facts: TableFacts) -> list[tuple[int, int]]:
    """Disjoint pairs of numeric fields of one kind, the likest ranges first; what is far apart is no pair."""
    at = np.flatnonzero(facts.where("number", "whole"))
    found = []
    for i, a in enumerate(at):
        for b in at[i + 1 :]:
            one, two = facts.fields[a], facts.fields[b]
            scale = max(one.spread, two.spread)
            far = abs(one.fill - two.fill) / scale + np.log(scale / max(min(one.spread, two.spread), 1e-300))
            if one.kind == two.kind and far <= 2.0:
                found.append((float(far), int(a), int(b)))
    return _disjoint([(a, b) for _, a, b in sorted(found)])


def neighbour_pairs(facts: TableFacts) -> list[tuple[int, int]]:
    """Disjoint pairs of numeric fields of one kind that stand side by side in the file."""
    ok = facts.where("number", "whole")
    alike = [facts.fields[i].kind == facts.fields[i + 1].kind for i in range(len(ok) - 1)]
    return _disjoint([(i, i + 1) for i in range(len(ok) - 1) if ok[i] and ok[i + 1] and alike[i]])


def _disjoint(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    used: set[int] = set()
    kept = []
    for a, b in pairs:
        if not {a, b} & used:
            used |= {a, b}
            kept.append((a, b))
    return kept


def stale(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """An older row's value where rows have a time, else any other row's."""
    return np.where(rows.cells(facts) < rate, borrowed(v, facts, rows), v)


def borrowed(v: NumpyArray, facts: TableFacts, rows: Rows) -> NumpyArray:
    """(n, f) values of donor rows, each field from a row of its own; with times, older by up to a tenth of the rows."""
    m = len(facts.donors)
    if not m:
        return v
    drawn = rows.cells(facts, "donor")
    if facts.time is None or rows.time is None:
        at = (drawn * m).astype(np.int64)
    else:
        before = np.searchsorted(facts.time, rows.time, side="left")[:, None]
        at = before - 1 - (drawn * max(1, m // 10)).astype(np.int64)
    taken = np.take_along_axis(facts.donors, np.clip(at, 0, m - 1), axis=0)
    return np.where((at >= 0) & ~np.isnan(taken), taken, v)


def stuck(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """For ten rows on end a sensor repeats one value that it once gave."""
    m = len(facts.donors)
    at = (rows.runs(facts, "held") * m).astype(np.int64)
    held = np.take_along_axis(facts.donors, at, axis=0) if m else v
    hit = (rows.runs(facts, "stuck") < rate) & facts.where("number", "whole") & ~np.isnan(held)
    return np.where(hit, held, v)


def rounding(v: NumpyArray, facts: TableFacts, share: float, rows: Rows) -> NumpyArray:
    """To a step of 1, 2 or 5 times a power of ten, at most ``share`` of the field's spread."""
    with np.errstate(divide="ignore"):
        wanted = share * _of(facts, "spread")
        power = 10.0 ** np.floor(np.log10(np.where(wanted > 0, wanted, 1.0)))
    lead = wanted / power
    step = power * np.where(lead >= 5, 5.0, np.where(lead >= 2, 2.0, 1.0))
    whole = np.array([f.kind == "whole" for f in facts.fields])
    hit = facts.where("number", "whole") & (~whole | (step > 1))
    return np.where(hit, np.rint(v / step) * step, v)


def coarse_bins(v: NumpyArray, facts: TableFacts, bins: float, rows: Rows) -> NumpyArray:
    """Only the bin of equal share is kept: each value becomes the median of its bin."""
    out = v.copy()
    for k in np.flatnonzero(facts.where("number", "whole")):
        known = np.sort(facts.donors[:, k][np.isfinite(facts.donors[:, k])])
        if len(np.unique(known)) <= bins:
            continue
        edges = np.unique(np.quantile(known, np.linspace(0, 1, int(bins) + 1)[1:-1], method="inverted_cdf"))
        bin_of = np.searchsorted(edges, known, side="left")
        middle = np.array([known[bin_of == b][(bin_of == b).sum() // 2] for b in np.unique(bin_of)])
        rank = np.searchsorted(np.unique(bin_of), np.searchsorted(edges, v[:, k], side="left"))
        out[:, k] = np.where(np.isnan(v[:, k]), np.nan, middle[np.minimum(rank, len(middle) - 1)])
    return out


def off_by_one(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """Whole numbers one too high or too low; never outside the column's range."""
    by = np.where(rows.cells(facts, "up") < 0.5, -1.0, 1.0)
    low, high = _of(facts, "low"), _of(facts, "high")
    by = np.where((v + by < low) | (v + by > high), -by, by)
    return np.where((rows.cells(facts) < rate) & facts.where("whole"), np.clip(v + by, low, high), v)


def unseen_category(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """A category nobody listed: missing where the target takes that, else the level for others, else the commonest."""
    usual = np.array([f.other if f.other >= 0 else f.fill for f in facts.fields], dtype=np.float64)
    instead = np.full(len(usual), np.nan) if facts.missing else usual
    return np.where((rows.cells(facts) < rate) & facts.where("code", "group"), instead, v)


def merged_categories(v: NumpyArray, facts: TableFacts, share: float, rows: Rows) -> NumpyArray:
    """This share of each field's lesser categories, at least one, is written as the commonest from now on."""
    out = v.copy()
    for k in np.flatnonzero(mergeable(facts)):
        f = facts.fields[k]
        lesser = np.array([c for c in range(f.levels) if c != int(f.fill)])
        order = chance.uniform(rows.seed, f.name, lesser).argsort()
        gone = lesser[order[: max(1, int(share * len(lesser)))]]
        out[:, k] = np.where(np.isin(v[:, k], gone), f.fill, v[:, k])
    return out


def recoded(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """These rows were coded by another version of the list of categories: every code is one further."""
    levels = np.maximum(_of(facts, "levels"), 1)
    hit = (rows.rows() < rate)[:, None] & facts.where("code", "group")
    return np.where(hit, (v + 1) % levels, v)


def moved_shares(v: NumpyArray, facts: TableFacts, rate: float, rows: Rows) -> NumpyArray:
    """Categories drawn evenly: rare ones become common."""
    drawn = np.floor(rows.cells(facts, "level") * np.maximum(_of(facts, "levels"), 1))
    return np.where((rows.cells(facts) < rate) & facts.where("code", "group"), drawn, v)


def mergeable(facts: TableFacts) -> NumpyArray:
    """(f,) booleans: fields of three categories or more."""
    return facts.where("code", "group") & (_of(facts, "levels") > 2)


def _whole(v: NumpyArray, facts: TableFacts) -> NumpyArray:
    """Whole numbers stay whole."""
    return np.where(np.array([f.kind == "whole" for f in facts.fields]), np.rint(v), v)
