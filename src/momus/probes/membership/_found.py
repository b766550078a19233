"""One measurement form for every attack on membership, so that none leaves out a class, a group or an interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from momus.core.evidence import Evidence
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval, Measurement, Scalar
from momus.core.samples import NumpyArray
from momus.methods import leak_report
from momus.probes.membership._shadows import Ground
from momus.stats import intervals, roc

FEW = 8  # shadow models below which a pass would rest on next to nothing


def found(
    trial: Trial,
    ground: Ground,
    scores: NumpyArray,
    *,
    margin: float,
    threshold: float | None = None,
    curves: Mapping[str, NumpyArray] | None = None,
    areas: Mapping[str, NumpyArray] | None = None,
    figures: Sequence[Figure] = (),
    evidence: Sequence[Evidence] = (),
    scope: Mapping[str, Scalar | None] | None = None,
    caveats: Sequence[Caveat] = (),
) -> Measurement:
    """The measurement of an attack that gave the 2n audited rows of ``ground`` these ``scores``, members first.

    True positives at 1 % and 0.1 % false positives, AUC, balanced accuracy at a ``threshold`` fixed beforehand, AUC by
    class and declared group, the rows that stand out, and the guard against members that differ in kind. ``curves`` are
    further scores to draw, ``areas`` further scores whose AUC becomes a figure of that name.
    """
    if not ground.ready:
        return nothing(trial, ground)
    n = ground.n
    value, ci = roc.tpr_at_fpr(scores[:n], scores[n:], 0.01)
    blind, differ = leak_report.members_differ(ground.members, ground.others, trial.rng, margin)
    parts, bars = leak_report.part_figures(
        scores[:n], scores[n:], leak_report.parts_of(ground.members, ground.others, ground.classes), threshold
    )
    more = []
    for name, s in (areas or {}).items():
        area, area_ci = intervals.auc(s[:n], s[n:])
        more.append(Figure(name=name, value=area, ci=area_ci, n=n))
    mismatch, accuracies = accuracy(ground)
    drawn = curves or {"this attack": scores}
    return trial.measurement(
        value,
        ci,
        2 * n,
        scope={
            "shadows_fitted": ground.shadows.count,
            "pairs": n,
            "non_members_dropped": ground.audit.dropped,
            "members_dropped": ground.audit.twins,
            "filler": ground.filler,
            **(scope or {}),
        },
        figures=[
            *leak_report.attack_figures(scores[:n], scores[n:], threshold),
            *more,
            *figures,
            *accuracies,
            blind,
            *parts,
        ],
        evidence=[
            leak_report.roc_evidence({name: (s[:n], s[n:]) for name, s in drawn.items()}),
            leak_report.vulnerable_rows(
                ground.audit.members, ground.y[:n], ground.p[:n], scores[:n], scores[n:], ground.classes
            ),
            *evidence,
            *bars,
        ],
        caveats=[*leak_report.sample_caveats(n, ground.spent), *few(trial, ground), *mismatch, *differ, *caveats],
    )


def nothing(trial: Trial, ground: Ground) -> Measurement:
    """The measurement where too few rows or no pair of models are left: anything is possible."""
    n = ground.n if ground.n >= 4 else 0
    caveats = leak_report.sample_caveats(n, ground.spent)
    if n and ground.shadows.count < 2:
        caveats.append(Caveat(code="too-few-shadows", message="no pair of shadow models was fitted", blocks="both"))
    return trial.measurement(0.0, Interval(low=0.0, high=1.0), 2 * ground.n, caveats=caveats)


def few(trial: Trial, ground: Ground) -> list[Caveat]:
    """A pass needs shadow models: also where no more were asked for."""
    count = ground.shadows.count
    if count >= FEW:
        return []
    message = f"only {count} of {trial.options.get('shadows', count)} shadow models were fitted; more find more"
    return [Caveat(code="few-shadows", message=message, blocks="pass")]


def accuracy(ground: Ground) -> tuple[list[Caveat], list[Figure]]:
    """Accuracy on rows trained on, of shadow models and target: far apart, they are not the same recipe."""
    n, shadows = ground.n, ground.shadows
    right = shadows.p.argmax(2) == ground.y
    inside, outside = float(right[shadows.inside].mean()), float(right[~shadows.inside].mean())
    own = float((ground.p[:n].argmax(1) == ground.y[:n]).mean())
    figures = [
        Figure(name="accuracy_target_members", value=own, n=n),
        Figure(name="accuracy_shadow_members", value=inside),
        Figure(name="accuracy_shadow_others", value=outside),
    ]
    if own - inside <= 0.05:
        return [], figures
    message = f"shadow models fit their training rows worse ({inside:.2f}) than the target does ({own:.2f})"
    return [Caveat(code="shadow-mismatch", message=message, blocks="pass")], figures
