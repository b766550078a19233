"""What counts as a success of an attack, and which way to push: classes, target classes, values, thresholds.

An attack works on outputs (n, k) and a reference (n,) and never asks what the model is for. The same search then turns
a class, reaches a class, moves a regressor's value, or carries a detector across its threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from array_api_compat import array_namespace

from momus.methods import losses

Array = Any


class Objective(Protocol):
    """``margin`` (n,): how far the attacker is from success, negative after it. ``won`` (n,) booleans.

    ``slope`` (n, k): by the outputs, of a loss that grows as the attack succeeds; ``loss`` may choose among several.
    """

    def margin(self, outputs: Array, y: Array) -> Array: ...

    def won(self, outputs: Array, y: Array) -> Array: ...

    def slope(self, outputs: Array, y: Array, loss: losses.Loss = "margin") -> Array: ...


@dataclass(frozen=True)
class Misclassified:
    """Untargeted: any class but the true one, ``y`` (n,) int."""

    def margin(self, outputs: Array, y: Array) -> Array:
        return losses.margin(outputs, y)

    def won(self, outputs: Array, y: Array) -> Array:
        return losses.wrong(outputs, y)

    def slope(self, outputs: Array, y: Array, loss: losses.Loss = "margin") -> Array:
        return losses.slope(loss, outputs, y)


@dataclass(frozen=True)
class Reached:
    """Targeted: the class ``y`` (n,) int and no other."""

    def margin(self, outputs: Array, y: Array) -> Array:
        return -losses.margin(outputs, y)

    def won(self, outputs: Array, y: Array) -> Array:
        return ~losses.wrong(outputs, y)

    def slope(self, outputs: Array, y: Array, loss: losses.Loss = "margin") -> Array:
        return -losses.slope(loss, outputs, y)


@dataclass(frozen=True)
class Deviates:
    """A value: the output leaves the reference ``y`` (n,) float by more than ``tolerance``, in the output's units.

    ``side``: +1 upwards only, -1 downwards only, 0 whichever way it already leans.
    """

    tolerance: float
    side: int = 0

    def _moved(self, outputs: Array, y: Array) -> Array:
        xp = array_namespace(outputs)
        gap = outputs[:, 0] - y
        return xp.abs(gap) if self.side == 0 else self.side * gap

    def margin(self, outputs: Array, y: Array) -> Array:
        return self.tolerance - self._moved(outputs, y)

    def won(self, outputs: Array, y: Array) -> Array:
        return self._moved(outputs, y) > self.tolerance

    def slope(self, outputs: Array, y: Array, loss: losses.Loss = "margin") -> Array:
        xp = array_namespace(outputs)
        if self.side:
            return xp.full_like(outputs, float(self.side))
        up = (outputs[:, 0] >= y)[:, None]
        return xp.where(up, xp.ones_like(outputs), -xp.ones_like(outputs))


@dataclass(frozen=True)
class Crosses:
    """A detector's value: it ends on the other side of ``threshold`` than ``y`` (n,) says (1 at or above, 0 below)."""

    threshold: float

    def margin(self, outputs: Array, y: Array) -> Array:
        xp = array_namespace(outputs)
        over = outputs[:, 0] - self.threshold
        return xp.where(y > 0, over, -over)

    def won(self, outputs: Array, y: Array) -> Array:
        above = outputs[:, 0] >= self.threshold
        return above != (y > 0)

    def slope(self, outputs: Array, y: Array, loss: losses.Loss = "margin") -> Array:
        xp = array_namespace(outputs)
        return xp.where((y > 0)[:, None], -xp.ones_like(outputs), xp.ones_like(outputs))


MISCLASSIFIED = Misclassified()
