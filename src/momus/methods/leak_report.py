"""What a membership attack found, as figures and evidence: shared by the loss attack and by shadow models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from momus.core.evidence import Bars, Evidence, Line, Series, Table
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods.describe import describe, filled
from momus.methods.domain_classifier import tell_apart
from momus.stats import intervals, multiple, roc

LEAST_PART = 30  # rows a class or group needs on each side before it gets a figure of its own
LEAST_ROWS = 50  # rows on each side below which the number says nothing at all


def attack_figures(member: NumpyArray, other: NumpyArray, threshold: float | None) -> list[Figure]:
    """AUC (DeLong), TPR at 0.1 % FPR where the non-members allow it, balanced accuracy at a threshold set elsewhere."""
    n = min(len(member), len(other))
    area, ci = intervals.auc(member, other)
    figures = [Figure(name="auc", value=area, ci=ci, n=n)]
    if len(other) >= roc.least_negatives(0.001):
        value, ci = roc.tpr_at_fpr(member, other, 0.001)
        figures.append(Figure(name="tpr_at_0.1pct_fpr", value=value, ci=ci, n=n))
    if threshold is not None:
        value, ci = roc.balanced_accuracy(member, other, threshold)
        note = "threshold chosen on other rows; 0.5 is guessing"
        figures.append(Figure(name="balanced_accuracy", value=value, ci=ci, n=n, note=note))
    return figures


def gain_figures(strong: NumpyArray, plain: NumpyArray, n: int) -> list[Figure]:
    """How many times as many members ``strong`` finds as ``plain`` on the same rows, n members first.

    The interval of a ratio sets each attack's worst end against the other's best: it covers more than it says. An
    attack that finds nobody counts as finding one in ``n``.
    """
    figures = []
    for rate, name in ((0.01, "1pct"), (0.001, "0.1pct")):
        if len(plain) - n < roc.least_negatives(rate):
            continue
        (best, best_ci), (base, base_ci) = (roc.tpr_at_fpr(s[:n], s[n:], rate) for s in (strong, plain))
        least = 1 / n
        ci = Interval(
            low=best_ci.low / max(base_ci.high, least),
            high=best_ci.high / max(base_ci.low, least),
            method="ends of both",
        )
        figures += [
            Figure(name=f"tpr_loss_at_{name}_fpr", value=base, ci=base_ci, n=n, note="one threshold for all rows"),
            Figure(name=f"gain_at_{name}", value=best / max(base, least), ci=ci, n=n, note="over one threshold"),
        ]
    return figures


def coarser_figures(p_in: NumpyArray, y_in: NumpyArray, p_out: NumpyArray, y_out: NumpyArray) -> list[Figure]:
    """What a simple defence would leave of the loss attack: AUC from rounded probabilities, and from the label alone.

    No bound on what labels leak: membership.label_only asks for more than one of them.
    """

    def of_class(p: NumpyArray, y: NumpyArray) -> NumpyArray:
        return np.asarray(p, dtype=float)[np.arange(len(y)), y]

    views: dict[str, tuple[NumpyArray, NumpyArray]] = {
        "auc_if[all digits]": (of_class(p_in, y_in), of_class(p_out, y_out))
    }
    for decimals in (2, 1):
        name = f"auc_if[{decimals} decimal{'s' if decimals > 1 else ''}]"
        views[name] = (of_class(np.round(p_in, decimals), y_in), of_class(np.round(p_out, decimals), y_out))
    views["auc_if[label alone]"] = ((p_in.argmax(1) == y_in).astype(float), (p_out.argmax(1) == y_out).astype(float))
    figures = []
    for name, (member, other) in views.items():
        area, ci = intervals.auc(member, other)
        figures.append(Figure(name=name, value=area, ci=ci, n=len(member), note="if no more were answered"))
    return figures


def part_figures(
    member: NumpyArray,
    other: NumpyArray,
    parts: Mapping[str, tuple[NumpyArray, NumpyArray]],
    threshold: float | None = None,
) -> tuple[list[Figure], list[Evidence]]:
    """What the attack finds in each class and declared group, with intervals that hold for all of them at once.

    ``parts`` maps a name to the masks of member and non-member rows: AUC, true positives at 1 % and 0.1 % of the part's
    own non-members where these allow it, balanced accuracy at the ``threshold`` for all rows. Parts with too few rows
    are listed as such.
    """
    enough = {k: v for k, v in parts.items() if min(v[0].sum(), v[1].sum()) >= LEAST_PART}
    if not enough:
        return [], []
    level = multiple.simultaneous_level(0.95, len(enough))
    each = {k: _part(member[m], other[o], threshold, level) for k, (m, o) in enough.items()}
    figures = [
        Figure(name=f"{what}[{k}]", value=value, ci=ci, n=int(min(enough[k][0].sum(), enough[k][1].sum())))
        for what in ("auc", "tpr_at_1pct_fpr", "tpr_at_0.1pct_fpr", "balanced_accuracy")
        for k, found in each.items()
        if what in found
        for value, ci in [found[what]]
    ]
    areas = [found["auc"] for found in each.values()]
    left = [k for k in parts if k not in enough]
    note = f"Untested for want of rows: {', '.join(left)}" if left else "Intervals hold for all bars at once (95 %)"
    bars = Bars(
        title="Who leaks more: attack AUC by class and group",
        y_label="AUC (0.5 is guessing)",
        names=tuple(enough),
        values=tuple(value for value, _ in areas),
        low=tuple(ci.low for _, ci in areas),
        high=tuple(ci.high for _, ci in areas),
        reference=0.5,
        note=note,
    )
    return figures, [bars, _part_table(enough, each, level)]


def _part(
    member: NumpyArray, other: NumpyArray, threshold: float | None, level: float
) -> dict[str, tuple[float, Interval]]:
    found = {"auc": intervals.auc(member, other, level)}
    for what, rate in (("tpr_at_1pct_fpr", 0.01), ("tpr_at_0.1pct_fpr", 0.001)):
        if len(other) >= roc.least_negatives(rate, level):
            found[what] = roc.tpr_at_fpr(member, other, rate, level)
    if threshold is not None:
        found["balanced_accuracy"] = roc.balanced_accuracy(member, other, threshold, level)
    return found


def _part_table(
    parts: Mapping[str, tuple[NumpyArray, NumpyArray]],
    each: Mapping[str, Mapping[str, tuple[float, Interval]]],
    level: float,
) -> Table:
    columns = {
        "auc": "AUC",
        "balanced_accuracy": "balanced accuracy",
        "tpr_at_1pct_fpr": "recognised at 1 %",
        "tpr_at_0.1pct_fpr": "recognised at 0.1 %",
    }

    def cell(found: Mapping[str, tuple[float, Interval]], what: str) -> str:
        if what not in found:
            return "-"
        value, ci = found[what]
        return f"{value:.3f} ({ci.low:.3f} to {ci.high:.3f})"

    rows: list[tuple[str | int, ...]] = [
        (k, int(m.sum()), int(o.sum()), *(cell(each[k], what) for what in columns)) for k, (m, o) in parts.items()
    ]
    few = [f"{roc.least_negatives(rate, level):,} at {100 * rate:g} %" for rate in (0.01, 0.001)]
    return Table(
        title="What the attack finds in each class and group",
        columns=("part", "members", "others", *columns.values()),
        rows=tuple(rows),
        note=f"False positives are counted among the part's own rows, of which it takes {' and '.join(few)}",
    )


def parts_of(members: Samples, others: Samples, classes: Sequence[str]) -> dict[str, tuple[NumpyArray, NumpyArray]]:
    """Masks of the classes (at most 20) and of each declared group's values (at most 12 a column)."""
    if members.y is None or others.y is None:
        return {}
    parts: dict[str, tuple[NumpyArray, NumpyArray]] = {}
    for c in np.unique(members.y)[:20]:
        name = classes[int(c)] if int(c) < len(classes) else str(int(c))
        parts[f"class={name}"] = (members.y == c, others.y == c)
    for group in members.groups:
        if group not in others.groups:
            continue
        mine, theirs = (np.asarray(s.groups[group]).astype(str) for s in (members, others))
        values, counts = np.unique(mine, return_counts=True)
        for value in values[np.argsort(-counts, kind="stable")][:12]:
            parts[f"{group}={value}"] = (mine == value, theirs == value)
    return parts


