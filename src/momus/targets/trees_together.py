"""Boosted trees of XGBoost and LightGBM, several trained on rows that are sorted into bins once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.targets import answers, fitting

# Most trees a model may have. Sorting into bins is done once a model, trees are grown many times: above this less than
# a tenth of the time was saved (docs/design/021), and models are better trained in small groups that workers share.
MOST_TREES = 60

_NAMES = {"xgboost": ("XGBClassifier", "XGBRegressor"), "lightgbm": ("LGBMClassifier", "LGBMRegressor")}
_ROUNDS = (  # LightGBM's other names for n_estimators; where one is given it overrules n_estimators
    "num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round", "num_rounds", "nrounds",
    "num_boost_round", "max_iter",
)  # fmt: skip

Fit = Callable[[Any, NumpyArray, NumpyArray], Any]  # (unfitted wrapper, row numbers, labels) -> fitted wrapper


def form_of(form: type, model: Any, *, hooked: bool) -> type:
    """The class to make: ``form`` with ``retrain_together`` where binning once is possible and saves time.

    ``hooked``: the card has a train hook, which fits in its own way.
    """
    return _joined(form) if not hooked and shares_bins(model) else form


def shares_bins(model: Any) -> bool:
    """True for the bare wrappers of both libraries with few enough trees and settings that binned rows allow."""
    library, name = type(model).__module__.split(".")[0], type(model).__name__
    if name not in _NAMES.get(library, ()) or callable(model.get_params().get("objective")):
        return False
    given = {k: v for k, v in model.get_params().items() if v is not None}
    if str(given.get("device", given.get("device_type", "cpu"))) != "cpu":
        return False
    if library == "xgboost":
        odd = ("early_stopping_rounds", "callbacks", "feature_weights", "interaction_constraints")
        if any(k in given for k in odd) or callable(given.get("eval_metric")):
            return False
        if given.get("booster", "gbtree") == "gblinear" or given.get("tree_method", "auto") not in ("auto", "hist"):
            return False
        rounds = model.get_num_boosting_rounds()
    else:
        if any(k in given for k in _ROUNDS) or given.get("linear_tree") or given.get("linear_trees"):
            return False
        rounds = model.n_estimators
    k = int(getattr(model, "n_classes_", 1))
    return bool(rounds * (k if k > 2 else 1) <= MOST_TREES)


class OfBoosted:
    """``retrain_together`` for the adapter of a boosted estimator."""

    model: Any
    _info: Any
    _raw: tuple[Any, ...]

    def retrain_together(
        self, x: NumpyArray, y: NumpyArray, inside: NumpyArray, /, *, seeds: Sequence[int]
    ) -> Sequence[Any]:
        """A target for each row of ``inside`` (m, n) bool, fitted on ``x[inside[i]]`` with ``seeds[i]``.

        What ``retrain`` makes of the same rows and seed but for the edges of the bins: they are those of all ``x``,
        also of rows that a model is not fitted on. Labels have no part in them. TargetError as from ``retrain``.
        """
        me: Any = self
        inside, y = np.asarray(inside, dtype=bool), np.asarray(y)
        if inside.shape != (len(seeds), len(x)):
            raise TargetError(f"inside has shape {inside.shape}, expected ({len(seeds)}, {len(x)})")
        name, bins = self._info.name, digest.of_array(np.asarray(x))
        with answers.asking(name, x, "was fitted again"):
            rows = me._fed(me.encode(x))
            xgboost = type(self.model).__module__.startswith("xgboost")
            fit = _xgboost(self.model, rows) if xgboost else _lightgbm(rows)
        made = []
        for mask, seed in zip(inside, seeds, strict=True):
            part = np.flatnonzero(mask)
            labels, raw = (y[part], ()) if self._info.task == "regressor" else fitting.recoded(y[part], self._raw)
            with answers.asking(name, x, "was fitted again"):
                model = fit(fitting.fresh(self.model, seed), part, labels)
            info = me._again(np.asarray(x)[part], labels, seed)
            info = replace(info, digest=digest.of_value([info.digest, "bins of", bins]))
            made.append(me._around(model, info, raw))
        return made


@functools.cache
def _joined(form: type) -> type:
    return type(f"{form.__name__}Together", (OfBoosted, form), {"__doc__": form.__doc__})


def _xgboost(original: Any, rows: Any) -> Fit:
    import xgboost

    if isinstance(rows, np.ndarray):
        rows = rows.astype(np.float32)  # as XGBoost reads them; half the copying
    settings = {"missing": original.missing, "nthread": 1}
    settings |= {"enable_categorical": original.enable_categorical, "feature_types": original.feature_types}
    if original.max_bin is not None:
        settings["max_bin"] = original.max_bin
    edges = xgboost.QuantileDMatrix(rows, **settings)

    def fit(model: Any, part: NumpyArray, labels: NumpyArray) -> Any:
        if not len(part):
            raise ValueError("no rows to fit on")
        params = model.get_xgb_params()
        classes = len(np.unique(labels)) if hasattr(model, "predict_proba") else 0
        if classes > 2:
            params |= {"objective": "multi:softprob", "num_class": classes}
        data = xgboost.QuantileDMatrix(_taken(rows, part), labels, ref=edges, **settings)
        booster = xgboost.train(params, data, model.get_num_boosting_rounds())
        model.load_model(booster.save_raw())
        fitting.single_job(model)
        return model

    return fit


def _lightgbm(rows: Any) -> Fit:
    """Params, classes and names come from the wrapper's own ``fit`` on a few rows; its booster is then replaced."""
    import lightgbm

    held: list[Any] = []  # the binned rows, made with the first model's settings: those on bins are the same for all

    def fit(model: Any, part: NumpyArray, labels: NumpyArray) -> Any:
        weighted = getattr(model, "class_weight", None)
        weights = None
        if weighted is not None and hasattr(model, "predict_proba"):
            from sklearn.utils.class_weight import compute_sample_weight

            weights = compute_sample_weight(weighted, labels)
        rounds, few = model.n_estimators, _few(labels)
        quiet = "verbosity" if "verbosity" in model.get_params() else "verbose"
        model.set_params(n_estimators=1, **{quiet: -1})  # of few rows it would warn
        model.fit(_taken(rows, part[few]), labels[few])
        model.set_params(n_estimators=rounds)
        params = model.booster_.params | {"num_iterations": rounds}
        if not held:
            common = {k: v for k, v in params.items() if k not in ("random_state", "seed", "random_seed")}
            held.append(lightgbm.Dataset(rows, np.zeros(len(rows)), params=common).construct())
        data = held[0].subset(part).construct()
        data.set_label(labels)
        data.set_weight(weights)
        trained = lightgbm.train(params, data)
        model.booster_.model_from_string(trained.model_to_string())
        return model

    return fit


def _few(labels: NumpyArray) -> NumpyArray:
    """Numbers of some rows with every class among them, of values the least and the greatest."""
    ends = np.unique(labels, return_index=True)[1]
    if labels.dtype.kind == "f":
        ends = ends[[0, -1]]
    return np.unique(np.concatenate([np.arange(min(64, len(labels))), ends]))


def _taken(rows: Any, part: NumpyArray) -> Any:
    return rows[part] if isinstance(rows, np.ndarray) else rows.iloc[part]
