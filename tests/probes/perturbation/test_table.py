"""perturbation.table: what an applicant may not change is left alone, and the report says what was changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from momus.core.errors import ProbeError
from momus.core.meter import Budget
from momus.core.records import Limit, Status
from momus.core.registry import get_probe
from momus.core.samples import Column, ColumnKind, Samples
from momus.judge import decide
from momus.targets import Target

table = get_probe("perturbation.table")
COLUMNS = (
    Column("age", immutable=True),
    Column("income"),
    Column("debt"),
    Column("channel", ColumnKind.CATEGORICAL, categories=("branch", "web")),
)
FEW = {"queries": 150, "refine": 60}


def codes(m):
    return {c.code for c in m.caveats}


@pytest.fixture
def linear(linear_target):
    def make(weight, n=100, **more):
        rng = np.random.default_rng(0)
        x = np.column_stack([rng.uniform(20, 70, n), rng.normal(size=n), rng.normal(size=n), rng.integers(0, 2, n)])
        w = np.asarray(weight, float)
        middle = float(np.median(x @ w)) + 1e-3
        target = linear_target(np.stack([-w, w]), [middle, -middle], (4,), **more)
        return target, Samples(x, target.predict(x), columns=COLUMNS, classes=("no", "yes")), np.abs(x @ w - middle)

    return make


@pytest.mark.parametrize("labels_only", [False, True])
def test_the_number_is_that_of_the_known_distances(linear, labels_only):
    target, samples, gap = linear([0, 1, 1, 0])
    scale = np.subtract(*np.quantile(samples.x[:, 1:3], [0.75, 0.25], axis=0)).sum()
    m = table(target, test=samples, epsilon=0.4, labels_only=labels_only, **FEW)
    assert m.value == pytest.approx((gap / scale < 0.4).mean(), abs=0.04)
    assert m.scope["knows"] == ("labels" if labels_only else "scores")
    assert m.figure("rejected_examples").value == 0 and codes(m) == set()
    exact = np.median((gap / scale)[gap / scale < 0.4])
    assert m.figure("median_distortion").value == pytest.approx(exact, rel=0.25)


def test_the_fewest_columns_are_told_by_name(linear):
    target, samples, _ = linear([0, 1, 0, 0])
    m = table(target, test=samples, epsilon=1.0, **FEW)
    assert m.figure("median_columns").value == 1 and m.figure("turned_by_one_column").value == 1
    rows = next(e for e in m.evidence if e.title.startswith("Rows that were turned")).rows
    assert {r[1] for r in rows} == {"income"}
    assert next(e for e in m.evidence if e.kind == "bars").names == ("income",)


def test_a_category_is_told_in_words(linear):
    target, samples, _ = linear([0, 0, 0, 5])
    target.bias = np.array([2.5, -2.5])
    samples = replace(samples, y=target.predict(samples.x))
    m = table(target, test=samples, epsilon=0.05, **FEW)
    rows = next(e for e in m.evidence if e.title.startswith("Rows that were turned")).rows
    assert m.value == 1.0 and {r[2] for r in rows} | {r[3] for r in rows} == {"branch", "web"}


def test_a_rule_takes_the_attack_away(linear):
    target, samples, _ = linear([0, 1, 0, 0])
    free = table(target, test=samples, epsilon=0.5, **FEW)
    bound = table(target, test=replace(samples, rules=("income == debt + 1000 or income <= -999",)), epsilon=0.5, **FEW)
    held = table(
        target,
        test=replace(samples, rules=("not (income > 0.0 and debt < 99) or income < 99",)),
        epsilon=0.5,
        **FEW,
    )
    assert free.value > 0.3 and held.value == pytest.approx(free.value, abs=0.02)
    assert "data-break-rules" in codes(bound), "rows that break a rule untouched are told"
    middle = float(np.median(samples.x[:, 1])) + 1e-3
    low = samples.take(samples.x[:, 1] < middle)
    ruled = replace(low, rules=(f"income <= {middle}",))
    loose = table(target, test=low, train=samples, epsilon=0.5, **FEW)
    kept = table(target, test=ruled, train=samples, epsilon=0.5, **FEW)
    assert loose.value > 0.3 and kept.value == 0.0 and kept.scope["rules"] == 1


@pytest.mark.parametrize("probe", ["perturbation.square", "perturbation.pgd"])
def test_other_attacks_keep_the_rules_too(linear, probe):
    target, samples, _ = linear([0, 1, 0, 0])
    middle = float(np.median(samples.x[:, 1])) + 1e-3
    low = samples.take(samples.x[:, 1] < middle)
    options = {"queries": 100} if probe.endswith("square") else {"steps": 10}
    free = get_probe(probe)(target, test=low, train=samples, epsilon=0.5, **options)
    ruled = replace(low, rules=(f"income <= {middle}",))
    held = get_probe(probe)(target, test=ruled, train=samples, epsilon=0.5, **options)
    assert free.value > 0.2 and held.value == 0.0 and held.figure("rejected_examples").value == 0


def test_an_unreadable_rule_is_refused(linear):
    from momus.core.errors import DataError

    target, samples, _ = linear([0, 1, 0, 0])
    with pytest.raises(DataError, match="no column 'incom'"):
        table(target, test=replace(samples, rules=("incom <= 3",)), **FEW)


def test_everything_immutable_is_inconclusive(linear):
    target, samples, _ = linear([0, 1, 0, 0])
    held = replace(samples, columns=tuple(replace(c, immutable=True) for c in COLUMNS))
    m = table(target, test=held, epsilon=5.0, **FEW)
    assert m.value == 0.0 and "nothing-to-move" in codes(m)
    assert decide(m, Limit(probe=table.id, value=0.25)).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: replace(s, y=1 - s.y), "nothing-right"),
        (lambda s: s.take(s.y == 1), "one-class"),
        (lambda s: s.take(slice(0, 1)), "too-few-samples"),
    ],
)
def test_traps_never_pass(linear, change, code):
    target, samples, _ = linear([1, 0, 0, 0])
    m = table(target, test=change(samples), epsilon=0.1, **FEW)
    assert code in codes(m)
    assert decide(m, Limit(probe=table.id, value=0.25)).status is Status.INCONCLUSIVE


def test_a_constant_model_is_not_robust(linear):
    target, samples, _ = linear([0, 1, 0, 0])
    target.weight = np.zeros_like(target.weight)
    m = table(target, test=replace(samples, y=target.predict(samples.x)), **FEW)
    assert "constant-output" in codes(m)
    assert decide(m, Limit(probe=table.id, value=0.25)).status is Status.INCONCLUSIVE


def test_random_answers_and_few_queries_are_told(linear):
    target, samples, _ = linear([0, 1, 0, 0], randomised=True)
    assert {"randomised-output", "few-queries"} <= codes(table(target, test=samples, queries=10, refine=0))


def test_wrong_inputs_are_counted_once(linear):
    target, samples, _ = linear([1, 0, 0, 0])
    y = samples.y.copy()
    y[:20] = 1 - y[:20]
    m = table(target, test=replace(samples, y=y), epsilon=0.1, **FEW)
    assert m.n == 80 and m.value == 0.0
    assert m.figure("clean_accuracy").value == 0.8 == m.figure("robust_accuracy").value


def test_regressors_and_detectors():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    target = Target.from_sklearn(LinearRegression().fit(x, x @ [1.0, 2.0, 0.0]))
    samples = Samples(x, x @ [1.0, 2.0, 0.0], columns=(Column("a"), Column("b", immutable=True), Column("c")))
    moved = table(target, test=samples, epsilon=0.5, tolerance=0.2, **FEW)
    still = table(target, test=samples, epsilon=0.1, tolerance=0.2, **FEW)
    assert moved.value > 0.95 and still.value == 0.0
    crossed = table(target, test=samples, epsilon=0.5, threshold=0.0, **FEW)
    scale = np.subtract(*np.quantile(x[:, 0], [0.75, 0.25]))
    assert crossed.value == pytest.approx((np.abs(x @ [1, 2, 0]) < 0.5 * scale).mean(), abs=0.04)


def test_a_model_that_gives_labels_alone():
    samples = Samples(np.random.default_rng(0).normal(size=(90, 2)), classes=("a", "b"))
    target = Target.from_callable(
        lambda x: (x[:, 0] > 0).astype(int), name="f", classes=("a", "b"), output="labels", samples=samples
    )
    samples = replace(samples, y=(samples.x[:, 0] > 0).astype(int))
    m = table(target, test=samples, epsilon=0.5, **FEW)
    scale = np.subtract(*np.quantile(samples.x[:, 0], [0.75, 0.25]))
    assert m.value == pytest.approx((np.abs(samples.x[:, 0]) < 0.5 * scale).mean(), abs=0.06)


@pytest.mark.parametrize("queries", [1, 30, 400])
def test_a_budget_is_kept(linear, queries):
    target, samples, _ = linear([0, 1, 0, 0])
    m = table(target, test=samples, epsilon=0.5, budget=Budget(queries=queries), **FEW)
    assert m.cost.queries <= queries and "budget-spent" in codes(m)


@pytest.mark.parametrize(
    "options", [{"queries": 0}, {"n": 0}, {"norm": "l1"}, {"epsilon": -1.0}, {"refine": -1}, {"switches": -1}]
)
def test_bad_options(linear, options):
    target, samples, _ = linear([0, 1, 0, 0])
    with pytest.raises(ProbeError):
        table(target, test=samples, **options)
