"""Models of tables that hang on every cell being exactly right, and twins that lean on many columns at once.

The planted ones read a check digit over all columns, or the small difference of columns that nearly agree: right on
rows as they are, lost as soon as one of them is off. The clean twins see the same thing through many columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.samples import Column, ColumnKind, NumpyArray, Samples
from momus.targets import Target
from momus.zoo import Case

ROWS = 400
CLASSES = ("keeps", "leaves")


def _parted(x: NumpyArray, y: NumpyArray, columns: tuple[Column, ...], classes: tuple[str, ...]) -> dict[str, Samples]:
    made = Samples(x=x, y=y, columns=columns, classes=classes, name="readings")
    return {"train": made.take(slice(0, len(x) // 2)), "test": made.take(slice(len(x) // 2, None))}


def check_digit(seed: int, width: int, base: int) -> tuple[Any, dict[str, Samples]]:
    """Whether the digits of a row add up to an even number: one wrong digit turns the answer."""
    rng = seeds.rng(seed, "digits")
    x = rng.integers(0, base, (2 * ROWS, width)).astype(float)
    columns = tuple(Column(f"digit {j}", ColumnKind.INTEGER, 0.0, base - 1.0) for j in range(width))
    data = _parted(x, (x.sum(axis=1) % 2).astype(np.int64), columns, CLASSES)

    def even(rows: NumpyArray) -> NumpyArray:
        return np.asarray(np.rint(np.abs(rows).sum(axis=1)) % 2).astype(np.int64)

    return Target.from_callable(even, name="check digit", classes=CLASSES, samples=data["train"], output="labels"), data


def differences(seed: int, pairs: int, *, value: bool) -> tuple[Any, dict[str, Samples]]:
    """What comes in less what goes out, account by account: large numbers, small differences, a linear model."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = seeds.rng(seed, "accounts")
    income = rng.lognormal(7, 1.0, (2 * ROWS, pairs))
    gap = 5 * rng.normal(size=(2 * ROWS, pairs))
    x = np.empty((2 * ROWS, 2 * pairs))
    x[:, ::2], x[:, 1::2] = income, income - gap
    total = gap.sum(axis=1)
    names = [f"{w} {k}" for k in range(pairs) for w in ("income", "spending")]
    columns = tuple(Column(n, ColumnKind.NUMERIC) for n in names)
    if value:
        data = _parted(x, total, columns, ())
        model = make_pipeline(StandardScaler(), LinearRegression()).fit(data["train"].x, data["train"].y)
        return Target.from_sklearn(model, name="balance", task="regressor", samples=data["train"]), data
    data = _parted(x, (total > 0).astype(np.int64), columns, CLASSES)
    # Scaled, so that the tiny differences can be learned at all.
    scaled = make_pipeline(StandardScaler(), LogisticRegression(C=1e8, max_iter=5000))
    model = scaled.fit(data["train"].x, data["train"].y)
    return Target.from_sklearn(model, name="surplus", classes=CLASSES, samples=data["train"]), data


def redundant(seed: int, sensors: int, *, value: bool, one_hot: bool = False) -> tuple[NumpyArray, dict[str, Samples]]:
    """Many sensors of one quantity, on scales of their own, with a little noise; and a region that says a little."""
    rng = seeds.rng(seed, "sensors")
    truth = rng.normal(size=2 * ROWS)
    scale = rng.uniform(0.5, 2.0, sensors)
    x = 20 + scale * (truth[:, None] + 0.3 * rng.normal(size=(2 * ROWS, sensors)))
    columns = [Column(f"sensor {j}", ColumnKind.NUMERIC) for j in range(sensors)]
    if one_hot:
        region = rng.integers(0, 4, 2 * ROWS)
        x = np.column_stack([x, region[:, None] == np.arange(4)]).astype(float)
        columns += [
            Column(f"region_{w}", ColumnKind.BINARY, one_hot="region") for w in ("east", "north", "south", "west")
        ]
    classes = () if value else CLASSES
    return scale, _parted(x, truth if value else (truth > 0).astype(np.int64), tuple(columns), classes)


