"""Regressors and detectors under the perturbation probes: linear ones, whose smallest change is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from momus.core.meter import Budget
from momus.core.registry import get_probe
from momus.core.samples import Samples
from momus.targets import Target

W = np.array([3.0, -2.0, 1.0])
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (40, 3))
SCALE = np.subtract(*np.quantile(X, [0.75, 0.25], axis=0))
LINF = 1 / np.abs(W * SCALE).sum()  # epsilon that moves the output by 1
L2 = 1 / np.linalg.norm(W * SCALE)


@pytest.fixture(scope="module")
def network():
    net = torch.nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.as_tensor(W)[None])
    return Target.from_torch(net.double(), name="values", task="regressor", shape=(3,), modality="table")


@pytest.fixture(scope="module")
def plain():
    return Target.from_sklearn(LinearRegression().fit(X, X @ W), name="values")


def inner(margin=0.35):
    """Rows far enough from the ends of the columns that the range stops no attack."""
    return Samples(x=X[(np.abs(X) < 1 - margin).all(axis=1)], y=None, name="rows")


DATA = {"test": inner(), "train": Samples(x=X, name="all")}


@pytest.mark.parametrize("name", ["pgd", "square", "hopskipjump", "apgd"])
@pytest.mark.parametrize(("norm", "unit"), [("linf", LINF), ("l2", L2)])
def test_the_tolerance_that_a_linear_regressor_holds_is_exact(network, plain, name, norm, unit):
    """Just inside the smallest change nothing falls, just outside everything does."""
    probe = get_probe(f"perturbation.{name}")
    target = network if name in ("pgd", "apgd") else plain
    slack = 0.1
    few = {"queries": 400} if name in ("square", "hopskipjump") else {}
    tolerance = 0.2
    held = probe(target, **DATA, epsilon=(1 - slack) * unit * tolerance, norm=norm, tolerance=tolerance, **few)
    fell = probe(target, **DATA, epsilon=(1 + slack) * unit * tolerance, norm=norm, tolerance=tolerance, **few)
    assert (held.value, fell.value) == (0.0, 1.0)
    assert fell.n == len(DATA["test"])
    assert fell.figure("rejected_examples").value == 0


def test_hopskipjump_comes_within_a_tenth_of_the_smallest_change(plain):
    m = get_probe("perturbation.hopskipjump")(plain, **DATA, epsilon=1.0, tolerance=0.2, queries=400)
    assert m.figure("median_distortion").value == pytest.approx(0.2 * L2, rel=0.1)
    assert m.figure("median_distortion").value >= 0.2 * L2


@pytest.mark.parametrize("name", ["pgd", "square", "hopskipjump"])
def test_a_detector_crosses_its_threshold_both_ways(network, name):
    """y says which side is right; one row that is on the wrong side already is not attacked."""
    values = DATA["test"].x @ W
    y = np.where(values >= 0, 1.0, 0.0)
    y[0] = 1 - y[0]
    data = {**DATA, "test": Samples(x=DATA["test"].x, y=y - 0.5, name="sides")}
    m = get_probe(f"perturbation.{name}")(network, **data, epsilon=0.2, norm="linf", threshold=0.0)
    exact = np.abs(values[1:]) * LINF
    assert m.n == len(values) - 1
    assert "threshold" in m.figure("clean_accuracy").note
    assert (exact < 0.19).mean() <= m.value <= (exact < 0.2).mean()


def test_a_value_that_leans_to_its_stop_is_pushed_the_other_way():
    """Upwards the output hardly moves: whoever starts there must be pushed down, against the slope's lean."""

    class Stopped(torch.nn.Module):
        def forward(self, x):
            return torch.minimum(10 * x[:, :1] - 3, 0.1 * x[:, :1] + 0.96)

    target = Target.from_torch(Stopped(), task="regressor", shape=(3,), modality="table")
    x = np.tile([0.42, 0.0, 0.0], (12, 1)) + np.linspace(0, 1e-3, 12)[:, None]
    data = {"test": Samples(x=x, name="stopped"), "train": Samples(x=X, name="all")}
    m = get_probe("perturbation.pgd")(target, **data, epsilon=0.2, tolerance=0.5)
    assert m.value == 1.0


@pytest.mark.parametrize("name", ["square", "hopskipjump"])
@pytest.mark.parametrize("queries", [0, 1, 100])
def test_budgets(plain, name, queries):
    m = get_probe(f"perturbation.{name}")(plain, **DATA, tolerance=50.0, budget=Budget(queries=queries))
    assert m.cost.queries <= queries
    assert any(c.blocks in ("pass", "both") for c in m.caveats)


def test_tolerance_and_threshold_are_checked(plain):
    from momus.core.errors import ProbeError

    with pytest.raises(ProbeError, match="tolerance"):
        get_probe("perturbation.square")(plain, **DATA, tolerance=-1.0)


def test_a_threshold_nobody_is_near_allows_no_pass(plain):
    m = get_probe("perturbation.square")(plain, **DATA, threshold=1e9, queries=100)
    (caveat,) = [c for c in m.caveats if c.code == "one-class"]
    assert caveat.blocks == "pass" and "threshold" in caveat.message


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("n", 3.5, "a whole number"),
        ("n", "1e3", "a whole number"),
        ("n", True, "a whole number"),
        ("epsilon", "0.1", "a finite number"),
        ("threshold", float("nan"), "a finite number"),
        ("labels_only", "no", "true or false"),
    ],
)
def test_a_value_of_another_kind_gets_one_clear_line(plain, option, value, wanted):
    from momus.core.errors import ProbeError

    with pytest.raises(ProbeError, match=f"{option} must be {wanted}, not"):
        get_probe("perturbation.table")(plain, **DATA, **{option: value})
