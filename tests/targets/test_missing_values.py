"""Rows with missing values reach the model as they are, codes turned into values or into nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, Samples
from momus.targets.callable_ import callable_target
from momus.targets.object_ import object_target
from momus.targets.sklearn_ import sklearn_target
from momus.targets.spaces import meant

COLUMNS = (
    Column("age"),
    Column("job", ColumnKind.CATEGORICAL, 0.0, 1.0, ("clerk", "nurse")),
    Column("rooms", ColumnKind.CATEGORICAL, 0.0, 1.0, ("2", "5")),
)
X = np.array([[30.0, 0, 1], [41.0, 1, 0], [52.0, 1, 1], [28.0, 0, 0]])
HOLED = np.array([[np.nan, 0, np.nan], [41.0, np.nan, 0]])


def test_codes_mean_values_and_a_missing_code_means_none() -> None:
    texts = meant(np.array([1.0, np.nan]), np.array(["clerk", "nurse"], dtype=object))
    assert texts.tolist() == ["nurse", None]
    np.testing.assert_array_equal(meant(np.array([np.nan, 1.0]), np.array([2.0, 5.0])), [np.nan, 5.0])


def test_a_function_is_handed_missing_values() -> None:
    met: list[Any] = []

    def answer(rows: Any) -> Any:
        met.append(rows)
        return np.column_stack([1 - np.isnan(rows).mean(axis=1), np.isnan(rows).mean(axis=1)])

    samples = Samples(X, np.array([0, 1, 1, 0]), columns=COLUMNS, classes=("no", "yes"))
    target: Any = callable_target(answer, samples=samples, columns=COLUMNS, output="probabilities", missing=True)
    assert target.info.missing
    p = target.probabilities(target.encode(HOLED))
    np.testing.assert_allclose(p[:, 1], [2 / 3, 1 / 3])
    np.testing.assert_array_equal(met[-1], [[np.nan, 0, np.nan], [41.0, np.nan, 2.0]])


def test_an_estimator_is_handed_missing_values_in_its_own_terms() -> None:
    pd = pytest.importorskip("pandas")
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    from sklearn.tree import DecisionTreeClassifier

    def numbers(frame: Any) -> Any:
        job = frame["job"].map({"clerk": 0.0, "nurse": 1.0}).astype(float)
        return np.column_stack([frame["age"], job, frame["rooms"]]).astype(float)

    frame = pd.DataFrame({"age": X[:, 0], "job": np.array(["clerk", "nurse", "nurse", "clerk"]), "rooms": X[:, 2]})
    model = make_pipeline(FunctionTransformer(numbers), SimpleImputer(), DecisionTreeClassifier(random_state=0))
    model.fit(frame, [0, 1, 1, 0])
    samples = Samples(X, np.array([0, 1, 1, 0]), columns=COLUMNS, classes=("no", "yes"))
    target = sklearn_target(model, columns=COLUMNS, samples=samples, missing=True)
    assert target.info.missing
    assert target.predict(target.encode(HOLED)).shape == (2,)


def test_an_object_says_whether_it_answers_incomplete_rows() -> None:
    class Service:
        def predict(self, x: Any) -> Any:
            return np.isnan(x).any(axis=1).astype(int)

    samples = Samples(X, np.array([0, 1, 1, 0]), columns=COLUMNS, classes=("no", "yes"))
    assert not object_target(Service(), samples=samples).info.missing
    target: Any = object_target(Service(), samples=samples, missing=True)
    assert target.info.missing
    assert target.predict(target.encode(HOLED)).tolist() == [1, 1]
