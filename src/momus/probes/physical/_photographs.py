"""Photographs as evidence: which were misread, as what, and under which conditions."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from momus.core.capabilities import Predicts
from momus.core.evidence import Bars, Evidence, Grid, Picture, Pictures, Table
from momus.core.samples import NumpyArray, Samples
from momus.methods.picture import png
from momus.probes.physical._views import class_name as name
from momus.stats.intervals import wilson

SHOWN = 6
_SIDE = 224  # pixels: a thumbnail is enough to see what was photographed
_LEVELS = 8  # of a condition; more are put together


def gallery(target: Predicts, samples: Samples, y: NumpyArray, read: NumpyArray, hit: NumpyArray) -> list[Evidence]:
    """Some photographs that do what the thing was made for, and some that do not."""
    rows = []
    for wanted in (True, False):
        index = np.flatnonzero(hit == wanted)
        index = index[np.unique(np.linspace(0, len(index) - 1, min(SHOWN, len(index))).astype(int))]
        pictures = [
            Picture(caption=f"{name(target, int(y[i]))} → {name(target, int(read[i]))}", png=_small(samples.x[i]))
            for i in index.tolist()
        ]
        if pictures:
            rows.append(tuple(pictures))
    return [Pictures(title="Photographs: what they show → what they are read as", rows=tuple(rows))] if rows else []


def _small(picture: NumpyArray) -> bytes:
    step = max(1, min(picture.shape[:2]) // _SIDE)
    return png(picture[::step, ::step])


def readings(target: Predicts, read: NumpyArray, control: NumpyArray | None) -> list[Evidence]:
    """What the photographs are read as, most frequent first, beside the control photographs."""
    labels, counts = np.unique(read, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:12]
    rows = []
    for i in order:
        plain = None if control is None or not len(control) else float((control == labels[i]).mean())
        rows.append((name(target, int(labels[i])), int(counts[i]), float(counts[i] / len(read)), plain))
    names = ("read as", "photographs", "share", "share of control photographs")
    return [Table(title="What the photographs are read as", columns=names, rows=tuple(rows))]


def conditions(samples: Samples, hit: NumpyArray) -> list[Evidence]:
    """Success against each declared condition, and against each pair of the first three."""
    out: list[Evidence] = []
    groups = samples.groups if len(hit) else {}
    levels = {condition: _levels(np.asarray(values)[: len(hit)]) for condition, values in groups.items()}
    for condition, (words, at) in levels.items():
        of = [int((at == k).sum()) for k in range(len(words))]
        hits = [int(hit[at == k].sum()) for k in range(len(words))]
        spans = [wilson(h, n) for h, n in zip(hits, of, strict=True)]
        out.append(
            Bars(
                title=f"Success against {condition}",
                note=f"photographs: {', '.join(f'{w}: {n}' for w, n in zip(words, of, strict=True))}",
                y_label="share of photographs",
                names=words,
                values=tuple(h / n for h, n in zip(hits, of, strict=True)),
                low=tuple(s.low for s in spans),
                high=tuple(s.high for s in spans),
            )
        )
    for one, two in combinations(list(levels)[:3], 2):
        (rows, a), (columns, b) = levels[one], levels[two]
        cells = [[hit[(a == i) & (b == j)] for j in range(len(columns))] for i in range(len(rows))]
        empty = sum(not len(c) for row in cells for c in row)
        note = (
            f"{empty} cells without a photograph are shown as 0" if empty else "share of the photographs in each cell"
        )
        values = tuple(tuple(float(c.mean()) if len(c) else 0.0 for c in row) for row in cells)
        title = f"Success against {one} and {two}"
        out.append(Grid(title=title, note=note, rows=rows, columns=columns, values=values, value_label="share"))
    return out


def _levels(values: NumpyArray) -> tuple[tuple[str, ...], NumpyArray]:
    """Names of a condition's levels in order, and which one each photograph has; many numbers become five ranges."""
    try:
        numbers = values.astype(float)
    except ValueError:
        numbers = np.full(len(values), np.nan)
    if not np.isfinite(numbers).all():
        words, at = np.unique(values.astype(str), return_inverse=True)
        if len(words) > _LEVELS:
            common = np.argsort(-np.bincount(at), kind="stable")[: _LEVELS - 1]
            place = np.full(len(words), _LEVELS - 1)
            place[common] = np.arange(_LEVELS - 1)
            return (*(str(words[i]) for i in common), "others"), place[at]
        return tuple(str(w) for w in words), at
    known, at = np.unique(numbers, return_inverse=True)
    if len(known) <= _LEVELS:
        return tuple(f"{k:g}" for k in known), at
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, 6)))
    at = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    return tuple(f"{a:g} to {b:g}" for a, b in pairwise(edges)), at