def roc_evidence(curves: Mapping[str, tuple[NumpyArray, NumpyArray]]) -> Series:
    """ROC curves on logarithmic axes, from 1 / n up: an attack matters where false positives are rare."""
    lines = []
    least = 1.0
    for name, (member, other) in curves.items():
        c = roc.curve(member, other)
        least = min(least, 1 / len(other))
        grid = np.geomspace(1 / len(other), 1.0, 40)
        points = [(float(f), c.at(float(f))) for f in grid]
        points = [(f, t) for f, t in points if t > 0]
        lines.append(Line(name=name, x=tuple(f for f, _ in points), y=tuple(t for _, t in points)))
    guess = np.geomspace(least, 1.0, 10)
    lines.append(Line(name="guessing", x=tuple(guess), y=tuple(guess), dashed=True))
    return Series(
        title="True against false positives of the attack",
        x_label="false-positive rate",
        y_label="true-positive rate",
        lines=tuple(lines),
        log_x=True,
        log_y=True,
    )


def vulnerable_rows(
    rows: NumpyArray, y: NumpyArray, p: NumpyArray, score: NumpyArray, other: NumpyArray, classes: Sequence[str]
) -> Table:
    """The ten training rows the attack is surest of, by row index in the train set; no content is shown."""
    cut = float(np.quantile(other, 0.99, method="higher")) if len(other) else 0.0
    top = np.argsort(-score, kind="stable")[:10]
    body = tuple(
        (
            int(rows[i]),
            classes[int(y[i])] if int(y[i]) < len(classes) else str(int(y[i])),
            round(float(p[i, int(y[i])]), 4),
            round(float(score[i]), 4),
            bool(score[i] > cut),
        )
        for i in top
    )
    return Table(
        title="Training rows the attack is surest of",
        columns=("row in train", "class", "probability of its class", "score", "above the 1 % line"),
        rows=body,
        note=f"{int(np.sum(score > cut))} of {len(score)} audited members score above the 1 % false-positive line",
    )


