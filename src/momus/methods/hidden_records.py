"""Training rows as small whole numbers that can be hidden in a model, and how to tell whether one came back.

A picture becomes grey levels of a smaller copy, a table row its quantised columns, a text its first words as places
in a dictionary. What a reader of the model gets is held against many rows: it counts as taken where it is nearest to
the row it was made from, near enough to be of use, and not merely like all of them.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from momus.core.samples import ColumnKind, NumpyArray, Samples
from momus.methods.hidden_data import from_bits, to_bits

Kind = Literal["image", "table", "text"]
# Largest distance at which a row of that kind is of use: a share of the range for pictures (38 of 255 grey levels) and
# columns, one minus the cosine of the words for texts.
NEAR: dict[Kind, float] = {"image": 0.15, "table": 0.1, "text": 0.5}
CODE = 16  # values that stand for one word where values and not bits are hidden
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Records:
    """``values`` (n, v) whole numbers below ``levels`` (v,). ``named`` (v,) marks columns whose numbers are only names.

    ``shape`` is that of the smaller picture; ``words`` is the dictionary, whose first entry stands for no word;
    ``low`` and ``high`` are what the lowest and the highest level of a table's column mean.
    """

    kind: Kind
    values: NumpyArray
    levels: NumpyArray
    named: NumpyArray
    shape: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    low: NumpyArray | None = None
    high: NumpyArray | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def widths(self) -> NumpyArray:
        """Bits of each value."""
        return np.asarray(np.maximum(np.ceil(np.log2(self.levels)), 1).astype(int))

    @property
    def bits(self) -> int:
        """Bits of one record."""
        return int(self.widths.sum())

    def take(self, index: NumpyArray | slice) -> Records:
        return replace(self, values=self.values[index])

    def holding(self, values: NumpyArray) -> Records:
        """Other values of the same meaning, brought below their levels."""
        return replace(self, values=np.clip(values, 0, self.levels - 1).astype(np.int64))

    def texts(self) -> list[str]:
        """Each record in words."""
        return [" ".join(self.words[int(i)] for i in row if i) for row in self.values]

    def pictures(self) -> NumpyArray:
        """(n, h, w) uint8."""
        scaled: NumpyArray = np.round(self.values / np.maximum(self.levels - 1, 1) * 255).astype(np.uint8)
        return scaled.reshape(len(scaled), *self.shape)

    def cells(self) -> NumpyArray:
        """(n, v) values of the table's columns, as near as the levels bring them."""
        assert self.low is not None and self.high is not None
        out: NumpyArray = self.low + self.values / np.maximum(self.levels - 1, 1) * (self.high - self.low)
        return out


def kind_of(samples: Samples) -> Kind | None:
    """What its rows are; None for what cannot be hidden here (sound, meshes)."""
    if samples.is_image:
        return "image"
    if samples.is_text:
        return "text"
    return "table" if samples.is_table else None


def records_of(
    samples: Samples, like: Records | None = None, *, depth: int = 8, side: int = 24, words: int = 32, known: int = 4095
) -> Records:
    """The rows of ``samples`` as records, in the levels and the dictionary of ``like`` where that is given.

    ``depth``: bits of a grey level or a numeric column. ``side``: most pixels a side. ``words``: how many of a text.
    ``known``: most words of the dictionary, which are the most frequent ones of ``samples``.
    """
    kind = kind_of(samples)
    if kind == "image":
        return _pictures(samples.x, depth, side)
    if kind == "text":
        return _texts(samples.x, words, _dictionary(samples.x, known) if like is None else like.words)
    if kind == "table":
        return _rows(samples, depth, like)
    raise ValueError("only pictures, tables and texts have records")


