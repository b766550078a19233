"""People in bounded memory: everybody falls into one of a fixed number of places by a hash of the name; and which of
their queries they asked before.

Unlike slots that are given away and taken back, places need no memory of who came first, and counts of places are the
same however events are cut into batches. Two people in one place are counted together; the name of the first is kept
for the report, with the mark that another was there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.text import clean
from momus.monitor import callers
from momus.monitor.events import Batch
from momus.monitor.sketches import fresh, hashed, keys, mixed

PLACES = 16_384
LETTERS = callers.LETTERS


@dataclass(frozen=True)
class People:
    """Who took part in a window: ``hash`` (places,) of the first in each place, 0 for nobody, their ``name``, and
    whether ``other`` people fell into the same place."""

    hash: NumpyArray
    name: NumpyArray
    other: NumpyArray

    def call(self, place: int) -> str:
        """The name for a report."""
        name = clean(self.name[place], LETTERS)
        return f"{name} (or another, counted with it)" if self.other[place] else name


def empty(*counts: str) -> dict[str, NumpyArray]:
    """Arrays of a window, for a Tally, with further ``counts`` of each place."""
    return {
        "hash": np.zeros(PLACES, np.uint64),
        "name": np.zeros(PLACES, f"U{LETTERS}"),
        "other": np.zeros(PLACES, dtype=bool),
        **{k: np.zeros(PLACES, np.int64) for k in counts},
    }


def of(arrays: dict[str, NumpyArray]) -> People:
    return People(*(arrays[k] for k in ("hash", "name", "other")))


def meet(arrays: dict[str, NumpyArray], who: NumpyArray, names: tuple[str, ...], seed: int) -> NumpyArray:
    """(n,) place of each event's person, indices ``who`` into ``names``; -1 for nobody. Keeps who was there."""
    if not len(names) or not len(who):
        return np.full(len(who), -1, dtype=np.int64)
    hashes, short = callers.named(names, seed)
    spot = (hashes >> np.uint64(1)).astype(np.int64) % PLACES
    found, first = np.unique(who[who >= 0], return_index=True)
    kept, name, other = (arrays[k] for k in ("hash", "name", "other"))
    for i in found[np.argsort(first)]:
        at = int(spot[i])
        if not kept[at]:
            kept[at], name[at] = hashes[i], short[i]
        elif kept[at] != hashes[i]:
            other[at] = True
    return np.where(who >= 0, spot[np.maximum(who, 0)], -1)


class Repeats:
    """Which events of a window are no repetition: a bot that asks with one row, or a retry, is evidence once.

    Events that name no caller are never taken for repetitions: two strangers may ask the same. Neither are events that
    carry no input.
    """

    def __init__(self, columns: int, seed: int) -> None:
        self.seed, self.key = seed, keys(columns, seed, "repeats")

    def first(self, asked: NumpyArray, batch: Batch, x: NumpyArray) -> NumpyArray:
        """bool (n,) by the memory ``asked``, uint64 (places,), of this window, which is brought up to date."""
        if not len(batch.callers):
            return np.ones(len(batch), dtype=bool)
        out = np.asarray(batch.caller < 0) | np.isnan(x).all(axis=1)
        named = np.flatnonzero(~out)
        if len(named):
            who = callers.named(batch.callers, self.seed)[0][batch.caller[named]]
            out[named] = fresh(asked, mixed(hashed(x[named], self.key) ^ who))
        return out

    def unique(self, x: NumpyArray) -> NumpyArray:
        """bool (n,) the first of each row of a table."""
        out = np.zeros(len(x), dtype=bool)
        out[np.unique(hashed(x, self.key), return_index=True)[1]] = True
        return out