def members_differ(
    members: Samples, others: Samples, rng: np.random.Generator, margin: float
) -> tuple[Figure, list[Caveat]]:
    """Can a classifier that never sees the model tell members from non-members?

    If so, the two sets differ in kind (another time, another source), and any attack would score without a leak. The
    caveat is raised where even the lower end of the AUC's interval exceeds 0.5 by ``margin``.
    """
    a, b = describe(members).values, describe(others).values
    if members.y is not None and others.y is not None:
        a, b = np.column_stack([a, members.y]), np.column_stack([b, others.y])
    pooled = np.concatenate([a, b])
    area, ci, _, _ = tell_apart(filled(b, pooled), filled(a, pooled), rng)
    figure = Figure(
        name="blind_auc", value=area, ci=ci, n=min(len(a), len(b)), note="members told apart without the model"
    )
    if ci.low <= 0.5 + margin:
        return figure, []
    message = (
        f"train and test rows can be told apart without the model (AUC {area:.2f}, at least {ci.low:.2f}), so the "
        "attack's success need not be a leak; draw both from one source at random"
    )
    return figure, [Caveat(code="members-differ", message=message, blocks="both")]


def sample_caveats(n: int, spent: bool) -> list[Caveat]:
    """Caveats on the number of rows: none can be shown to leak below 437 a side, and below 50 nothing can be said."""
    caveats = []
    if n < LEAST_ROWS:
        message = f"only {n} members and {n} non-members could be compared"
        caveats.append(Caveat(code="too-few-samples", message=message, blocks="both"))
    if spent:
        message = f"the budget ended after {n} rows a side or before all shadow models were fitted"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    return caveats
