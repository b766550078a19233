"""The black-box search on tables: known distances, legality of every query, plateaus, labels alone, spent budgets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import BudgetSpent
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.domain import Domain
from momus.methods.objectives import Crosses, Deviates
from momus.methods.square_search import table_search
from momus.methods.table_attack import Settings, table_attack

W = np.array([1.0, -2.0, 0.5, 0.0, 1.5, -1.0])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)) * [1, 2, 1, 1, 3, 1]
Y = (X @ W > 0).astype(np.int64)
DOMAIN = Domain.table(Samples(X))
SCALE = np.asarray(DOMAIN.scale)
LINF = np.abs(X @ W) / np.abs(W * SCALE).sum()
L2 = np.abs(X @ W) / np.linalg.norm(W * SCALE)


def linear(x: np.ndarray) -> np.ndarray:
    z = x @ W
    return np.stack([-z, z], axis=1)


def labels(x: np.ndarray) -> np.ndarray:
    return np.eye(2)[(x @ W > 0).astype(int)]


def attack(outputs: Any = linear, x: np.ndarray = X, y: np.ndarray = Y, seed: int = 0, **more: Any) -> Any:
    domain, objective = more.pop("domain", DOMAIN), more.pop("objective", None)
    extra = {} if objective is None else {"objective": objective}
    given_rows, donors = more.pop("rows", None), more.pop("donors", X)
    return table_attack(
        outputs, x, y, settings=Settings(**more), domain=domain, donors=donors, rng=np.random.default_rng(seed),
        rows=given_rows, **extra,
    )  # fmt: skip


def wide(reference: np.ndarray = X) -> Domain:
    """The same scales without ranges."""
    made = Domain.table(Samples(reference))
    made.__dict__.update(low=np.full(6, -1e3), high=np.full(6, 1e3))
    return made


@pytest.mark.parametrize(("norm", "exact", "within"), [("linf", LINF, 1.1), ("l2", L2, 1.25)])
@pytest.mark.parametrize("graded", [True, False])
def test_the_distance_of_a_linear_model(norm: str, exact: np.ndarray, within: float, graded: bool) -> None:
    found = attack(linear if graded else labels, epsilon=1e9, queries=300, refine=1200, norm=norm, graded=graded,
                   domain=wide())  # fmt: skip
    assert found.fooled.all()
    ratio = DOMAIN.distance(found.x, X, norm) / exact  # type: ignore[arg-type]
    assert ratio.min() > 1 - 1e-6, "nearer than possible"
    assert np.median(ratio) < within


def test_inside_epsilon_what_can_fall_falls() -> None:
    epsilon = float(np.median(LINF))
    found = attack(epsilon=epsilon, queries=300, refine=0, domain=wide())
    assert not found.fooled[epsilon * (1 - 1e-6) < LINF].any()
    assert found.fooled[epsilon * 0.9 > LINF].all()


@pytest.mark.parametrize("seed", range(2))
def test_at_least_as_good_as_the_plain_search(seed: int) -> None:
    """On a forest's plateaus as on a slope, with the same rows."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(12, random_state=0).fit(X, Y)
    for outputs in (lambda x: np.log(forest.predict_proba(x) + 1e-9), linear):
        plain = table_search(
            outputs, X, Y, epsilon=0.3, domain=DOMAIN, queries=150, rng=np.random.default_rng(seed)
        ).fooled.sum()
        assert attack(outputs, epsilon=0.3, queries=150, refine=0, seed=seed).fooled.sum() >= plain - 1


MIXED = (
    Column("a", low=-2, high=2),
    Column("b"),
    Column("c", ColumnKind.INTEGER),
    Column("d", immutable=True),
    *(Column(f"r={c}", ColumnKind.BINARY, one_hot="r") for c in "xyz"),
    Column("k", ColumnKind.CATEGORICAL, categories=("p", "q", "s")),
)
RULES = ("a <= c + 2", "k == 'p' implies b <= 1", "r == 'x' or b > -9")


