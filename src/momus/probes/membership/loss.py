"""Membership inference from the loss alone: no training, two queries a row."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Probabilities, to_numpy
from momus.core.errors import ProbeError
from momus.core.probe import Trial, probe
from momus.core.records import Figure, Interval, Knowledge, Measurement
from momus.methods import leak_report, membership
from momus.stats import roc


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train", "test"),
    metric="tpr_at_1pct_fpr",
    worse="higher",
    source="arXiv:1709.01604, arXiv:2003.10595",
    cost="2 min(rows, n_train, n_test) rows",
    tasks=("classifier",),
    version=3,
)
def loss(
    target: Probabilities, trial: Trial, *, rows: int = 4000, signal: str = "auto", margin: float = 0.03
) -> Measurement:
    """Tell training rows from others by how well the model fits them.

    Measures
        The share of training rows that are recognised while at most 1 % of other rows are taken for training rows.
        An average-case accuracy near one half can hide a model that gives a few people away with certainty.
    Why it matters
        Membership can be the secret itself (a patient of that clinic, a debtor of that bank), and a model that fails
        here has memorised rows, the first step to extracting them.
    Options
        rows: most rows taken from each side (1 and up). signal: loss, confidence, modified_entropy, or auto: the
        strongest on a quarter of the rows, judged on the other three quarters. margin: how far above 0.5 a model-blind
        classifier's AUC must surely lie before the sets count as different in kind.
    Returns
        tpr_at_1pct_fpr with a conservative interval that allows for the estimated threshold; figures auc,
        balanced_accuracy, tpr_at_0.1pct_fpr (from 4,380 non-members on), all by class and group, accuracy_train,
        accuracy_test, generalisation_gap, blind_auc; auc_if[...]: what rounding answers or giving labels alone would
        leave of one threshold on the loss.
    Raises
        TargetError when the probabilities are not finite; ProbeError for an unknown signal or missing labels.
    Cost
        Two rows for each pair of members and non-members.
    A pass means little when
        An attacker can train shadow models (see membership.shadow and membership.lira), has several answers about one
        person, or fewer than 437 non-members were available: then nothing could have been shown.
    Source
        Yeom et al. 2018 (arXiv:1709.01604); Song & Mittal 2021 (arXiv:2003.10595); Carlini et al. 2022
        (arXiv:2112.03570) for the metric.
    """
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test")
    classes = target.info.classes or train.classes
    if signal not in ("auto", *membership.SIGNALS):
        raise ProbeError(f"no signal '{signal}'", hint=f"Choose auto, {', '.join(membership.SIGNALS)}")
    membership.check_labels(train, test, len(target.info.classes))
    audit = membership.choose_rows(train, test, rows, rng)
    members, others = train.take(audit.members), test.take(audit.others)

    def answers(x: np.ndarray) -> np.ndarray:
        return to_numpy(target.probabilities(target.encode(x)))

    p_in, p_out, spent = membership.ask(answers, members.x, others.x)
    n = min(len(p_in), len(p_out))
    caveats = leak_report.sample_caveats(n, spent)
    if n < 4 or members.y is None or others.y is None:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), n, caveats=leak_report.sample_caveats(0, spent))
    members, others = members.take(slice(n)), others.take(slice(n))
    y_in, y_out = np.asarray(members.y, dtype=int), np.asarray(others.y, dtype=int)
    trial.progress(0.5, "comparing members with others")
    reading = membership.choose_signal(
        membership.signals(p_in, y_in),
        membership.signals(p_out, y_out),
        rng,
        member_class=y_in,
        other_class=y_out,
        fixed="" if signal == "auto" else signal,
    )
    value, ci = roc.tpr_at_fpr(reading.member, reading.other, 0.01)
    kept_in, kept_out = members.take(reading.member_rows), others.take(reading.other_rows)
    parts, bars = leak_report.part_figures(
        reading.member, reading.other, leak_report.parts_of(kept_in, kept_out, classes), reading.threshold
    )
    blind, differ = leak_report.members_differ(members, others, rng, margin)
    right_in, right_out = int((p_in.argmax(1) == y_in).sum()), int((p_out.argmax(1) == y_out).sum())
    gap, gap_ci = roc.difference(right_in, n, right_out, n)
    figures = [
        *leak_report.attack_figures(reading.member, reading.other, reading.threshold),
        Figure(name="accuracy_train", value=right_in / n, n=n),
        Figure(name="accuracy_test", value=right_out / n, n=n),
        Figure(name="generalisation_gap", value=gap, ci=gap_ci, n=n),
        *leak_report.coarser_figures(p_in, y_in, p_out, y_out),
        blind,
        *parts,
    ]
    evidence = [
        leak_report.roc_evidence({reading.signal: (reading.member, reading.other)}),
        leak_report.vulnerable_rows(
            audit.members[reading.member_rows],
            y_in[reading.member_rows],
            p_in[reading.member_rows],
            reading.member,
            reading.other,
            classes,
        ),
        *bars,
    ]
    return trial.measurement(
        value,
        ci,
        len(reading.member) + len(reading.other),
        scope={
            "chosen_signal": reading.signal,
            "non_members_dropped": audit.dropped,
            "members_dropped": audit.twins,
            "pairs": len(reading.member),
        },
        figures=figures,
        evidence=evidence,
        caveats=[*caveats, *differ],
    )
