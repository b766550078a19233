"""How much a hidden channel carries before anybody notices: attempts of growing strength, their price in accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.errors import BudgetSpent
from momus.core.records import Interval
from momus.core.samples import NumpyArray
from momus.methods.hidden_data import MANTISSA
from momus.methods.hidden_records import Back, Records
from momus.stats import intervals


@dataclass(frozen=True)
class Attempt:
    """One planting: how strong, what was sent, what was read, and what the model still gets right.

    ``right`` (n,) marks the test rows that it still gets right. ``damage`` is the share of bits that came back wrong
    and ``correlation`` that of values sent and read, whichever the channel has. ``carrier`` is the model.
    """

    strength: float
    sent: Records
    got: Records
    back: Back
    right: NumpyArray
    cost: float
    cost_ci: Interval
    bits: int = 0
    damage: float | None = None
    correlation: float | None = None
    carrier: Any = None

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if len(self.right) else 0.0


def paired_cost(clean: NumpyArray, planted: NumpyArray, level: float = 0.95) -> tuple[float, Interval]:
    """Accuracy lost on the same n rows, with an interval that also holds where no row differs.

    ``clean`` (m, n) are m clean models. With one it is Wald's interval after half a row was added to each kind of
    disagreement and two rows in all (Agresti & Min 2005); with more, each row's loss is the mean over them.
    """
    n = clean.shape[1]
    if n == 0:
        return 0.0, Interval(low=-1.0, high=1.0, method="none")
    loss = clean.mean(axis=0) - planted
    value = float(loss.mean())
    total, squares = float(loss.sum()), float((loss**2).sum()) + 1
    middle = total / (n + 2)
    half = 1.959964 * math.sqrt(max(squares - total**2 / (n + 2), 0.0)) / (n + 2)
    ci = Interval(
        low=min(value, middle - half), high=max(value, middle + half), level=level, method="paired (Agresti-Min)"
    )
    return value, ci


def climb(
    attempt: Callable[[float], Attempt],
    start: float,
    factor: float,
    most: int,
    verdict: Callable[[Attempt], int],
    high: float | None = None,
) -> tuple[list[Attempt], bool]:
    """At most ``most`` attempts, and whether the budget ended them early.

    ``verdict`` says of an attempt +1 (more strength), -1 (less) or 0 (enough). Strength moves by ``factor`` until it
    has been both too little and too much, then to the middle of the two; ``high`` is known to be too much.
    """
    made: list[Attempt] = []
    low: float | None = None
    strength = start
    for _ in range(most):
        try:
            made.append(attempt(strength))
        except BudgetSpent:
            return made, True
        more = verdict(made[-1])
        if more == 0:
            break
        low, high = (strength, high) if more > 0 else (low, strength)
        if low is not None and high is not None:
            strength = math.sqrt(low * high)
        else:
            strength = strength * factor if more > 0 else strength / factor
    return made, False


def unnoticed(attempts: Sequence[Attempt], tolerated: float) -> Attempt | None:
    """The attempt with most records among those that cost no more than ``tolerated``; of equals the cheapest."""
    quiet = [a for a in attempts if a.cost <= tolerated + 1e-12]
    return max(quiet, key=lambda a: (a.back.count, -a.cost, -a.strength), default=None)


def records_interval(best: Attempt | None, loud: Attempt | None = None) -> tuple[float, Interval]:
    """Records that came back, and an interval for as many sent of the same kind.

    Where no attempt was unnoticed nothing was taken; ``loud``, the one that brought most, bounds what might have been.
    """
    attempt = best or loud
    if attempt is None or len(attempt.sent) == 0:
        return 0.0, Interval(low=0.0, high=0.0, method="no room")
    n = len(attempt.sent)
    share = intervals.wilson(attempt.back.count, n)
    value, low = (float(best.back.count), share.low * n) if best is not None else (0.0, 0.0)
    return value, Interval(low=low, high=share.high * n, method="wilson, of those sent")


# --- what removes it again -------------------------------------------------------------------------------------------


def half_precision(values: Mapping[str, NumpyArray]) -> dict[str, NumpyArray]:
    """Every number as 16 bits hold it."""
    most = float(np.finfo(np.float16).max)
    return {k: np.clip(v, -most, most).astype(np.float16).astype(v.dtype) for k, v in values.items()}


def eight_bits(values: Mapping[str, NumpyArray]) -> dict[str, NumpyArray]:
    """Every array in 255 even steps around zero."""
    out = {}
    for k, v in values.items():
        step = float(np.max(np.abs(v), initial=0.0)) / 127
        out[k] = (np.round(v / step) * step).astype(v.dtype) if step > 0 else v.copy()
    return out


def with_noise(values: Mapping[str, NumpyArray], rng: np.random.Generator, share: float = 0.1) -> dict[str, NumpyArray]:
    """Normal noise of a share of each array's spread."""
    return {k: (v + share * np.std(v) * rng.normal(size=v.shape)).astype(v.dtype) for k, v in values.items()}


def pruned(values: Mapping[str, NumpyArray], share: float = 0.3) -> dict[str, NumpyArray]:
    """The smallest share of each array's numbers set to zero."""
    out = {}
    for k, v in values.items():
        edge = np.quantile(np.abs(v), share) if v.size else 0.0
        out[k] = np.where(np.abs(v) < edge, 0, v).astype(v.dtype)
    return out


def scrubs(values: Mapping[str, NumpyArray], rng: np.random.Generator) -> dict[str, dict[str, NumpyArray]]:
    """What somebody might do to a model before it leaves the house, by name."""
    return {
        "float16": half_precision(values),
        "int8": eight_bits(values),
        "noise": with_noise(values, rng),
        "pruning": pruned(values),
    }


def mantissa_of(values: Mapping[str, NumpyArray]) -> int:
    """Explicit mantissa bits of the type that most numbers are stored in; 0 where none is a float."""
    sizes: dict[int, int] = {}
    for v in values.values():
        depth = MANTISSA.get(v.dtype.itemsize, 0) if v.dtype.kind == "f" else 0
        sizes[depth] = sizes.get(depth, 0) + v.size
    return max(sizes, key=lambda d: sizes[d], default=0)
