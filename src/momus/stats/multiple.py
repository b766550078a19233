"""Many looks at one data set: adjusted p-values and levels, so that the best of many is not taken for a finding."""

from __future__ import annotations

import numpy as np

from momus.core.samples import NumpyArray


def _checked(p: NumpyArray) -> NumpyArray:
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or np.any(~np.isfinite(values)) or np.any((values < 0) | (values > 1)):
        raise ValueError("p-values must be a flat array of numbers in [0, 1]")
    return values


def holm(p: NumpyArray) -> NumpyArray:
    """Holm's (1979) adjusted p-values, same order as given.

    Rejecting where the result is at most alpha keeps the chance of any false rejection at most alpha, whatever the
    dependence between the tests.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def benjamini_hochberg(p: NumpyArray) -> NumpyArray:
    """Benjamini and Hochberg's (1995) adjusted p-values: rejecting at alpha keeps the expected share of false
    rejections among all rejections at most alpha, for independent or positively dependent tests.
    """
    values = _checked(p)
    m = len(values)
    order = np.argsort(values, kind="stable")[::-1]
    stepped = values[order] * (m / np.arange(m, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped), 1.0)
    return adjusted


def simultaneous_level(level: float, looks: int) -> float:
    """The level each of ``looks`` intervals needs so that all hold together with at least ``level`` (Bonferroni)."""
    if not 0 < level < 1 or looks < 1:
        raise ValueError("level must lie in (0, 1) and looks must be at least 1")
    return 1 - (1 - level) / looks