def mixed(n: int = 40) -> Samples:
    rng = np.random.default_rng(1)
    x = np.column_stack(
        [
            np.clip(rng.normal(size=n), -2, 2), rng.normal(size=n), rng.integers(0, 5, n), rng.normal(size=n),
            np.eye(3)[rng.integers(0, 3, n)], rng.integers(0, 3, n),
        ]
    )  # fmt: skip
    return Samples(x, columns=MIXED, rules=RULES)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 1000), st.floats(0.05, 3), st.sampled_from(["linf", "l2"]), st.integers(0, 2), st.booleans(),
    st.integers(0, 2),
)  # fmt: skip
def test_every_row_that_is_asked_is_legal(
    seed: int, epsilon: float, norm: str, switches: int, graded: bool, which: int
) -> None:
    samples = mixed()
    domain = Domain.table(samples, switches=switches)
    w = np.random.default_rng(seed).normal(size=samples.x.shape[1])
    asked: list[np.ndarray] = []

    def outputs(x: np.ndarray) -> np.ndarray:
        asked.append(x.copy())
        z = x @ w
        return np.stack([-z, z], axis=1) if graded else np.eye(2)[(z > 0).astype(int)]

    x = samples.x[which : which + 1]
    y = (x @ w > 0).astype(np.int64)
    found = attack(outputs, x, y, seed, epsilon=epsilon, queries=60, refine=40, norm=norm, graded=graded,
                   domain=domain, donors=samples.x, rows=1)  # fmt: skip
    every = np.concatenate(asked)
    loose = domain.check(every, np.broadcast_to(x, every.shape), 1e300)
    assert not any(bad.any() for bad in loose.values())
    assert len(every) <= 100
    final = domain.check(found.x, x, epsilon, norm)  # type: ignore[arg-type]
    assert {r for r, bad in final.items() if bad.any()} == set()
    if found.fooled[0]:
        assert (found.x @ w > 0).astype(int)[0] != y[0]


def test_the_size_of_a_batch_changes_nothing() -> None:
    one, many = (attack(epsilon=0.3, queries=60, refine=30, rows=r) for r in (3, 1000))
    assert np.array_equal(one.x, many.x) and np.array_equal(one.queries, many.queries)


def test_only_what_is_needed_stays_changed() -> None:
    def first(x: np.ndarray) -> np.ndarray:
        return np.stack([-x[:, 0], x[:, 0]], axis=1)

    y = (X[:, 0] > 0).astype(np.int64)
    found = attack(first, X, y, epsilon=1e9, queries=100, refine=150)
    assert found.fooled.all()
    assert ((found.x != X).sum(axis=1) == 1).all() and (found.x[:, 0] != X[:, 0]).all()


@pytest.mark.parametrize("graded", [True, False])
def test_values_and_detectors(graded: bool) -> None:
    def value(x: np.ndarray) -> np.ndarray:
        return (x @ W)[:, None]

    reference = X @ W
    moved = attack(value, X, reference, epsilon=1e9, queries=150, refine=100, objective=Deviates(0.7), graded=graded)
    assert moved.fooled.all() and (np.abs(moved.x @ W - reference) > 0.7).all()
    side = (reference >= 0.5).astype(float)
    crossed = attack(value, X, side, epsilon=1e9, queries=150, refine=100, objective=Crosses(0.5), graded=graded)
    assert crossed.fooled.all() and ((crossed.x @ W >= 0.5) != (side > 0)).all()


@pytest.mark.parametrize("graded", [True, False])
def test_traps(graded: bool) -> None:
    constant = attack(lambda x: np.tile([1.0, 0.0], (len(x), 1)), X, np.zeros(80, dtype=np.int64), epsilon=1.0,
                      queries=30, refine=10, graded=graded)  # fmt: skip
    assert not constant.fooled.any() and constant.queries.max() <= 30
    wrong = attack(labels, X, 1 - Y, epsilon=1.0, queries=30, refine=10, graded=graded)
    assert wrong.fooled.all() and np.array_equal(wrong.x, X), "what is wrong already needs no change"
    nobody = attack(labels, X[:0], Y[:0], epsilon=1.0, queries=30, graded=graded)
    assert len(nobody.x) == 0
    held = Domain.table(Samples(X, columns=tuple(Column(f"c{i}", immutable=True) for i in range(6))))
    stuck = attack(labels, domain=held, epsilon=9.0, queries=20, refine=5, graded=graded)
    assert not stuck.fooled.any() and np.array_equal(stuck.x, X)


def test_a_spent_budget_keeps_what_was_found() -> None:
    left = [40]

    def outputs(x: np.ndarray) -> np.ndarray:
        left[0] -= 1
        if left[0] < 0:
            raise BudgetSpent
        return linear(x)

    found = attack(outputs, epsilon=0.3, queries=500, refine=100, rows=80)
    assert not found.complete and found.fooled.sum() > 0
    assert ((found.x @ W > 0).astype(int) != Y)[found.fooled].all()


def test_torch_rows_stay_torch() -> None:
    import torch

    w = torch.as_tensor(W, dtype=torch.float32)
    x, y = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(Y)
    found = attack(lambda a: torch.stack([-(a @ w), a @ w], dim=1), x, y, epsilon=0.3, queries=60, refine=20, donors=x)
    assert isinstance(found.x, torch.Tensor) and found.x.dtype == torch.float32 and bool(found.fooled.any())
