"""Rules of a table: what they mean, what is refused and where, and that a repaired row breaks none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momus.core.errors import DataError
from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.domain import Domain
from momus.methods.table_rules import broken, parse

COLUMNS = (
    Column("used"),
    Column("limit", immutable=True),
    Column("employed", ColumnKind.BINARY),
    Column("salary"),
    Column("kind", ColumnKind.CATEGORICAL, categories=("none", "card", "loan")),
    Column("r=north", ColumnKind.BINARY, one_hot="r"),
    Column("r=south", ColumnKind.BINARY, one_hot="r"),
    Column("months", ColumnKind.INTEGER),
    Column("bill total"),
)
ROW = np.array([[3.0, 5.0, 1.0, 2.0, 1.0, 1.0, 0.0, 4.0, 7.0]])


@pytest.mark.parametrize(
    ("rule", "truth"),
    [
        ("used <= limit", True),
        ("used > limit", False),
        ("used + salary <= limit", True),
        ("used + salary < limit", False),
        ("used + 2 * salary == 7", True),
        ("-used >= -(limit - 2)", True),
        ("used / limit <= .5", False),
        ("0 <= used <= 3 <= limit", True),
        ("employed == 0 implies salary == 0", True),
        ("employed == 1 implies salary == 0", False),
        ("not employed == 1 or salary == 2", True),
        ("(used > 9 or limit > 4) and months == 4", True),
        ("(used + salary) * 2 <= 10", True),
        ("kind == 'card'", True),
        ("'card' != kind", False),
        ("kind in ('none', 'card')", True),
        ("r == 'north'", True),
        ("r != 'north'", False),
        ("r == 'south' implies used == 9", True),
        ("`bill total` >= 7e0", True),
    ],
)
def test_meaning(rule: str, truth: bool) -> None:
    assert bool(parse(rule, COLUMNS).holds(ROW)[0]) is truth


@pytest.mark.parametrize(
    ("rule", "words", "hint"),
    [
        ("usd <= limit", "no column 'usd', at position 1", "Did you mean 'used'?"),
        ("used <= 3 and monhts > 2", "no column 'monhts', at position 15", "Did you mean 'months'?"),
        ("used = 3", "position 6", "Write =="),
        ("used <= ", "a column or a number was expected", ""),
        ("used", "a comparison was expected", "As in"),
        ("used <= limit extra", "'extra' was not expected here, at position 15", ""),
        ("(used <= limit", "')' is missing", ""),
        ("used ? 3", "'?' has no meaning", ""),
        ("kind == 'car'", "'car' is no category of the column 'kind'", "Did you mean 'card'?"),
        ("used == 'card'", "no category", "it has none"),
        ("r == 'west'", "no member of 'r'", "r=north"),
        ("r <= 2", "can only be compared with a member", ""),
        ("1 < 2", "speaks of no column", ""),
        ("__import__('os').system('true')", "position", ""),
        ("", "expected", ""),
    ],
)
def test_what_cannot_be_read_is_told_with_its_position(rule: str, words: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(rule, COLUMNS)
    assert words in caught.value.message and hint in caught.value.hint


def test_rounding_and_missing_values_break_nothing() -> None:
    columns = (Column("a"), Column("b"), Column("c"))
    rule = parse("a + b <= c", columns)
    assert rule.holds(np.array([[0.1, 0.2, 0.3], [np.nan, 5.0, 0.0], [0.1, 0.2, 0.2999]])).tolist() == [
        True,
        True,
        False,
    ]


def test_torch_arrays_give_the_same_truth() -> None:
    import torch

    rules = [parse(r, COLUMNS) for r in ("used <= limit", "employed == 0 implies salary == 0", "kind == 'loan'")]
    x = np.repeat(ROW, 4, axis=0)
    x[1, 0], x[2, 2], x[3, 4] = 9.0, 0.0, 2.0
    native = torch.as_tensor(x, dtype=torch.float32)
    for rule in rules:
        assert rule.holds(native).tolist() == rule.holds(x).tolist()


def test_a_rule_that_the_original_breaks_binds_nobody() -> None:
    rules = [parse("used <= limit", COLUMNS)]
    x0 = np.repeat(ROW, 2, axis=0)
    x0[1, 0] = 8.0
    x = x0.copy()
    x[:, 0] = 9.0
    assert broken(rules, x, x0).tolist() == [True, False]
    assert broken(rules, x0).tolist() == [False, True]


RULES = (
    "used <= limit",
    "employed == 0 implies salary == 0",
    "kind == 'none' implies used == 0 and months <= 5",
    "r == 'north' or used < 5",
    "used + salary + months <= `bill total` + 20",
)


def people(n: int = 60, seed: int = 0) -> Samples:
    """Rows that keep every rule but for the first two, which break the first."""
    rng = np.random.default_rng(seed)
    limit, employed, kind = rng.uniform(1, 10, n), rng.integers(0, 2, n), rng.integers(0, 3, n)
    north = rng.integers(0, 2, n)
    used = np.where(kind == 0, 0, np.minimum(limit * rng.random(n), np.where(north, 99, 4.9)))
    used[:2] = limit[:2] + 1
    kind[:2], north[:2] = 1, 1
    salary = np.where(employed, rng.uniform(0, 3, n), 0)
    x = np.column_stack(
        [used, limit, employed, salary, kind, north, 1 - north, rng.integers(0, 6, n), rng.uniform(0, 9, n)]
    )
    return Samples(x.astype(float), columns=COLUMNS, rules=RULES)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.floats(0.05, 5),
    st.sampled_from(["linf", "l2"]),
    st.integers(0, 3),
)
def test_whatever_an_attack_proposes_the_projection_is_legal(seed: int, epsilon: float, norm: str, k: int) -> None:
    samples = people()
    domain = Domain.table(samples, switches=k)
    rng = np.random.default_rng(seed)
    wish = samples.x + rng.normal(0, 3 * epsilon, samples.x.shape)
    x = domain.project(wish, samples.x, epsilon, norm)  # type: ignore[arg-type]
    found = domain.check(x, samples.x, epsilon, norm)  # type: ignore[arg-type]
    assert "a declared rule is broken" in found
    assert {rule: int(rows.sum()) for rule, rows in found.items() if rows.any()} == {}


def test_the_check_sees_a_broken_rule() -> None:
    samples = people()
    domain = Domain.table(samples)
    x = samples.x.copy()
    x[5, 0] = x[5, 1] + 1e-3
    assert np.flatnonzero(domain.check(x, samples.x, 9.0)["a declared rule is broken"]).tolist() == [5]


def test_a_retreat_goes_no_further_than_it_must() -> None:
    samples = Samples(
        np.array([[3.0, 5.0], [1.0, 9.0]]), columns=(Column("used"), Column("limit")), rules=("used <= limit",)
    )
    domain = Domain.table(samples, Samples(np.array([[0.0, 0.0], [20.0, 20.0], [10.0, 10.0]])))
    x = domain.project(np.array([[9.0, 5.0], [4.0, 9.0]]), samples.x, 5.0)
    assert x[0].tolist() == pytest.approx([5.0, 5.0]) and x[0, 0] <= 5.0
    assert x[1].tolist() == [4.0, 9.0]


def test_an_implied_value_is_written_where_it_may_be() -> None:
    columns = (Column("employed", ColumnKind.BINARY), Column("salary", low=0, high=9))
    samples = Samples(np.array([[1.0, 2.0], [1.0, 8.0]]), columns=columns, rules=("employed == 0 implies salary == 0",))
    domain = Domain.table(samples, Samples(np.array([[0.0, 0.0], [1.0, 8.0], [1.0, 4.0]])))
    x = domain.project(np.array([[0.0, 2.0], [0.0, 8.0]]), samples.x, 0.75)  # reach: 3
    assert x.tolist() == [[0.0, 0.0], [1.0, 8.0]]
