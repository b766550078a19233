"""Linear models solved for from their answers: logistic and softmax regression, one-vs-rest, linear regression.

An answer with probabilities p says that log p_a - log p_b is a linear function of the features, so that as many queries
as there are weights give the weights. Source: Tramèr et al. 2016, arXiv:1609.02943.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg

from momus.core.samples import NumpyArray
from momus.methods.linear_design import Design

TINY = 1e-300
Link = Literal["softmax", "one-vs-rest", "identity", "log"]


@dataclass(frozen=True)
class LinearCopy:
    """``weights`` (m + 1, k) by feature and class; class 0 of a softmax is the reference with zeros.

    A regressor has one column, and its value is that column's sum (identity) or the exponential of it (log).
    """

    design: Design
    weights: NumpyArray
    link: Link = "softmax"

    def scores(self, rows: NumpyArray) -> NumpyArray:
        """(n, k) logits, or values before the link."""
        return np.asarray(self.design.features(rows) @ self.weights)

    def answers(self, rows: NumpyArray) -> NumpyArray:
        """(n, k) probabilities, or (n, 1) values."""
        return linked(self.scores(rows), self.link)

    def predict(self, rows: NumpyArray) -> NumpyArray:
        """(n,) class indices or values."""
        if self.link in ("identity", "log"):
            return self.answers(rows)[:, 0]
        return np.asarray(self.scores(rows).argmax(axis=1))


def linked(z: NumpyArray, link: Link) -> NumpyArray:
    """Answers from linear scores (n, k)."""
    if link == "identity":
        return z
    if link == "log":
        return np.asarray(np.exp(np.minimum(z, 700)))
    if link == "one-vs-rest":
        e = np.exp(_log_sigmoid(z))
    else:
        e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _log_sigmoid(z: NumpyArray) -> NumpyArray:
    return np.asarray(-np.logaddexp(0.0, -z))


def ratios(p: NumpyArray) -> NumpyArray:
    """(n, k - 1) log p_c - log p_0: what is linear in a softmax."""
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(p, TINY))
    return np.asarray(logs[:, 1:] - logs[:, :1])


def trusted(p: NumpyArray) -> NumpyArray:
    """(n,) how far rounding in the last bit of the smallest probability moves a logit; 1 and more is saturated."""
    return np.asarray(np.finfo(float).eps / np.maximum(p.min(axis=1), np.finfo(float).eps))


def solve(design: Design, rows: NumpyArray, answers: NumpyArray, link: Link = "softmax") -> LinearCopy:
    """The weights from as many answers as there are, by least squares; too few give the smallest weights that fit.

    ``answers`` (n, k) are probabilities, or (n, 1) values for the links identity and log. Saturated answers count less.
    """
    a = design.features(rows)
    if link == "softmax":
        b, weight = ratios(answers), 1.0 / (1e-12 + trusted(answers))
    else:
        b = np.log(np.maximum(answers, TINY)) if link == "log" else answers
        weight = np.ones(len(a))
    weight = np.minimum(weight / weight.max(), 1.0)[:, None] if len(weight) else np.ones((0, 1))
    found = np.linalg.lstsq(a * weight, b * weight, rcond=1e-13)[0]
    if link == "softmax":
        found = np.concatenate([np.zeros((len(found), 1)), found], axis=1)
    return LinearCopy(design, found, link)


def condition(design: Design, rows: NumpyArray) -> float:
    """How much the equations blow up an error: the ratio of their greatest to their least singular value."""
    values = np.linalg.svd(design.features(rows), compute_uv=False)
    return float(values[0] / max(values[-1], 1e-300))


def fitted(
    copy: LinearCopy, rows: NumpyArray, p: NumpyArray, *, steps: int = 60, ridge: float = 0.0, exact: bool = False
) -> LinearCopy:
    """The copy whose probabilities come closest to rounded, blurred or one-vs-rest answers: Levenberg-Marquardt.

    Starts at ``copy`` and minimises the squared difference of probabilities, weighted by their spread, plus ``ridge``
    times the squared weights (needed where answers are classes alone and weights would grow without end). ``exact``:
    only a fit without error is of use, so a loss that does not halve in ten steps is given up.
    """
    a = copy.design.features(rows)
    w, damp = copy.weights.copy(), 1e-3
    loss, slope, curve = _normal(a, w, p, copy.link, ridge)
    mark = loss
    for i in range(steps):
        if exact and i % 10 == 9:
            if loss > mark / 2:
                break
            mark = loss
        step = _solved(curve + damp * np.diag(np.diag(curve) + 1e-12), slope)
        tried = w - step.reshape(w.shape)
        loss_, slope_, curve_ = _normal(a, tried, p, copy.link, ridge)
        if not loss_ < loss:
            damp *= 8
            if damp > 1e12:
                break
            continue
        done = loss - loss_ <= 1e-14 * loss
        w, loss, slope, curve, damp = tried, loss_, slope_, curve_, max(damp / 8, 1e-14)
        if done or loss == 0:
            break
    return LinearCopy(copy.design, w, copy.link)


def _solved(curve: NumpyArray, slope: NumpyArray) -> NumpyArray:
    """The step; by Cholesky's way, twenty times as fast, wherever the damped matrix is sound."""
    try:
        step: NumpyArray = scipy.linalg.cho_solve(scipy.linalg.cho_factor(curve, check_finite=False), slope)
    except scipy.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(curve, slope, rcond=1e-14)[0])
    return step if np.isfinite(step).all() else np.asarray(np.linalg.lstsq(curve, slope, rcond=1e-14)[0])


def _normal(
    a: NumpyArray, w: NumpyArray, p: NumpyArray, link: Link, ridge: float
) -> tuple[float, NumpyArray, NumpyArray]:
    """Loss, gradient and Gauss-Newton matrix of the weighted difference of probabilities, by the flat weights."""
    z = a @ w
    q = linked(z, link)
    k = q.shape[1]
    rate = 1 - np.exp(_log_sigmoid(z)) if link == "one-vs-rest" else np.ones_like(z)
    scale = 1.0 / np.sqrt(np.maximum(p * (1 - p), 0.02))
    r = (q - p) * scale
    # dq_c/dz_j = rate_j q_c (1[c = j] - q_j) for both links: the ratio of sigmoids is a softmax of log-sigmoids.
    jac = scale[:, :, None] * q[:, :, None] * (np.eye(k) - q[:, None, :]) * rate[:, None, :]
    inner = np.einsum("ncj,ncl->njl", jac, jac)
    slope = np.einsum("nm,nj->mj", a, np.einsum("nc,ncj->nj", r, jac)) + ridge * w
    m = a.shape[1]
    curve = np.empty((m, k, m, k))
    for j in range(k):
        for i in range(j, k):
            block = (a * inner[:, j, i][:, None]).T @ a
            curve[:, j, :, i] = block
            curve[:, i, :, j] = block.T
    flat = curve.reshape(m * k, m * k) + ridge * np.eye(m * k)
    return float((r * r).sum() + ridge * (w * w).sum()), slope.reshape(-1), flat


def misfit(copy: LinearCopy, rows: NumpyArray, answers: NumpyArray) -> float:
    """How badly held-out equations are missed: the greatest error of an answer, in units of the answers' spread."""
    if not len(rows):
        return 0.0
    off = np.abs(copy.answers(rows) - answers)
    return float(off.max() / max(float(answers.std(axis=0).max()), 1e-12))
