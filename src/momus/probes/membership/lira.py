"""Membership inference with shadow models: the likelihood-ratio attack, row by row."""

from __future__ import annotations

from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Knowledge, Measurement
from momus.methods import leak_report, shadow_models
from momus.probes.membership._found import found, nothing
from momus.probes.membership._shadows import Needs, shadows_for

ENOUGH = 64  # shadow models from which each row can have a spread of its own


@probe(
    knowledge=Knowledge.GREY_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:2112.03570",
    cost="2 min(records, n_train, n_test) queries rows, and one training for each shadow model",
    tasks=("classifier",),
    version=4,
)
def lira(
    target: Needs,
    trial: Trial,
    *,
    shadows: int = 16,
    records: int = 1000,
    shadow_rows: int = 0,
    offline: bool = False,
    variance: str = "auto",
    queries: int = 1,
    margin: float = 0.03,
) -> Measurement:
    """Tell training rows from others by what retrained copies say of the same rows.

    Measures
        The share of audited training rows recognised at 1 % false positives by the likelihood-ratio attack (LiRA).
        Each audited row is in the training half of half the copies, so its own difficulty is known and cancels out:
        a hard row with a small loss gives itself away, which a global threshold cannot see.
    Why it matters
        It is among the strongest known attacks, and the auditor's question: how much could anyone learn.
    Options
        shadows: models to train, in pairs (2 and up; 64 and up gives each row a spread of its own). records: most
        rows audited from each side. shadow_rows: rows a shadow model is trained on; 0 means as many as the target,
        the rest being training rows that are not audited. offline: score by models without the row only (for an
        attacker who cannot train on the row itself). variance: fixed (one spread for all rows), row (one for each),
        or auto: row from 64 shadow models on. queries: views of an image asked, 1 to 10 (mirrored, moved by a pixel);
        worth it where the target was trained on such views. margin: as in membership.loss.
    Returns
        tpr_at_1pct_fpr with a conservative interval; figures auc, balanced_accuracy, tpr_at_0.1pct_fpr (from 4,380
        non-members), all by class and group, auc_online, auc_offline, auc_fixed_variance, auc_row_variance; auc_loss,
        tpr_loss_at_1pct_fpr of one threshold on the same rows' loss, without shadow models; gain_at_1pct and
        gain_at_0.1pct, true positives online over those of that threshold; shadow and target accuracy, blind_auc.
    Raises
        TargetError when a retrained copy has no probabilities; ProbeError for fewer than 2 shadows, missing labels, an
        unknown variance, or several queries of something that is no image.
    Cost
        The target is asked twice ``records`` rows; the trainings are the tester's own and count in seconds only, and
        are shared with the other shadow attacks of a run. A spent time budget leaves the models fitted so far.
    A pass means little when
        The retraining hook trains another kind of model (caveat shadow-mismatch), few models were fitted, or fewer
        than 437 non-members were available.
    Source
        Carlini et al. 2022 (arXiv:2112.03570).
    """
    spreads = {"auto": ENOUGH, "fixed": shadows + 1, "row": 1}
    if variance not in spreads:
        raise ProbeError(f"no variance '{variance}'", hint=f"Choose {', '.join(spreads)}")
    ground = shadows_for(target, trial, records=records, shadows=shadows, shadow_rows=shadow_rows, queries=queries)
    if not ground.ready:
        return nothing(trial, ground)
    scores = shadow_models.likelihood_ratio(
        ground.shadows, ground.p, ground.y, per_row_from=spreads[variance], more=ground.views
    )
    threshold: float | None = 0.0
    if offline:
        threshold = shadow_models.offline_threshold(ground.shadows, ground.y, per_row_from=spreads[variance])
    return found(
        trial,
        ground,
        scores.offline if offline else scores.online,
        margin=margin,
        threshold=threshold,
        curves={
            "likelihood ratio, online": scores.online,
            "likelihood ratio, offline": scores.offline,
            "loss alone": scores.plain,
        },
        areas={
            "auc_online": scores.online,
            "auc_offline": scores.offline,
            "auc_fixed_variance": scores.fixed,
            "auc_row_variance": scores.row,
            "auc_loss": scores.plain,
        },
        figures=leak_report.gain_figures(scores.online, scores.plain, ground.n),
        scope={"queries": queries if queries > 1 else None},
    )
