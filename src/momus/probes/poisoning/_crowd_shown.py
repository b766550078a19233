"""What ``poisoning.contributors`` shows: gains, the crowd, and the rows of who stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.evidence import Attachment, Bars, Evidence, Table
from momus.core.sheets import Value, written
from momus.methods.contributors import Gain
from momus.probes.poisoning._crowd import ALL, Audit, Screen

MOST = 20


def shown(a: Audit, s: Screen, gains: Mapping[str, Gain], told: Sequence[str]) -> list[Evidence]:
    found: list[Evidence] = [_gains(gains), _crowd(s, gains, told)]
    return [*found, _rows(a, s, told)] if told else found


def _gains(gains: Mapping[str, Gain]) -> Bars:
    order = sorted(gains, key=lambda n: -gains[n].value)
    return Bars(
        title="What leaving a contributor out is worth, against as many drawn rows",
        y_label="gain on trusted rows",
        names=tuple("the suspicious, together" if n == ALL else n for n in order),
        values=tuple(gains[n].value for n in order),
        low=tuple(gains[n].ci.low for n in order),
        high=tuple(gains[n].ci.high for n in order),
        reference=0.0,
    )


def _crowd(s: Screen, gains: Mapping[str, Gain], told: Sequence[str]) -> Table:
    at = {str(n): i for i, n in enumerate(s.crowd.names)}
    rows = []
    for name in s.suspects[:MOST]:
        i, g = at[name], gains.get(name)
        rows.append(
            (
                name,
                int(s.crowd.rows[i]),
                round(float(s.crowd.rate[i]), 4),
                round(float(s.crowd.z[i]), 2),
                float(f"{s.worth[i]:.3g}"),
                None if g is None else round(g.value, 4),
                "told" if name in told else "",
            )
        )
    columns = ("contributor", "rows", "contradicted", "standard errors above the crowd", "value of a row", "gain", "")
    note = f"{len(s.suspects)} contributors, the most suspicious first."
    return Table(title="Contributors", note=note, columns=columns, rows=tuple(rows))


def _rows(a: Audit, s: Screen, told: Sequence[str]) -> Attachment:
    """Numbers of the rows in the training data (from 0, as used here), label, what others' rows say."""
    rows: list[Sequence[Value]] = [("row", "contributor", "label", "others say", "contradicted")]
    classes = a.train.classes
    for i in np.flatnonzero(np.isin(a.who, told)):
        label, said = (
            (classes[int(v)] if classes and a.scale is None else f"{float(v):.6g}") for v in (a.y[i], s.said[i])
        )
        rows.append((int(a.rows[i]), a.who[i], label, said, "yes" if s.conflict[i] else ""))
    note = f"{', '.join(told[:6])}: {int(np.isin(a.who, told).sum())} rows."
    data = written(rows).encode()
    return Attachment(
        title="Rows of the contributors told", note=note, name="rows-told.csv", media="text/csv", data=data
    )
