"""The declared range of a system: which rows lie in it, how each part of it is served, and where the worst lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from momus.core.evidence import Bars, Evidence, Line, Series, Table
from momus.core.records import Caveat
from momus.core.samples import NumpyArray
from momus.methods import operating_range
from momus.methods.worst_mix import Mix
from momus.stats import intervals

Bins = Mapping[str, Sequence[Any]]


def by_bin(bins: Bins, known: Mapping[str, NumpyArray], score: NumpyArray, least: int) -> list[tuple[str, float, int]]:
    """Name, mean score and rows of each declared bin that has enough of them, worst first."""
    found = []
    for name, values in known.items():
        for b in bins[name]:
            mask = operating_range.in_bin(values, b, closed=b is bins[name][-1])
            if mask.sum() >= least:
                found.append((operating_range.bin_name(name, b), float(score[mask].mean()), int(mask.sum())))
    return sorted(found, key=lambda f: f[1])


def untested(bins: Bins, known: Mapping[str, NumpyArray], least: int) -> list[Caveat]:
    """Bins of the declared range that hardly any row meets, and columns that the data do not have."""
    absent = [f"{name} (no such column)" for name in bins if name not in known]
    thin = [
        operating_range.bin_name(name, b)
        for name, values in known.items()
        for b in bins[name]
        if operating_range.in_bin(values, b, closed=b is bins[name][-1]).sum() < least
    ]
    if not absent and not thin:
        return []
    names = ", ".join([*absent, *thin][:8])
    message = f"fewer than {least} test rows lie in parts of the declared range: {names}"
    return [Caveat(code="bins-untested", message=message, blocks="pass")]


def evidence(
    mixes: Sequence[Mix],
    score: NumpyArray,
    bins: Sequence[tuple[str, float, int]],
    chosen: Mix,
    known: Mapping[str, NumpyArray],
) -> list[Evidence]:
    """The curve over the parts, where the worst one lies, and the score in each declared bin."""
    ordered = sorted(mixes, key=lambda m: m.share)
    line = Line(
        name="worst part",
        x=(*(m.share for m in ordered), 1.0),
        y=(*(m.gap.score for m in ordered), float(score.mean())),
        low=(*(m.gap.score_ci.low for m in ordered), intervals.mean(score).low),
        high=(*(m.gap.score_ci.high for m in ordered), intervals.mean(score).high),
    )
    found: list[Evidence] = [
        Series(
            title="Score as operation moves to the worst part of its range",
            x_label="share of today's mix that remains",
            y_label="mean score",
            lines=(line,),
        ),
        Table(
            title="Where the worst part lies",
            columns=("column", "in the worst part", "elsewhere"),
            rows=_where(chosen, known),
        ),
    ]
    if bins:
        found.append(
            Bars(
                title="Score in each declared bin",
                y_label="mean score",
                names=tuple(name for name, _, _ in bins[:20]),
                values=tuple(v for _, v, _ in bins[:20]),
                reference=float(score.mean()),
            )
        )
    return found


def _where(chosen: Mix, known: Mapping[str, NumpyArray]) -> tuple[tuple[str, str, str], ...]:
    """What is typical of the worst part: the middle half of a number, the commonest names of a category."""
    rows = []
    for name, values in known.items():
        sides = []
        for mask in (chosen.chosen, ~chosen.chosen):
            part = values[mask]
            if values.dtype.kind in "fiub":
                low, high = np.nanquantile(part.astype(float), [0.25, 0.75])
                sides.append(f"{low:.4g} to {high:.4g}")
            else:
                words, counts = np.unique(part.astype(str), return_counts=True)
                top = np.argsort(-counts)[:3]
                sides.append(", ".join(f"{words[i]} {counts[i] / len(part):.0%}" for i in top))
        rows.append((name, *sides))
    return tuple(rows)  # type: ignore[arg-type]


def inside(values: NumpyArray, bins: Sequence[Any]) -> NumpyArray:
    """Mask of the rows that any bin of a column holds."""
    found: NumpyArray = np.logical_or.reduce([operating_range.in_bin(values, b, closed=True) for b in bins])
    return found


def numbers(values: NumpyArray) -> NumpyArray:
    """Numbers as they are, names as codes in the order of the alphabet."""
    if values.dtype.kind in "fiub":
        return values.astype(float)
    return np.unique(values.astype(str), return_inverse=True)[1].astype(float)
