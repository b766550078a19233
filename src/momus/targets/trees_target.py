"""Targets whose trees can be read: the adapters of estimators and boosters with one more ability, ``trees``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core.samples import Column, NumpyArray
from momus.core.trees import Tree, TreeEnsemble
from momus.targets import boosters, trees_sklearn
from momus.targets.callable_ import (
    CallableScores,
    CallableScoresTrains,
    CallableTarget,
    CallableValues,
    CallableValuesTrains,
)
from momus.targets.sklearn_ import SklearnProbabilities, SklearnScores, SklearnTarget, SklearnValues
from momus.targets.spaces import raw_values
from momus.targets.trees_boosters import of_lightgbm, of_xgboost


class _OfEstimator(SklearnTarget):
    """An estimator's trees over the columns of the data, its classes in the order of the target's."""

    def trees(self) -> TreeEnsemble:
        if self._ensemble is None:
            found = in_columns(trees_sklearn.read(self.model), self._order, self._codes)
            k, present = len(self._info.classes), self._present
            if present is not None and (len(present) != k or not np.array_equal(present, np.arange(k))):
                found = _spread(found, present, k)
            self._ensemble = found
        return self._ensemble

    _ensemble: TreeEnsemble | None = None


class SklearnTrees(_OfEstimator, SklearnValues):
    """A regressor."""


class SklearnTreesScores(_OfEstimator, SklearnScores):
    """A classifier without probabilities."""


class SklearnTreesProbabilities(_OfEstimator, SklearnProbabilities):
    """A classifier with probabilities."""


def form_of(form: type[SklearnTarget], model: Any, columns: Sequence[Column]) -> type[SklearnTarget]:
    """The class to make: one with ``trees`` where the estimator's splits can be read in the data's own columns."""
    if not trees_sklearn.readable(model) or any(not _rises(m) for m in raw_values(columns)):
        return form
    return {
        SklearnValues: SklearnTrees,
        SklearnScores: SklearnTreesScores,
        SklearnProbabilities: SklearnTreesProbabilities,
    }.get(form, form)


class _OfBooster(CallableTarget):
    """A booster file's trees over the columns of the data."""

    def trees(self) -> TreeEnsemble:
        if self._ensemble is None:
            function: Any = self.function
            xgboost = isinstance(function, boosters.XgboostMargins)
            read = of_xgboost(function.booster) if xgboost else of_lightgbm(function.booster)
            numbers = [c if c is not None and c.dtype != object else None for c in self._codes]
            self._ensemble = in_columns(read, function.arranged.order, numbers)
        return self._ensemble

    _ensemble: TreeEnsemble | None = None


class BoosterTrees(_OfBooster, CallableValues):
    """A regressor."""


class BoosterTreesTrains(_OfBooster, CallableValuesTrains):
    """A regressor that can be trained again."""

    _form_again = CallableValuesTrains


class BoosterTreesScores(_OfBooster, CallableScores):
    """A classifier."""


class BoosterTreesScoresTrains(_OfBooster, CallableScoresTrains):
    """A classifier that can be trained again."""

    _form_again = CallableScoresTrains


def with_trees(target: CallableTarget) -> CallableTarget:
    """The same booster target with ``trees``, where its splits are plain thresholds on the data's columns."""
    function: Any = target.function
    numbers = [c for c in target._codes if c is not None and c.dtype != object]
    if function.arranged.held or not all(_rises(c) for c in numbers):
        return target
    form = {
        CallableValues: BoosterTrees,
        CallableValuesTrains: BoosterTreesTrains,
        CallableScores: BoosterTreesScores,
        CallableScoresTrains: BoosterTreesScoresTrains,
    }[type(target)]
    return form(target.function, target.info, target.space, target._columns, target.rows, target._train)


def in_columns(ensemble: TreeEnsemble, order: NumpyArray | None, codes: Sequence[NumpyArray | None]) -> TreeEnsemble:
    """The ensemble over the data's columns: their order, and codes in place of the numbers they stand for."""
    if order is None and not any(c is not None for c in codes):
        return ensemble

    def moved(tree: Tree) -> Tree:
        feature = tree.feature if order is None else np.where(tree.feature < 0, -1, order[tree.feature])
        threshold = tree.threshold.copy()
        for j, values in enumerate(codes):
            if values is not None:
                at = np.flatnonzero(feature == j)
                seen = values.astype(np.float32).astype(float) if ensemble.dtype == "float32" else values.astype(float)
                threshold[at] = np.searchsorted(seen, threshold[at], side="right") - 0.5
        return replace(tree, feature=feature, threshold=threshold)

    return replace(ensemble, trees=tuple(moved(t) for t in ensemble.trees))


def _rises(values: NumpyArray | None) -> bool:
    """Whether codes stand for rising numbers, so that a threshold on those is one on the codes."""
    return values is None or bool(values.dtype.kind in "fiub" and (np.diff(values.astype(float)) > 0).all())


def _spread(ensemble: TreeEnsemble, present: NumpyArray, k: int) -> TreeEnsemble:
    """Outputs in the target's order of classes; one margin becomes the outputs 0 and d."""
    single = ensemble.outputs == 1

    def columns(value: NumpyArray) -> NumpyArray:
        own = np.concatenate([np.zeros_like(value), value], axis=1) if single else value
        out = np.zeros((len(value), k))
        out[:, present] = own
        return out

    base = np.full(k, -1e9)
    base[present] = np.array([0.0, ensemble.base[0] - ensemble.cut]) if single else ensemble.base
    return replace(
        ensemble, trees=tuple(replace(t, value=columns(t.value)) for t in ensemble.trees), base=base, cut=0.0
    )
