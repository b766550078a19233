"""Columns meet by name: another order in the file, spare columns, boosters' categories, truth values, whole numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from momus.card.schema import DataCard, TargetCard
from momus.core.errors import TargetError
from momus.core.samples import Column, Samples
from momus.data import read_data
from momus.targets import Target, open_target

pandas = pytest.importorskip("pandas")
RNG = np.random.default_rng(0)
CITIES = np.array(["Ulm", "Zürich", "Aachen"])


@pytest.fixture(scope="module")
def people() -> Any:
    n = 300
    city, age = RNG.choice(CITIES, n), RNG.integers(18, 80, n)
    member, grade = RNG.random(n) < 0.5, RNG.choice([1, 2, 5], n)
    income = RNG.normal(3000, 800, n).round(2)
    paid = (income > 3200) ^ (city == "Zürich") ^ (grade == 2) ^ member
    return pandas.DataFrame(
        {"age": age, "city": city, "income": income, "member": member, "grade": grade, "paid": paid.astype(int)}
    )


def given(people: Any, base: Path, order: list[str], **columns: Any) -> Samples:
    people[[*order, "paid"]].iloc[::-1].to_csv(base / "t.csv", index=False)
    card = DataCard.model_validate({"path": "t.csv", "label": "paid", "columns": columns})
    return read_data(card, base)


def same(target: Any, samples: Samples, wanted: Any) -> None:
    rows = target.encode(samples.x)
    assert target.predict(rows).tolist() == np.asarray(wanted)[::-1].tolist()
    assert np.array_equal(target.probabilities(rows).argmax(axis=1), target.predict(rows))
    for n in (1, 7):  # one row or a few hold few categories
        assert np.array_equal(target.predict(rows[:n]), target.predict(rows)[:n])


@pytest.mark.parametrize("kind", ["sklearn", "xgboost", "lightgbm"])
@pytest.mark.parametrize("order", [["income", "age"], ["city", "income", "member", "age"]])
def test_another_order_and_spare_columns_give_the_same_answers(
    people: Any, tmp_path: Path, kind: str, order: list[str]
) -> None:
    x, y = people[["age", "income"]], people["paid"]
    model = estimator(kind).fit(x, y)
    samples = given(people, tmp_path, order)
    target = Target.from_sklearn(model, samples=samples, columns=samples.columns)
    same(target, samples, model.predict(x))
    assert bool(target.info.notes) == (len(order) > 2)
    again = target.retrain(samples.x[:200], samples.y[:200], seed=0)
    hand = estimator(kind).fit(x[::-1][:200], y[::-1][:200])
    same(again, samples, hand.predict(x))


def estimator(kind: str) -> Any:
    if kind == "sklearn":
        from sklearn.tree import DecisionTreeClassifier

        return DecisionTreeClassifier(max_depth=4, random_state=0)
    library = pytest.importorskip(kind)
    if kind == "xgboost":
        return library.XGBClassifier(n_estimators=8, max_depth=4, enable_categorical=True, n_jobs=1, random_state=0)
    return library.LGBMClassifier(n_estimators=8, min_child_samples=5, verbose=-1, n_jobs=1, random_state=0)


@pytest.mark.parametrize("suffix", [".joblib", ".json", ".ubj", ".txt"])
def test_boosters_get_categories_as_categories(people: Any, tmp_path: Path, suffix: str) -> None:
    import joblib

    x = people[["age", "city", "grade", "income"]].astype({"city": "category", "grade": "category"})
    for kind in {".joblib": ["xgboost", "lightgbm"], ".txt": ["lightgbm"]}.get(suffix, ["xgboost"]):
        model = estimator(kind).fit(x, people["paid"])
        path = tmp_path / f"model{suffix}"
        if suffix == ".joblib":
            joblib.dump(model, path)
        else:
            (model.booster_ if kind == "lightgbm" else model).save_model(path)
        samples = given(people, tmp_path, ["income", "grade", "city", "age"], grade={"kind": "categorical"})
        card = TargetCard.model_validate({"path": path.name, "adapter": "sklearn"})
        same(open_target(card, tmp_path, samples=samples), samples, model.predict(x))
        if kind == "xgboost":
            bare = given(people, tmp_path, ["income", "grade", "city", "age"])
            with pytest.raises(TargetError, match="'grade' for categories") as told:
                open_target(card, tmp_path, samples=bare)
            assert "kind: categorical" in told.value.hint


def test_truth_values_and_whole_numbers_reach_a_pipeline_as_in_the_file(people: Any, tmp_path: Path) -> None:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures

    def texts(frame: Any) -> Any:
        return frame.astype(str)

    x = people[["member", "grade", "city"]]
    encode = make_pipeline(FunctionTransformer(texts), OneHotEncoder(handle_unknown="ignore"))
    model = make_pipeline(
        make_column_transformer((encode, ["member", "grade", "city"]), sparse_threshold=0),
        PolynomialFeatures(3),
        LogisticRegression(max_iter=500),
    )
    model.fit(x, people["paid"])
    samples = given(people, tmp_path, ["city", "member", "grade"])
    same(Target.from_sklearn(model, samples=samples, columns=samples.columns), samples, model.predict(x))


def test_a_missing_column_is_told_with_the_nearest(people: Any, tmp_path: Path) -> None:
    model = estimator("sklearn").fit(people[["age", "income"]], people["paid"])
    other = Samples(np.ones((3, 2)), columns=(Column("Income"), Column("age")))
    with pytest.raises(TargetError, match="a column 'income' that the data lacks") as told:
        Target.from_sklearn(model, samples=other)
    assert "Did you mean Income?" in told.value.hint
    strange = Samples(np.ones((3, 2)), columns=(Column("a"), Column("b")))
    assert "by position" in Target.from_sklearn(model, samples=strange).info.notes[0]
    nameless = Samples(np.ones((3, 2)), columns=(Column("x0"), Column("x1")))
    assert not Target.from_sklearn(model, samples=nameless).info.notes


def test_a_function_of_texts_is_told_their_codes(people: Any, tmp_path: Path) -> None:
    samples = given(people, tmp_path, ["city", "age"])
    target = Target.from_callable(lambda x: (x[:, 0] > 1).astype(int), samples=samples, columns=samples.columns)
    assert "Aachen = 0, Ulm = 1, Zürich = 2" in target.info.notes[0]


def test_the_row_numbers_of_pandas_are_no_feature(people: Any, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    people[people["age"] > 30].to_parquet(tmp_path / "t.parquet")
    samples = read_data(DataCard(path="t.parquet", label="paid"), tmp_path)
    assert [c.name for c in samples.columns] == ["age", "city", "income", "member", "grade"]
