"""What a thief without data asks: rows of a form, pictures of nothing, and changes of what was asked before.

Every space draws rows as they are read (tables (n, d) float64, pictures (n, h, w, c) uint8), changes some of them, and
lays rows between two others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.table_rules import Rule, broken
from momus.methods.theft_rows import Ranges

WIDE = 100.0  # a range this wide is drawn by size as well as evenly: money, counts
_TRIES = 20


class Space(Protocol):
    """The inputs a thief may send."""

    def draw(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """Rows that depend on nothing asked before."""
        ...

    def change(self, x: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """Every row with a part of it drawn anew."""
        ...

    def between(self, a: NumpyArray, b: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """A row somewhere between each pair."""
        ...


@dataclass(frozen=True)
class TableRows:
    """Rows of a form with declared or observed ranges. ``rules`` are kept; ``inner`` rows are not drawn evenly."""

    ranges: Ranges
    rules: tuple[Rule, ...] = ()
    inner: float = 0.6

    def draw(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """A share of the rows evenly from their ranges, the others where rows of real people lie.

        Nobody knows their distribution, but few stand at the ends of every range at once: these rows are drawn in
        towards the middle, each by a factor of its own. A wide range is drawn by size, for of a column from 0 to a
        million an even draw sees next to nothing below a thousand, where most people are.
        """
        return self._kept(lambda m: self._free(m, rng), n)

    def change(self, x: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """Between one column and a third of them take values of a fresh draw; a one-hot group moves as one."""

        def moved(m: int) -> NumpyArray:
            fresh, parts = self._free(m, rng), self._parts()
            some = rng.integers(1, max(2, len(parts) // 3 + 1), m)
            rank = rng.random((m, len(parts))).argsort(1).argsort(1)
            out = x[:m].copy()
            for j, part in enumerate(parts):
                hit = rank[:, j] < some
                out[:, part] = np.where(hit[:, None], fresh[:, part], out[:, part])
            return out

        return self._kept(moved, len(x), x)

    def between(self, a: NumpyArray, b: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """Numbers part of the way from ``a`` to ``b``, categories from either."""

        def laid(m: int) -> NumpyArray:
            share = rng.random((m, 1))
            out = np.where(self.ranges.measured, a[:m] + share * (b[:m] - a[:m]), a[:m])
            out = np.where(self.ranges.whole, np.round(out), out)
            for part in self._parts():
                if not self.ranges.measured[part[0]]:
                    hit = rng.random(m) < share[:, 0]
                    out[:, part] = np.where(hit[:, None], b[:m][:, part], out[:, part])
            return out

        return self._kept(laid, len(a), a)

    def _free(self, n: int, rng: np.random.Generator) -> NumpyArray:
        r = self.ranges
        x = r.uniform(n, rng)
        inner = (rng.random((n, 1)) < self.inner) & r.measured
        span, middle = r.high - r.low, (r.low + r.high) / 2
        drawn_in = middle + rng.uniform(0.1, 1.0, (n, 1)) * (x - middle)
        wide = span > WIDE
        anchor = np.clip(0.0, r.low, r.high)
        up = rng.random((n, r.width)) * span < (r.high - anchor)
        size = np.exp(rng.random((n, r.width)) * np.log1p(np.where(up, r.high - anchor, anchor - r.low))) - 1
        by_size = np.clip(anchor + np.where(up, size, -size), r.low, r.high)
        chosen = np.where(wide, by_size, drawn_in)
        return np.asarray(np.where(inner, np.where(r.whole, np.round(chosen), chosen), x))

    def _parts(self) -> list[list[int]]:
        """Columns that change together: each alone, a one-hot group as one."""
        grouped = {j for g in self.ranges.groups for j in g}
        alone = [[j] for j in range(self.ranges.width) if j not in grouped]
        return alone + [list(g) for g in self.ranges.groups]

    def _kept(self, make: Callable[[int], NumpyArray], n: int, otherwise: NumpyArray | None = None) -> NumpyArray:
        """``n`` rows of ``make(m)`` that keep the rules.

        What breaks one is made again, at most 20 times; then the row it came from stands in its place, or, for a fresh
        draw, the row that broke it: a thief cannot know better.
        """
        out = make(n)
        for _ in range(_TRIES if self.rules else 0):
            bad = np.asarray(broken(self.rules, out))
            if not bad.any():
                break
            out[bad] = make(n)[bad]
        if self.rules and otherwise is not None:
            bad = np.asarray(broken(self.rules, out))
            out[bad] = otherwise[bad]
        return out


@dataclass(frozen=True)
class PictureRows:
    """Pictures of nothing: noise, clouds with the spectrum of photographs, blobs and strokes."""

    shape: tuple[int, int, int]

    def draw(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """A quarter each, mixed: clouds, blobs, strokes on a plain ground, white noise."""
        kind = rng.integers(0, 8, n)
        out = np.empty((n, *self.shape), dtype=np.float32)
        for value, make in ((0, self._noise), (1, self._clouds), (2, self._clouds), (3, self._blobs)):
            rows = np.flatnonzero(kind == value)
            out[rows] = make(len(rows), rng)
        rows = np.flatnonzero(kind >= 4)
        out[rows] = self._strokes(len(rows), rng)
        return _bytes(out)

    def change(self, x: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """A patch of cloud, a moved picture, or another contrast."""
        n, (h, w, _) = len(x), self.shape
        out = x.astype(np.float32) / 255
        kind = rng.integers(0, 3, n)
        rows = np.flatnonzero(kind == 0)
        mask = self._clouds(len(rows), rng).mean(-1, keepdims=True) > 0.5
        out[rows] = np.where(mask, self._strokes(len(rows), rng), out[rows])
        for i in np.flatnonzero(kind == 1):
            out[i] = np.roll(out[i], (rng.integers(-h // 6, h // 6 + 1), rng.integers(-w // 6, w // 6 + 1)), (0, 1))
        rows = np.flatnonzero(kind == 2)
        gain = rng.uniform(0.5, 1.6, (len(rows), 1, 1, 1)).astype(np.float32)
        noise = rng.normal(0, 0.1, (len(rows), *self.shape)).astype(np.float32)
        out[rows] = gain * out[rows] + noise
        return _bytes(out)

    def between(self, a: NumpyArray, b: NumpyArray, rng: np.random.Generator) -> NumpyArray:
        """Part of the way from one picture to the other, or one laid over the other."""
        share = rng.random((len(a), 1, 1, 1)).astype(np.float32)
        p, q = a.astype(np.float32) / 255, b.astype(np.float32) / 255
        over = rng.random((len(a), 1, 1, 1)) < 0.5
        return _bytes(np.where(over, np.maximum(p, q), p + share * (q - p)))

    def _noise(self, n: int, rng: np.random.Generator) -> NumpyArray:
        out: NumpyArray = rng.random((n, *self.shape), dtype=np.float32) ** rng.uniform(0.3, 4, (n, 1, 1, 1))
        return out

    def _clouds(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """Noise whose amplitude falls with frequency as 1 / f to a power between 0.5 and 2.5, colours alike."""
        h, w, c = self.shape
        f = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None, :])
        f[0, 0] = 1.0 / max(h, w)
        fall = f[None] ** -rng.uniform(0.5, 2.5, (n, 1, 1))
        grey = rng.standard_normal((n, h, w, 1))
        white = grey + 0.5 * rng.standard_normal((n, h, w, c)) if c > 1 else grey
        shaped = np.fft.irfft2(np.fft.rfft2(white, axes=(1, 2)) * fall[..., None], s=(h, w), axes=(1, 2))
        shaped -= shaped.mean((1, 2, 3), keepdims=True)
        shaped /= np.maximum(shaped.std((1, 2, 3), keepdims=True), 1e-9)
        out: NumpyArray = rng.uniform(0.2, 0.8, (n, 1, 1, 1)) + rng.uniform(0.1, 0.5, (n, 1, 1, 1)) * shaped
        return out.astype(np.float32)

    def _blobs(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """Up to six soft spots of any colour on a ground of any colour."""
        out = rng.random((n, 1, 1, self.shape[2]), dtype=np.float32) * np.ones((n, *self.shape), dtype=np.float32)
        rows, columns = self._places()
        for _ in range(6):
            y, x, size = (rng.random((n, 1, 1)) for _ in range(3))
            size = 0.05 + 0.25 * size
            spot = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2))[..., None]
            spot = spot * (rng.random((n, 1, 1, 1)) < 0.6)
            out = (out * (1 - spot) + spot * rng.random((n, 1, 1, self.shape[2]))).astype(np.float32)
        return out

    def _strokes(self, n: int, rng: np.random.Generator) -> NumpyArray:
        """Two to six bent lines of one colour on a plain ground, as in writing, signs and drawings."""
        rows, columns = self._places()
        drawn = np.zeros((n, *self.shape[:2]), dtype=np.float32)
        for _ in range(6):
            used = rng.random((n, 1, 1)) < 0.6
            ends = rng.uniform(0.1, 0.9, (n, 3, 2))
            wide = rng.uniform(0.015, 0.07, (n, 1, 1))
            for t in np.linspace(0, 1, 12):
                y, x = (
                    (1 - t) ** 2 * ends[:, 0, i] + 2 * t * (1 - t) * ends[:, 1, i] + t**2 * ends[:, 2, i]
                    for i in (0, 1)
                )
                far = (rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2
                drawn = np.maximum(drawn, used * np.exp(-far / (2 * wide**2)).astype(np.float32))
        ground = np.where(rng.random((n, 1)) < 0.6, 0.0, rng.random((n, self.shape[2])))
        ink = np.where(rng.random((n, 1)) < 0.6, 1.0, rng.random((n, self.shape[2])))
        out = ground[:, None, None] + drawn[..., None] * (ink - ground)[:, None, None]
        return np.asarray(out, dtype=np.float32)

    def _places(self) -> tuple[NumpyArray, NumpyArray]:
        h, w, _ = self.shape
        return np.linspace(0, 1, h)[None, :, None], np.linspace(0, 1, w)[None, None, :]


def _bytes(x: NumpyArray) -> NumpyArray:
    return np.asarray(np.round(np.clip(x, 0, 1) * 255), dtype=np.uint8)


def unsure(scores: NumpyArray) -> NumpyArray:
    """(n,) gaps between the two likeliest classes of a copy: the smaller, the nearer its boundary."""
    e = np.exp(scores - scores.max(1, keepdims=True))
    p = np.sort(e / e.sum(1, keepdims=True), axis=1)
    out: NumpyArray = p[:, -1] - p[:, -2] if p.shape[1] > 1 else 1 - p[:, -1]
    return out


def spread(features: NumpyArray, n: int, rng: np.random.Generator) -> NumpyArray:
    """Indices of ``n`` rows far from each other: greedy k-centre (Sener & Savarese 2018), from a random start."""
    if n >= len(features):
        return np.arange(len(features))
    scale = features.std(0)
    z = (features - features.mean(0)) / np.where(scale > 0, scale, 1.0)
    chosen = np.empty(n, dtype=int)
    chosen[0] = rng.integers(len(z))
    far = ((z - z[chosen[0]]) ** 2).sum(1)
    for i in range(1, n):
        chosen[i] = int(far.argmax())
        far = np.minimum(far, ((z - z[chosen[i]]) ** 2).sum(1))
        far[chosen[: i + 1]] = -1.0  # equal rows: nobody is chosen twice
    return chosen


def near_the_boundary(
    scores: NumpyArray, features: NumpyArray, n: int, rng: np.random.Generator, pool: int = 2
) -> NumpyArray:
    """Indices of ``n`` rows that the copy is unsure of, and that differ from each other.

    Every class that the copy names has an even share of the ``pool`` times ``n`` most doubtful rows, so that a class
    which fills the space does not crowd out the others.
    """
    gap, says = unsure(scores), scores.argmax(1)
    order = np.argsort(gap, kind="stable")
    turn = np.empty(len(gap), dtype=int)
    for c in np.unique(says):
        of = order[says[order] == c]
        turn[of] = np.arange(len(of))
    doubtful = np.lexsort((gap, turn))[: pool * n]
    return np.asarray(doubtful[spread(features[doubtful], n, rng)])


def stages_of(queries: int, points: int = 7, least: int = 50) -> Sequence[int]:
    """Numbers of queries, each about the same factor above the one before, the last of them ``queries``."""
    if queries < 1:
        return []
    first = min(queries, max(least, queries // 40))
    grid = np.geomspace(first, queries, points)
    return sorted({round(float(q)) for q in grid})
