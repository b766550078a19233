"""Rows that would make a federated client send what it sent: a search by the gradient of a distance between updates.

Deep leakage from gradients (Zhu et al. 2019, arXiv:1906.08935): squared distance. Inverting gradients (Geiping et al.
2020, arXiv:2003.14053): cosine distance, total variation, Adam on the sign of the gradient, a step that shrinks thrice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from momus.core.errors import BudgetSpent

Array = Any
ENOUGH = 1e-7  # a distance at which two updates are one
# Rows -> (distance of their update to the one seen, its gradient by the rows).
Distance = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Box:
    """Least and greatest value of each number of a row, and the length that counts as one: native, one row's shape."""

    low: Array
    high: Array
    unit: Array


@dataclass(frozen=True)
class Found:
    """The rows with the least distance met, that distance, and whether the budget ended the search."""

    x: Array
    distance: float
    spent: bool


def search(
    ask: Distance, start: Array, box: Box, *, steps: int, rate: float = 0.1, signed: bool = True, smooth: float = 0.0
) -> Found:
    """Adam from ``start`` (n, ...), inside the box. ``smooth`` weighs the total variation of images (n, c, h, w)."""
    xp = array_namespace(start)
    x = xp.clip(start, box.low, box.high)
    best, least = x, float("inf")
    first, second = xp.zeros_like(x), xp.zeros_like(x)
    for step in range(1, steps + 1):
        try:
            value, slope = ask(x)
        except BudgetSpent:
            return Found(best, least, True)
        if value < least:
            best, least = x, value
        if value <= ENOUGH:
            break
        if smooth and x.ndim == 4:
            slope = slope + smooth * _variation_slope(xp, x)
        slope = xp.sign(slope) if signed else slope * box.unit
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope * slope
        move = (first / (1 - 0.9**step)) / (xp.sqrt(second / (1 - 0.999**step)) + 1e-12)
        x = xp.clip(x - rate * _shrunk(step, steps) * box.unit * move, box.low, box.high)
    return Found(best, least, False)


def _shrunk(step: int, steps: int) -> float:
    """A tenth of the step after three, five and seven eighths of the way."""
    return float(0.1 ** sum(step > steps * part / 8 for part in (3, 5, 7)))


def _variation_slope(xp: Any, x: Array) -> Array:
    """Gradient of the mean absolute difference between neighbours, down and across."""
    down, across = xp.sign(x[:, :, 1:, :] - x[:, :, :-1, :]), xp.sign(x[:, :, :, 1:] - x[:, :, :, :-1])
    out = xp.zeros_like(x)
    out[:, :, 1:, :] += down
    out[:, :, :-1, :] -= down
    out[:, :, :, 1:] += across
    out[:, :, :, :-1] -= across
    count = 1
    for side in x.shape:
        count *= int(side)
    return out / count
