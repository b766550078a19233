"""Membership inference with shadow models: an attack model that has learned how members are spoken of."""

from __future__ import annotations

import numpy as np

from momus.core.probe import Trial, probe
from momus.core.records import Figure, Knowledge, Measurement
from momus.methods import attack_model, shadow_models
from momus.probes.membership._found import found, nothing
from momus.probes.membership._shadows import Needs, shadows_for
from momus.stats import intervals


@probe(
    knowledge=Knowledge.GREY_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:1610.05820",
    cost="2 min(records, n_train, n_test) rows, and one training for each shadow model",
    tasks=("classifier",),
    version=3,
)
def shadow(
    target: Needs,
    trial: Trial,
    *,
    shadows: int = 16,
    records: int = 1000,
    shadow_rows: int = 0,
    margin: float = 0.03,
) -> Measurement:
    """Tell training rows from others by an attack model that learned on retrained copies how members are spoken of.

    Measures
        The share of audited training rows recognised at 1 % false positives by the attack of Shokri et al.: for each
        class a small network learns from the copies' whole answers on rows they knew and rows they did not, and reads
        the target's answers. Balanced accuracy is the number the paper reports.
    Why it matters
        It needs no knowledge of single rows, only of how the model is trained: what an outsider with similar data can
        do. It sees more of an answer than the loss; it does not know which rows are hard, as membership.lira does.
    Options
        shadows: models to train, in pairs (2 and up). records: most rows audited from each side. shadow_rows: rows a
        shadow model is trained on; 0 means as many as the target, the rest being training rows that are not audited.
        margin: as in membership.loss.
    Returns
        tpr_at_1pct_fpr with a conservative interval; figures auc, tpr_at_0.1pct_fpr (from 4,380 non-members),
        balanced_accuracy and precision of the attack model's own decision, all by class and group, auc_loss (the same
        rows without shadow models), shadow and target accuracy, blind_auc.
    Raises
        TargetError when a retrained copy has no probabilities; ProbeError for fewer than 2 shadows or missing labels.
    Cost
        The target is asked twice ``records`` rows; the trainings are the tester's own and count in seconds only, and
        are shared with the other shadow attacks of a run. A spent time budget leaves the models fitted so far.
    A pass means little when
        The retraining hook trains another kind of model (caveat shadow-mismatch), few models were fitted, fewer than
        437 non-members were available, or membership.lira, which looks at each row by itself, was not run.
    Source
        Shokri et al. 2017 (arXiv:1610.05820).
    """
    ground = shadows_for(target, trial, records=records, shadows=shadows, shadow_rows=shadow_rows)
    if not ground.ready:
        return nothing(trial, ground)
    trial.progress(0.95, "training the attack models")
    scores = attack_model.learned_scores(ground.shadows, ground.p, ground.y, trial.rng)
    plain = shadow_models.log_odds(ground.p, ground.y, shadow_models.floor_of(ground.shadows.p))
    said = scores > 0.5
    right, named = int(said[: ground.n].sum()), int(said.sum())
    precision = Figure(
        name="precision",
        value=right / named if named else 0.5,
        ci=intervals.wilson(right, named),
        n=named,
        note="of the rows called members, as many non-members as members being asked; 0.5 is guessing",
    )
    recall = Figure(name="recall", value=right / ground.n, ci=intervals.wilson(right, ground.n), n=ground.n)
    return found(
        trial,
        ground,
        np.log(np.clip(scores, 1e-12, 1)) - np.log(np.clip(1 - scores, 1e-12, 1)),
        margin=margin,
        threshold=0.0,
        curves={"learned attack": scores, "loss alone": plain},
        areas={"auc_loss": plain},
        figures=(precision, recall),
    )
