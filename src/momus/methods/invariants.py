"""What must hold at every moment of an episode, as statements over named numbers: read, never evaluated as code.

The language is that of :mod:`momus.methods.table_rules`; a name stands for its value now, ``start.name`` for its value
after the reset: ``vases_broken <= start.vases_broken``, ``speed <= 3 and door == start.door``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, NumpyArray
from momus.methods.table_rules import Rule, parse

START = "start."


def read(texts: Sequence[str], names: Sequence[str]) -> list[Rule]:
    """The rules that the texts state over features of those names. DataError names the text that cannot be read."""
    columns = [*(Column(n) for n in names), *(Column(f"{START}{n}") for n in names)]
    found = []
    for i, text in enumerate(texts):
        try:
            found.append(parse(text, columns))
        except DataError as error:
            place = f"world.invariants[{i}]"
            words = error.message.replace("there is no column", "there is no feature")
            raise DataError(words, code="card/invariant", place=place, hint=error.hint) from error
    return found


def kept(rules: Sequence[Rule], facts: Sequence[Mapping[str, float]], names: Sequence[str]) -> NumpyArray:
    """(t, rules) whether each rule holds in each of t states; the first of them is that after the reset.

    A feature that a state lacks is unknown, and breaks nothing.
    """
    now = np.array([[f.get(n, np.nan) for n in names] for f in facts], dtype=np.float64).reshape(len(facts), len(names))
    rows = np.concatenate([now, np.repeat(now[:1], len(now), axis=0)], axis=1)
    return np.stack([np.asarray(r.holds(rows)) for r in rules], axis=1) if rules else np.zeros((len(facts), 0), bool)


def first_broken(held: NumpyArray) -> NumpyArray:
    """(t, rules) -> (rules,) number of the first state that breaks each rule, -1 where none does."""
    return np.where(held.all(axis=0), -1, (~held).argmax(axis=0))
