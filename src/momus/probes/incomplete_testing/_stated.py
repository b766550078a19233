"""The claims of a card counted on test rows, and what came of them as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from momus.core.errors import ProbeError
from momus.core.evidence import Evidence, Table
from momus.core.samples import NumpyArray, Samples
from momus.methods import claims as method
from momus.methods.operating_range import column_values

_OF_A_CLASS = ("recall", "precision", "fpr", "fnr")


def counted(claim: Mapping[str, Any], task: str, test: Samples, y: NumpyArray, said: NumpyArray) -> method.Counted:
    """The rows that a claim of the card speaks of, and how many of them are as claimed."""
    metric, label = str(claim["metric"]), str(claim.get("label") or "")
    up = claim.get("at_least") is not None
    bound = float(claim["at_least"] if up else claim["at_most"])
    among = np.ones(len(y), dtype=bool)
    for column, wanted in dict(claim.get("where") or {}).items():
        values = column_values(test, str(column))
        if values is None:
            known = ", ".join([*test.groups, *(c.name for c in test.columns)][:12]) or "none"
            raise ProbeError(
                f"a claim speaks of the column '{column}', which the test data do not have", hint=f"Columns: {known}"
            )
        number = values.dtype.kind in "fiu" and isinstance(wanted, int | float)
        among &= values == wanted if number else values.astype(str) == str(wanted)
    where = "".join(f", {k} = {v}" for k, v in dict(claim.get("where") or {}).items())
    name = f"{metric}{f' of {label}' if label else ''} {'at least' if up else 'at most'} {bound:g}{where}"
    if (metric == "mae") != (task == "regressor"):
        raise ProbeError(
            f"'{metric}' cannot be claimed of a {task}", hint="mae is for regressors, all else for classifiers"
        )
    if metric == "mae":
        wrong = np.abs(said[among].astype(float) - y[among].astype(float))
        return method.Counted(name, int(among.sum()), 0, bound, up, wrong)
    if metric in _OF_A_CLASS:
        mine = _class(label, test, metric)
        among &= (said == mine) if metric == "precision" else (y != mine) if metric == "fpr" else (y == mine)
        hit = {"precision": y == mine, "fpr": said == mine, "recall": said == mine, "fnr": said != mine}[metric]
    else:
        hit = (said == y) if metric == "accuracy" else (said != y)
    return method.Counted(name, int(among.sum()), int((hit & among).sum()), bound, up)


def _class(label: str, test: Samples, metric: str) -> int:
    names = [str(c) for c in test.classes]
    if not label and len(names) == 2:
        return 1
    if label not in names:
        asked = f"the class '{label}'" if label else "no class"
        raise ProbeError(
            f"a claim of {metric} names {asked}", hint=f"Set label to one of {', '.join(names[:8]) or 'the classes'}"
        )
    return names.index(label)


def implied(task: str, test: Samples, y: NumpyArray, said: NumpyArray) -> method.Counted:
    """Better than the same answer for everybody, which anybody who gives a model away claims."""
    if task == "regressor":
        wrong, plain = np.abs(said - y), np.abs(y - np.median(y))
        return method.Counted("error below that of one answer for all", len(y), 0, 0.0, False, wrong - plain)
    _, count = np.unique(y, return_counts=True)
    share = float(count.max() / len(y))
    name = f"accuracy above {share:.3g}, that of one answer for all"
    return method.Counted(name, len(y), int((said == y).sum()), share, True)


def evidence(rulings: Sequence[method.Ruling], datings: Sequence[method.Dated], alpha: float) -> list[Evidence]:
    words = {"open": "not settled: too few rows"}
    rows = tuple(
        (
            r.claim.name,
            r.claim.n,
            None if r.claim.found is None else round(r.claim.found, 4),
            words.get(r.state, r.state),
            float(f"{r.p_backed:.2g}"),
            "-" if r.least is None else f"{r.least:,}",
            "-" if not r.claim.n else "no number would do" if r.needed is None else f"{r.needed:,}",
        )
        for r in rulings
    )
    columns = ("claim", "test rows", "found", "ruling", "p", "rows at least", "rows at what was found")
    note = (
        f"p: probability of such a result were the claim just missed, adjusted for all claims; backed at {alpha:g}. "
        "Rows at least: if none of them went wrong. The last column: backed with 80 % probability if the system is as "
        "good as these rows say."
    )
    days = tuple((d.name, "no date" if d.held is None else "yes" if d.held else "no", d.message) for d in datings)
    return [
        Table(title="Claims against the test rows", columns=columns, rows=rows, note=note),
        Table(title="When was it tested?", columns=("statement", "held", "why not"), rows=days),
    ]
