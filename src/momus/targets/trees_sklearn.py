"""scikit-learn's trees as plain arrays: single trees, forests, boosting, AdaBoost, and scalers before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.core.trees import Tree, TreeEnsemble
from momus.targets import fitting
from momus.targets.trees_boosters import of_lightgbm, of_xgboost, unread

# One column of raw values -> what the tree behind the scalers is handed, by the scaler's own operations.
Scale = Callable[[NumpyArray, int], NumpyArray]
_SINGLE = ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor")
_FORESTS = ("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor")
_BOOSTED = ("GradientBoostingClassifier", "GradientBoostingRegressor")
_HISTOGRAM = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")
_KNOWN = (*_SINGLE, *_FORESTS, *_BOOSTED, *_HISTOGRAM, "AdaBoostClassifier")
_SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")


def readable(model: Any) -> bool:
    """Whether the splits of this estimator can be read, told by its types alone."""
    *before, last = _steps(model)
    module, name = type(last).__module__.split(".")[0], type(last).__name__
    if not all(_is_scaler(s) for s in before):
        return False
    if module in ("xgboost", "lightgbm"):
        return not before and name in ("XGBClassifier", "XGBRegressor", "LGBMClassifier", "LGBMRegressor")
    if module != "sklearn" or name not in _KNOWN or getattr(last, "n_outputs_", 1) != 1:
        return False
    if name in _BOOSTED:
        return isinstance(last.init_, str) or type(last.init_).__name__ == "DummyRegressor" or _is_prior(last)
    if name == "AdaBoostClassifier":
        return all(type(e).__name__ == "DecisionTreeClassifier" for e in last.estimators_)
    return not (name in _HISTOGRAM and getattr(last, "is_categorical_", None) is not None)


def read(model: Any) -> TreeEnsemble:
    """The estimator's trees over the columns it was fitted on. TargetError where they cannot be read after all."""
    if not readable(model):
        raise unread(f"a {type(model).__name__}")
    *before, last = _steps(model)
    ensemble = _ensemble(last)
    return behind(ensemble, [_scale(s) for s in before]) if before else ensemble


def _steps(model: Any) -> list[Any]:
    if fitting.is_pipeline(model):
        return [inner for _, step in model.steps for inner in _steps(step) if not isinstance(inner, str)]
    return [] if model is None else [model]


def _is_prior(model: Any) -> bool:
    return type(model.init_).__name__ == "DummyClassifier" and model.init_.strategy == "prior"


def _is_scaler(step: Any) -> bool:
    name = type(step).__name__
    return name in _SCALERS and not getattr(step, "clip", False) and type(step).__module__.startswith("sklearn")


def _scale(step: Any) -> Scale:
    """The scaler on one column, with the same operations in the same order as its ``transform``."""
    name = type(step).__name__
    if name == "MinMaxScaler":
        return lambda v, j: v * step.scale_[j] + step.min_[j]
    centre = getattr(step, "mean_" if name == "StandardScaler" else "center_", None)
    spread = getattr(step, "scale_", None)
    if (name == "StandardScaler" and not step.with_mean) or (name == "RobustScaler" and not step.with_centering):
        centre = None

    def scaled(v: NumpyArray, j: int) -> NumpyArray:
        v = v if centre is None else v - centre[j]
        return v if spread is None else v / spread[j]

    return scaled


def _ensemble(model: Any) -> TreeEnsemble:
    name, module = type(model).__name__, type(model).__module__.split(".")[0]
    if module == "xgboost":
        best = getattr(model, "best_iteration", None) if model.get_params().get("early_stopping_rounds") else None
        return of_xgboost(model.get_booster(), None if best is None else best + 1)
    if module == "lightgbm":
        return of_lightgbm(model.booster_)
    if name in _SINGLE:
        return _averaged([model], name.endswith("Classifier"))
    if name in _FORESTS:
        return _averaged(model.estimators_, name.endswith("Classifier"))
    if name in _BOOSTED:
        return _boosted(model)
    if name in _HISTOGRAM:
        return _histogram(model)
    return _adaboost(model)


def _averaged(estimators: Sequence[Any], classes: bool) -> TreeEnsemble:
    share = 1.0 / len(estimators)
    trees = tuple(of_tree(e.tree_, e.tree_.value[:, 0, :] * share) for e in estimators)
    return TreeEnsemble(
        trees, np.zeros(trees[0].value.shape[1]), "classifier" if classes else "regressor", dtype="float32"
    )


