"""What an attack maximises, computed from scores: for any array library that follows the array API standard."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace, device

Array = Any


def one_hot(y: Array, k: int, xp: Any) -> Array:
    """(n,) class indices -> (n, k) booleans."""
    return y[:, None] == xp.arange(k, dtype=y.dtype, device=device(y))[None, :]


def margin(scores: Array, y: Array) -> Array:
    """Score of the true class minus the best other one, (n,): negative means misclassified. Scores must be finite."""
    xp = array_namespace(scores)
    true = one_hot(y, scores.shape[1], xp)
    own = xp.max(xp.where(true, scores, -xp.inf), axis=1)
    other = xp.max(xp.where(true, -xp.inf, scores), axis=1)
    return own - other


def wrong(scores: Array, y: Array) -> Array:
    """(n,) booleans: the class with the greatest score (the first of equals) is not ``y``."""
    xp = array_namespace(scores)
    return xp.argmax(scores, axis=1) != y


def cross_entropy(scores: Array, y: Array) -> Array:
    """-log softmax at the true class, (n,), without overflow."""
    xp = array_namespace(scores)
    top = xp.max(scores, axis=1, keepdims=True)
    log_sum = xp.log(xp.sum(xp.exp(scores - top), axis=1)) + top[:, 0]
    true = one_hot(y, scores.shape[1], xp)
    return log_sum - xp.sum(xp.where(true, scores, xp.zeros_like(scores)), axis=1)
