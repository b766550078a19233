"""Twins for stealing.tree: services that name the leaf in every answer, and services whose answers are partly wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.stealing.services import Answers, mumbling, served
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Trees of several depths, with whole and with incomplete rows; the same behind a service that mumbles."""
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = people(900, rng, name="train"), people(400, rng, name="test")
    many, more = people(900, rng, name="train", classes=3), people(400, rng, name="test", classes=3)
    data, wide = {"test": test}, {"test": more}
    quick = {"defences": False}

    def grown(samples: Samples, name: str, **settings: Any) -> Any:
        return fitted(DecisionTreeClassifier(random_state=seed, **settings), samples, name)

    small = grown(train, "small", max_depth=4, min_samples_leaf=7)
    wider = grown(many, "wider", max_leaf_nodes=24, min_samples_leaf=7)
    deeper = grown(train, "deeper", max_depth=6, min_samples_leaf=9)

    def turned(target: Any, share: float, samples: Samples, name: str) -> Any:
        return served(mumbling(lambda x: np.asarray(target.probabilities(x)), share, seed), samples, name)

    return (
        Case("tree of depth four", True, small, data, quick),
        Case("tree that answers incomplete rows", True, _stuck(deeper, test, "stuck"), data, quick),
        Case("tree that mumbles", False, turned(small, 0.12, test, "mumbled"), data, quick),
        Case("tree of many leaves that mumbles", False, turned(deeper, 0.15, test, "hushed"), data, quick),
        Case("three classes, many leaves", True, wider, wide, quick, held_out=True),
        Case("tree of depth six", True, deeper, data, quick, held_out=True),
        Case("tree, four digits", True, deeper, data, {**quick, "decimals": 4}, held_out=True),
        Case("three classes that mumble", False, turned(wider, 0.2, more, "confused"), wide, quick, held_out=True),
        Case("mumbling, two digits", False, turned(deeper, 0.12, test, "vague"), data, {**quick, "decimals": 2},
             held_out=True),
    )  # fmt: skip


def _stuck(target: Any, samples: Samples, name: str) -> Any:
    """A service that answers an incomplete row with the node at which the missing value stops it."""
    return served(node_answers(target.model), samples, name, missing=True)


def node_answers(model: Any) -> Answers:
    """Probabilities of the node that a row reaches before it meets a question about a missing value."""
    tree = model.tree_
    shares = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)

    def ask(x: NumpyArray) -> NumpyArray:
        at = np.zeros(len(x), dtype=int)
        rows = np.arange(len(x))
        while len(rows):
            node = at[rows]
            value = x[rows, np.maximum(tree.feature[node], 0)].astype(np.float32)
            goes = (tree.children_left[node] >= 0) & ~np.isnan(value)
            rows, node, value = rows[goes], node[goes], value[goes]
            left = value <= tree.threshold[node]
            at[rows] = np.where(left, tree.children_left[node], tree.children_right[node])
        return np.asarray(shares[at])

    return ask
