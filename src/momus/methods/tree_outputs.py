"""What an ensemble of trees answers, read from its arrays: the exact methods' own copy of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import Tree, TreeEnsemble


def outputs(ensemble: TreeEnsemble, x: NumpyArray) -> NumpyArray:
    """(n, k) float64 outputs of rows (n, d)."""
    rows = np.asarray(x, dtype=np.float64)
    if ensemble.dtype == "float32":
        with np.errstate(over="ignore"):
            rows = rows.astype(np.float32).astype(np.float64)
    out = np.broadcast_to(ensemble.base, (len(rows), ensemble.outputs)).astype(np.float64)
    for tree in ensemble.trees:
        out += tree.value[leaves(tree, rows)]
    return out


def leaves(tree: Tree, rows: NumpyArray) -> NumpyArray:
    """(n,) nodes at which rows end that are already rounded to the type the library compares in."""
    at = np.zeros(len(rows), dtype=np.int64)
    every = np.arange(len(rows))
    while len(every):
        every = every[tree.feature[at[every]] >= 0]
        node = at[every]
        value = rows[every, tree.feature[node]]
        left = value <= tree.threshold[node]
        if tree.missing_left is not None:
            left = np.where(np.isnan(value), tree.missing_left[node], left)
        at[every] = np.where(left, tree.left[node], tree.right[node])
    return at


def answers(ensemble: TreeEnsemble, x: NumpyArray) -> NumpyArray:
    """(n,) class indices or values."""
    found = outputs(ensemble, x)
    if ensemble.task == "regressor":
        return np.asarray(found[:, 0])
    if ensemble.outputs == 1:
        return np.asarray(found[:, 0] > ensemble.cut).astype(np.int64)
    return np.asarray(found.argmax(axis=1))


def in_doubles(ensemble: TreeEnsemble) -> TreeEnsemble:
    """The same ensemble with thresholds that unrounded doubles can be compared with.

    A row goes left where its value rounds to a float32 of at most t; that is where it is at most the greatest double
    which rounds so: the middle between two float32 neighbours, or the double below it where ties round upwards.
    """
    if ensemble.dtype == "float64":
        return ensemble
    return replace(
        ensemble, trees=tuple(replace(t, threshold=_edge(t.threshold)) for t in ensemble.trees), dtype="float64"
    )


def _edge(threshold: NumpyArray) -> NumpyArray:
    with np.errstate(over="ignore"):
        below = threshold.astype(np.float32)
    below = np.where(below.astype(np.float64) > threshold, np.nextafter(below, np.float32(-np.inf)), below)
    above = np.nextafter(below, np.float32(np.inf))
    middle = (below.astype(np.float64) + above.astype(np.float64)) / 2
    middle = np.where(np.isfinite(middle), middle, below.astype(np.float64))
    up = middle.astype(np.float32) > below
    return np.where(up, np.nextafter(middle, -np.inf), middle)
