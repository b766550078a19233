"""What the counts of training rows in the leaves of trees say about an unknown column of a row.

Fredrikson et al. 2015, the white-box estimator with counts: of the training rows that could hold a value, the share
that lie in the leaf this row would reach with that value and carry its label. A value whose leaf is empty of the label
is ruled out; a leaf of one row is that row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import Tree, TreeEnsemble
from momus.methods.attribute import Secret
from momus.methods.attribute_attacks import label_clues
from momus.methods.tree_outputs import leaves, outputs

EMPTY = 0.02  # rows that an empty leaf counts as


def counted(ensemble: TreeEnsemble) -> bool:
    """Whether every tree keeps the number of training rows of its leaves."""
    return all(t.count is not None for t in ensemble.trees)


def clues(
    ensemble: TreeEnsemble, secret: Secret, x: NumpyArray, y: NumpyArray, confusion: NumpyArray
) -> dict[str, NumpyArray]:
    """Clues (n, k) for each value of the secret. ``confusion`` as :func:`attribute_attacks.confusion` gives it.

    counts: log of the mean over the trees of the estimator's likelihood. leaf: the mean of its logarithms, which one
    tree that rules a value out can decide. share: log of the mean share of the label in the leaves. rows: the mean
    logarithm of the leaves' sizes, since what few share is remembered. margin: the model's own output for the label.
    """
    n, k = len(x), secret.k
    asked = secret.asked(x)
    rows = asked.astype(np.float32).astype(float) if ensemble.dtype == "float32" else asked
    labels = np.repeat(y, k)
    likely, logs, shares, sizes = (np.zeros(n * k) for _ in range(4))
    for tree in ensemble.trees:
        count = np.ones(len(tree.feature)) if tree.count is None else tree.count  # without counts, leaves alike
        at = leaves(tree, rows)
        share = _share(tree, ensemble, at, labels)
        inside = count[at] * share
        of = np.array([count[reachable(tree, secret, v)].sum() for v in range(k)], dtype=float)
        one = (inside + EMPTY) / np.maximum(np.tile(of, n), 1.0)
        likely, logs = likely + one, logs + np.log(one)
        shares, sizes = shares + share, sizes + np.log(count[at] + 1.0)
    m = max(1, len(ensemble.trees))
    out = {
        "counts": np.log(likely / m),
        "leaf": logs / m,
        "share": np.log(shares / m + EMPTY),
        "rows": sizes / m,
        "margin": _margin(outputs(ensemble, asked), ensemble, labels),
    }
    said = _said(ensemble, asked).reshape(n, k)
    return {**{name: c.reshape(n, k) for name, c in out.items()}, **label_clues(said, y, confusion)}


def reachable(tree: Tree, secret: Secret, value: int) -> NumpyArray:
    """(m,) bool: the leaves that a row with this value can end in, whatever its other columns hold."""
    held = dict(zip(secret.at, secret.settings[value], strict=True))
    open_ = np.zeros(len(tree.feature), dtype=bool)
    waiting = [0]
    while waiting:
        node = waiting.pop()
        j = int(tree.feature[node])
        if j < 0:
            open_[node] = True
        elif j in held:
            waiting.append(int(tree.left[node] if held[j] <= tree.threshold[node] else tree.right[node]))
        else:
            waiting += [int(tree.left[node]), int(tree.right[node])]
    return open_


def _share(tree: Tree, ensemble: TreeEnsemble, at: NumpyArray, labels: NumpyArray) -> NumpyArray:
    """The share of a leaf's training rows with that label, where the leaf's values are such shares; else 1."""
    total = tree.value.sum(1)
    leaf = tree.feature < 0
    if ensemble.task != "classifier" or ensemble.outputs < 2 or (tree.value < 0).any() or np.ptp(total[leaf]) > 1e-6:
        return np.ones(len(at))
    return np.asarray(tree.value[at, labels] / np.maximum(total[at], 1e-12))


def _margin(out: NumpyArray, ensemble: TreeEnsemble, labels: NumpyArray) -> NumpyArray:
    if ensemble.task == "regressor":
        return np.asarray(-np.abs(out[:, 0] - labels))
    if ensemble.outputs == 1:
        return np.asarray(np.where(labels > 0, out[:, 0] - ensemble.cut, ensemble.cut - out[:, 0]))
    rows = np.arange(len(out))
    own = out[rows, labels]
    rest = out.copy()
    rest[rows, labels] = -np.inf
    return np.asarray(np.clip(own - rest.max(1), -30, 30))


def _said(ensemble: TreeEnsemble, asked: NumpyArray) -> NumpyArray:
    out = outputs(ensemble, asked)
    return np.asarray(out[:, 0] > ensemble.cut if ensemble.outputs == 1 else out.argmax(1)).astype(np.int64)


def said(ensemble: TreeEnsemble, x: NumpyArray) -> NumpyArray:
    """(n,) the class that the trees answer."""
    return _said(ensemble, x)


def sizes(trees: Sequence[Tree]) -> NumpyArray:
    """Training rows in every leaf of every tree."""
    found = [t.count[t.feature < 0] for t in trees if t.count is not None]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
