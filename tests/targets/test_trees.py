"""Trees read from the libraries answer as the libraries do: on the thresholds, beside them, with holes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import ensemble as forests
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from momus.core.capabilities import HasTrees, missing
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.tree_outputs import answers, in_doubles, leaves, outputs
from momus.targets import Target
from momus.targets.boosters import booster_target
from momus.targets.trees_sklearn import greatest


def data(k: int = 2, holes: bool = False, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(k)
    x = rng.normal(size=(n, 5)) * [1, 10, 0.1, 1e4, 1] + [0, 100, 0, 0, 0.3]
    x[:, 4] = rng.integers(0, 5, n)
    z = x[:, 0] + x[:, 1] / 10 - 10 + 5 * x[:, 2] + 0.3 * x[:, 4] + 0.3 * rng.normal(size=n)
    y = np.digitize(z, np.quantile(z, np.arange(1, k) / k))
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


def hard_rows(target: Any, x: np.ndarray) -> np.ndarray:
    """Rows on every threshold and on its neighbours in both floating types, among the data themselves."""
    rng = np.random.default_rng(0)
    rows = [x]
    for tree in target.trees().trees:
        for node in np.flatnonzero(tree.feature >= 0)[:20]:
            t = tree.threshold[node]
            single = np.float32(t)
            near = [t, np.nextafter(t, np.inf), np.nextafter(t, -np.inf), float(single)]
            near += [float(np.nextafter(single, np.float32(s))) for s in (-np.inf, np.inf)]
            near += [(float(single) + near[4]) / 2, (float(single) + near[5]) / 2]
            picked = x[rng.integers(0, len(x), len(near))].copy()
            picked[:, tree.feature[node]] = near
            rows.append(picked)
    return np.concatenate(rows)


S = {"random_state": 0}
MODELS = {
    "tree": DecisionTreeClassifier(max_depth=6, **S),
    "forest": forests.RandomForestClassifier(9, max_depth=5, **S),
    "deep forest": forests.RandomForestClassifier(10, **S),
    "extra": forests.ExtraTreesClassifier(8, max_depth=6, **S),
    "boosted": forests.GradientBoostingClassifier(n_estimators=12, **S),
    "histogram": forests.HistGradientBoostingClassifier(max_iter=12, **S),
    "adaboost": forests.AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=8, **S),
    "standard": make_pipeline(StandardScaler(), forests.RandomForestClassifier(5, max_depth=5, **S)),
    "minmax": make_pipeline(MinMaxScaler(), RobustScaler(), DecisionTreeClassifier(max_depth=6, **S)),
    "maxabs": make_pipeline(MaxAbsScaler(), forests.HistGradientBoostingClassifier(max_iter=5, **S)),
}
REGRESSORS = {
    "tree": DecisionTreeRegressor(max_depth=6, **S),
    "forest": forests.RandomForestRegressor(6, max_depth=5, **S),
    "boosted": forests.GradientBoostingRegressor(n_estimators=9, **S),
    "histogram": forests.HistGradientBoostingRegressor(max_iter=9, **S),
    "scaled": make_pipeline(StandardScaler(), forests.ExtraTreesRegressor(5, max_depth=5, **S)),
}


def agree(target: Any, rows: np.ndarray, *, sure: float = 0.0) -> None:
    """Our reading gives the library's answers; rows nearer than ``sure`` to a tie may round either way."""
    assert missing(target, HasTrees) == ()
    ensemble = target.trees()
    for read in (ensemble, in_doubles(ensemble)):
        ours, theirs = answers(read, rows), target.predict(rows)
        if ensemble.task == "regressor":
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
            continue
        z = outputs(read, rows)
        gap = np.abs(z[:, 0] - read.cut) if z.shape[1] == 1 else np.diff(np.sort(z, axis=1)[:, -2:], axis=1)[:, 0]
        different = (ours != theirs) & (gap >= sure)
        assert not different.any(), f"{different.sum()} of {len(rows)} differ"
        assert (gap >= max(sure, 1e-12)).mean() > 0.9


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_classifiers(name: str, k: int) -> None:
    x, y = data(k)
    target = Target.from_sklearn(MODELS[name].fit(x, y), classes=tuple("abc"[:k]))
    agree(target, hard_rows(target, x), sure=1e-12)


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors(name: str) -> None:
    x, y = data(7)
    target = Target.from_sklearn(REGRESSORS[name].fit(x, y.astype(float)))
    agree(target, hard_rows(target, x))


@pytest.mark.parametrize("name", ["tree", "forest", "histogram"])
def test_missing_values_go_where_the_library_sends_them(name: str) -> None:
    x, y = data(2, holes=True)
    agree(Target.from_sklearn(MODELS[name].fit(x, y), classes=("a", "b")), x, sure=1e-12)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "forest", "dart"])
