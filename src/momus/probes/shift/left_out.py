"""How badly is a group served by a model that has never seen it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from momus.core.capabilities import Trains
from momus.core.errors import BudgetSpent
from momus.core.evidence import Bars, Evidence, Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods.group_gaps import group_labels
from momus.methods.two_trainings import Cost, cost, scores, train, unit_of_error
from momus.probes.shift._skill import ignorant
from momus.stats import multiple


@dataclass(frozen=True)
class _Group:
    name: str
    seen: NumpyArray  # rows of the training data that belong to it
    held: NumpyArray  # rows that are only asked about


@probe(
    knowledge=Knowledge.NONE,
    data=("train",),
    optional_data=("test",),
    metric="unseen_group_drop",
    worse="higher",
    source="arXiv:2007.01434; arXiv:2012.07421",
    cost="retrains 2 x min(groups, most) models; asks the target nothing",
    tasks=("classifier", "regressor"),
    groups=True,
    version=2,
)
def left_out(
    target: Trains, trial: Trial, *, least: int = 30, most: int = 12, rows: int = 20_000, held: float = 0.3
) -> Measurement:
    """What a group loses when the model has never seen anybody like it: leave-one-group-out retraining.

    Measures
        For each declared group the model is trained twice on equally many rows: without the group, and without as many
        rows drawn at random. Both are asked about the group's held-back rows; the value is the largest loss of accuracy
        from never having seen the group. For a regressor: of error, in units of the target's mean deviation.
    Why it matters
        The next hospital, camera or country is a group that was not in training. What the known groups lose when they
        are taken away is the best estimate of what it will meet that the data at hand can give.
    Options
        least: rows a group needs on either side (30). most: groups tried, the largest first. rows: training rows used
        at most. held: share of train that is kept back for asking where there is no test set with the same groups.
    Returns
        unseen_group_drop with an interval that holds for all groups at once; figures drop[...], unseen[...] and
        seen[...] (accuracy without and with the group, or minus the relative error).
    Raises
        TargetError from the training function.
    Cost
        Two retrainings for each group.
    A pass means little when
        The groups resemble each other more than the next one will resemble them, or a group is known by a column that
        stays in the data and stands for it; when groups were too small (caveat groups-untested).
    Source
        Leave-one-domain-out evaluation: Gulrajani & Lopez-Paz 2021 (arXiv:2007.01434); Koh et al. 2021, WILDS
        (arXiv:2012.07421). The control of equal size is ours.
    """
    rng = trial.rng
    fit, ask = _split(trial, rows, held, rng)
    groups, untested = _groups(fit, ask, least)
    caveats = []
    if untested or len(groups) > most:
        names = ", ".join([*untested, *(g.name for g in groups[most:])][:8])
        message = f"groups that are too small, or too many, stay untested: {names}"
        caveats.append(Caveat(code="groups-untested", message=message, blocks="pass"))
    groups = groups[:most]
    found, doubts = _measure(target, trial, fit, ask, groups, rng)
    caveats += doubts
    if len(found) < len(groups):
        message = f"the budget ended after {len(found)} of {len(groups)} groups"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass" if found else "both"))
    if not found:
        if not groups:
            caveats.append(Caveat(code="too-few-samples", message="no group can be left out and asked", blocks="both"))
        return trial.measurement(0.0, Interval(low=-1.0, high=1.0, method="none"), len(ask), caveats=caveats)
    worst = max(found, key=lambda name: found[name].drop)
    ci = Interval(
        low=max(c.ci.low for c in found.values()),
        high=max(c.ci.high for c in found.values()),
        method="simultaneous, paired",
    )
    word = "accuracy" if target.info.task == "classifier" else "minus relative error"
    figures = [
        f
        for name, c in found.items()
        for f in (
            Figure(name=f"drop[{name}]", value=c.drop, ci=c.ci, n=c.n),
            Figure(name=f"unseen[{name}]", value=c.second, n=c.n, note=f"{word} of a model that never saw the group"),
            Figure(name=f"seen[{name}]", value=c.first, n=c.n, note=f"{word} of a model of as many rows that did"),
        )
    ]
    return trial.measurement(
        found[worst].drop,
        ci,
        sum(c.n for c in found.values()),
        scope={"worst_group": worst, "groups": len(found), "training_rows": len(fit)},
        figures=figures,
        evidence=_evidence(found, word),
        caveats=caveats,
    )


def _split(trial: Trial, rows: int, held: float, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Rows to train on and rows to ask about: the test set where it has the groups, else a part of train."""
    given = trial.samples("train").sample(rows, rng)
    test = trial.data.get("test")
    if test is not None and test.y is not None and set(given.groups) <= set(test.groups):
        return given, test
    order = rng.permutation(len(given))
    cut = int(len(given) * held)
    return given.take(np.sort(order[cut:])), given.take(np.sort(order[:cut]))


