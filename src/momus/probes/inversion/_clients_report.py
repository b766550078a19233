"""What was taken back from clients' updates, as figures and evidence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from momus.core.evidence import Bars, Evidence, Line, Picture, Pictures, Series, Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.picture import png
from momus.methods.recovered_rows import NEAR, chance
from momus.probes.inversion._clients import Outcome, Watcher
from momus.stats import intervals


def share(found: list[Outcome]) -> tuple[float, Interval]:
    hits, of = (np.array(v) for v in zip(*[(o.seen.found.sum(), len(o.seen.found)) for o in found], strict=True))
    return float(hits.sum() / of.sum()), intervals.clustered(hits, of)


def figures(found: list[Outcome], batch: int, strangers: int) -> list[Figure]:
    n = len(found) * batch
    whole = np.concatenate([o.seen.error for o in found]) < NEAR
    told, outright = sum(o.labels for o in found), sum(o.outright for o in found)
    return [
        Figure(name="labels_recovered", value=told / n, ci=intervals.wilson(told, n), n=n),
        Figure(name="read_outright", value=outright / n, ci=intervals.wilson(outright, n), n=n),
        Figure(name="whole_rows", value=float(whole.mean()), ci=intervals.wilson(int(whole.sum()), n), n=n),
        Figure(name="chance", value=chance(batch, strangers), note="share a guesser would find"),
    ]


def caveats(found: list[Outcome], wanted: int) -> list[Caveat]:
    if len(found) == wanted and not any(o.spent for o in found):
        return []
    message = f"the budget ended after {len(found)} of {wanted} clients, or before their searches did"
    return [Caveat(code="budget-spent", message=message, blocks="pass")]


def evidence(
    know: Watcher,
    found: list[Outcome],
    batch: int,
    by_size: Mapping[int, list[Outcome]],
    left: Mapping[str, list[Outcome]],
) -> list[Evidence]:
    out: list[Evidence] = [_pictures(know, found) if know.image else _rows(found)]
    curve = {size: share(o) for size, o in sorted({**by_size, batch: found}.items()) if o}
    if len(curve) > 1:
        line = Line(
            name="rows recovered",
            x=tuple(float(s) for s in curve),
            y=tuple(v for v, _ in curve.values()),
            low=tuple(ci.low for _, ci in curve.values()),
            high=tuple(ci.high for _, ci in curve.values()),
        )
        out.append(Series(title="Rows recovered by batch size", x_label="rows in the client's batch",
                          y_label="share picked out of 100", lines=(line,)))  # fmt: skip
    kept = {"as sent": share(found), **{name: share(o) for name, o in left.items() if o}}
    if left:
        out.append(Bars(
            title="What counter-measures leave",
            y_label="share of rows picked out of 100",
            names=tuple(kept),
            values=tuple(v for v, _ in kept.values()),
            low=tuple(ci.low for _, ci in kept.values()),
            high=tuple(ci.high for _, ci in kept.values()),
            note="what they cost in accuracy is not measured here",
        ))  # fmt: skip
    return out


def _pictures(know: Watcher, found: list[Outcome]) -> Pictures:
    rows = []
    for outcome in found[:3]:
        i = int(outcome.seen.error.argmin())
        shape = know.low.shape
        made = outcome.made[outcome.seen.match[i]] if len(outcome.made) else np.zeros_like(outcome.true[i])
        said = "picked out" if outcome.seen.found[i] else "not picked out"
        rows.append(
            (
                Picture(caption="a client's row", png=png(_looks(outcome.true[i], shape))),
                Picture(caption=f"taken back, {said}", png=png(_looks(made, shape))),
            )
        )
    return Pictures(title="The best row of the first clients, and what came back of it", rows=tuple(rows))


def _looks(row: NumpyArray, shape: tuple[int, ...]) -> NumpyArray:
    picture = np.asarray(np.clip(row.reshape(shape), 0.0, 1.0))
    return picture if shape[0] in (1, 3) else picture[:1]


def _rows(found: list[Outcome]) -> Table:
    body = [
        (i + 1, len(o.seen.found), int(o.seen.found.sum()), o.outright, round(float(min(o.seen.error.min(), 1e9)), 6))
        for i, o in enumerate(found[:20])
    ]
    return Table(
        title="Clients and what came back of their rows",
        columns=("client", "rows", "picked out", "read outright", "least error of a row"),
        rows=tuple(body),
    )
