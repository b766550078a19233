"""Declared rules as alternatives of linear inequalities, the form that a mixed-integer program takes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from momus.methods.table_rules import Arithmetic, Compare, Condition, Field, Number, Value

MOST = 64  # clauses of one rule; more are left to the check of the final row


@dataclass(frozen=True)
class Inequality:
    """Sum of ``weights`` times columns at most ``bound``; below it where ``strict``."""

    weights: tuple[tuple[int, float], ...]
    bound: float
    strict: bool = False


Clause = tuple[Inequality, ...]  # one of them must hold


def clauses(condition: Condition) -> tuple[Clause, ...] | None:
    """The condition as clauses that must all hold; None where it is not linear or too long."""
    try:
        found = _cnf(condition, True)
    except _NotLinear:
        return None
    return tuple(found) if len(found) <= MOST else None


class _NotLinear(Exception):
    pass


def _cnf(condition: Condition, wanted: bool) -> list[Clause]:
    if isinstance(condition, Compare):
        return _compare(condition, wanted)
    word, parts = condition.word, condition.parts
    if word == "not":
        return _cnf(parts[0], not wanted)
    if word == "implies":
        sides = [_cnf(parts[0], not wanted), _cnf(parts[1], wanted)]
        return _either(sides) if wanted else [c for side in sides for c in side]
    sides = [_cnf(p, wanted) for p in parts]
    if (word == "and") == wanted:
        return [c for side in sides for c in side]
    return _either(sides)


def _either(sides: list[list[Clause]]) -> list[Clause]:
    size = 1
    for side in sides:
        size *= len(side)
    if size > MOST:
        raise _NotLinear
    return [tuple(i for clause in choice for i in clause) for choice in product(*sides)]


def _compare(c: Compare, wanted: bool) -> list[Clause]:
    left, right = _linear(c.left), _linear(c.right)
    weights = {j: left[0].get(j, 0.0) - right[0].get(j, 0.0) for j in {*left[0], *right[0]}}
    bound = right[1] - left[1]
    sign = c.sign if wanted else {"<=": ">", "<": ">=", ">=": "<", ">": "<=", "==": "!=", "!=": "=="}[c.sign]
    upper, lower = tuple(sorted(weights.items())), tuple(sorted((j, -w) for j, w in weights.items()))
    strict = sign in ("<", ">", "!=")
    below, above = Inequality(upper, bound, strict), Inequality(lower, -bound, strict)
    if sign in ("<=", "<"):
        return [(below,)]
    if sign in (">=", ">"):
        return [(above,)]
    return [(below,), (above,)] if sign == "==" else [(below, above)]


def _linear(value: Value) -> tuple[dict[int, float], float]:
    if isinstance(value, Number):
        return {}, value.value
    if isinstance(value, Field):
        return {value.index: 1.0}, 0.0
    assert isinstance(value, Arithmetic)
    (a, p), (b, q) = _linear(value.left), _linear(value.right)
    if value.sign in "+-":
        s = 1.0 if value.sign == "+" else -1.0
        return {j: a.get(j, 0.0) + s * b.get(j, 0.0) for j in {*a, *b}}, p + s * q
    if value.sign == "*" and not (a and b):
        factor, of, constant = (p, b, q) if not a else (q, a, p)
        return {j: factor * w for j, w in of.items()}, factor * constant
    if value.sign == "/" and not b and q != 0:
        return {j: w / q for j, w in a.items()}, p / q
    raise _NotLinear