def _groups(fit: Samples, ask: Samples, least: int) -> tuple[list[_Group], list[str]]:
    """Groups with enough rows on both sides and enough rows outside them, largest first; names of the others."""
    if fit.y is None or ask.y is None:
        return [], []
    n = len(fit)
    joint = {k: np.concatenate([np.asarray(fit.groups[k]), np.asarray(ask.groups[k])]) for k in fit.groups}
    found: list[_Group] = []
    small: list[str] = []
    for column, labels in group_labels(joint).items():
        for value in np.unique(labels):
            seen, held = np.flatnonzero(labels[:n] == value), np.flatnonzero(labels[n:] == value)
            name = f"{column}={value}"
            # As many other rows must be left to take away in the control, and some to train on.
            if min(len(seen), len(held)) >= least and n - len(seen) >= max(len(seen) // 4, least):
                found.append(_Group(name, seen, held))
            else:
                small.append(f"{name} ({min(len(seen), len(held))})")
    return sorted(found, key=lambda g: -len(g.seen)), small


def _measure(
    target: Trains, trial: Trial, fit: Samples, ask: Samples, groups: list[_Group], rng: np.random.Generator
) -> tuple[dict[str, Cost], list[Caveat]]:
    """The cost of never having seen each group, and whether those who saw it know anything. A spent budget leaves the
    groups done so far."""
    found: dict[str, Cost] = {}
    known: list[tuple[NumpyArray, NumpyArray]] = []
    level = multiple.simultaneous_level(0.95, max(1, len(groups)))
    y, truth = np.asarray(fit.y), np.asarray(ask.y)
    scale = unit_of_error(y, target.info.task)
    everybody = np.arange(len(fit))
    for i, group in enumerate(groups):
        trial.progress(i / len(groups), group.name)
        seed = int(rng.integers(2**31))
        without = np.setdiff1d(everybody, group.seen)
        # The control keeps the group at its own share of equally many rows, so that only who is missing differs.
        control = np.sort(rng.choice(everybody, len(without), replace=False))
        try:
            models = [train(target, fit.x, y, rows, seed) for rows in (control, without)]
        except BudgetSpent:
            break
        x, right = ask.x[group.held], truth[group.held]
        seen, unseen = (scores(m, x, right, scale) for m in models)
        found[group.name] = cost(seen, unseen, level)
        known.append((seen, right))
    if not known:
        return found, []
    knew, labels = (np.concatenate(part) for part in zip(*known, strict=True))
    return found, ignorant(knew, labels, target.info.task)


def _evidence(found: dict[str, Cost], word: str) -> list[Evidence]:
    order = sorted(found, key=lambda name: -found[name].drop)
    bars = Bars(
        title="What each group loses when the model has never seen it",
        y_label=f"loss of {word}",
        names=tuple(order[:20]),
        values=tuple(found[n].drop for n in order[:20]),
        low=tuple(found[n].ci.low for n in order[:20]),
        high=tuple(found[n].ci.high for n in order[:20]),
        reference=0.0,
    )
    rows = tuple((n, found[n].n, round(found[n].first, 4), round(found[n].second, 4)) for n in order)
    table = Table(title="Trained with and without the group", columns=("group", "rows", "seen", "unseen"), rows=rows)
    return [bars, table]
