"""Membership inference relative to the population: strong with one, two or four reference models."""

from __future__ import annotations

from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.methods import rmia as method
from momus.probes.membership._found import found, nothing
from momus.probes.membership._shadows import Needs, shadows_for
from momus.stats import intervals, roc

FEW_MODELS = (1, 2, 4)  # references a row that the attack is said to do with


@probe(
    knowledge=Knowledge.GREY_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:2312.03262",
    cost="2 min(records, n_train, n_test) rows, and one training for each shadow model",
    tasks=("classifier",),
)
def rmia(
    target: Needs,
    trial: Trial,
    *,
    shadows: int = 16,
    records: int = 1000,
    shadow_rows: int = 0,
    offline: bool = False,
    a: float = -1.0,
    margin: float = 0.03,
) -> Measurement:
    """Tell training rows from others by how much likelier the target makes them than models at large do.

    Measures
        The share of audited training rows recognised at 1 % false positives by the relative attack (RMIA): every row's
        likelihood under the target, over its likelihood under reference models, against the same of other rows.
    Why it matters
        It needs a handful of reference models where the likelihood-ratio attack needs dozens, so it is within reach of
        an attacker with little data and one processor.
    Options
        shadows: models to train, in pairs; half of them have a row, half have not. records: most rows audited from
        each side. shadow_rows: as in membership.lira. offline: compare with models that have not seen the row alone.
        a: slope of the line that stands in for models with the row when offline, 0 to 1; -1 lets the reference models
        choose it by attacking one of their own. margin: as in membership.loss.
    Returns
        tpr_at_1pct_fpr with a conservative interval; figures auc, balanced_accuracy at a threshold that the reference
        models chose, tpr_at_0.1pct_fpr (from 4,380 non-members), all by class and group, auc_online, auc_offline,
        auc_loss, auc_offline[1 reference] and so on with fewer models a row, tpr_offline[...] beside them,
        false_alarms_at_1pct: how often a threshold set on other rows of the population is crossed by a non-member,
        shadow and target accuracy, blind_auc.
    Raises
        TargetError when a retrained copy has no probabilities; ProbeError for fewer than 2 shadows, missing labels or
        an ``a`` outside [0, 1] that is not -1.
    Cost
        The target is asked twice ``records`` rows; the trainings are the tester's own, count in seconds only, and are
        shared with the other shadow attacks of a run.
    A pass means little when
        The retraining hook trains another kind of model (caveat shadow-mismatch), fewer than 8 models were fitted, or
        fewer than 437 non-members were available.
    Source
        Zarifzadeh, Liu & Shokri 2024 (arXiv:2312.03262).
    """
    if a != -1 and not 0 <= a <= 1:
        raise ProbeError(f"a is {a}", hint="a: 0 to 1, or -1 to have it chosen")
    ground = shadows_for(target, trial, records=records, shadows=shadows, shadow_rows=shadow_rows)
    if not ground.ready:
        return nothing(trial, ground)
    n, models = ground.n, ground.shadows
    slope = method.choose_a(models, ground.y) if a == -1 else a
    online = method.ratios(ground.p, ground.y, models, a=None)
    without = method.ratios(ground.p, ground.y, models, a=slope)
    plain = method.likelihoods(ground.p, ground.y)
    used = without if offline else online
    few = []
    for count in (k for k in FEW_MODELS if k <= models.count // 2):
        score = method.ratios(ground.p, ground.y, models, a=slope, most=count)
        name = f"[{count} reference{'s' if count > 1 else ''}]"
        area, area_ci = intervals.auc(score[:n], score[n:])
        share, share_ci = roc.tpr_at_fpr(score[:n], score[n:], 0.01)
        few += [
            Figure(name=f"auc_offline{name}", value=area, ci=area_ci, n=n),
            Figure(name=f"tpr_offline{name}", value=share, ci=share_ci, n=n),
        ]
    alarms, of = method.kept_promise(used[n:], 0.01, trial.rng)
    promise = Figure(
        name="false_alarms_at_1pct", value=alarms / of, ci=intervals.wilson(alarms, of), n=of, note="0.01 was promised"
    )
    return found(
        trial,
        ground,
        used,
        margin=margin,
        threshold=method.choose_threshold(models, ground.y, a=slope if offline else None),
        curves={"relative, online": online, "relative, offline": without, "loss alone": plain},
        areas={"auc_online": online, "auc_offline": without, "auc_loss": plain},
        figures=[*few, promise],
        scope={"a": None, "slope": slope if offline else None},
    )
