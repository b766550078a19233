"""Is the test set independent of the training set? Copies, near copies, the same people, the same time and place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from momus.core.capabilities import Predicts, Target, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.evidence import Evidence
from momus.core.meter import Meter
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement, Scalar
from momus.core.samples import NumpyArray, Samples
from momus.methods.duplicates import LEAST_TRAIN
from momus.methods.hygiene import split_facts
from momus.probes.incomplete_testing import _pairs
from momus.stats import intervals, roc

BATCH = 512


@probe(
    knowledge=Knowledge.NONE,
    data=("train", "test"),
    metric="dependent_share",
    worse="higher",
    source="Kapoor & Narayanan 2023; Barz & Denzler 2020 (arXiv:1902.00423)",
    cost="at most n_test rows, where the target predicts",
)
def independence(
    target: Target, trial: Trial, *, rows: int = 4000, false_alarms: float = 0.01, alike: float = 0.5
) -> Measurement:
    """Share of the test rows that are copies of training rows, nearly so, or of the same people.

    Measures
        Test rows whose input stands in the training data word for word; near copies (pictures scaled, recoded,
        brightened or mirrored, clips louder or shifted, texts with a few words changed, table rows with noise added);
        and rows of people (``ids``) who are in the training data too. Where equal rows occur by nature, as in a table
        of few answers, only what goes beyond the rate within the training data counts.
    Why it matters
        A model may know these rows by heart. The accuracy on them says nothing about anybody new.
    Options
        rows: test rows searched for near copies, at most (above it the share is an estimate). false_alarms: expected
        share of false ones among the near copies named, in (0, 0.2]. alike: shared word triples (Jaccard) from which
        a text is a near copy, in (0, 1].
    Returns
        dependent_share; figures copies, near_copies, shared_ids, copies_within_train, later_than_training,
        new_sites, and, where the target predicts, accuracy, accuracy_without (the dependent rows) and leak_worth,
        their difference: what leakage was worth.
    Raises
        ProbeError for options out of range; TargetError from the target's predictions.
    Cost
        rows x n_train comparisons; one row of the target for each test row.
    A pass means little when
        Copies were cropped hard, turned or rewritten; when people are in both sets under no ids; when rows share a
        camera, a laboratory or a week that no column names.
    Source
        Kapoor & Narayanan 2023 (leakage and the reproducibility of machine-learning science); Barz & Denzler 2020
        (arXiv:1902.00423), near-duplicates in CIFAR; nearest-neighbour distances of a Poisson process, dimension by
        Levina & Bickel 2005; Benjamini & Hochberg 1995; Broder 1997 for texts.
    """
    if not 0 < false_alarms <= 0.2 or not 0 < alike <= 1 or rows < 1:
        raise ProbeError("rows, false_alarms or alike is out of range", hint="The defaults are 4000, 0.01 and 0.5")
    train, test = trial.samples("train"), trial.samples("test")
    if min(len(train), len(test)) < 2:
        message = f"{len(train)} training rows and {len(test)} test rows are too few"
        few = Caveat(code="too-few-samples", message=message, blocks="both")
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(test), caveats=[few])
    if train.x.shape[1:] != test.x.shape[1:] and not train.is_sound:
        raise ProbeError(f"training rows have shape {train.x.shape[1:]}, test rows {test.x.shape[1:]}")
    part = test.sample(rows, trial.rng)
    found = _pairs.search(part, train, trial.rng, rate=false_alarms, alike=alike)
    trial.progress(0.7, f"{int(found.dependent.sum())} rows are not independent")
    value, ci = _share(found, exhaustive=len(part) == len(test))
    figures = [
        Figure(name="copies", value=float(found.copies.mean()), n=len(part), note=found.note),
        Figure(name="near_copies", value=float(found.near.mean()), n=len(part), note=found.how),
        Figure(
            name="copies_within_train", value=found.within, n=found.within_n, note="training rows with a copy there"
        ),
    ]
    if found.people is not None:
        figures.append(Figure(name="shared_ids", value=float(found.people.mean()), n=len(part)))
    site = str((trial.context.get("domain") or {}).get("site") or "")
    facts, caveats = split_facts(train, test, site)
    figures += facts
    if min(len(train), len(test)) < LEAST_TRAIN:
        message = f"among {len(train)} training and {len(test)} test rows only word for word copies can be told"
        caveats.append(Caveat(code="few-rows", message=message, blocks="pass"))
    worth, more = _worth(target, trial, part, found.dependent)
    evidence: list[Evidence] = [*_pairs.evidence(found, part, train)]
    scope: dict[str, Scalar] = {"rows": len(part), "train": len(train), "compared_by": found.how}
    return trial.measurement(
        value, ci, len(part), scope=scope, figures=figures + worth, evidence=evidence, caveats=[*caveats, *more]
    )


def _share(found: _pairs.Found, *, exhaustive: bool) -> tuple[float, Interval]:
    """Rows that are surely dependent, and where equal rows are natural the excess of them, with its own width."""
    n, hits = len(found.dependent), int(found.dependent.sum())
    sure = Interval.exact(hits / n) if exhaustive else intervals.wilson(hits, n)
    if not found.natural:
        return hits / n, sure
    excess, ci = roc.difference(int(found.copies.sum()), n, round(found.within * found.within_n), found.within_n)
    low, high = (min(1.0, sure_end + max(0.0, end)) for sure_end, end in ((sure.low, ci.low), (sure.high, ci.high)))
    value = min(1.0, hits / n + max(0.0, excess))
    return value, Interval(low=min(low, value), high=max(high, value), method=ci.method)


def _worth(target: Target, trial: Trial, test: Samples, dependent: NumpyArray) -> tuple[list[Figure], Sequence[Caveat]]:
    """Accuracy with the dependent rows and without, where the target predicts and enough of both are labelled."""
    bare = target.target if isinstance(target, Meter) else target
    if missing(bare, Predicts) or test.y is None or bare.info.task != "classifier":
        return [], []
    asks = target if isinstance(target, Meter) else Meter(target, trial.budget)
    try:
        parts = range(0, len(test), BATCH)
        said = np.concatenate([to_numpy(asks.predict(asks.encode(test.x[i : i + BATCH]))) for i in parts])
    except BudgetSpent:
        message = "the budget did not allow predictions, so what leakage was worth is not known"
        return [], [Caveat(code="budget-spent", message=message, blocks="pass")]
    right = said == np.asarray(test.y)
    n, hits = len(right), int(right.sum())
    figures = [Figure(name="accuracy", value=hits / n, ci=intervals.wilson(hits, n), n=n)]
    rest = right[~dependent]
    if not dependent.any() or len(rest) < 2:
        return figures, []
    kept = intervals.wilson(int(rest.sum()), len(rest))
    figures.append(Figure(name="accuracy_without", value=float(rest.mean()), ci=kept, n=len(rest)))
    gap, ci = roc.difference(int(right[dependent].sum()), int(dependent.sum()), int(rest.sum()), len(rest))
    share = float(dependent.mean())
    ci = Interval(low=ci.low * share, high=ci.high * share, method=ci.method)
    figures.append(
        Figure(name="leak_worth", value=gap * share, ci=ci, n=n, note="accuracy on all rows less that without them")
    )
    return figures, []
