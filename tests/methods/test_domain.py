"""Projection and the check that was written apart from it must agree on every input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.domain import Domain

COLUMNS = (
    Column("age", immutable=True),
    Column("income"),
    Column("visits", ColumnKind.INTEGER, low=0, high=20),
    Column("grade", ColumnKind.ORDINAL),
    Column("g=a", ColumnKind.BINARY, one_hot="g"),
    Column("g=b", ColumnKind.BINARY, one_hot="g"),
    Column("g=c", ColumnKind.BINARY, one_hot="g"),
    Column("code", ColumnKind.CATEGORICAL, categories=("x", "y", "z")),
    Column("flag", ColumnKind.BINARY),
    Column("sex=f", ColumnKind.BINARY, one_hot="sex", immutable=True),
    Column("sex=m", ColumnKind.BINARY, one_hot="sex"),
)


def table(seed, n=30):
    rng = np.random.default_rng(seed)
    sex = rng.integers(0, 2, n)
    x = np.column_stack([
        rng.uniform(20, 80, n), rng.normal(0, 10, n), rng.integers(0, 21, n), rng.integers(-2, 6, n),
        np.eye(3)[rng.integers(0, 3, n)], rng.integers(0, 3, n), rng.integers(0, 2, n), sex, 1 - sex,
    ]).astype(float)  # fmt: skip
    return Samples(x=x, columns=COLUMNS)


def broken(domain, x, x0, epsilon, norm):
    return {
        rule: int(np.asarray(mask).sum()) for rule, mask in domain.check(x, x0, epsilon, norm).items() if mask.any()
    }


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    epsilon=st.sampled_from([0.0, 0.01, 0.3, 1.0, 7.0]),
    norm=st.sampled_from(["linf", "l2"]),
    switches=st.integers(0, 4),
    push=st.sampled_from([0.1, 5.0, 1e4]),
    library=st.sampled_from(["numpy", "float32", "torch"]),
)
def test_every_projection_passes_the_check(seed, epsilon, norm, switches, push, library):
    samples = table(seed)
    domain = Domain.table(samples, switches=switches)
    x0 = samples.x
    x = x0 + np.random.default_rng(seed + 1).normal(0, push, x0.shape)
    if library == "float32":
        x, x0 = x.astype(np.float32), x0.astype(np.float32)
    if library == "torch":
        x, x0 = torch.as_tensor(x), torch.as_tensor(x0)
    native = domain.like(x0)
    projected = native.project(x, x0, epsilon, norm)
    assert broken(native, projected, x0, epsilon, norm) == {}
    twice = native.project(projected, x0, epsilon, norm)
    np.testing.assert_allclose(np.asarray(twice), np.asarray(projected), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(projected)[:, [0, 9, 10]], np.asarray(x0)[:, [0, 9, 10]])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), epsilon=st.floats(0, 2), norm=st.sampled_from(["linf", "l2"]))
def test_pictures_stay_in_range_and_ball(seed, epsilon, norm):
    rng = np.random.default_rng(seed)
    x0 = rng.random((5, 2, 3, 4)).astype(np.float32)
    x = x0 + rng.normal(0, 1, x0.shape).astype(np.float32)
    domain = Domain.image()
    projected = domain.project(x, x0, epsilon, norm)
    assert broken(domain, projected, x0, epsilon, norm) == {}
    assert projected.min() >= 0
    assert projected.max() <= 1


def test_a_point_inside_is_left_alone():
    x0 = np.full((3, 1, 2, 2), 0.5)
    x = x0 + 0.05
    for norm in ("linf", "l2"):
        np.testing.assert_array_equal(Domain.image().project(x, x0, 0.2, norm), x)


def test_linf_projection_is_the_clip():
    x0, x = np.array([[0.1, 0.5, 0.95]]), np.array([[-1.0, 0.52, 2.0]])
    np.testing.assert_allclose(Domain.image().project(x, x0, 0.2), [[0.0, 0.52, 1.0]])


def test_scale_is_the_unit_of_epsilon():
    domain = Domain(low=-100.0, high=100.0, scale=np.array([10.0, 1.0]), measured=np.array([True, True]))
    out = domain.project(np.array([[50.0, 50.0]]), np.zeros((1, 2)), 0.5)
    np.testing.assert_allclose(out, [[5.0, 0.5]])
    assert domain.distance(out, np.zeros((1, 2)), "linf")[0] == pytest.approx(0.5)


X0 = np.array([[30.0, 0, 5, 2, 1, 0, 0, 1, 0, 1, 0]])


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        (0, 31.0, "a column out of reach was changed"),
        (1, 1e6, "outside epsilon"),
        (1, np.nan, "not finite"),
        (1, np.inf, "not finite"),
        (2, 5.5, "not a whole number"),
        (2, 21.0, "outside the data range"),
        (4, 0.5, "not one-hot"),
        (5, 1.0, "not one-hot"),
        (7, 3.0, "an unknown category"),
        (9, 0.0, "a column out of reach was changed"),
    ],
)
def test_the_check_names_the_broken_rule(column, value, rule):
    domain = Domain.table(table(0))
    x = X0.copy()
    x[0, column] = value
    assert rule in broken(domain, x, X0, 50.0, "linf")


def test_the_check_names_a_change_after_the_end_of_a_clip():
    x0 = np.array([[0.5, -0.5, 0.0, 0.0]])
    for at, expected in ((1, {}), (3, {"changed after the clip's end": 1})):
        x = x0.copy()
        x[0, at] += 0.01
        assert broken(Domain.sound(), x, x0, 0.1, "linf") == expected


def test_the_check_counts_switches():
    domain = Domain.table(table(0), switches=1)
    x = X0.copy()
    x[0, 7], x[0, 8] = 0, 1
    assert broken(domain, x, X0, 1.0, "linf") == {"too many categories switched": 1}
    assert broken(Domain.table(table(0), switches=2), x, X0, 1.0, "linf") == {}


def test_an_unchanged_row_breaks_nothing_even_outside_the_declared_range():
    domain = Domain.table(table(0))
    x = X0.copy()
    x[0, 2] = 25.0  # beyond the declared 20
    assert broken(domain, x, x, 0.0, "linf") == {}
    assert broken(domain, domain.project(x + 1.0, x, 1.0), x, 1.0, "linf") == {}
    assert domain.project(x + 3.0, x, 10.0)[0, 2] == 25.0


def test_scales_fall_back_from_quartiles_to_spread_to_out_of_reach():
    x = np.zeros((100, 3))
    x[:, 0] = np.arange(100)
    x[:3, 1] = 7.0
    domain = Domain.table(Samples(x=x))
    assert domain.scale[0] == pytest.approx(49.5)
    assert domain.scale[1] == pytest.approx(x[:, 1].std())
    assert list(domain.measured) == [True, True, False]


def test_ranges_and_scales_come_from_the_reference():
    domain = Domain.table(table(0, 5), table(1, 400))
    wide = table(1, 400).x[:, 1]
    assert domain.low[1] == wide.min()
    assert domain.scale[1] == pytest.approx(np.subtract(*np.quantile(wide, [0.75, 0.25])))
    assert (domain.low[2], domain.high[2]) == (0.0, 20.0)


def test_an_empty_table_has_no_scale():
    domain = Domain.table(Samples(x=np.zeros((0, 2))))
    assert not domain.measured.any()


def test_whole_numbers_are_free_from_one_step_on():
    samples = Samples(x=np.arange(40.0)[:, None], columns=(Column("age", ColumnKind.INTEGER),))
    domain = Domain.table(samples)
    scale = float(np.asarray(domain.scale)[0])
    assert not domain.free(0.9 / scale) and domain.free(1.0 / scale)
    assert Domain.image().free(0.01) and not Domain.image().free(0.0)
