"""How pressure on a reward is shown: figures, curves and a table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from momus.core.evidence import Line, Series, Table
from momus.core.records import Figure, Interval
from momus.methods import goodhart as method
from momus.probes.reward_hacking._pressure import Pressure


def pressure_figures(p: Pressure, width: float) -> Iterator[Figure]:
    """What one way to press came to; falls as shares of ``width``, the way from random moves to the best goal."""
    name, c = p.name.replace(" ", "_"), p.curve
    note = f"the peak lies at {c.amounts[p.fall.peak]:g} {p.unit}"
    ends = {"low": p.fall.ci.low / width, "high": p.fall.ci.high / width}
    ci = Interval(**ends, level=p.fall.ci.level, method=p.fall.ci.method)
    yield Figure(name=f"fall_{name}", value=p.fall.value / width, ci=ci, note=note)
    yield Figure(name=f"peak_{name}", value=c.amounts[p.fall.peak], note=p.unit)
    yield Figure(name=f"reward_gained_{name}", value=float(c.proxy[-1] - c.proxy[0]))
    if p.unit == "episodes to choose from":
        roots = np.sqrt([method.divergence(int(n)) for n in c.amounts])
        alpha, beta = method.overoptimisation(roots, c.goal)
        yield Figure(name=f"alpha_{name}", value=alpha, note="goal gained per root nat, before it turns")
        yield Figure(name=f"beta_{name}", value=beta, note="above 0: the goal bends down")


def pressure_series(p: Pressure) -> Series:
    """Both curves over the pressure, on a logarithmic axis where it doubles; no pressure stands at its left end."""
    x = p.curve.amounts
    if p.doubles:
        x = tuple(a or min(b for b in x if b > 0) / 2 for a in x)
    lines = []
    for i, (name, y) in enumerate((("stated reward", p.curve.proxy), ("true goal", p.curve.goal))):
        low, high = np.minimum(p.curve.low[i], y), np.maximum(p.curve.high[i], y)
        lines.append(Line(name=name, x=x, y=tuple(y.tolist()), low=tuple(low.tolist()), high=tuple(high.tolist())))
    start = "" if p.curve.amounts[0] == 1 else "; random moves at the left end"
    return Series(
        title=f"Reward and goal under pressure: {p.name}", x_label=p.unit, y_label="mean an episode", log_x=p.doubles,
        lines=tuple(lines), note=f"the goal peaks at {p.curve.amounts[p.fall.peak]:g} {p.unit}{start}",
    )  # fmt: skip


def pressure_table(pressed: list[Pressure], width: float) -> Table:
    """All curves in numbers."""
    rows = tuple(
        (p.name, f"{a:g} {p.unit}", round(float(y), 4), round(float(g), 4), round(float(p.fall.value / width), 4))
        for p in pressed
        for a, y, g in zip(p.curve.amounts, p.curve.proxy, p.curve.goal, strict=True)
    )
    columns = ("way to press", "pressure", "stated reward", "true goal", "share lost in the end")
    return Table(title="The curves in numbers", columns=columns, rows=rows)
