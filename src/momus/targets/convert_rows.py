"""Rows that a fitted estimator would take: words and categories that it knows, numbers over its fitted range."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS = 512


def rows_for(model: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """Rows of the model's own domain, and how they were drawn; None where nothing says what it takes."""
    steps = [step for _, step in model.steps] if getattr(model, "steps", None) else [model]
    if hasattr(steps[0], "transformers_"):
        return _by_column(steps[0], rng), f"{ROWS} rows, each column as its own part knows it"
    if hasattr(steps[0], "build_analyzer"):
        words = getattr(steps[0], "vocabulary_", None)
        known = sorted(map(str, words)) if isinstance(words, dict) and words else [f"word{i}" for i in range(2000)]
        texts = [" ".join(known[i] for i in rng.integers(len(known), size=rng.integers(1, 40))) for _ in range(ROWS)]
        return texts, f"{ROWS} texts of words it {'knows' if words else 'has never seen'}"
    kinds = next((k for k in (getattr(s, "categories_", None) for s in steps) if isinstance(k, list) and k), None)
    if kinds is not None:
        columns = [np.asarray(k, dtype=object)[rng.integers(len(k), size=ROWS)] for k in kinds]
        return np.stack(columns, axis=1), f"{ROWS} rows of categories it knows"
    count = getattr(model, "n_features_in_", None)
    if not isinstance(count, int | np.integer):
        return None, "no rows: it does not say how many features it takes"
    low, high = _range(model, int(count))
    span = np.where(high > low, high - low, 1.0)
    rows = low - 0.1 * span + rng.random((ROWS, int(count))) * 1.2 * span
    return _named(list(rows.T), getattr(model, "feature_names_in_", None)), f"{ROWS} rows over the fitted range"


def _by_column(transformer: Any, rng: np.random.Generator) -> Any:
    """A table for a ColumnTransformer: each part's columns are drawn as that part would have them."""
    columns: list[Any] = [rng.normal(size=ROWS) for _ in range(int(transformer.n_features_in_))]
    places = getattr(transformer, "_transformer_to_input_indices", {})
    for name, part, _ in transformer.transformers_:
        drawn = None if isinstance(part, str) else rows_for(part, rng)[0]
        if isinstance(drawn, list):
            drawn = np.asarray(drawn, dtype=object)[:, None]
        if drawn is not None:
            for place, values in zip(places.get(name, ()), np.asarray(drawn).T, strict=False):
                columns[place] = values
    return _named(columns, getattr(transformer, "feature_names_in_", None))


def _named(columns: list[Any], names: Any) -> Any:
    """Columns as a table where the model was fitted on one and pandas is there, else as an array."""
    if names is not None:
        try:
            import pandas as pd
        except ImportError:
            names = None
    if names is None:
        return np.stack(columns, axis=1)
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


def _range(model: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where features lay when the model was fitted: thresholds, means, bounds, kept rows; else from -3 to 3."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)

    def widen(at: Any, lows: Any, highs: Any) -> None:
        np.minimum.at(low, at, np.asarray(lows, dtype=np.float64))
        np.maximum.at(high, at, np.asarray(highs, dtype=np.float64))

    everywhere = np.arange(count)
    for part in _parts(model):
        tree = getattr(part, "tree_", None)
        if tree is not None and hasattr(tree, "threshold"):
            inner = (tree.feature >= 0) & (tree.feature < count)
            widen(tree.feature[inner], tree.threshold[inner], tree.threshold[inner])
        nodes = getattr(part, "nodes", None)
        if isinstance(nodes, np.ndarray) and nodes.dtype.names and "num_threshold" in nodes.dtype.names:
            inner = (nodes["is_leaf"] == 0) & (nodes["feature_idx"] < count) & np.isfinite(nodes["num_threshold"])
            widen(nodes["feature_idx"][inner], nodes["num_threshold"][inner], nodes["num_threshold"][inner])
        for least, most in (("data_min_", "data_max_"), ("X_min_", "X_max_")):
            if _long(part, least) == count:
                widen(everywhere, getattr(part, least), getattr(part, most))
        if _long(part, "mean_") == count == _long(part, "scale_"):
            widen(everywhere, part.mean_ - 3 * part.scale_, part.mean_ + 3 * part.scale_)
        for kept in ("_fit_X", "support_vectors_", "cluster_centers_", "means_", "theta_", "X_train_"):
            rows = getattr(part, kept, None)
            if isinstance(rows, np.ndarray) and rows.ndim == 2 and rows.shape[1] == count and len(rows):
                widen(everywhere, rows.min(axis=0), rows.max(axis=0))
    unknown = ~(np.isfinite(low) & np.isfinite(high))
    low[unknown], high[unknown] = -3.0, 3.0
    return low, high


def _long(part: Any, name: str) -> int:
    """How many numbers a vector of a model holds; 0 where it has no such vector."""
    value = getattr(part, name, None)
    return len(value) if isinstance(value, np.ndarray) and value.ndim == 1 else 0


def _parts(model: Any, depth: int = 0) -> Any:
    """The model and the estimators inside it."""
    yield model
    if depth > 6:
        return
    for value in vars(model).values() if hasattr(model, "__dict__") else ():
        inner = value.ravel().tolist() if isinstance(value, np.ndarray) and value.dtype == object else value
        for item in inner if isinstance(inner, list | tuple) else [inner]:
            for part in item if isinstance(item, list | tuple) else [item]:
                if hasattr(part, "get_params") or hasattr(part, "nodes"):
                    yield from _parts(part, depth + 1)
