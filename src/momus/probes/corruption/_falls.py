"""Smooth or cliff: how accuracy falls under each corruption, and where exactly it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.evidence import Evidence, Table
from momus.core.records import Figure
from momus.core.samples import NumpyArray
from momus.methods.corrupt.severities import CONTINUOUS
from momus.methods.curve_shape import CurveShape, shape

MOST = 3  # cliffs looked at more closely, the highest first
Ask = Callable[[str, float], NumpyArray]  # corruption, severity -> (n,) whether the target was right


@dataclass(frozen=True)
class Fall:
    """One corruption's curve. ``between`` is where its largest drop lies, as narrowly as was asked."""

    name: str
    shape: CurveShape
    between: tuple[float, float]
    asked: int = 0


def shapes(clean: NumpyArray, right: Mapping[str, NumpyArray], levels: Sequence[int]) -> list[Fall]:
    """The curve of each corruption over no damage (0) and the severities run."""
    found = []
    for name, rows in right.items():
        curve = shape((0, *levels), [clean.mean(), *rows.mean(axis=1)], len(clean))
        found.append(Fall(name, curve, curve.at))
    return found


def narrowed(falls: Sequence[Fall], right: Mapping[str, NumpyArray], levels: Sequence[int], ask: Ask, steps: int,
             ) -> list[Fall]:  # fmt: skip
    """Each of the highest cliffs, asked at ``steps`` severities inside its step where the corruption has such.

    Under severity 1 no parameters are published, so a cliff before it stays as wide as it is. A budget that ends stops
    the search; what was found stays.
    """
    made = {f.name: f for f in falls}
    steep = sorted((f for f in falls if f.shape.kind == "cliff"), key=lambda f: -f.shape.drop)
    open_ = [f for f in steep if f.name in CONTINUOUS and f.shape.at[0] >= 1][: MOST if steps else 0]
    try:
        for fall in open_:
            low, high = fall.shape.at
            inside = [low + (high - low) * (i + 1) / (steps + 1) for i in range(steps)]
            ends = [right[fall.name][list(levels).index(int(s))].mean() for s in (low, high)]
            curve = [ends[0], *(float(ask(fall.name, s).mean()) for s in inside), ends[1]]
            finer = shape([low, *inside, high], curve, right[fall.name].shape[1])
            made[fall.name] = Fall(fall.name, fall.shape, finer.at, steps)
    except BudgetSpent:
        pass  # a finer place is worth having, but no result depends on it
    return list(made.values())


def figures(falls: Sequence[Fall], counted: Sequence[str]) -> list[Figure]:
    """How many of the corruptions that count have a cliff, and where each lies."""
    own = [f for f in falls if f.name in counted]
    steep = [f for f in own if f.shape.kind == "cliff"]
    made = [Figure(name="cliffs", value=len(steep), n=len(own), note="corruptions whose curve has a cliff")]
    for f in sorted(steep, key=lambda f: -f.shape.drop)[:MOST]:
        middle = float(np.mean(f.between))
        note = f"severity, between {f.between[0]:g} and {f.between[1]:g}; drop {f.shape.drop:.2f}"
        made.append(Figure(name=f"cliff.{f.name}", value=middle, n=f.asked + 6, note=note))
    return made


def table(falls: Sequence[Fall], n: int) -> Evidence:
    """One row a corruption, cliffs first."""
    order = {"cliff": 0, "unclear": 1, "smooth": 2, "flat": 3}
    rows = tuple(
        (
            f.name,
            f.shape.kind,
            f"{f.between[0]:g} to {f.between[1]:g}",
            round(f.shape.fall, 3),
            round(f.shape.drop, 3),
            "" if f.shape.kind == "flat" else f"{f.shape.share:.2f} [{f.shape.ci.low:.2f}, {f.shape.ci.high:.2f}]",
        )
        for f in sorted(falls, key=lambda f: (order[f.shape.kind], -f.shape.drop))
    )
    return Table(
        title="Smooth or cliff",
        columns=(
            "corruption",
            "shape",
            "steepest between severities",
            "whole fall",
            "largest drop",
            "share of the fall",
        ),
        rows=rows,
        note=f"a cliff loses more than half of its fall in one step, surely so at {n} pictures",
    )
