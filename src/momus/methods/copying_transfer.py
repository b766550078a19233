"""Changes prepared on a copy and tried on the original: written once, so that copy and original are attacked alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.methods.domain import Domain, per_row

Array = Any
Gradient = Callable[[Array], Array]


def pushed(
    gradient: Gradient, x: Array, epsilon: float, domain: Domain, *, steps: int = 20, momentum: float = 0.9
) -> Array:
    """``x`` moved up ``gradient`` by signs, inside epsilon (Linf), with momentum and without stopping.

    Plain PGD stops at the copy's own boundary, where the original need not have one; momentum and the whole of epsilon
    carry further (Dong et al. 2018, arXiv:1710.06081).
    """
    xp, space = array_namespace(x), domain.like(x)
    at, speed, size = x, xp.zeros_like(x), 2.5 * epsilon / max(1, steps)
    free = x
    for _ in range(steps):
        g = xp.asarray(gradient(at), dtype=x.dtype, device=device(x))
        g = xp.where(xp.isfinite(g), g, xp.zeros_like(g))
        total = xp.sum(xp.abs(g), axis=tuple(range(1, g.ndim)))
        speed = momentum * speed + g / per_row(xp.maximum(total, xp.full_like(total, 1e-20)), g)
        # Whole numbers move by whole steps only: a free iterate keeps what rounding would forget.
        low, high = space.bounds(x, epsilon)
        free = xp.minimum(xp.maximum(free + size * space.scale * xp.sign(speed), low), high)
        at = space.project(free, x, epsilon)
    return at


def shaken(x: Array, epsilon: float, domain: Domain, rng: np.random.Generator) -> Array:
    """``x`` with every value moved by the whole of epsilon up or down by chance: the control."""
    xp, space = array_namespace(x), domain.like(x)
    side = xp.asarray(rng.choice(np.array([-1.0, 1.0]), tuple(x.shape)), dtype=x.dtype, device=device(x))
    return space.project(x + epsilon * space.scale * side, x, epsilon)
