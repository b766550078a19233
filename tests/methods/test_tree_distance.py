"""Exact distances to trees: known by hand, and by trying every cell of small ensembles under every kind of rule."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier

from momus.core.samples import Column, ColumnKind, Samples
from momus.core.trees import Tree, TreeEnsemble
from momus.methods.domain import Domain
from momus.methods.objectives import MISCLASSIFIED, Crosses, Deviates, Objective
from momus.methods.tree_distance import Search
from momus.methods.tree_outputs import answers, outputs
from momus.targets import Target

INF = np.inf


def tree(*nodes: tuple[int, float, int, int] | float) -> TreeEnsemble:
    """(column, threshold, left, right) or the margin of a leaf; one output, class 1 above 0."""
    inner = [n if isinstance(n, tuple) else (-1, 0.0, 0, 0) for n in nodes]
    feature, threshold, left, right = (np.array(c) for c in zip(*inner, strict=True))
    value = np.array([[0.0] if isinstance(n, tuple) else [n] for n in nodes])
    return TreeEnsemble((Tree(feature, threshold.astype(float), left, right, value),), np.zeros(1), "classifier")


# income <= 3: refused, unless age is above 50; the scales below are 2 (income) and 10 (age).
BY_TWO = tree((0, 3.0, 1, 4), (1, 50.0, 2, 3), -1.0, 1.0, 1.0)


def domain(*columns: Column, rules: tuple[str, ...] = (), switches: int = 1, scale: Any = None) -> Domain:
    reference = Samples(np.array([[-50.0] * len(columns), [50.0] * len(columns)]), columns=columns, rules=rules)
    made = Domain.table(reference, switches=switches)
    made.__dict__["scale"] = np.ones(len(columns)) if scale is None else np.array(scale, dtype=float)
    return made


WIDE: Any = {"low": -1000.0, "high": 1000.0}


@pytest.mark.parametrize("measure", ["linf", "l2"])
@pytest.mark.parametrize(
    ("columns", "row", "distance", "turned"),
    [
        # the next double above 3 is 1.5 scales away, the one above 50 two
        ((Column("income", **WIDE), Column("age", **WIDE)), [0.0, 30.0], 1.5, [3.0, 30.0]),
        # income is out of reach: the longer way
        ((Column("income", immutable=True), Column("age", **WIDE)), [0.0, 30.0], 2.0, [0.0, 50.0]),
        # whole numbers: from 0.5 by ones to 3.5
        ((Column("income", ColumnKind.INTEGER, **WIDE), Column("age", **WIDE)), [0.5, 0.0], 1.5, [3.5, 0.0]),
        # income ends at 3, where it is still refused
        ((Column("income", low=0, high=3), Column("age", **WIDE)), [0.0, 30.0], 2.0, [0.0, 50.0]),
        # nothing can be reached
        ((Column("income", low=0, high=3), Column("age", immutable=True)), [0.0, 30.0], INF, None),
        ((Column("income", immutable=True), Column("age", immutable=True)), [0.0, 30.0], INF, None),
        # granted already: the way back needs both
        ((Column("income", **WIDE), Column("age", **WIDE)), [4.0, 30.0], 0.5, [3.0, 30.0]),
    ],
)
def test_a_tree_made_by_hand(
    columns: tuple[Column, ...], row: list[float], distance: float, turned: list[float] | None, measure: Any
) -> None:
    x0 = np.array(row)
    y = float(answers(BY_TWO, x0[None])[0])
    for ensemble in (BY_TWO, _twice(BY_TWO)):
        found = Search(ensemble, domain(*columns, scale=(2, 10)), measure=measure).distance(x0, y)
        assert found.proven
        assert found.upper == pytest.approx(distance, abs=1e-6)
        assert found.lower == pytest.approx(distance, abs=1e-6)
        if turned is None:
            assert found.x is None
        else:
            assert found.x is not None and found.x == pytest.approx(turned, abs=1e-9)
            assert answers(ensemble, found.x[None])[0] != y


def _twice(ensemble: TreeEnsemble) -> TreeEnsemble:
    """The same answers from two trees, so that the program is used in place of the leaves."""
    return TreeEnsemble(ensemble.trees * 2, ensemble.base, ensemble.task)


HOT = tuple(Column(f"r={c}", ColumnKind.BINARY, one_hot="r") for c in "abc")


@pytest.mark.parametrize(("switches", "distance"), [(1, 0.0), (0, 4.0)])
@pytest.mark.parametrize("double", [False, True])
def test_a_category_costs_no_distance_but_a_switch(switches: int, distance: float, double: bool) -> None:
    made = tree((1, 0.5, 1, 4), (0, 4.0, 2, 3), -1.0, 1.0, 1.0)  # granted in region b, or above 4
    space = domain(Column("income", **WIDE), *HOT[1:], HOT[0], switches=switches)
    x0 = np.array([0.0, 0.0, 0.0, 1.0])
    found = Search(_twice(made) if double else made, space).distance(x0, 0.0)
    assert found.proven and found.upper == pytest.approx(distance, abs=1e-9)
    if switches:
        assert found.x is not None and found.x.tolist() == [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("measure", ["linf", "l2"])
def test_a_rule_forces_the_longer_way(measure: Any) -> None:
    made = tree((0, 3.0, 1, 2), -1.0, 1.0)  # turned above used = 3
    columns = (Column("used", **WIDE), Column("limit", **WIDE))
    x0 = np.array([1.0, 2.0])
    free = Search(made, domain(*columns), measure=measure).distance(x0, 0.0)
    bound = Search(made, domain(*columns, rules=("used <= limit",)), measure=measure).distance(x0, 0.0)
    assert free.upper == pytest.approx(2.0, abs=1e-6) and free.x is not None and free.x[1] == 2.0
    # the limit has to rise with it by 1
    want = 2.0 if measure == "linf" else 5**0.5
    assert bound.upper == pytest.approx(want, rel=1e-3) and want * 0.98 <= bound.lower <= want * (1 + 2e-6)
    assert bound.x is not None and bound.x[0] <= bound.x[1] + 1e-9
    held = Search(made, domain(columns[0], Column("limit", immutable=True), rules=("used <= limit",)), measure=measure)
    assert held.distance(x0, 0.0).lower == INF


def test_an_implication_counts_as_a_rule() -> None:
    made = tree((0, 0.5, 1, 2), 1.0, -1.0)  # turned where employed is 0
    columns = (Column("employed", ColumnKind.BINARY, categories=("no", "yes")), Column("salary", **WIDE))
    space = domain(*columns, rules=("employed == 0 implies salary == 0",))
    found = Search(made, space).distance(np.array([1.0, 2.5]), 0.0)
    assert found.proven and found.upper == pytest.approx(2.5, abs=1e-6)
    assert found.x is not None and found.x.tolist() == pytest.approx([0.0, 0.0])


# Everything at once: two numbers, a whole number, an immutable one, a one-hot group, a category.
MIXED = (
    Column("a", low=-2.0, high=2.0),
    Column("b"),
    Column("c", ColumnKind.INTEGER, low=0, high=4),
    Column("d", immutable=True),
    *HOT,
    Column("k", ColumnKind.CATEGORICAL, categories=("x", "y", "z")),
)


def mixed(seed: int, rules: tuple[str, ...] = (), n: int = 150) -> Samples:
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [
            np.clip(rng.normal(size=n), -2, 2), rng.normal(size=n), rng.integers(0, 5, n), rng.normal(size=n),
            np.eye(3)[rng.integers(0, 3, n)], rng.integers(0, 3, n),
        ]
    )  # fmt: skip
    z = x[:, 0] + x[:, 1] + 0.5 * x[:, 2] + x[:, 3] + x[:, 5] - (x[:, 7] == 1) - 1
    return Samples(x, (z > 0).astype(int) + (z > 1.2), columns=MIXED, classes=("p", "q", "r"), rules=rules)


def by_trying(search: Search, x0: np.ndarray, turned: Any) -> tuple[float, int]:
    """The least distance over every cell of the grid that the thresholds draw, and how many cells there are."""
    space = search._space(x0, INF)
    columns = list(space.axes)
    options = [space.axes[j].values for j in columns]
    hot: list[Any] = [np.eye(len(g)) for g in space.groups]
    rows = []
    for cells in product(*options):
        for choice in product(*hot):
            x = x0.copy()
            x[columns] = cells
            for group, value in zip(space.groups, choice, strict=True):
                x[list(group)] = value
            rows.append(x)
    every = np.array(rows)
    bad = search.domain.check(every, np.broadcast_to(x0, every.shape), 1e300)
    legal = ~np.any(list(bad.values()), axis=0)
    good = every[legal & turned(every)]
    return min((search.size(x, x0) for x in good), default=INF), len(every)


@pytest.mark.parametrize("measure", ["linf", "l2", "columns"])
@pytest.mark.parametrize("trees", [1, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_forests_against_every_cell(seed: int, trees: int, measure: Any) -> None:
    samples = mixed(seed)
    model = RandomForestClassifier(trees, max_depth=3, max_features=3, random_state=seed).fit(samples.x, samples.y)
    target: Any = Target.from_sklearn(model, classes=samples.classes)
    ensemble = target.trees()
    search = Search(ensemble, Domain.table(samples, switches=1), measure=measure)
    for x0 in samples.x[:3]:
        y = int(answers(ensemble, x0[None])[0])
        want, cells = by_trying(search, x0, lambda rows, y=y: target.predict(rows) != y)
        found = search.distance(x0, y)
        assert cells > 1 and found.proven
        assert found.upper == pytest.approx(want, rel=1e-6, abs=1e-6)
        if found.x is not None:
            assert target.predict(found.x[None])[0] != y


@pytest.mark.parametrize("seed", range(3))
def test_deep_votes_and_their_ties(seed: int) -> None:
    """Pure leaves vote in whole numbers, where ties are decided by the order of the classes."""
    samples = mixed(seed)
    two = np.minimum(np.asarray(samples.y), 1)
    model = RandomForestClassifier(2, max_features=2, random_state=seed).fit(samples.x[:25], two[:25])
    target: Any = Target.from_sklearn(model, classes=("p", "q"))
    search = Search(target.trees(), Domain.table(samples))
    for x0 in samples.x[:6]:
        y = int(target.predict(x0[None])[0])
        want, _ = by_trying(search, x0, lambda rows, y=y: target.predict(rows) != y)
        found = search.distance(x0, y)
        assert found.proven and found.upper == pytest.approx(want, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_rules_against_every_cell(seed: int) -> None:
    """Over whole numbers and categories the grid is complete under rules as well."""
    rng = np.random.default_rng(seed)
    columns = (
        Column("u", ColumnKind.INTEGER, low=0, high=6), Column("v", ColumnKind.INTEGER, low=0, high=6),
        Column("k", ColumnKind.CATEGORICAL, categories=("x", "y", "z")), *HOT,
    )  # fmt: skip
    x = np.column_stack(
        [rng.integers(0, 4, 200), rng.integers(3, 7, 200), rng.integers(0, 3, 200), np.eye(3)[rng.integers(0, 3, 200)]]
    ).astype(float)
    rules = ("u <= v", "k == 'x' implies u + v <= 6", "r == 'b' implies v > 3 and u != 2")
    samples = Samples(x, (x[:, 0] - x[:, 1] + x[:, 2] + x[:, 4] > -2).astype(int), columns=columns, rules=rules)
    model = GradientBoostingClassifier(n_estimators=5, max_depth=3, random_state=seed).fit(x, samples.y)
    target: Any = Target.from_sklearn(model, classes=("a", "b"))
    search = Search(target.trees(), Domain.table(samples, switches=2))
    everything = np.array([[u, v, k, *h] for u in range(7) for v in range(7) for k in range(3) for h in np.eye(3)])
    for x0 in samples.x[:12]:
        y = int(target.predict(x0[None])[0])
        bad = search.domain.check(everything, np.broadcast_to(x0, everything.shape), 1e300)
        good = everything[~np.any(list(bad.values()), axis=0) & (target.predict(everything) != y)]
        want = min((search.size(row, x0) for row in good), default=INF)
        found = search.distance(x0, y)
        assert found.proven and found.upper == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("objective", [Deviates(0.6), Deviates(0.4, side=-1), Crosses(0.5)])
def test_values_and_thresholds(objective: Objective) -> None:
    samples = mixed(5)
    model = GradientBoostingRegressor(n_estimators=4, max_depth=2, random_state=0).fit(samples.x, samples.y)
    target: Any = Target.from_sklearn(model)
    search = Search(target.trees(), Domain.table(samples), objective)
    for x0 in samples.x[:4]:
        clean = float(target.predict(x0[None])[0])
        y = float(clean >= 0.5) if isinstance(objective, Crosses) else clean
        want, _ = by_trying(search, x0, lambda rows, y=y: objective.won(target.predict(rows)[:, None], y))
        found = search.distance(x0, y)
        assert found.proven and found.upper == pytest.approx(want, rel=1e-5, abs=1e-5)


def test_stopped_early_the_bound_is_a_bound() -> None:
    samples = mixed(1, n=200)
    model = RandomForestClassifier(9, max_depth=5, random_state=0).fit(samples.x, samples.y)
    target: Any = Target.from_sklearn(model, classes=samples.classes)
    domain_ = Domain.table(samples)
    for x0 in samples.x[:2]:
        y = int(target.predict(x0[None])[0])
        exact = Search(target.trees(), domain_, seconds=60).distance(x0, y)
        hasty = Search(target.trees(), domain_, seconds=60, nodes=1).distance(x0, y, known=exact.x)
        assert exact.proven and 0 <= hasty.lower <= exact.upper * (1 + 1e-6) and hasty.upper >= exact.upper * (1 - 1e-6)


def test_within_a_radius_nothing_is_a_certificate() -> None:
    samples = mixed(2)
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(samples.x, samples.y)
    target: Any = Target.from_sklearn(model, classes=samples.classes)
    search = Search(target.trees(), Domain.table(samples, switches=0))
    for x0 in samples.x[:5]:
        y = int(target.predict(x0[None])[0])
        full = search.distance(x0, y)
        assert search.within(x0, y, full.upper * 0.99).lower == INF
        assert search.within(x0, y, full.upper * 1.01).upper == pytest.approx(full.upper, rel=1e-5)


def test_missing_values_stay_where_they_are() -> None:
    made = tree((0, 3.0, 1, 4), (1, 50.0, 2, 3), -1.0, 1.0, 1.0)
    plain = made.trees[0]
    held = TreeEnsemble(
        (Tree(plain.feature, plain.threshold, plain.left, plain.right, plain.value, np.ones(5, bool)),), made.base,
        "classifier",
    )  # fmt: skip
    space = domain(Column("income", **WIDE), Column("age", **WIDE))
    found = Search(held, space).distance(np.array([np.nan, 30.0]), 0.0)
    assert found.upper == pytest.approx(20.0) and found.x is not None and np.isnan(found.x[0])


def test_a_constant_model_and_a_row_already_turned() -> None:
    space = domain(Column("a", **WIDE))
    constant = Search(tree(1.0), space)
    assert constant.distance(np.array([0.0]), 1.0).lower == INF
    assert constant.distance(np.array([0.0]), 0.0).upper == 0.0


def test_outputs_are_sums() -> None:
    assert outputs(_twice(BY_TWO), np.array([[4.0, 0.0], [0.0, 0.0]]))[:, 0].tolist() == [2.0, -2.0]
    assert MISCLASSIFIED is not None
