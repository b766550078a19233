"""Membership inference with shadow models: the likelihood-ratio attack, row by row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from momus.core.capabilities import Probabilities, Trains, to_numpy
from momus.core.errors import ProbeError, TargetError
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods import leak_report, membership, shadow_models
from momus.stats import intervals, roc


class Needs(Probabilities, Trains, Protocol):
    """Answers with probabilities, and can be trained again on other rows."""


@probe(
    knowledge=Knowledge.GREY_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:2112.03570, arXiv:1610.05820",
    cost="2 min(records, n_train, n_test) rows, and one training for each shadow model",
    tasks=("classifier",),
    version=2,
)
def shadow(
    target: Needs,
    trial: Trial,
    *,
    shadows: int = 16,
    records: int = 1000,
    shadow_rows: int = 0,
    offline: bool = False,
    margin: float = 0.03,
) -> Measurement:
    """Tell training rows from others by what retrained copies say of the same rows.

    Measures
        The share of audited training rows recognised at 1 % false positives by the likelihood-ratio attack (LiRA).
        Each audited row is in the training half of half the copies, so its own difficulty is known and cancels out:
        a hard row with a small loss gives itself away, which a global threshold cannot see.
    Why it matters
        It is the strongest known attack of its kind, and the auditor's question: how much could anyone learn.
    Options
        shadows: models to train, in pairs (2 and up; 64 and up gives each row a spread of its own). records: most
        rows audited from each side. shadow_rows: rows a shadow model is trained on; 0 means as many as the target,
        the rest being training rows that are not audited. offline: score by models without the row only (for an
        attacker who cannot train on the row itself). margin: as in membership.loss.
    Returns
        tpr_at_1pct_fpr with a conservative interval; figures auc, tpr_at_0.1pct_fpr (from 4,380 non-members), auc by
        class and group, auc_online, auc_offline, auc_loss (the same rows without shadow models), shadow and target
        accuracy, blind_auc.
    Raises
        TargetError when a retrained copy has no probabilities; ProbeError for fewer than 2 shadows or missing labels.
    Cost
        The target is asked twice ``records`` rows; the trainings are the tester's own and count in seconds only. A
        spent time budget leaves the pairs of models fitted so far.
    A pass means little when
        The retraining hook trains another kind of model (caveat shadow-mismatch), few models were fitted, or fewer
        than 437 non-members were available.
    Source
        Carlini et al. 2022 (arXiv:2112.03570); Shokri et al. 2017 (arXiv:1610.05820).
    """
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test")
    classes = target.info.classes or train.classes
    membership.check_labels(train, test, len(target.info.classes))
    if shadows < 2:
        raise ProbeError(f"{shadows} shadow models make no pair", hint="shadows: 2 and up")
    audit = membership.choose_rows(train, test, records, rng)
    members, others = train.take(audit.members), test.take(audit.others)

    def answers(x: NumpyArray) -> NumpyArray:
        return to_numpy(target.probabilities(target.encode(x)))

    p_in, p_out, spent = membership.ask(answers, members.x, others.x)
    n = min(len(p_in), len(p_out))
    if n < 4 or train.y is None or test.y is None or members.y is None or others.y is None:
        caveats = leak_report.sample_caveats(0, spent)
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=caveats)
    members, others = members.take(slice(n)), others.take(slice(n))
    y_in, y_out = np.asarray(train.y)[audit.members[:n]].astype(int), np.asarray(test.y)[audit.others[:n]].astype(int)
    filler = _filler(train, members, audit.members[:n], shadow_rows, n, rng)
    x, y = np.concatenate([members.x, others.x]), np.concatenate([y_in, y_out])
    made = shadow_models.fit_shadows(
        _copies(target),
        x,
        y,
        filler.x,
        np.asarray(filler.y),
        count=shadows,
        seed=trial.seed,
        progress=trial.progress,
    )
    caveats = leak_report.sample_caveats(n, spent or made.spent)
    if made.count < 2:
        caveats.append(Caveat(code="too-few-shadows", message="no pair of shadow models was fitted", blocks="both"))
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), 2 * n, caveats=caveats)
    scores = shadow_models.likelihood_ratio(made, np.concatenate([p_in, p_out]), y)
    used = scores.offline if offline else scores.online
    value, ci = roc.tpr_at_fpr(used[:n], used[n:], 0.01)
    mismatch, accuracies = _accuracy(made, y, p_in, y_in)
    blind, differ = leak_report.members_differ(members, others, rng, margin)
    parts, bars = leak_report.part_figures(used[:n], used[n:], leak_report.parts_of(members, others, classes))
    plain = {"auc_online": scores.online, "auc_offline": scores.offline, "auc_loss": scores.plain}
    areas = []
    for name, s in plain.items():
        area, area_ci = intervals.auc(s[:n], s[n:])
        areas.append(Figure(name=name, value=area, ci=area_ci, n=n))
    curves = {
        "likelihood ratio, online": (scores.online[:n], scores.online[n:]),
        "likelihood ratio, offline": (scores.offline[:n], scores.offline[n:]),
        "loss alone": (scores.plain[:n], scores.plain[n:]),
    }
    evidence = [
        leak_report.roc_evidence(curves),
        leak_report.vulnerable_rows(audit.members[:n], y_in, p_in, used[:n], used[n:], classes),
        *bars,
    ]
    if made.count < 8:  # also where no more were asked for: a pass would rest on next to nothing
        message = f"only {made.count} of {shadows} shadow models were fitted; more find more"
        caveats.append(Caveat(code="few-shadows", message=message, blocks="pass"))
    return trial.measurement(
        value,
        ci,
        2 * n,
        scope={
            "shadows_fitted": made.count,
            "pairs": n,
            "non_members_dropped": audit.dropped,
            "members_dropped": audit.twins,
            "filler": len(filler),
        },
        figures=[
            *leak_report.attack_figures(used[:n], used[n:], 0.0 if not offline else None),
            *areas,
            *accuracies,
            blind,
            *parts,
        ],
        evidence=evidence,
        caveats=[*caveats, *mismatch, *differ],
    )


def _filler(
    train: Samples, members: Samples, audited: NumpyArray, shadow_rows: int, n: int, rng: np.random.Generator
) -> Samples:
    """Training rows outside the audit (and of no audited person) that bring a shadow model to the target's size."""
    free = np.ones(len(train), dtype=bool)
    free[audited] = False
    if train.ids is not None and members.ids is not None:
        free &= ~np.isin(np.asarray(train.ids).astype(str), np.asarray(members.ids).astype(str))
    rest = np.flatnonzero(free)
    wanted = max(0, (shadow_rows or len(train)) - n)
    return train.take(np.sort(rng.permutation(rest)[:wanted]))


