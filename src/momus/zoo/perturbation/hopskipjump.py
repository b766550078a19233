"""Cases for perturbation.hopskipjump."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import Samples
from momus.targets import Target
from momus.zoo import Case, torch_digits
from momus.zoo.perturbation import _systems as systems

FEW = {"queries": 700, "n": 24}


def cases(seed: int = 0) -> tuple[Case, ...]:
    """Models of which only the answers are seen: pictures, tables, a dose, a detector."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    test = {"test": torch_digits.samples(200, systems.SIDE)}
    plain = labels_alone(systems.digits(systems.PLAIN, "plain-cnn", seed))
    hard = labels_alone(systems.digits(systems.HARD_MLP, "hardened-mlp", seed))
    wide = labels_alone(systems.halves_target())
    income, by_income = _table(seed, "income", make_pipeline(StandardScaler(), LogisticRegression()), "scorecard")
    age, by_age = _table(seed, "age", DecisionTreeClassifier(max_depth=3, random_state=seed), "age-tree")
    forest, forest_data = _table(seed, "income", RandomForestClassifier(20, max_depth=6, random_state=seed), "forest")
    doses, dose_data = _doses(seed, Ridge())
    near, near_data = _machines(seed, 3.0)
    far, far_data = _machines(seed + 1, 9.0)
    return (
        Case("plain-cnn", True, plain, test, {"epsilon": 1.5, **FEW}),
        Case("table-by-income", True, income, by_income, {"epsilon": 1.0, **FEW}),
        Case("wide-margin", False, wide, {"test": systems.halves(seed)}, {"epsilon": 1.0, **FEW}),
        Case("table-by-age", False, age, by_age, {"epsilon": 1.0, **FEW}),
        Case("forest-by-income", True, forest, forest_data, {"epsilon": 1.0, **FEW}, held_out=True),
        Case("steep-dose", True, doses, dose_data, {"epsilon": 0.5, "tolerance": 4.0, **FEW}, held_out=True),
        Case("loose-detector", True, near, near_data, {"epsilon": 0.8, **FEW}, held_out=True),
        Case("gentle-dose", False, doses, dose_data, {"epsilon": 0.5, "tolerance": 20.0, **FEW}, held_out=True),
        Case("tight-detector", False, far, far_data, {"epsilon": 0.8, **FEW}, held_out=True),
        Case("hardened-mlp", False, hard, test, {"epsilon": 0.1, **FEW}, held_out=True),
    )


def labels_alone(inner: Any) -> Any:
    """The same system as somebody outside sees it: a picture in, the index of a class out."""

    def ask(x: Any) -> Any:
        return np.asarray(inner.predict(inner.encode(x)))

    return Target.from_callable(
        ask, name=inner.info.name, classes=inner.info.classes, output="labels", modality="image",
        identity=inner.info.digest,
    )  # fmt: skip


def _table(seed: int, decides: str, estimator: Any, name: str) -> tuple[Any, dict[str, Samples]]:
    """Applicants described by numbers alone."""
    whole = systems.applicants(seed, decides)
    rows = Samples(x=whole.x[:, :4], y=whole.y, name=whole.name, columns=whole.columns[:4], classes=whole.classes)
    return systems.fitted(estimator, rows, name)


def _doses(seed: int, estimator: Any) -> tuple[Any, dict[str, Samples]]:
    """Weekly doses (about 35, spread 12) as a linear function of four measurements."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 4))
    y = 35 + x @ np.array([8.0, 6.0, -5.0, 3.0]) + rng.normal(0, 1, 400)
    train, test = Samples(x=x[:300], y=y[:300], name="doses"), Samples(x=x[300:], y=y[300:], name="doses")
    return Target.from_sklearn(estimator.fit(train.x, train.y), name="doses"), {"train": train, "test": test}


def _machines(seed: int, away: float) -> tuple[Any, dict[str, Samples]]:
    """A detector of machines that run badly: readings whose centre lies ``away`` standard deviations from the good.

    The boundary lies at about 2.5 standard deviations of the good ones; these are tested where they lie closest to
    their own centre, so that a far-away fault is far from the boundary.
    """
    from sklearn.covariance import EllipticEnvelope

    rng = np.random.default_rng(seed)
    good = rng.normal(size=(400, 3))
    bad = 0.3 * rng.normal(size=(60, 3)) + away / np.sqrt(3)
    calm = good[np.argsort((good**2).sum(axis=1))[:40]] * 0.3
    x = np.concatenate([bad, calm])
    y = np.repeat([0, 1], [len(bad), len(calm)])
    order = rng.permutation(len(x))
    target = Target.from_sklearn(EllipticEnvelope(contamination=0.05, random_state=seed).fit(good), name="machines")
    train = Samples(x=good, y=np.ones(len(good), dtype=np.int64), name="good runs", classes=target.info.classes)
    return target, {"train": train, "test": Samples(x=x[order], y=y[order], name="runs", classes=target.info.classes)}
