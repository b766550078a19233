"""The search for copies, kind of data by kind, and the pairs as a person can judge them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Evidence, Excerpt, Picture, Pictures, Table
from momus.core.samples import NumpyArray, Samples
from momus.methods import duplicates, duplicates_features
from momus.methods.picture import png

_WITHIN = 1000  # training rows that are held against the rest of training
_SHOWN = 6
_CORRELATED = 0.9  # thumbnails and fingerprints of less are no copy, however lonely the pair is


@dataclass(frozen=True)
class Found:
    """For each test row: ``copies`` and ``near`` are masks, ``pair`` the training row meant, ``distance`` to it.

    ``people``: rows of people in training, None without ids. ``natural``: equal rows occur by nature here, so copies
    count only beyond ``within``, the share of ``within_n`` training rows with an equal one.
    """

    copies: NumpyArray
    near: NumpyArray
    people: NumpyArray | None
    pair: NumpyArray
    distance: NumpyArray
    natural: bool
    within: float
    within_n: int
    how: str
    note: str

    @property
    def dependent(self) -> NumpyArray:
        """Rows that are surely not independent."""
        rows = self.near.copy() if self.natural else self.near | self.copies
        return rows if self.people is None else rows | self.people


def search(test: Samples, train: Samples, rng: np.random.Generator, *, rate: float, alike: float) -> Found:
    """Copies of ``train`` (m rows) in ``test`` (n rows). Cost: n m comparisons of a few hundred numbers."""
    same, twins = duplicates.exact(test, train)
    natural = _natural(train, twins)
    places = np.sort(rng.choice(len(train), min(_WITHIN, len(train)), replace=False))
    inner = train.take(places)
    near, pair, distance, how = _near(test, train, None, rate, alike)
    within, *_ = _near(inner, train, places, rate, alike)
    own = twins[places] | (False if natural else within)
    people = None
    if test.ids is not None and train.ids is not None:
        people = np.isin(np.asarray(test.ids).astype(str), np.asarray(train.ids).astype(str))
    pair, distance = np.where(same >= 0, same, pair), np.where(same >= 0, 0.0, distance)
    if natural:
        share, count = float(twins.mean()), len(train)
        note = f"{share:.1%} of the training rows have an equal in training: equal rows are natural here"
    else:
        share, count = float(own.mean()), len(places)
        note = "equal rows do not occur by chance here"
    copies = same >= 0
    return Found(copies, near & ~copies, people, pair, distance, natural, share, count, how, note)


def _natural(train: Samples, twins: NumpyArray) -> bool:
    """Whether equal rows are coincidences: tables without a column that tells rows apart, short texts."""
    if train.is_table:
        return not duplicates_features.continuous(train).any()
    if train.is_text:
        return bool(np.median([len(str(t).split()) for t in train.x]) < 5)
    return False


def _near(
    rows: Samples, train: Samples, own: NumpyArray | None, rate: float, alike: float
) -> tuple[NumpyArray, NumpyArray, NumpyArray, str]:
    """(mask, training row, distance, how) of near copies."""
    nobody = np.zeros(len(rows), dtype=bool), np.full(len(rows), -1), np.full(len(rows), np.inf)
    if train.is_text:
        texts = duplicates.near_texts(list(rows.x), list(train.x), own=own)
        return texts.alike >= alike, texts.index, 1 - texts.alike, f"word triples, {alike:g} of them shared"
    if not (train.is_table or train.is_image or train.is_sound):
        return *nobody, "equal rows only"
    known = duplicates_features.features(train)
    seen: NumpyArray = np.asarray(np.isfinite(known).all(axis=1))
    if not known.shape[1] or seen.sum() < duplicates.LEAST_TRAIN:
        return *nobody, "equal rows only"
    sides = [duplicates_features.features(rows, train)]
    if train.is_image and own is None:
        sides.append(duplicates_features.thumbnails(rows.x, mirrored=True))
    best = [_nearest(side, known, seen, own) for side in sides]
    turned = np.zeros(len(rows), dtype=bool) if len(best) == 1 else best[1].p < best[0].p
    both = duplicates.Near(*(np.where(turned, b, a) for a, b in zip(_parts(best[0]), _parts(best[-1]), strict=True)))
    both = duplicates.Near(both.index, both.distance, np.minimum(1.0, both.p * len(best)))
    mask = both.copies(rate)
    if train.is_table:
        mask &= duplicates_features.agree(rows, train.take(np.maximum(both.index, 0)), train)
        return mask, both.index, both.distance, "distance in the continuous columns, against the density around"
    mask &= 1 - both.distance**2 / 2 >= _CORRELATED  # of standardised rows of length 1 that is the correlation
    what = "thumbnails" if train.is_image else "spectral fingerprints"
    return mask, both.index, both.distance, f"{what}, against the density around, correlated at {_CORRELATED:g}"


def _parts(near: duplicates.Near) -> tuple[NumpyArray, NumpyArray, NumpyArray]:
    return near.index, near.distance, near.p


def _nearest(rows: NumpyArray, known: NumpyArray, seen: NumpyArray, own: NumpyArray | None) -> duplicates.Near:
    """Rows that show nothing have no neighbour; the index is that of the training row in the whole set."""
    usable, place = np.isfinite(rows).all(axis=1), np.flatnonzero(seen)
    index, distance, p = np.full(len(rows), -1), np.full(len(rows), 9.0), np.ones(len(rows))
    if usable.any():
        mine = None if own is None else np.searchsorted(place, np.asarray(own)[usable])
        found = duplicates.near(rows[usable], known[seen], own=mine)
        index[usable], distance[usable], p[usable] = place[found.index], found.distance, found.p
    return duplicates.Near(index, distance, p)


def evidence(found: Found, test: Samples, train: Samples) -> list[Evidence]:
    """The pairs, near copies first: what is word for word the same needs no looking at."""
    rows = [*np.flatnonzero(found.near), *np.flatnonzero(found.copies)]
    counts = Table(
        title="Test rows that are not independent of training",
        columns=("kind", "test rows", "share"),
        rows=(
            ("word for word in training", int(found.copies.sum()), round(float(found.copies.mean()), 4)),
            ("nearly so", int(found.near.sum()), round(float(found.near.mean()), 4)),
            *(
                [("of people in training", int(found.people.sum()), round(float(found.people.mean()), 4))]
                if found.people is not None
                else []
            ),
        ),
        note=f"{len(test)} test rows against {len(train)} training rows; near copies by {found.how}. {found.note}",
    )
    return [counts, *(_shown(found, test, train, rows[:_SHOWN]) if rows else [])]


def _shown(found: Found, test: Samples, train: Samples, rows: list[int]) -> list[Evidence]:
    if test.is_image:
        a = duplicates_features.hashes(test.x[rows])
        b = duplicates_features.hashes(train.x[found.pair[rows]])
        bits = np.array([int(x ^ y).bit_count() for x, y in zip(a, b, strict=True)])
        pictures = [
            (
                Picture(caption=f"test row {i}", png=png(test.x[i])),
                Picture(
                    caption=f"training row {found.pair[i]}, hashes differ in {k} of 64 bits",
                    png=png(train.x[found.pair[i]]),
                ),
            )
            for i, k in zip(rows, bits, strict=True)
        ]
        return [Pictures(title="Pairs", rows=tuple(pictures), note="a mirrored copy differs in about half of the bits")]
    if test.is_text:
        told = [
            f"test {i}: {str(test.x[i])[:200]}\ntrain {found.pair[i]}: {str(train.x[found.pair[i]])[:200]}"
            for i in rows
        ]
        return [Excerpt(title="Pairs", text="\n\n".join(told))]
    pairs = tuple((int(i), int(found.pair[i]), float(f"{found.distance[i]:.3g}")) for i in rows)
    return [Table(title="Pairs", columns=("test row", "training row", "distance"), rows=pairs)]