def _copies(target: Trains) -> Callable[[NumpyArray, NumpyArray, int], Callable[[NumpyArray], NumpyArray]]:
    def retrain(x: NumpyArray, y: NumpyArray, seed: int) -> Callable[[NumpyArray], NumpyArray]:
        fitted = target.retrain(x, y, seed=seed)
        said = getattr(fitted, "probabilities", None)
        if said is None:
            raise TargetError(
                "the retrained copy gives no probabilities", hint="Let the train hook return a classifier"
            )

        def probabilities(rows: NumpyArray) -> NumpyArray:
            return to_numpy(said(fitted.encode(rows)))

        return probabilities

    return retrain


def _accuracy(
    made: shadow_models.Shadows, y: NumpyArray, p_in: NumpyArray, y_in: NumpyArray
) -> tuple[list[Caveat], list[Figure]]:
    """Accuracy on rows trained on, of shadow models and target: far apart, they are not the same recipe."""
    right = made.p.argmax(2) == y
    inside, outside = float(right[made.inside].mean()), float(right[~made.inside].mean())
    own = float((p_in.argmax(1) == y_in).mean())
    figures = [
        Figure(name="accuracy_target_members", value=own, n=len(y_in)),
        Figure(name="accuracy_shadow_members", value=inside),
        Figure(name="accuracy_shadow_others", value=outside),
    ]
    if own - inside <= 0.05:
        return [], figures
    message = f"shadow models fit their training rows worse ({inside:.2f}) than the target does ({own:.2f})"
    return [Caveat(code="shadow-mismatch", message=message, blocks="pass")], figures
