"""What an attack maximises, computed from outputs, with its slope: for any library that follows the array API standard.

A loss here grows as the attack succeeds. ``slope`` is its derivative by the outputs, which is what
:meth:`momus.core.capabilities.Gradients.pullback` carries back to the inputs; no framework's own loss is needed.
"""

from __future__ import annotations

from typing import Any, Literal

from array_api_compat import array_namespace, device

from momus.core.capabilities import Gradients, Slope
from momus.core.errors import ProbeError

Array = Any
Loss = Literal["cross_entropy", "margin", "dlr"]
TargetedLoss = Literal["toward", "difference", "targeted_dlr"]
TINY = 1e-12


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


def softmax(scores: Array) -> Array:
    """(n, k) rows that sum to 1, without overflow."""
    xp = array_namespace(scores)
    e = xp.exp(scores - xp.max(scores, axis=1, keepdims=True))
    return e / xp.sum(e, axis=1, keepdims=True)


def slope(loss: Loss | TargetedLoss, scores: Array, y: Array, to: Array | None = None) -> Array:
    """Derivative of the summed loss by the scores, (n, k).

    ``cross_entropy``; ``margin``, best other score minus the true one; ``dlr``, the margin over the gap between the
    first and the third score (arXiv:2003.01690), which is ``margin`` below three classes. With target classes ``to``
    (n,): ``toward``, the log-probability of the target; ``difference``, target score minus true score;
    ``targeted_dlr``, that difference over the first score minus the mean of the third and fourth, which is
    ``difference`` below four classes.
    """
    xp = array_namespace(scores)
    k = scores.shape[1]
    true = one_hot(y, k, xp)
    hot = xp.astype(true, scores.dtype)
    if loss == "cross_entropy":
        return softmax(scores) - hot
    if loss in ("margin", "dlr"):
        best = xp.argmax(xp.where(true, -xp.inf, scores), axis=1)
        rise = xp.astype(one_hot(best, k, xp), scores.dtype) - hot
        return rise if loss == "margin" or k < 3 else _over_gap(scores, rise, (2,))
    if loss not in ("toward", "difference", "targeted_dlr"):
        raise ProbeError(f"no loss '{loss}'", hint="cross_entropy, margin, dlr, toward, difference or targeted_dlr")
    if to is None:
        raise ProbeError(f"the loss {loss} needs target classes")
    goal = xp.astype(one_hot(to, k, xp), scores.dtype)
    if loss == "toward":
        return goal - softmax(scores)
    return goal - hot if loss == "difference" or k < 4 else _over_gap(scores, goal - hot, (2, 3))


def value(loss: Loss | TargetedLoss, scores: Array, y: Array, to: Array | None = None) -> Array:
    """The loss itself, (n,): what :func:`slope` is the derivative of."""
    xp = array_namespace(scores)
    k = scores.shape[1]
    ranks: tuple[int, ...]
    if loss == "cross_entropy":
        return cross_entropy(scores, y)
    if loss == "toward":
        return -cross_entropy(scores, to)
    if loss in ("margin", "dlr"):
        rise, ranks = -margin(scores, y), (2,) if loss == "dlr" and k > 2 else ()
    elif to is not None:
        signed = xp.astype(one_hot(to, k, xp), scores.dtype) - xp.astype(one_hot(y, k, xp), scores.dtype)
        rise, ranks = xp.sum(signed * scores, axis=1), (2, 3) if loss == "targeted_dlr" and k > 3 else ()
    else:
        raise ProbeError(f"the loss {loss} needs target classes")
    if not ranks:
        return rise
    order = xp.sort(scores, axis=1, descending=True)
    return rise / (order[:, 0] - sum(order[:, r] for r in ranks) / len(ranks) + TINY)


def _over_gap(scores: Array, rise: Array, ranks: tuple[int, ...]) -> Array:
    """Slope of (rise . scores) / (first score - mean of the scores at ``ranks``), ranks from 0."""
    xp = array_namespace(scores)
    k, left, places = scores.shape[1], scores, []
    for _ in range(max(ranks) + 1):
        place = one_hot(xp.argmax(left, axis=1), k, xp)
        places.append(xp.astype(place, scores.dtype))
        left = xp.where(place, -xp.inf, left)
    fall = places[0] - sum(places[r] for r in ranks) / len(ranks)
    gap = xp.sum(fall * scores, axis=1, keepdims=True) + TINY
    value = xp.sum(rise * scores, axis=1, keepdims=True)
    return rise / gap - value / gap**2 * fall


def _native(y: Array, outputs: Array) -> Array:
    """Labels in the library and on the device of the outputs."""
    return array_namespace(outputs).asarray(y, device=device(outputs))


def slope_of(loss: Loss | TargetedLoss, y: Array, to: Array | None = None) -> Slope:
    """The slope of a loss for the labels of one batch, in the form that ``pullback`` takes."""

    def weigh(outputs: Array, rows: slice) -> Array:
        return slope(loss, outputs, _native(y[rows], outputs), None if to is None else _native(to[rows], outputs))

    return weigh


def loss_gradient(
    target: Gradients, x: Array, y: Array, loss: Loss | TargetedLoss = "cross_entropy", to: Array | None = None
) -> tuple[Array, Array]:
    """Logits (n, k) at x and the gradient of the summed loss by x, from one forward and one backward pass.

    Raises ProbeError where the labels are not one class index a row.
    """
    k = len(target.info.classes)
    for labels in (y, y if to is None else to):
        if len(labels) != len(x):
            raise ProbeError(f"{len(labels)} labels for {len(x)} rows")
        if len(labels) and k and not 0 <= int(labels.min()) <= int(labels.max()) < k:
            raise ProbeError(f"labels must be 0 to {k - 1}")
    return target.pullback(x, slope_of(loss, y, to))
