"""The card's rules held against the data: read, checked, and refused where the data themselves say otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.errors import DataError
from momus.core.samples import Column, Samples
from momus.methods.table_rules import Rule, parse

# A rule that more rows break than keep describes another table. Fewer are exceptions, told and left as they are.
MOST = 0.5


def ruled(samples: Samples, rules: tuple[str, ...]) -> Samples:
    """The samples with their rules. DataError for a rule that cannot be read, or that most rows break."""
    if not rules:
        return samples
    if not samples.is_table:
        raise DataError(
            "rules can be kept by the rows of a table only", code="data/rule", place=f"data.{samples.name}.rules",
            hint="Take the rules off this data set",
        )  # fmt: skip
    samples = replace(samples, rules=tuple(rules))
    for i, (rule, count) in enumerate(zip(_read(samples), _broken(samples), strict=True)):
        if count > MOST * len(samples):
            raise DataError(
                f"{count} of {len(samples)} rows break the rule '{rule}'",
                code="data/rule-broken",
                place=f"data.{samples.name}.rules[{i}]",
                hint="Correct the rule: the data say the opposite",
            )
    return samples


def exceptions(samples: Samples) -> list[str]:
    """In words, which rules some rows break, and how many."""
    if not samples.rules or not samples.is_table:
        return []
    counts = _broken(samples)
    return [f"{k} of {len(samples)} rows break '{r}'" for r, k in zip(samples.rules, counts, strict=True) if k]


def _read(samples: Samples) -> list[Rule]:
    columns = samples.columns or tuple(Column(f"column {i}") for i in range(samples.x.shape[1]))
    found = []
    for i, text in enumerate(samples.rules):
        try:
            found.append(parse(text, columns))
        except DataError as error:
            place = f"data.{samples.name}.rules[{i}]"
            raise DataError(error.message, code=error.code, place=place, hint=error.hint) from error
    return found


def _broken(samples: Samples) -> list[int]:
    x = np.asarray(samples.x, dtype=np.float64)
    return [int((~rule.holds(x)).sum()) for rule in _read(samples)]
