"""False alarms on what people really save: every scikit-learn estimator, fitted, in every protocol and by joblib."""

from __future__ import annotations

import io
import pickle
import warnings

import joblib
import numpy as np
import pytest

from momus.methods.artifacts import scan_bytes


@pytest.mark.slow
def test_every_fitted_estimator_of_scikit_learn_is_clean() -> None:
    from sklearn.datasets import make_classification
    from sklearn.utils import all_estimators

    x, y = make_classification(60, 8, n_informative=5, random_state=0)
    x = np.abs(x)
    fitted, refused = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, kind in all_estimators():
            try:
                model = kind()
                if "n_estimators" in model.get_params():
                    model.set_params(n_estimators=3)
                model.fit(x, y)
                files = [pickle.dumps(model, p) for p in (0, 2, 4, 5)]
            except Exception:
                continue
            out = io.BytesIO()
            joblib.dump(model, out)
            fitted += 1
            refused += [(name, scan_bytes(f).marks[:2]) for f in (*files, out.getvalue()) if not scan_bytes(f).loadable]
    assert fitted > 120
    assert refused == []


def test_pandas_tables_of_all_kinds_are_clean() -> None:
    pd = pytest.importorskip("pandas")
    things = [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])}, index=pd.Index([1, 5])),
        pd.Series([1.0, 2.0], name="q"),
        pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
        pd.array([1, None]),
        pd.Timestamp("2020"),
        pd.period_range("2020", periods=3),
        pd.cut(pd.Series([1, 2, 3.0]), 2),
        pd.date_range("2020", periods=3, tz="UTC"),
        pd.to_timedelta([1, 2]),
    ]
    for protocol in range(6):
        for thing in things:
            report = scan_bytes(pickle.dumps(thing, protocol))
            assert report.loadable, (type(thing), protocol, report.marks)