def test_boosters(library: str, k: int, holes: bool, tmp_path: Path) -> None:
    x, y = data(k, holes)
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        model = lightgbm.LGBMClassifier(n_estimators=6, verbose=-1, n_jobs=1).fit(x, y)
        path = tmp_path / "m.txt"
        model.booster_.save_model(str(path))
    else:
        xgboost = pytest.importorskip("xgboost")
        more = {"booster": "dart", "rate_drop": 0.3} if library == "dart" else {}
        form = xgboost.XGBRFClassifier if library == "forest" else xgboost.XGBClassifier
        model = form(n_estimators=6, max_depth=4, n_jobs=1, **more).fit(x, y)
        path = tmp_path / "m.json"
        model.get_booster().save_model(str(path))
    if library in ("xgboost", "lightgbm", "dart"):
        wrapped = Target.from_sklearn(model, classes=tuple("abc"[:k]))
        agree(wrapped, hard_rows(wrapped, x), sure=1e-5)
    target: Any = booster_target(path, classes=tuple("abc"[:k]))
    agree(target, hard_rows(target, x), sure=1e-5)
    ours, theirs = outputs(target.trees(), x), target.scores(x)
    ours = ours[:, -1] - (ours[:, 0] if k > 2 else 0)
    np.testing.assert_allclose(ours, theirs[:, -1] - theirs[:, 0], atol=2e-5)


def test_booster_values(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    x, y = data(7)
    model = xgboost.XGBRegressor(n_estimators=6, max_depth=3).fit(x, y)
    model.get_booster().save_model(str(tmp_path / "m.json"))
    agree(booster_target(tmp_path / "m.json"), x)
    agree(Target.from_sklearn(model), x)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(MinMaxScaler(clip=True), DecisionTreeClassifier()),
        forests.BaggingClassifier(n_estimators=2),
        forests.VotingClassifier([("a", DecisionTreeClassifier())]),
        forests.GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2),
        forests.HistGradientBoostingClassifier(categorical_features=[4], max_iter=2),
    ],
    ids=lambda m: type(m).__name__,
)
def test_what_cannot_be_read_does_not_pretend(model: Any) -> None:
    x, y = data()
    assert missing(Target.from_sklearn(model.fit(x, y), classes=("a", "b")), HasTrees) == ("trees",)


def test_codes_that_stand_for_numbers() -> None:
    x, y = data()
    column = Column("e", ColumnKind.ORDINAL, categories=("2", "5", "6", "10", "20"))
    columns = (*(Column(n) for n in "abcd"), column)
    coded = Samples(x, y, columns=columns, classes=("a", "b"))
    fed = x.copy()
    fed[:, 4] = np.array([2, 5, 6, 10, 20])[x[:, 4].astype(int)]
    model = forests.RandomForestClassifier(5, max_depth=6, random_state=0).fit(fed, y)
    agree(Target.from_sklearn(model, samples=coded, columns=columns, classes=("a", "b")), x, sure=1e-12)


def test_classes_in_another_order() -> None:
    x, y = data(3)
    named = np.array(["low", "middle", "high"])
    model = DecisionTreeClassifier(max_depth=5, random_state=0).fit(x, named[y])
    agree(Target.from_sklearn(model, classes=("low", "middle", "high")), x, sure=1e-12)
    two = forests.HistGradientBoostingClassifier(max_iter=4).fit(x, named[np.minimum(y, 1)])
    agree(Target.from_sklearn(two, classes=("middle", "low")), x, sure=1e-12)


def test_the_last_double_before_a_threshold() -> None:
    found = greatest(lambda v: (v - 0.1) / 3.0, np.array([1.0, -2.0, 0.0]))
    for v, bound in zip(found, (1.0, -2.0, 0.0), strict=True):
        assert (v - 0.1) / 3.0 <= bound < (np.nextafter(v, np.inf) - 0.1) / 3.0


@pytest.mark.parametrize("name", ["tree", "extra", "boosted", "histogram", "adaboost", "minmax"])
def test_counts_are_the_training_rows_that_reached_a_node(name: str) -> None:
    x, y = data()
    ensemble = Target.from_sklearn(MODELS[name].fit(x, y)).trees()
    rows = x.astype(np.float32).astype(float) if ensemble.dtype == "float32" else x
    for tree in ensemble.trees:
        assert tree.count is not None and tree.count[0] == len(x)
        leaf = tree.feature < 0
        reached = np.bincount(leaves(tree, rows), minlength=len(leaf))
        assert np.array_equal(reached[leaf], tree.count[leaf])
        assert np.array_equal(tree.count[~leaf], tree.count[tree.left[~leaf]] + tree.count[tree.right[~leaf]])


def test_boosters_count_where_their_libraries_do() -> None:
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    x, y = data()
    light = Target.from_sklearn(lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1).fit(x, y)).trees()
    for tree in light.trees:
        leaf = tree.feature < 0
        assert tree.count is not None
        assert np.array_equal(np.bincount(leaves(tree, x), minlength=len(leaf))[leaf], tree.count[leaf])
    # XGBoost keeps sums of second derivatives, which are no counts
    assert all(
        t.count is None for t in Target.from_sklearn(xgboost.XGBClassifier(n_estimators=2).fit(x, y)).trees().trees
    )
