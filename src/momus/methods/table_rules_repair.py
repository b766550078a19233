"""Rows that an attack pushed across a declared rule, brought back inside by the smallest retreat that we can name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

from momus.methods.table_rules import Compare, Field, Join, Rule, broken, value_of

Array = Any


def repair(
    rules: Sequence[Rule],
    x: Array,
    x0: Array,
    *,
    low: Array,
    high: Array,
    whole: Array | None = None,
    groups: Sequence[Sequence[int]] = (),
) -> Array:
    """``x`` with every rule kept that ``x0`` keeps. What stands between ``x0`` and ``x`` only ever gets less, but for
    the value that an implication demands, which is written where ``low`` and ``high`` (n, d) allow it.

    First the implied value, then part of the way back in the rule's columns, then those columns as they were; a row
    that still breaks a rule goes back to ``x0``.
    """
    xp = array_namespace(x)
    for _ in range(len(rules) + 1):
        if not bool(xp.any(broken(rules, x, x0))):
            return x
        for rule in rules:
            x = _obey(rule, x, x0, low, high, whole, groups)
    return xp.where(broken(rules, x, x0)[:, None], x0, x)


def _obey(
    rule: Rule, x: Array, x0: Array, low: Array, high: Array, whole: Array | None, groups: Sequence[Sequence[int]]
) -> Array:
    xp = array_namespace(x)
    for step in (_implied, _part_of_the_way, _columns_back):
        bad = ~rule.holds(x) & rule.holds(x0)
        if not bool(xp.any(bad)):
            return x
        for tried in step(rule, x, x0, low, high, whole, groups):
            better = bad & rule.holds(tried)
            x = xp.where(better[:, None], tried, x)
            bad = bad & ~better
    return x


def _implied(
    rule: Rule, x: Array, x0: Array, low: Array, high: Array, whole: Array | None, groups: Sequence[Sequence[int]]
) -> list[Array]:
    """The consequences ``column == value`` written into the row, where that column may take the value."""
    xp = array_namespace(x)
    if not isinstance(rule.condition, Join) or rule.condition.word != "implies":
        return []
    last = rule.condition.parts[1]
    wanted = list(last.parts) if isinstance(last, Join) and last.word == "and" else [last]
    out = xp.asarray(x, copy=True)
    for part in wanted:
        if isinstance(part, Compare) and part.sign == "==" and isinstance(part.left, Field):
            j, value = part.left.index, value_of(part.right, x)
            free = (low[:, j] <= value) & (value <= high[:, j])
            if whole is not None and bool(whole[j]):  # whole numbers move by whole numbers
                free = free & (value - x0[:, j] == xp.round(value - x0[:, j]))
            out[:, j] = xp.where(free, value, out[:, j])
    return [out]


def _part_of_the_way(
    rule: Rule, x: Array, x0: Array, low: Array, high: Array, whole: Array | None, groups: Sequence[Sequence[int]]
) -> list[Array]:
    """The rule's measured columns moved back: to where a comparison just holds, else by quarters."""
    xp = array_namespace(x)
    index = [j for j in rule.columns if not any(j in g for g in groups)]
    if not index:
        return []
    shares: list[Any] = [0.75, 0.5, 0.25]
    if isinstance(rule.condition, Compare) and rule.condition.sign in ("<=", "<", ">=", ">"):
        over, under = (
            value_of(rule.condition.left, a) - value_of(rule.condition.right, a) for a in (x, x0)
        )  # zero where the comparison just holds
        gap = xp.where(over != under, over - under, xp.ones_like(over))
        shares.insert(0, xp.clip(-under / gap, 0.0, 1.0) * (1 - 1e-9))
    out = []
    for share in shares:
        tried = xp.asarray(x, copy=True)
        for j in index:
            # A column that may not move continuously (a category code) stays: half of a category is none.
            moves = low[:, j] < high[:, j]
            step = share * (x[:, j] - x0[:, j])
            if whole is not None and bool(whole[j]):
                step = xp.trunc(step * (1 + 1e-9))
            tried[:, j] = xp.where(moves, x0[:, j] + step, x[:, j])
        out.append(tried)
    return out


def _columns_back(
    rule: Rule, x: Array, x0: Array, low: Array, high: Array, whole: Array | None, groups: Sequence[Sequence[int]]
) -> list[Array]:
    """The rule's columns as they were: the measured ones first, then all, one-hot groups as a whole."""
    xp = array_namespace(x)
    index = sorted({i for j in rule.columns for i in next((g for g in groups if j in g), (j,))})
    measured, everything = xp.asarray(x, copy=True), xp.asarray(x, copy=True)
    for j in index:
        measured[:, j] = xp.where(low[:, j] < high[:, j], x0[:, j], x[:, j])
        everything[:, j] = x0[:, j]
    return [measured, everything]
