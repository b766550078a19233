"""Estimators: class order, seeds, named columns, codes turned back into values, retraining on fewer classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.datasets import load_iris
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from momus.core.capabilities import Probabilities, Scores, missing
from momus.core.errors import TargetError
from momus.core.samples import Column, ColumnKind
from momus.targets import Target

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


class Odd(ClassifierMixin, BaseEstimator):
    """Answers whatever ``answer`` makes of the right one."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    def fit(self, x: Any, y: Any) -> Odd:
        self.classes_ = np.unique(y)
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x: Any) -> Any:
        return self.answer(np.zeros(len(x), int))


def test_class_order_is_ours_not_the_estimators() -> None:
    model = LogisticRegression(max_iter=200).fit(X, NAMES[Y])
    wanted = ("virginica", "setosa", "versicolor")
    target = Target.from_sklearn(model, classes=wanted)
    a = target.encode(X)
    labels = target.predict(a)
    assert (np.array(wanted)[labels] == model.predict(X)).all()
    assert (target.probabilities(a).argmax(axis=1) == labels).all()
    assert (target.scores(a).argmax(axis=1) == labels).all()


def test_classes_that_do_not_match_are_told() -> None:
    model = LogisticRegression(max_iter=200).fit(X, NAMES[Y])
    with pytest.raises(TargetError, match="do not match"):
        Target.from_sklearn(model, classes=("a", "b", "c"))


@pytest.mark.parametrize("labels", ["numbers", "names"])
@pytest.mark.parametrize("model", [LogisticRegression(max_iter=200), DecisionTreeClassifier(random_state=0)])
def test_retraining_without_one_class_keeps_the_columns(model: Any, labels: str) -> None:
    target = Target.from_sklearn(model.fit(X, Y if labels == "numbers" else NAMES[Y]))
    keep = Y != 1
    again = target.retrain(X[keep], Y[keep], seed=0)
    a = target.encode(X)
    p, s = again.probabilities(a), again.scores(a)
    assert p.shape == s.shape == (150, 3)
    assert (p[:, 1] == 0).all()
    assert (s.argmax(axis=1) != 1).all()
    assert (again.predict(a)[keep] == Y[keep]).mean() > 0.95


def test_xgboost_retrains_without_one_class() -> None:
    xgboost = pytest.importorskip("xgboost")
    target = Target.from_sklearn(xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(X, Y))
    keep = Y != 0
    again = target.retrain(X[keep], Y[keep], seed=0)
    assert (again.predict(target.encode(X))[keep] == Y[keep]).mean() > 0.9
    assert (again.probabilities(target.encode(X))[:, 0] == 0).all()


