"""Boosted trees on rows that are binned once: the same models as one after another, but for the edges of the bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.capabilities import Trains, TrainsTogether, missing
from momus.core.errors import TargetError
from momus.core.samples import Column, ColumnKind
from momus.methods.shadow_models import Shadows, halves, likelihood_ratio, training_seeds
from momus.targets import Target

KINDS = ["xgboost", "lightgbm"]


def _model(kind: str, task: str = "classifier", **more: Any) -> Any:
    name = {"classifier": "Classifier", "regressor": "Regressor"}[task]
    if kind == "xgboost":
        return getattr(pytest.importorskip("xgboost"), f"XGB{name}")(**{"n_estimators": 12, "max_depth": 3} | more)
    lightgbm = pytest.importorskip("lightgbm")
    return getattr(lightgbm, f"LGBM{name}")(**{"n_estimators": 12, "num_leaves": 7, "verbose": -1} | more)


def _rows(n: int = 400, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    x[:, 2] = np.round(x[:, 2] * 2)
    x[::17, 3] = np.nan
    y = np.digitize(x[:, 0] + 0.5 * x[:, 1] + 0.3 * rng.normal(size=n), np.linspace(-1, 1, k + 1)[1:-1])
    return x, y


def _target(kind: str, x: np.ndarray, y: np.ndarray, **more: Any) -> Any:
    return Target.from_sklearn(_model(kind, **more).fit(x, y))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 3])
def test_fitted_on_all_rows_it_is_the_model_of_retrain(kind: str, k: int) -> None:
    x, y = _rows(k=k)
    sampled = {"subsample": 0.5, "subsample_freq": 1} if kind == "lightgbm" else {"subsample": 0.5}
    target = _target(kind, x, y, **sampled)
    made = target.retrain_together(x, y, np.ones((2, len(x)), bool), seeds=[3, 8])
    for one, seed in zip(made, (3, 8), strict=True):
        alone = target.retrain(x, y, seed=seed)
        assert np.allclose(one.probabilities(x), alone.probabilities(x), atol=1e-6)
        assert np.allclose(one.scores(x), alone.scores(x), atol=1e-5)
        assert np.array_equal(one.predict(x), alone.predict(x))
    assert not np.allclose(made[0].probabilities(x), made[1].probabilities(x), atol=1e-3)  # each has its own seed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["classifier", "regressor"])
def test_where_a_half_holds_every_value_the_edges_and_so_the_models_are_equal(kind: str, task: str) -> None:
    x, y = _rows(2000)
    x = np.clip(np.round(x), -2, 2)
    wanted = y if task == "classifier" else np.nan_to_num(x[:, 0] + x[:, 1] ** 2) + 0.1 * y
    target = Target.from_sklearn(_model(kind, task).fit(x, wanted))
    inside = halves(len(x), range(4), 0)
    made = target.retrain_together(x, wanted, inside, seeds=[0, 1, 2, 3])
    for i, (one, mask) in enumerate(zip(made, inside, strict=True)):
        alone = target.retrain(x[mask], wanted[mask], seed=i)
        assert np.allclose(one.scores(x), alone.scores(x), atol=1e-5)
        assert one.info.digest != alone.info.digest  # in general not the same numbers, so not the same name


@pytest.mark.parametrize("kind", KINDS)
def test_elsewhere_they_are_as_good(kind: str) -> None:
    x, y = _rows(3000, k=2)
    seen, fresh, said = slice(2000), slice(2000, None), []
    target = _target(kind, x[seen], y[seen])
    inside = halves(2000, range(6), 0)
    for i, one in enumerate(target.retrain_together(x[seen], y[seen], inside, seeds=range(6))):
        alone = target.retrain(x[seen][inside[i]], y[seen][inside[i]], seed=i)
        said.append([(m.predict(x[fresh]) == y[fresh]).mean() for m in (one, alone)])
    together, apart = np.mean(said, axis=0)
    assert abs(together - apart) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_knows_only_its_own_labels(kind: str) -> None:
    x, y = _rows()
    inside = halves(len(x), range(2), 0)
    target = _target(kind, x, y)
    wrong = y.copy()
    wrong[~inside[0]] = (wrong[~inside[0]] + 1) % 3
    one = target.retrain_together(x, y, inside, seeds=[1, 2])
    two = target.retrain_together(x, wrong, inside, seeds=[1, 2])
    assert np.array_equal(one[0].probabilities(x), two[0].probabilities(x))
    assert not np.allclose(one[1].probabilities(x), two[1].probabilities(x), atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_neither_order_nor_company_changes_a_model(kind: str) -> None:
    x, y = _rows()
    inside, target = halves(len(x), range(4), 0), _target(kind, x, y, colsample_bytree=0.6)
    made = target.retrain_together(x, y, inside, seeds=[5, 6, 7, 8])
    back = target.retrain_together(x, y, inside[::-1], seeds=[8, 7, 6, 5])
    alone = target.retrain_together(x, y, inside[2:3], seeds=[7])
    for one, two in zip(made, back[::-1], strict=True):
        assert np.array_equal(one.probabilities(x), two.probabilities(x)) and one.info.digest == two.info.digest
    assert np.array_equal(made[2].probabilities(x), alone[0].probabilities(x))


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_a_model_never_saw_gets_nothing(kind: str) -> None:
    x, y = _rows()
    target = _target(kind, x, y)
    inside = np.stack([y != 0, y != 1, np.ones(len(y), bool)])
    for one, mask, absent in zip(
        target.retrain_together(x, y, inside, seeds=[0, 0, 0]), inside, (0, 1, None), strict=True
    ):
        p, alone = one.probabilities(x), target.retrain(x[mask], y[mask], seed=0).probabilities(x)
        assert p.shape == (len(x), 3)
        assert np.allclose(p.sum(1), 1)
        assert absent is None or (p[:, absent] == 0).all()
        assert np.abs(p - alone).mean() < 0.03


def test_weights_of_classes_are_kept() -> None:
    x, y = _rows(k=2)
    for weights in ("balanced", {0: 1.0, 1: 20.0}):
        target = _target("lightgbm", x, y, class_weight=weights)
        made = target.retrain_together(x, y, np.ones((1, len(x)), bool), seeds=[1])[0]
        assert np.allclose(made.probabilities(x), target.retrain(x, y, seed=1).probabilities(x), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_with_names_and_categories_reach_it_as_they_reach_retrain(kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    x, y = _rows(k=2)
    codes = np.random.default_rng(1).integers(0, 3, len(x))
    frame = pandas.DataFrame({"a": x[:, 0], "b": pandas.Categorical.from_codes(codes, ["p", "q", "r"]), "c": x[:, 1]})
    y = (y + (codes == 1) > 0).astype(int)
    columns = [
        Column("a", ColumnKind.NUMERIC),
        Column("b", ColumnKind.CATEGORICAL, categories=("p", "q", "r")),
        Column("c", ColumnKind.NUMERIC),
    ]
    more: dict[str, Any] = {"enable_categorical": True} if kind == "xgboost" else {}
    target = Target.from_sklearn(_model(kind, **more).fit(frame, y), columns=columns)
    rows = np.stack([x[:, 0], codes, x[:, 1]], axis=1)
    made = target.retrain_together(rows, y, np.ones((1, len(x)), bool), seeds=[4])[0]
    assert np.allclose(made.probabilities(rows), target.retrain(rows, y, seed=4).probabilities(rows), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_its_copies_are_whole_targets(kind: str) -> None:
    x, y = _rows()
    inside = halves(len(x), range(2), 0)
    one = _target(kind, x, y).retrain_together(x, y, inside, seeds=[1, 2])[0]
    assert one.trees().outputs == 3
    again = one.retrain_together(x, y, inside, seeds=[1, 2])[0]
    assert np.array_equal(again.probabilities(x), one.probabilities(x))
    assert one.retrain(x, y, seed=1).probabilities(x).shape == (len(x), 3)


def test_only_bare_boosters_with_few_trees_offer_it() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = _rows(k=2)

    def lacks(model: Any, **more: Any) -> bool:
        target = Target.from_sklearn(model.fit(np.nan_to_num(x), y), **more)
        assert not missing(target, Trains)
        return missing(target, TrainsTogether) == ("retrain_together",)

    for kind in KINDS:
        assert not lacks(_model(kind))
        assert lacks(make_pipeline(StandardScaler(), _model(kind)))
        assert lacks(_model(kind), train=lambda x, y, seed, kind=kind: _model(kind).fit(x, y))
        assert lacks(_model(kind, n_estimators=200))
    assert lacks(_model("xgboost", booster="gblinear")) and lacks(_model("xgboost", tree_method="exact"))
    assert lacks(_model("lightgbm", linear_tree=True)) and lacks(_model("lightgbm", num_iterations=5))
    assert lacks(RandomForestClassifier(3)) and lacks(HistGradientBoostingClassifier(max_iter=3))


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_fitted_is_refused(kind: str) -> None:
    x, y = _rows()
    target = _target(kind, x, y)
    with pytest.raises(TargetError, match="shape"):
        target.retrain_together(x, y, np.ones((2, 9), bool), seeds=[1, 2])
    with pytest.raises(TargetError):
        target.retrain_together(x, y, np.zeros((1, len(x)), bool), seeds=[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leaking", [False, True])
def test_edges_that_all_rows_share_give_no_row_away(kind: str, leaking: bool) -> None:
    """A target fitted on neither side stays at 0.5, one fitted on the members is found as well as before."""
    from sklearn.metrics import roc_auc_score

    n, found = 200, []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(3 * n, 6))
        y = (x[:, 0] + 1.5 * rng.normal(size=3 * n) > 0).astype(int)
        own = slice(0, n) if leaking else slice(2 * n, 3 * n)
        target = _target(kind, x[own], y[own], n_estimators=20)
        x, y = x[: 2 * n], y[: 2 * n]
        inside, seeds = halves(2 * n, range(8), seed), training_seeds(range(8), seed)
        apart = [target.retrain(x[m], y[m], seed=s) for m, s in zip(inside, seeds, strict=True)]
        for models in (target.retrain_together(x, y, inside, seeds=seeds), apart):
            shadows = Shadows(np.stack([m.probabilities(x) for m in models]), inside, spent=False)
            scores = likelihood_ratio(shadows, target.probabilities(x), y)
            found.append(roc_auc_score(np.arange(2 * n) < n, scores.online))
    together, alone = np.mean(found[::2]), np.mean(found[1::2])
    assert abs(together - alone) < 0.02
    assert together > 0.65 if leaking else abs(together - 0.5) < 0.06
