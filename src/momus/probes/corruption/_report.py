"""Numbers, charts and pictures of a corruption sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from momus.core.evidence import Evidence, Grid, Line, Picture, Pictures, Series
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray
from momus.methods.corrupt import score
from momus.methods.corrupt.image import ALL_FAMILIES, ALL_NAMES, NAMES
from momus.methods.curve_shape import shape
from momus.methods.picture import png
from momus.probes.corruption._sweep import Plan
from momus.stats import intervals

Damage = Callable[[NumpyArray, str, int], NumpyArray]
_LOOKED_AT = 16  # pictures among which the shown one is picked
_DRAWS = 1000
LEAST_PICTURES = 8
COLLAPSED = 0.5  # accuracy kept under one corruption below which a mean over many must not pass


def numbers(
    clean: NumpyArray,
    right: Mapping[str, NumpyArray],
    plan: Plan,
    classes: int,
    rng: np.random.Generator,
) -> tuple[float, Interval, list[Figure]]:
    """Retention, its interval, and the secondary figures. Pictures are the unit that is resampled throughout.

    Retention counts what the plan counts; the published scores are over the fifteen, whatever counts.
    """
    counted = [name for name in right if plan.counts(name).any()] or list(right)
    own = {name: _kept(right[name], plan, name) for name in right}
    kept = np.mean([own[name] for name in counted], axis=0)  # (n,) share of what counts that was right
    value, ci = retention(kept, clean.astype(float), rng)
    n, hits = len(clean), int(clean.sum())
    wrong = {name: 1 - right[name].mean(axis=0) for name in ALL_NAMES if name in right}  # over all severities run
    figures = [
        Figure(name="clean_accuracy", value=hits / n, ci=intervals.wilson(hits, n), n=n),
        _mean("mean_corruption_error", 1 - kept, rng, "unnormalised, in [0, 1]"),
        _mean("added_error", clean - kept, rng, "mean corruption error minus clean error"),
    ]
    if classes == 1000 and set(NAMES) <= set(wrong) and len(plan.levels) == 5:
        figures += _normalised(wrong, ~clean, rng)
    for family in ("extra", "bar"):
        members = ALL_FAMILIES[family]
        if set(members) <= set(right):
            share, span = retention(np.mean([1 - wrong[m] for m in members], axis=0), clean.astype(float), rng)
            figures.append(Figure(name=f"retention.{family}", value=share, ci=span, n=n, note=f"its {len(members)}"))
    for name in counted if plan.declared else ():
        share, span = retention(own[name], clean.astype(float), rng)
        note = f"accuracy kept, severities to {plan.counted[name]}"
        figures.append(Figure(name=f"retention.{name}", value=share, ci=span, n=n, note=note))
    for name, errors in wrong.items():
        figures.append(_mean(f"error.{name}", errors, rng, "" if name in counted else "not counted"))
    return value, ci, figures


def _kept(right: NumpyArray, plan: Plan, name: str) -> NumpyArray:
    """(n,) share of the severities that count at which the picture was right; of all where none counts."""
    which = plan.counts(name)
    return np.asarray(right[which if which.any() else slice(None)].mean(axis=0))


def retention(kept: NumpyArray, clean: NumpyArray, rng: np.random.Generator) -> tuple[float, Interval]:
    """Mean of ``kept`` over mean of ``clean``, both (n,), with a bootstrap interval over rows.

    Resampling sees no spread where every picture says the same; the interval then takes the width that the number of
    pictures alone would give (Wilson's), so that few agreeing pictures do not look like certainty.
    """
    if not clean.any():
        return 0.0, Interval(low=0.0, high=1.0)
    value = float(kept.mean() / clean.mean())

    def ratio(a: NumpyArray, b: NumpyArray) -> float:
        return float(a.mean() / b.mean()) if b.any() else float("nan")

    ci = intervals.bootstrap(ratio, kept, clean, rng=rng, draws=_DRAWS)
    hits = int(clean.sum())
    bound = intervals.wilson(round(min(value, 1.0) * hits), hits)
    if ci.high - ci.low < 1e-9:
        ci = bound
    return value, Interval(low=min(ci.low, value), high=max(ci.high, value), level=ci.level, method=ci.method)


def _mean(name: str, values: NumpyArray, rng: np.random.Generator, note: str = "") -> Figure:
    values = np.asarray(values, dtype=float)
    ci = intervals.bootstrap(lambda v: float(v.mean()), values, rng=rng, draws=_DRAWS // 2)
    return Figure(name=name, value=float(values.mean()), ci=ci, n=len(values), note=note)


def _normalised(wrong: Mapping[str, NumpyArray], clean_wrong: NumpyArray, rng: np.random.Generator) -> list[Figure]:
    """mCE and relative mCE; both are linear in the errors, so each picture has its own share of them."""
    own = 100 * np.mean([wrong[c] / score.ALEXNET[c] for c in NAMES], axis=0)
    gap = [(wrong[c] - clean_wrong) / (score.ALEXNET[c] - score.ALEXNET_CLEAN) for c in NAMES]
    note = "percent, AlexNet is 100; corrupted in memory, not the published files"
    return [_mean("mce", own, rng, note), _mean("relative_mce", 100 * np.mean(gap, axis=0), rng, note)]


def few_caveats(n: int) -> list[Caveat]:
    """So few pictures may agree by chance, and then neither resampling them nor their spread sees any doubt."""
    if n >= LEAST_PICTURES:
        return []
    message = f"{n} pictures are too few for an interval: fewer than {LEAST_PICTURES} may agree by chance"
    return [Caveat(code="few-pictures", message=message, blocks="both")]


def chance_caveats(clean: NumpyArray, y: NumpyArray) -> list[Caveat]:
    """What keeps of nothing is kept says nothing: a model at the level of always guessing the commonest class."""
    share = float(np.unique(y, return_counts=True)[1].max() / len(y))
    low = intervals.wilson(int(clean.sum()), len(clean)).low
    if low > share:
        return []
    message = (
        f"clean accuracy {clean.mean():.2f} is not surely above {share:.2f}, which always naming the "
        "commonest class would give: a model that ignores the picture loses nothing"
    )
    return [Caveat(code="chance-level", message=message, blocks="both")]


def collapses(clean: NumpyArray, right: Mapping[str, NumpyArray], plan: Plan) -> list[Caveat]:
    """A model that is lost under a corruption that its pipeline produces does not pass because it stands the others.

    Where nothing was declared, nobody said that the corruption occurs: then it is only told.
    """
    hits = int(clean.sum())
    lost = []
    for name in right:
        if plan.counts(name).any() and hits:
            kept = float(_kept(right[name], plan, name).mean() / clean.mean())
            if intervals.wilson(round(min(kept, 1.0) * hits), hits).high < COLLAPSED:
                lost.append(f"{name} ({kept:.2f})")
    if not lost:
        return []
    message = f"accuracy kept is under {COLLAPSED} for {', '.join(lost)}: the mean over many hides it"
    return [Caveat(code="collapses", message=message, blocks="pass" if plan.declared else "none")]


def charts(clean: NumpyArray, right: Mapping[str, NumpyArray], plan: Plan) -> list[Evidence]:
    """Accuracy per corruption and severity, and per family against severity."""
    levels = plan.levels
    done = [name for name in ALL_NAMES if name in right]
    grid = Grid(
        title="Accuracy by corruption and severity",
        rows=tuple(done),
        columns=tuple(str(level) for level in levels),
        values=tuple(tuple(float(v) for v in right[name].mean(axis=1)) for name in done),
        value_label="accuracy",
    )
    lines = []
    for family, members in ALL_FAMILIES.items():
        inside = [right[name].mean(axis=1) for name in members if name in right]
        if inside:
            accuracy = (float(clean.mean()), *(float(v) for v in np.mean(inside, axis=0)))
            lines.append(Line(name=family, x=(0.0, *map(float, levels)), y=accuracy))
    counted = [name for name in right if plan.counts(name).any()] or done
    whole = (float(clean.mean()), *(float(v) for v in np.mean([right[c].mean(axis=1) for c in counted], axis=0)))
    falls = shape((0, *levels), whole, len(clean)).words
    series = Series(
        title="Accuracy against severity",
        note=f"severity 0 is the clean picture; what counts taken together: {falls}",
        x_label="severity",
        y_label="accuracy",
        lines=tuple(lines),
    )
    return [grid, series]


def pictures(
    clean_pictures: NumpyArray,
    y: NumpyArray,
    clean: NumpyArray,
    right: Mapping[str, NumpyArray],
    plan: Plan,
    classes: Sequence[str],
    damage: Damage,
) -> list[Evidence]:
    """The worst corruption on one picture, right when clean and wrong early: clean, then each severity."""
    counted = [name for name in right if plan.counts(name).any()] or list(right)
    worst = min(counted, key=lambda name: float(right[name].mean()))
    among = slice(0, _LOOKED_AT)
    loss = (~right[worst][:, among]).sum(axis=0) * clean[among] + clean[among]
    chosen = int(np.argmax(loss))
    label = classes[int(y[chosen])] if int(y[chosen]) < len(classes) else str(int(y[chosen]))
    row = [Picture(caption=f"clean, {_says(clean[chosen])}", png=png(clean_pictures[chosen]))]
    for k, level in enumerate(plan.levels):
        damaged = damage(clean_pictures[: chosen + 1], worst, level)[chosen]
        row.append(Picture(caption=f"severity {level}, {_says(right[worst][k, chosen])}", png=png(damaged)))
    title = f"Worst corruption: {worst} ({label})"
    return [Pictures(title=title, rows=(tuple(row),))]


def _says(right: object) -> str:
    return "right" if right else "wrong"