def test_seed_decides_the_retrained_model() -> None:
    target = Target.from_sklearn(make_pipeline(RandomForestClassifier(5, random_state=1)).fit(X, Y))
    a = target.encode(X + np.random.default_rng(0).normal(0, 0.5, X.shape))
    one, same, other = (target.retrain(X, Y, seed=s).probabilities(a) for s in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_jobs_are_one_and_the_users_model_is_left_alone() -> None:
    model = RandomForestClassifier(3, n_jobs=2, random_state=0).fit(X, Y)
    target = Target.from_sklearn(model)
    assert target.model.n_jobs == 1
    assert target.retrain(X, Y, seed=0).model.n_jobs == 1
    assert model.n_jobs == 2


def test_digest_follows_the_parameters() -> None:
    one, same, other = (
        Target.from_sklearn(LogisticRegression(max_iter=200, C=c).fit(X, Y)).info.digest for c in (1, 1, 2)
    )
    assert one == same != other


def test_codes_become_the_files_values_and_named_columns() -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.integers(0, 2, 60), rng.integers(0, 3, 60), rng.normal(size=60)]).astype(float)
    columns = (
        Column("sex", ColumnKind.CATEGORICAL, 0, 1, ("f", "m")),
        Column("level", ColumnKind.CATEGORICAL, 0, 2, ("1", "2", "9")),
        Column("age"),
    )
    table = pandas.DataFrame(
        {"sex": np.array(["f", "m"])[codes[:, 0].astype(int)], "level": np.array([1.0, 2, 9])[codes[:, 1].astype(int)]}
    ).assign(age=codes[:, 2])
    y = (codes[:, 0] + (codes[:, 1] == 2) > 0).astype(int)
    encoder = make_column_transformer((OneHotEncoder(), ["sex", "level"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(table, y)
    target = Target.from_sklearn(model, columns=columns)
    a = target.encode(codes)
    np.testing.assert_allclose(target.probabilities(a), model.predict_proba(table), atol=1e-12)
    assert (target.retrain(codes, y, seed=0).predict(a) == y).mean() == 1.0
    with pytest.raises(TargetError, match="column 'level' holds code 3"):
        target.predict(np.array([[0.0, 3.0, 0.0]]))


def test_named_columns_raise_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    pandas = pytest.importorskip("pandas")
    model = LogisticRegression(max_iter=200).fit(pandas.DataFrame(X, columns=list("abcd")), Y)
    target = Target.from_sklearn(model)
    target.predict(target.encode(X))
    assert not [w for w in recwarn if "feature names" in str(w.message)]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda y: y[:-1], "for 2 rows"),
        (lambda y: y + 7, "label 7, which is not among the classes"),
        (lambda y: y + np.nan, "NaN as a label"),
        (lambda y: np.stack([y, y], axis=1), "labels of shape"),
        (lambda y: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_broken_answers_are_told_in_one_line(answer: Any, message: str) -> None:
    with pytest.raises(TargetError, match=message) as caught:
        Target.from_sklearn(Odd(answer).fit(X, Y), name="odd")
    assert str(caught.value).startswith("target 'odd', fed 2 rows of (4,) float64 ")
    assert "\n" not in str(caught.value)


def test_what_is_not_a_model_is_refused() -> None:
    with pytest.raises(TargetError, match="not fitted"):
        Target.from_sklearn(LogisticRegression())
    with pytest.raises(TargetError, match="no predict"):
        Target.from_sklearn(OneHotEncoder())
    with pytest.raises(TypeError, match="door"):
        Target()


def test_abilities_are_what_the_estimator_has() -> None:
    assert missing(Target.from_sklearn(SVC().fit(X, Y)), Probabilities) == ("probabilities",)
    assert not missing(Target.from_sklearn(SVC().fit(X, Y)), Scores)
    assert missing(Target.from_sklearn(Odd(lambda y: y).fit(X, Y)), Scores) == ("scores",)


def test_wrong_width_is_told() -> None:
    target = Target.from_sklearn(LogisticRegression(max_iter=200).fit(X, Y))
    with pytest.raises(TargetError, match="3 columns, the model was built for 4"):
        target.encode(X[:, :3])


def test_a_text_pipeline_takes_texts() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = np.array(["good film", "bad film", "good play", "bad play"] * 5, dtype=object)
    labels = np.array([1, 0, 1, 0] * 5)
    target = Target.from_sklearn(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels))
    assert target.info.modality == "text"
    assert (target.predict(target.encode(texts)) == labels).all()
    assert (target.retrain(texts, labels, seed=0).predict(texts) == labels).all()


DETECTORS = {
    "forest": IsolationForest(n_estimators=10, contamination=0.1, random_state=0),
    "svm": OneClassSVM(nu=0.1),
    "neighbours": LocalOutlierFactor(novelty=True),
    "envelope": EllipticEnvelope(random_state=0),
    "pipeline": make_pipeline(StandardScaler(), IsolationForest(n_estimators=10, random_state=0)),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_of_outliers_is_a_classifier_of_two(name: str) -> None:
    target = Target.from_sklearn(DETECTORS[name].fit(X))
    assert (target.info.task, target.info.classes) == ("classifier", ("outlier", "inlier"))
    raw = DETECTORS[name].predict(X)
    labels = target.predict(X)
    assert (labels == (raw == 1)).all()
    assert {0, 1} == set(labels.tolist())
    scores = target.scores(X)
    np.testing.assert_allclose(scores[:, 1], DETECTORS[name].decision_function(X))
    assert (scores.argmax(axis=1) == labels).all()  # a decision of exactly 0 is an inlier
    assert missing(target, Probabilities)


def test_a_detector_may_name_its_classes_the_other_way_round() -> None:
    model = DETECTORS["forest"].fit(X)
    target = Target.from_sklearn(model, classes=("inlier", "outlier"))
    assert (target.predict(X) == (model.predict(X) == -1)).all()
    assert (target.scores(X).argmax(axis=1) == target.predict(X)).all()
    with pytest.raises(TargetError, match="do not match"):
        Target.from_sklearn(model, classes=("good", "bad"))


def test_a_detector_is_fitted_again() -> None:
    target = Target.from_sklearn(DETECTORS["forest"].fit(X))
    again = target.retrain(X[:60], np.ones(60, dtype=np.int64), seed=1)
    assert again.info.classes == target.info.classes
    assert set(again.predict(X).tolist()) == {0, 1}


def test_local_outlier_factor_must_be_fitted_for_new_rows() -> None:
    with pytest.raises(TargetError, match="no predict") as caught:
        Target.from_sklearn(LocalOutlierFactor().fit(X))
    assert "novelty=True" in str(caught.value.hint)


def test_a_regressor_scores_by_its_value() -> None:
    target = Target.from_sklearn(Ridge().fit(X, Y))
    assert not missing(target, Scores)
    np.testing.assert_array_equal(target.scores(X)[:, 0], target.predict(X))


def test_an_estimator_may_call_something_of_its_own_steps() -> None:
    """Only a list of named steps is a pipeline: a number, or a list of numbers, is a setting."""
    for steps in (3, [10, 20], [("not", "fitted")[0]]):
        model = Counting(steps).fit(X, Y)
        target = Target.from_sklearn(model)
        assert (target.predict(X) == Y).mean() > 0.9
        assert target.info.classes == ("0", "1", "2")
        assert (target.retrain(X, Y, seed=1).predict(X) == Y).mean() > 0.9


class Counting(LogisticRegression):
    """A logistic regression with a setting of its own."""

    def __init__(self, steps: Any = 1) -> None:
        super().__init__(max_iter=300)
        self.steps = steps
