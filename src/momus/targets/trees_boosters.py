"""XGBoost's and LightGBM's trees as plain arrays; nothing is asked of the libraries but their own dump of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from momus.core.errors import TargetError
from momus.core.trees import Tree, TreeEnsemble

_IDENTITY = ("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror")
_LOGIT = ("binary:logistic", "reg:logistic")
_PLAIN = ("binary:logitraw", "binary:hinge", "multi:softmax", "multi:softprob")
_VALUES = ("regression", "regression_l2", "regression_l1", "l1", "l2", "huber", "fair", "quantile", "mape")


def of_xgboost(booster: Any, rounds: int | None = None) -> TreeEnsemble:
    """The trees of an XGBoost booster. TargetError for categorical splits, linear boosters and other objectives."""
    learner = json.loads(bytes(booster.save_raw("json")).decode())["learner"]
    objective = str(learner["objective"]["name"])
    kind = str(learner["gradient_booster"]["name"])
    if objective not in (*_IDENTITY, *_LOGIT, *_PLAIN) or kind not in ("gbtree", "dart"):
        raise unread(f"an XGBoost {kind} with the objective {objective}")
    held = learner["gradient_booster"]
    weights = held.get("weight_drop")
    model = (held["gbtree"] if kind == "dart" else held)["model"]
    settings = learner["learner_model_param"]
    k = max(1, int(settings["num_class"]))
    each = k * max(1, int(model["gbtree_model_param"].get("num_parallel_tree", 1)))
    used = len(model["trees"]) if rounds is None else min(len(model["trees"]), rounds * each)
    trees = tuple(
        _of_xgboost(model["trees"][i], int(model["tree_info"][i]), k, float(weights[i]) if weights else 1.0)
        for i in range(used)
    )
    said = np.atleast_1d(np.asarray(json.loads(settings["base_score"]), dtype=np.float64))
    base = np.log(said / (1 - said)) if objective in _LOGIT else said
    task = "regressor" if objective in (*_IDENTITY, "reg:logistic") else "classifier"
    if objective == "reg:logistic":
        task = "classifier"  # the adapter treats a logistic value as two classes
    return TreeEnsemble(trees, np.broadcast_to(base, (k,)).copy(), task, dtype="float32")  # type: ignore[arg-type]


def _of_xgboost(raw: Mapping[str, Any], output: int, k: int, weight: float) -> Tree:
    if any(raw["split_type"]) or int(raw["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise unread("a tree with categorical splits or vector leaves")
    left = np.asarray(raw["left_children"], dtype=np.int64)
    leaf = left < 0
    conditions = np.asarray(raw["split_conditions"], dtype=np.float32)
    value = np.zeros((len(left), k))
    value[leaf, output] = weight * conditions[leaf].astype(np.float64)
    # XGBoost goes left where x < t in float32: the same as x <= the float32 just below t.
    below = np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64)
    return Tree(
        np.where(leaf, -1, np.asarray(raw["split_indices"], dtype=np.int64)),
        np.where(leaf, 0.0, below),
        np.where(leaf, 0, left),
        np.where(leaf, 0, np.asarray(raw["right_children"], dtype=np.int64)),
        value,
        np.asarray(raw["default_left"], dtype=bool),
    )


def of_lightgbm(booster: Any, rounds: int | None = None) -> TreeEnsemble:
    """The trees of a LightGBM booster. TargetError for categorical splits, linear leaves and other objectives."""
    dump = booster.dump_model() if rounds is None else booster.dump_model(num_iteration=rounds)
    objective = str(dump.get("objective", "")).split(" ")[0]
    k = int(dump["num_tree_per_iteration"])
    if k == 1 and objective not in ("binary", "cross_entropy", *_VALUES):
        raise unread(f"LightGBM with the objective {objective}")
    share = 1.0 / max(1, len(dump["tree_info"]) // k) if dump.get("average_output") else 1.0
    trees = tuple(_of_lightgbm(info["tree_structure"], i % k, k, share) for i, info in enumerate(dump["tree_info"]))
    return TreeEnsemble(trees, np.zeros(k), "regressor" if k == 1 and objective in _VALUES else "classifier")


def _of_lightgbm(root: Mapping[str, Any], output: int, k: int, share: float) -> Tree:
    nodes: list[tuple[int, float, int, int, float, bool, int]] = []

    def add(node: Mapping[str, Any]) -> int:
        here = len(nodes)
        nodes.append((-1, 0.0, 0, 0, 0.0, True, 0))
        count = int(node.get("leaf_count", node.get("internal_count", 0)))
        if "leaf_value" in node:
            if "leaf_const" in node or "leaf_coeff" in node:
                raise unread("a tree with linear leaves")
            nodes[here] = (-1, 0.0, 0, 0, float(node["leaf_value"]) * share, True, count)
            return here
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise unread("a tree with categorical splits, or with zeros as missing values")
        threshold = float(node["threshold"])
        missing = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0  # NaN counts as 0
        nodes[here] = (
            int(node["split_feature"]), threshold, add(node["left_child"]), add(node["right_child"]), 0.0, missing,
            count,
        )  # fmt: skip
        return here

    add(root)
    feature, threshold, left, right, leaf, missing, held = (np.array(c) for c in zip(*nodes, strict=True))
    value = np.zeros((len(nodes), k))
    value[:, output] = leaf
    counts = held.astype(np.int64) if held[0] else None  # a model of one leaf keeps no count
    return Tree(feature, threshold.astype(np.float64), left, right, value, missing.astype(bool), counts)


def unread(what: str) -> TargetError:
    return TargetError(
        f"the splits of {what} cannot be read", code="target/trees", hint="perturbation.table attacks any model"
    )