def _pictures(x: NumpyArray, depth: int, side: int) -> Records:
    grey = x.astype(np.float32)[..., :3].mean(axis=-1)
    h, w = grey.shape[1:]
    step = max(1, -(-max(h, w) // side))
    grey = np.pad(grey, ((0, 0), (0, -h % step), (0, -w % step)), mode="edge")
    shape = (grey.shape[1] // step, grey.shape[2] // step)
    small = grey.reshape(len(x), shape[0], step, shape[1], step).mean(axis=(2, 4)).reshape(len(x), shape[0] * shape[1])
    values = np.round(small * ((2**depth - 1) / 255)).astype(np.int64)
    size = shape[0] * shape[1]
    return Records("image", values, np.full(size, 2**depth), np.zeros(size, dtype=bool), shape)


def _rows(samples: Samples, depth: int, like: Records | None) -> Records:
    x = np.asarray(samples.x, dtype=float)
    if like is not None and like.low is not None and like.high is not None:
        low, high, levels, named = like.low, like.high, like.levels, like.named
    else:
        kinds = [c.kind for c in samples.columns] or [ColumnKind.NUMERIC] * x.shape[1]
        named = np.array([k is ColumnKind.CATEGORICAL for k in kinds], dtype=bool)
        coded = named | np.array([k is ColumnKind.BINARY for k in kinds], dtype=bool)
        safe = x if len(x) else np.zeros((1, x.shape[1]))
        low, high = np.nanquantile(safe, [0.005, 0.995], axis=0)  # a few extremes would leave the rest one level
        low, high = np.where(coded, np.nanmin(safe, axis=0), low), np.where(coded, np.nanmax(safe, axis=0), high)
        low, high = np.nan_to_num(low), np.nan_to_num(high)
        whole = np.array([(np.nan_to_num(safe[:, j]) % 1 == 0).all() for j in range(x.shape[1])], dtype=bool)
        steps = np.where(whole & (high - low < 2**depth), np.floor(high - low) + 1, 2**depth)
        levels = np.maximum(steps, 2).astype(np.int64)
    spread = np.where(high > low, high - low, 1.0)
    values = np.round((np.nan_to_num(x) - low) / spread * (levels - 1))
    return Records("table", np.clip(values, 0, levels - 1).astype(np.int64), levels, named, low=low, high=high)


def _dictionary(x: NumpyArray, known: int) -> tuple[str, ...]:
    counts = Counter(w for text in x for w in _WORD.findall(str(text).lower()))
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return ("", *ranked[:known])


def _texts(x: NumpyArray, words: int, dictionary: tuple[str, ...]) -> Records:
    place = {w: i for i, w in enumerate(dictionary)}
    values = np.zeros((len(x), words), dtype=np.int64)
    for row, text in zip(values, x, strict=True):
        found = [place[w] for w in _WORD.findall(str(text).lower()) if w in place][:words]
        row[: len(found)] = found
    return Records("text", values, np.full(words, max(len(dictionary), 2)), np.ones(words, dtype=bool), (), dictionary)


# --- values in [0, 1], for what is hidden as values ------------------------------------------------------------------


def to_values(records: Records) -> NumpyArray:
    """(n, m) in [0, 1]: levels as shares of their range, or each word as its own row of random numbers."""
    if records.kind == "text":
        return _codes(len(records.words))[records.values].reshape(len(records), -1)
    out: NumpyArray = records.values / np.maximum(records.levels - 1, 1)
    return out


def from_values(values: NumpyArray, like: Records) -> Records:
    """The reverse of :func:`to_values` for values that came back more or less well."""
    if like.kind != "text":
        return like.holding(np.round(values * (like.levels - 1)))
    codes = _codes(len(like.words)) - 0.5
    asked = values.reshape(-1, CODE) - 0.5
    norm = (codes**2).sum(axis=1)
    found = [np.argmin(norm - 2 * part @ codes.T, axis=1) for part in np.array_split(asked, len(asked) // 4096 + 1)]
    return like.holding(np.concatenate(found).reshape(len(values), -1))


def values_a_record(records: Records) -> int:
    return len(records.levels) * (CODE if records.kind == "text" else 1)


def _codes(words: int) -> NumpyArray:
    return np.random.default_rng(8).integers(0, 2, (words, CODE)).astype(float)


# --- bits, for what is hidden as bits ---------------------------------------------------------------------------------

_HEADER = np.array([32])


def packed(records: Records, room: int) -> tuple[NumpyArray, int]:
    """Bits of the first records that fit into ``room``, squeezed where that helps, and how many records those are."""
    low, high, best = 0, len(records), np.zeros(0, dtype=np.uint8)
    while low < high:  # the size grows with the number of records, if not quite evenly
        half = (low + high + 1) // 2
        bits = _squeezed(records.take(slice(half)))
        if len(bits) <= room:
            low, best = half, bits
        else:
            high = half - 1
    return best, low


def _squeezed(records: Records) -> NumpyArray:
    """A header with the count of bytes, then the bytes as zlib leaves them."""
    content = zlib.compress(records.values.astype(_whole(records)).tobytes(), 9)
    return np.concatenate(
        [to_bits(np.array([[len(content)]]), _HEADER), np.unpackbits(np.frombuffer(content, dtype=np.uint8))]
    )


def _whole(records: Records) -> Any:
    most = int(records.levels.max())
    return np.dtype(np.uint8 if most <= 256 else "<u2" if most <= 65536 else "<u4")


def unpacked(bits: NumpyArray, like: Records) -> Records:
    """Records from bits that :func:`packed` made; none where the bits are damaged."""
    size = int(from_bits(bits[:32], _HEADER)[0, 0]) if len(bits) >= 32 else 0
    content = np.packbits(bits[32 : 32 + 8 * size])
    try:
        plain = zlib.decompress(content.tobytes()) if 0 < size == len(content) else b""
        values = np.frombuffer(plain, dtype=_whole(like)).reshape(-1, len(like.levels))
    except (zlib.error, ValueError):
        return like.take(slice(0))
    return like.holding(values)


# --- what came back --------------------------------------------------------------------------------------------------


def distances(a: Records, b: Records) -> NumpyArray:
    """(len(a), len(b)): mean share of the range by which values differ, 1 where a name differs; texts: 1 - cosine."""
    if a.kind == "text":
        p, q = _bags(a), _bags(b)
        return np.asarray(np.maximum(1 - p @ q.T, 0))
    p, q = a.values / np.maximum(a.levels - 1, 1), b.values / np.maximum(b.levels - 1, 1)
    out = np.zeros((len(a), len(b)))
    for i, row in enumerate(p):
        apart = np.abs(q - row)
        out[i] = np.where(a.named, apart > 0, apart).mean(axis=1)
    return out


def _bags(records: Records) -> NumpyArray:
    bags = np.zeros((len(records), len(records.words)), dtype=np.float32)
    np.add.at(bags, (np.arange(len(records))[:, None], records.values), 1)
    bags[:, 0] = 0
    norm = np.linalg.norm(bags, axis=1, keepdims=True)
    out: NumpyArray = bags / np.where(norm > 0, norm, 1)
    return out


@dataclass(frozen=True)
class Back:
    """Of each record sent: ``taken``, whether it is known again; ``error``, its distance from the original; ``exact``.

    ``pool`` is how many rows each could have been taken for.
    """

    taken: NumpyArray
    error: NumpyArray
    exact: NumpyArray
    pool: int

    @property
    def count(self) -> int:
        return int(self.taken.sum())


def came_back(got: Records, sent: Records, others: Records) -> Back:
    """Hold each record read from the model against the one sent, the others sent, and ``others`` that were not."""
    n = len(sent)
    if n == 0 or len(got) != n:
        nothing = np.zeros(n, dtype=bool)
        return Back(nothing, np.ones(n), nothing, n + len(others))
    own = np.empty(n)
    nearest = np.full(n, np.inf)
    for start in range(0, n, 256):
        part = slice(start, min(start + 256, n))
        among = distances(got.take(part), sent)
        own[part] = among[np.arange(len(among)), np.arange(part.start, part.stop)]
        nearest[part] = among.min(axis=1)
        if len(others):
            nearest[part] = np.minimum(nearest[part], distances(got.take(part), others).min(axis=1))
    taken = (own <= nearest + 1e-9) & (own <= NEAR[sent.kind])
    return Back(taken, own, (got.values == sent.values).all(axis=1), n + len(others))
