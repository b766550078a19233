"""Which conditions did nobody test? From the declared domain, the training data, the test set and the plan's gaps."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, Target, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Evidence, Table
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import coverage as method
from momus.methods import hygiene, slices
from momus.probes.incomplete_testing import _conditions
from momus.stats import intervals


@probe(
    knowledge=Knowledge.NONE,
    data=("train", "test"),
    metric="uncovered_share",
    worse="higher",
    source="arXiv:1807.06732; Kuhn, Kacker & Lei 2010 (NIST SP 800-142)",
    cost="at most n_test rows, where the target predicts",
    version=3,
)
def coverage(
    target: Target,
    trial: Trial,
    *,
    ways: int = 2,
    least_mass: float = 0.01,
    bins: int = 4,
    rows: int = 200_000,
    sweep: bool = True,
) -> Measurement:
    """Share of the operating conditions that the test set never exercises.

    Measures
        The largest of these shares. Of the training rows (what operation looked like): those in at least one value, or
        combination of up to ``ways`` values of binned columns, groups and classes, that no test row has (or fewer than
        a tenth of what a random test set would have). Of the declared operating domain, where the card states one: the
        bins with too few test rows and the named conditions that nobody tested; and the combinations of up to ``ways``
        declared columns that no test row meets. Pictures are told apart by light, contrast, sharpness, warmth and
        saturation, texts by length and kinds of letters, sound by level, silence and pitch.
    Why it matters
        An error nobody looked for is found by the first person it happens to. A stop sign that the wind has turned is
        likelier than a crafted patch, and no accuracy figure covers a condition that is not in the test set.
    Options
        ways: columns that combine (1 to 3; 3 costs thousands of groups from 30 columns on). least_mass: conditions
        rarer than this share of the training rows are left out. bins: quantile bins of a numeric column, beside its
        two tails of 5 %. rows: most rows of each set (above it the share is an estimate). sweep: look for the slices
        with the most errors too.
    Returns
        uncovered_share, exact unless rows were sampled; figures covered_1way, covered_2way (covered_3way),
        declared_uncovered, declared_uncovered_2way and declared_uncovered_3way, plan_gaps, leaked_rows (test rows word
        for word in train), shared_ids, out_of_range (test rows outside the training ranges), time_ordered, and, where
        the target predicts, error_rate, bad_slices (beyond chance after Bonferroni) and worst_slice_error.
    Raises
        ProbeError for ways outside 1 to 3; TargetError from the target's predictions.
    Cost
        Two bincounts for each group of columns; one row for each test row where the target predicts.
    A pass means little when
        The training data miss the same conditions (declare the domain), columns that matter were not recorded, or a
        covered condition is met by a handful of rows: covered means exercised once, not measured.
    Source
        Gilmer et al. 2018 (arXiv:1807.06732); combinatorial coverage: NIST SP 800-142; Chung et al. 2019 and Sagadeeva
        & Boehm 2021 (SliceLine) for slices.
    """
    if not 1 <= ways <= 3:
        raise ProbeError(f"ways is {ways}", hint="Combine 1, 2 or 3 columns")
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test")
    sampled = len(train) > rows
    train_part, test_part = train.sample(rows, rng), test.sample(rows, rng)
    stated = dict(trial.context.get("domain") or {})
    domain = method.declared(stated, test)
    together = {w: method.declared_together(stated, test, w) for w in (2, 3)}
    gaps = [g for g in trial.context.get("gaps") or () if g.get("why") != "waived"]
    if min(len(train), len(test)) < 2:
        message = f"{len(train)} training rows and {len(test)} test rows are too few"
        few = Caveat(code="too-few-samples", message=message, blocks="both")
        return trial.measurement(1.0, Interval(low=0.0, high=1.0), len(test), caveats=[few])
    found = method.conditions(train_part, test_part, bins=bins)
    covered = method.cover(found, ways=ways, least_mass=least_mass)
    trial.progress(0.5, f"{sum(covered.cells.values())} conditions counted")
    names = {d.name for cells in together.values() for d in cells}
    domain = tuple(d for d in domain if d.name not in names)  # a condition that speaks of a combination is no other
    counted = [d for d in domain if not d.accepted]
    holes = max(
        _conditions.holes(domain), *(_conditions.holes(cells) for w, cells in together.items() if w <= ways), 0.0
    )
    mass = float(covered.uncovered.mean())
    value = max(mass, holes)
    ci = Interval.exact(value)
    if sampled and mass >= holes:
        ci = intervals.wilson(int(covered.uncovered.sum()), len(covered.uncovered))
    figures = [
        Figure(name="uncovered_training_mass", value=mass, n=len(train_part)),
        *(
            Figure(name=f"covered_{w}way", value=covered.share(w), n=covered.cells[w], note="share of conditions")
            for w in range(1, ways + 1)
        ),
        Figure(name="plan_gaps", value=len(gaps), note="modes or probes that the plan could not run"),
    ]
    if counted:
        figures.append(Figure(name="declared_uncovered", value=_conditions.holes(domain), n=len(counted)))
    figures += [
        Figure(
            name=f"declared_uncovered_{w}way",
            value=_conditions.holes(cells),
            n=len(cells),
            note="" if w <= ways else "not counted",
        )
        for w, cells in together.items()
        if cells
    ]
    checks, caveats = hygiene.check(train, test)
    if not counted and not any(covered.cells.values()):
        message = "the training rows show no condition that varies and that ten of them share, and none is declared"
        caveats.append(Caveat(code="nothing-counted", message=message, blocks="both"))
    figures += checks
    evidence: list[Evidence] = [
        *_conditions.untested(found, covered),
        *_conditions.declared(domain),
        *_conditions.together(together),
        *_conditions.gaps_table(gaps),
    ]
    if gaps:
        tests = "1 planned test" if len(gaps) == 1 else f"{len(gaps)} planned tests"
        message = f"{tests} cannot run, so testing as a whole is not complete"
        caveats.append(Caveat(code="plan-gaps", message=message, blocks="pass"))
    if sweep:
        extra, tables, more = _slices(target, found, test_part, trial)
        figures, evidence, caveats = figures + extra, evidence + tables, caveats + more
    scope = {"ways": ways, "columns": len(found.names), "conditions": sum(covered.cells.values())}
    return trial.measurement(
        value, ci, len(test_part), scope=scope, figures=figures, evidence=evidence, caveats=caveats
    )


def _slices(
    target: Target, found: method.Conditions, test: Samples, trial: Trial
) -> tuple[list[Figure], list[Evidence], list[Caveat]]:
    """Slices with more errors than the rest, where the target predicts and the test rows are labelled."""
    bare = target.target if isinstance(target, Meter) else target
    if missing(bare, Predicts) or test.y is None or bare.info.task not in ("classifier", "regressor"):
        return [], [], []
    asks = target if isinstance(target, Meter) else Meter(target, trial.budget)
    try:
        said = to_numpy(asks.predict(asks.encode(test.x)))
    except BudgetSpent:
        message = "the budget did not allow predictions, so no slices were searched"
        return [], [], [Caveat(code="budget-spent", message=message, blocks="pass")]
    wrong = _wrong(bare.info.task, said, np.asarray(test.y))
    found = found.without("label")  # a slice must be recognisable in use, where nobody knows the label yet
    result = slices.sweep(found.test, found.sizes, wrong, least_rows=max(30, len(wrong) // 200))
    rate = intervals.wilson(int(wrong.sum()), len(wrong))
    figures = [
        Figure(name="error_rate", value=float(wrong.mean()), ci=rate, n=len(wrong)),
        Figure(name="bad_slices", value=len(result.worst), n=result.looked, note="Bonferroni at 5 %, at most five"),
    ]
    if not result.worst:
        return figures, [], []
    worst = max(result.worst, key=lambda s: s.rate)
    ci = intervals.wilson(worst.errors, worst.n, 1 - 0.05 / result.looked)
    figures.append(Figure(name="worst_slice_error", value=worst.rate, ci=ci, n=worst.n, note=_name(found, worst)))
    rows = tuple(
        (_name(found, s), s.n, round(s.rate, 4), round(s.rest_rate, 4), float(f"{s.p:.2g}")) for s in result.worst
    )
    columns = ("slice", "rows", "error rate", "error rate of the rest", "p (Bonferroni)")
    return figures, [Table(title="Slices with more errors than chance explains", columns=columns, rows=rows)], []


def _wrong(task: str, said: NumpyArray, truth: NumpyArray) -> NumpyArray:
    """Wrong answers; for a regressor, the tenth with the largest absolute error."""
    if task == "classifier":
        return np.asarray(said != truth)
    errors = np.abs(said - truth)
    return np.asarray(errors > np.quantile(errors, 0.9))


def _name(found: method.Conditions, s: slices.Slice) -> str:
    return found.name(s.columns, s.codes)