def _boosted(model: Any) -> TreeEnsemble:
    k = model.estimators_.shape[1]
    trees = []
    for stage in model.estimators_:
        for j, e in enumerate(stage):
            value = np.zeros((e.tree_.node_count, k))
            value[:, j] = model.learning_rate * e.tree_.value[:, 0, 0]
            trees.append(of_tree(e.tree_, value))
    base = np.asarray(model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32)))[0]
    if type(model).__name__.endswith("Regressor"):
        return TreeEnsemble(tuple(trees), base.astype(np.float64), "regressor", dtype="float32")
    # It answers class 1 from 0 upwards, so that the cut lies just below.
    cut = float(np.nextafter(0.0, -1.0)) if k == 1 else 0.0
    return TreeEnsemble(tuple(trees), base.astype(np.float64), "classifier", cut, "float32")


def _histogram(model: Any) -> TreeEnsemble:
    if type(model).__name__.endswith("Regressor") and model.loss in ("poisson", "gamma"):
        raise unread(f"a histogram regressor with the loss {model.loss}")
    k = len(model._predictors[0])
    trees = []
    for stage in model._predictors:
        for j, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            if nodes["is_categorical"].any():
                raise unread("a tree with categorical splits")
            value = np.zeros((len(nodes), k))
            value[leaf, j] = nodes["value"][leaf]
            trees.append(
                Tree(
                    np.where(leaf, -1, nodes["feature_idx"]).astype(np.int64),
                    np.where(leaf, 0.0, nodes["num_threshold"]),
                    np.where(leaf, 0, nodes["left"]).astype(np.int64),
                    np.where(leaf, 0, nodes["right"]).astype(np.int64),
                    value,
                    nodes["missing_go_to_left"].astype(bool),
                    nodes["count"].astype(np.int64),
                )
            )
    base = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    return TreeEnsemble(tuple(trees), base, "regressor" if type(model).__name__.endswith("Regressor") else "classifier")


def _adaboost(model: Any) -> TreeEnsemble:
    """Every tree votes for one class with its weight; two classes are one margin."""
    k = len(model.classes_)
    trees = []
    for estimator, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        vote = np.eye(k)[estimator.tree_.value[:, 0, :].argmax(axis=1)] * float(weight)
        trees.append(of_tree(estimator.tree_, vote))
    return TreeEnsemble(tuple(trees), np.zeros(k), "classifier", dtype="float32")


def of_tree(tree: Any, value: NumpyArray) -> Tree:
    """scikit-learn's own tree structure with other values in its leaves."""
    leaf = tree.children_left < 0
    return Tree(
        np.where(leaf, -1, tree.feature).astype(np.int64),
        np.where(leaf, 0.0, tree.threshold).astype(np.float64),
        np.where(leaf, 0, tree.children_left).astype(np.int64),
        np.where(leaf, 0, tree.children_right).astype(np.int64),
        np.where(leaf[:, None], value, 0.0),
        np.asarray(tree.missing_go_to_left, dtype=bool) if hasattr(tree, "missing_go_to_left") else None,
        np.asarray(tree.n_node_samples, dtype=np.int64),
    )


def behind(ensemble: TreeEnsemble, scales: Sequence[Scale]) -> TreeEnsemble:
    """The ensemble with its thresholds moved in front of the scalers, to the last bit.

    A scaler is a rising function also in floating point, so that for each threshold there is one greatest raw value
    that still goes left: it is found by bisection between neighbouring doubles.
    """
    single = ensemble.dtype == "float32"

    def scaled(v: NumpyArray, j: int) -> NumpyArray:
        for scale in scales:
            v = scale(v, j)
        return v.astype(np.float32).astype(np.float64) if single else v

    def moved(tree: Tree) -> Tree:
        threshold = tree.threshold.copy()
        for j in np.unique(tree.feature[tree.feature >= 0]):
            at = np.flatnonzero(tree.feature == j)
            threshold[at] = greatest(partial(scaled, j=int(j)), tree.threshold[at])
        return replace(tree, threshold=threshold)

    return replace(ensemble, trees=tuple(moved(t) for t in ensemble.trees), dtype="float64")


def greatest(rising: Callable[[NumpyArray], NumpyArray], bounds: NumpyArray) -> NumpyArray:
    """For each bound the greatest double v with ``rising(v) <= bound``: doubles are bisected as ordered integers."""
    low = np.full(len(bounds), _ordered(np.array(-1e300)), dtype=np.int64)
    high = np.full(len(bounds), _ordered(np.array(1e300)), dtype=np.int64)
    with np.errstate(over="ignore"):
        for _ in range(64):
            middle = low // 2 + high // 2 + (low % 2 + high % 2) // 2
            inside = rising(_double(middle)) <= bounds
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return _double(low)


def _ordered(v: NumpyArray) -> NumpyArray:
    """Doubles as integers in the same order."""
    bits = np.asarray(v, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, np.int64(-(2**63)) - bits, bits)


def _double(i: NumpyArray) -> NumpyArray:
    i = np.asarray(i, dtype=np.int64)
    return np.where(i < 0, np.int64(-(2**63)) - i, i).view(np.float64)