def _median_sensor(seed: int, sensors: int) -> tuple[Any, dict[str, Samples]]:
    """The median of what the sensors say, each on its own scale: no few of them can be badly wrong."""
    scale, data = redundant(seed, sensors, value=True)

    def read(rows: NumpyArray) -> NumpyArray:
        return np.asarray(np.median((rows - 20) / scale, axis=1))

    return Target.from_callable(
        read, name="median sensor", task="regressor", samples=data["train"], output="values"
    ), data


def _fitted(model: Any, data: dict[str, Samples], name: str, **more: Any) -> Any:
    train = data["train"]
    return Target.from_sklearn(model.fit(train.x, train.y), name=name, classes=train.classes, samples=train, **more)


def cases(seed: int) -> tuple[Case, ...]:
    """A check digit and a balance against a forest and a median of sensors; the same in other forms held out."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    width = 8 + seed % 5
    digit, digits = check_digit(seed, width, 10)
    balance, accounts = differences(seed, 4, value=True)
    surplus, more = differences(seed + 1, 3 + seed % 3, value=False)
    small, few = check_digit(seed + 2, 14, 4)
    _, sensed = redundant(seed, 12 + seed % 4, value=False)
    forest = _fitted(RandomForestClassifier(60, max_features=1, random_state=seed), sensed, "forest of sensors")
    median, quantity = _median_sensor(seed, 15 + 2 * (seed % 3))
    _, regions = redundant(seed + 3, 20, value=False, one_hot=True)
    holes = regions["train"]
    lost = np.asarray(seeds.rng(seed, "holes").random(holes.x.shape) < 0.1)
    lost[:, 20:] = False
    known = {**regions, "train": Samples(**{**vars_of(holes), "x": np.where(lost, np.nan, holes.x)})}
    boosted = _fitted(
        HistGradientBoostingClassifier(max_features=0.1, max_iter=120, max_leaf_nodes=7, random_state=seed),
        known, "boosted with gaps", missing=True,
    )  # fmt: skip
    return (
        Case("check-digit", True, digit, digits),
        Case("balance-of-accounts", True, balance, accounts),
        Case("forest-of-sensors", False, forest, sensed),
        Case("median-of-sensors", False, median, quantity),
        Case("surplus-of-accounts", True, surplus, more, held_out=True),
        Case("check-digit-off-by-one", True, small, few, context={"corruptions": {"off_by_one": 4}}, held_out=True),
        Case("boosted-with-gaps", False, boosted, regions, held_out=True),
        Case("check-digit-no-categories", False, *_named(seed), held_out=True),
    )


def _named(seed: int) -> tuple[Any, dict[str, Samples], dict[str, Any], dict[str, Any]]:
    """A check digit beside a region that it does not read, where only regions are ever mixed up."""
    _, data = check_digit(seed + 4, 9, 10)
    rng = seeds.rng(seed, "regions")

    def beside(s: Samples) -> Samples:
        region = rng.integers(0, 5, len(s)).astype(float)
        column = Column("region", ColumnKind.CATEGORICAL, 0.0, 4.0, tuple("ABCDE"))
        return Samples(**{**vars_of(s), "x": np.column_stack([s.x, region]), "columns": (*s.columns, column)})

    wide = {role: beside(s) for role, s in data.items()}

    def even(rows: NumpyArray) -> NumpyArray:
        return np.asarray(np.rint(rows[:, :9].astype(float).sum(axis=1)) % 2).astype(np.int64)

    made = Target.from_callable(even, name="check digit", classes=CLASSES, samples=wide["train"], output="labels")
    return made, wide, {}, {"corruptions": {"moved_shares": 5, "recoded": 5}}


def vars_of(s: Samples) -> dict[str, Any]:
    """A set's fields, to make another of."""
    return {"x": s.x, "y": s.y, "name": s.name, "columns": s.columns, "classes": s.classes}
