"""perturbation.trees: what is proven holds against the untouched model, and what cannot be proven is not claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Limit, Status
from momus.core.registry import get_probe
from momus.core.samples import Column, ColumnKind, Samples
from momus.judge import decide
from momus.targets import Target

trees = get_probe("perturbation.trees")
table = get_probe("perturbation.table")
COLUMNS = (Column("a"), Column("b", ColumnKind.INTEGER), Column("c", immutable=True))
FEW = {"queries": 60, "n": 30}


def codes(m):
    return {c.code for c in m.caveats}


def data(n=150, seed=0):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 8, n), rng.normal(size=n)])
    return Samples(x, (x[:, 0] + 0.4 * x[:, 1] > 1.4).astype(int), columns=COLUMNS, classes=("no", "yes"))


def made(model, samples):
    return Target.from_sklearn(model.fit(samples.x, samples.y), classes=samples.classes)


@pytest.fixture(scope="module")
def stump():
    """One threshold, so that every distance is known: a > 0.25."""
    rng = np.random.default_rng(0)
    a = np.concatenate([rng.uniform(-2, 0, 30), rng.uniform(0.5, 2, 30)])
    samples = Samples(np.column_stack([a, a * 0]), (a > 0.25).astype(int), columns=(Column("a"), Column("z")),
                      classes=("no", "yes"))  # fmt: skip
    return made(DecisionTreeClassifier(max_depth=1), samples), samples


def test_known_distances(stump):
    target, samples = stump
    cut = target.trees().trees[0].threshold[0]
    scale = np.subtract(*np.quantile(samples.x[:, 0], [0.75, 0.25]))
    distance = np.abs(samples.x[:, 0] - cut) / scale
    m = trees(target, test=samples, epsilon=0.4, **{**FEW, "n": 60})
    assert m.value == pytest.approx((distance <= 0.4).mean())
    assert m.figure("certified_robust").value == (distance > 0.4).sum()
    assert m.figure("open").value == 0 and m.figure("share_proven").value == 1
    assert m.figure("median_certified_distance").value == pytest.approx(np.median(distance), rel=1e-6)
    assert m.figure("attack_over_exact").value >= 1 - 1e-6
    assert m.figure("rejected_examples").value == 0 and codes(m) == set()
    assert "turns" in m.scope["certificate"]


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("switches", [0, 1])
def test_the_proof_is_never_below_the_attack(norm, switches):
    samples = data(24)
    target = made(RandomForestClassifier(3, max_depth=3, random_state=0), samples)
    options = {"epsilon": 0.3, "norm": norm, "switches": switches, "n": 30}
    proven = trees(target, test=samples, queries=60, **options)
    attacked = table(target, test=samples, queries=100, refine=20, **options)
    assert proven.value >= attacked.value and proven.n == attacked.n
    assert proven.figure("open").value == 0
    total = sum(proven.figure(f).value for f in ("certified_vulnerable", "certified_robust"))
    assert total == proven.n and proven.figure("certified_vulnerable").value == round(proven.value * proven.n)


def test_open_inputs_count_against_both_verdicts(monkeypatch):
    """A solver that never finishes leaves inputs open: they widen the interval and are never called robust."""
    from momus.methods import tree_distance, tree_distance_bounds
    from momus.methods.tree_distance_milp import Solution

    monkeypatch.setattr(tree_distance, "solve", lambda *a, at_least=0.0, **more: Solution(None, at_least, False))
    monkeypatch.setattr(tree_distance_bounds, "best", lambda *a, **more: np.inf)
    samples = data()
    target = made(RandomForestClassifier(3, max_depth=3, random_state=0), samples)
    m = trees(target, test=samples, epsilon=0.1, switches=0, **FEW)
    still = m.figure("open").value
    assert still > 0 and "open-inputs" in codes(m) and m.figure("certified_robust").value == 0
    assert m.figure("share_proven").value < 1 and m.ci.high == pytest.approx(1.0, abs=0.1)
    assert decide(m, Limit(probe=trees.id, value=0.5)).status is Status.INCONCLUSIVE


def test_missing_proofs_are_no_proofs():
    """A reading that answers otherwise than the model proves nothing."""
    samples = data()
    target = made(DecisionTreeClassifier(max_depth=3, random_state=0), samples)
    right = target.trees()
    flipped = tuple(replace(t, value=-t.value) for t in right.trees)
    target._ensemble = replace(right, trees=flipped)
    m = trees(target, test=samples, epsilon=0.2, **FEW)
    assert "trees-misread" in codes(m) and m.figure("certified_robust").value == 0
    assert decide(m, Limit(probe=trees.id, value=0.25)).status is Status.INCONCLUSIVE


def test_everything_immutable_is_inconclusive():
    samples = data()
    held = replace(samples, columns=tuple(replace(c, immutable=True) for c in COLUMNS))
    m = trees(made(DecisionTreeClassifier(max_depth=3), samples), test=held, epsilon=3.0, **FEW)
    assert "nothing-to-move" in codes(m) and m.figure("never_turned").value == m.n
    assert decide(m, Limit(probe=trees.id, value=0.25)).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: replace(s, y=1 - s.y), "nothing-right"),
        (lambda s: s.take(s.y == 1), "one-class"),
        (lambda s: s.take(slice(0, 1)), "too-few-samples"),
    ],
)
def test_traps_never_pass(change, code):
    samples = data()
    target = made(DecisionTreeClassifier(random_state=0), samples)
    m = trees(target, test=change(samples), epsilon=0.001, **FEW)
    assert code in codes(m)
    assert decide(m, Limit(probe=trees.id, value=0.25)).status is Status.INCONCLUSIVE


def test_a_constant_tree_decides_nothing():
    samples = data()
    target = made(DecisionTreeClassifier(max_depth=2, min_samples_leaf=len(samples)), samples)
    m = trees(target, test=samples, **FEW)
    assert "constant-output" in codes(m)
    assert decide(m, Limit(probe=trees.id, value=0.25)).status is Status.INCONCLUSIVE


def test_values():
    samples = data()
    y = samples.x[:, 0] * 2
    target = Target.from_sklearn(GradientBoostingRegressor(n_estimators=6, max_depth=2).fit(samples.x, y))
    m = trees(target, test=replace(samples, y=y, classes=()), epsilon=0.4, tolerance=0.5, **FEW)
    assert 0 < m.value <= 1 and m.figure("open").value == 0 and m.figure("rejected_examples").value == 0


def test_other_models_have_no_trees():
    samples = data()
    with pytest.raises(ProbeError, match="trees"):
        trees(made(LogisticRegression(), samples), test=samples)


@pytest.mark.parametrize("queries", [1, 40])
def test_a_budget_is_kept(queries):
    samples = data()
    target = made(RandomForestClassifier(3, max_depth=3, random_state=0), samples)
    m = trees(target, test=samples, epsilon=0.2, budget=Budget(queries=queries), **FEW)
    assert m.cost.queries <= queries
    assert decide(m, Limit(probe=trees.id, value=0.25)).status is not Status.PASS


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_no_time_is_refused(seconds):
    samples = data()
    with pytest.raises(ProbeError, match="seconds"):
        trees(made(RandomForestClassifier(3, max_depth=3, random_state=0), samples), test=samples, seconds=seconds)


def test_the_certificate_reads_well():
    samples = data()
    target = made(RandomForestClassifier(3, max_depth=3, random_state=0), samples)
    said = [trees(target, test=samples, epsilon=0.2, switches=s, **FEW).scope["certificate"] for s in (1, 2)]
    assert "1 category switch" in said[0] and "switches" not in said[0]
    assert "2 category switches" in said[1]
