"""How often each relation was broken, and the rows that broke it worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from momus.core.evidence import Bars, Evidence, Picture, Pictures, Table
from momus.core.samples import NumpyArray, Samples
from momus.methods.picture import png
from momus.probes.incomplete_testing._relations import Relation
from momus.stats import intervals

_SHOWN = 4


@dataclass(frozen=True)
class Outcome:
    """Answers ``before`` and ``after`` (n,), which of them break the relation, and by how much (larger is worse)."""

    relation: Relation
    before: NumpyArray
    after: NumpyArray
    wrong: NumpyArray
    how: NumpyArray

    @property
    def n(self) -> int:
        return int(self.relation.moved.sum())

    @property
    def hits(self) -> int:
        return int(self.wrong.sum())

    @property
    def worst(self) -> NumpyArray:
        """Broken rows, the worst first."""
        rows = np.flatnonzero(self.wrong)
        return np.asarray(rows[np.argsort(-self.how[rows], kind="stable")][:_SHOWN])


def evidence(told: Sequence[Outcome], adjusted: NumpyArray, test: Samples, classes: Sequence[str]) -> list[Evidence]:
    """A bar and a line of a table for each relation; the worst pairs as pictures, texts or the columns that changed."""
    rows = tuple(
        (o.relation.name, o.relation.expect.replace("_", " "), o.n, o.hits, round(o.hits / o.n, 4), float(f"{p:.2g}"))
        for o, p in zip(told, adjusted, strict=True)
    )
    columns = ("relation", "the answer must be", "rows changed", "broken", "share", "p")
    note = "p: probability of so many, were only the allowed share broken, adjusted for all relations (Holm)"
    out: list[Evidence] = [Table(title="Relations", columns=columns, rows=rows, note=note)]
    if len(told) > 1:
        each = [intervals.wilson(o.hits, o.n) for o in told]
        out.append(
            Bars(
                title="Share of rows that break the relation",
                y_label="share",
                names=tuple(o.relation.name for o in told),
                values=tuple(o.hits / o.n for o in told),
                low=tuple(i.low for i in each),
                high=tuple(i.high for i in each),
            )
        )
    pairs = [(o, int(i)) for o in sorted(told, key=lambda o: -o.hits / o.n) for i in o.worst]
    return out + (_pairs(pairs[:12], test, classes) if pairs else [])


def _pairs(pairs: Sequence[tuple[Outcome, int]], test: Samples, classes: Sequence[str]) -> list[Evidence]:
    if test.is_image:
        pictures = tuple(
            (
                Picture(caption=f"{o.relation.name}: {_said(o, o.before[i], classes)}", png=png(test.x[i])),
                Picture(caption=f"changed: {_said(o, o.after[i], classes)}", png=png(o.relation.x[i])),
            )
            for o, i in pairs
        )
        return [Pictures(title="Worst pairs", rows=pictures)]
    rows = tuple(
        (o.relation.name, *_inputs(o, i, test), _said(o, o.before[i], classes), _said(o, o.after[i], classes))
        for o, i in pairs
    )
    columns = ("relation", "before", "after", "answer before", "answer after")
    return [Table(title="Worst pairs", columns=columns, rows=rows)]


def _said(o: Outcome, answer: float, classes: Sequence[str]) -> str:
    if o.relation.expect in ("same", "different") and classes and answer in range(len(classes)):
        return str(classes[int(answer)])
    of = f"{classes[o.relation.label]} " if 0 <= o.relation.label < len(classes) else ""
    return f"{of}{answer:.4g}"


def _inputs(o: Outcome, i: int, test: Samples) -> tuple[str, str]:
    a, b = test.x[i], o.relation.x[i]
    if test.is_text:
        return repr(str(a)[:100]), repr(str(b)[:100])
    if test.is_sound:
        return f"clip {i}", f"peak {np.abs(b).max():.3g} for {np.abs(a).max():.3g}"
    moved = np.flatnonzero(~((a == b) | ((a != a) & (b != b))))[:4]
    names = [test.columns[j].name if j < len(test.columns) else f"column {j + 1}" for j in moved]
    before, after = (", ".join(f"{n} {v:.4g}" for n, v in zip(names, s[moved], strict=True)) for s in (a, b))
    return before or f"row {i}", after or "the same row, asked again"
