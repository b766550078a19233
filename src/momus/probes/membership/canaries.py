"""One training with planted rows: a proven lower bound on the privacy loss of the training itself."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from momus.core.capabilities import Probabilities, Trains
from momus.core.errors import ProbeError
from momus.core.evidence import Table
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Figure, Interval, Knowledge, Measurement
from momus.methods import canary_rows, leak_report, membership, one_run
from momus.probes.membership._canaries import accuracy, audited, told_apart
from momus.stats import intervals


class Needs(Probabilities, Trains, Protocol):
    """Answers with probabilities, and can be trained again on other rows."""


@probe(
    knowledge=Knowledge.BLACK_BOX,
    data=("train", "test"),
    metric="epsilon_lower_bound",
    worse="higher",
    source="arXiv:2305.08846",
    cost="min(canaries, n_test) rows, and one training for each run",
    tasks=("classifier",),
)
def canaries(
    target: Needs,
    trial: Trial,
    *,
    canaries: int = 1000,
    kind: str = "mislabelled",
    runs: int = 1,
    delta: float = 1e-5,
    claimed: float = 0.0,
) -> Measurement:
    """Toss a coin for each of many planted rows, train once, and prove from the right guesses how private it is not.

    Measures
        The largest epsilon that the trained model rules out at 95 %: the training is surely not (epsilon, delta)-
        differentially private for any smaller one. Coins decide which canaries are trained on, so members and others
        differ in nothing else, and the bound rests on no assumption about data or model.
    Why it matters
        Epsilon bounds what *any* attack can learn about *any* record. A claimed epsilon below the bound is a broken
        claim: noise left out, a clipping that does not clip, an accountant that counts wrongly.
    Options
        canaries: held-out rows that become canaries. kind: mislabelled (held-out rows under a wrong class), real (as
        they are), or crafted (wrong class, and every value from another row). runs: trainings, each with coins and
        canaries' scores of its own, pooled. delta: of the guarantee. claimed: the epsilon that the system promises
        (0: what the card's fact train.dp_epsilon says); where it is stricter than the limit, it is the limit.
    Returns
        epsilon_lower_bound; its interval runs to the epsilon these guesses could at most have shown, which says how
        sharp the audit was and is no upper bound on the training's epsilon. Figures: guesses_right (of the best
        rule); auc, tpr_at_1pct_fpr (from 437 others) and tpr_at_0.1pct_fpr of its score, also by class and group;
        epsilon_without_delta, accuracy_audited (on the canaries' true classes, without the canaries' help) and
        accuracy_target. Evidence: the rules, and the canaries it is surest of.
    Raises
        TargetError when the retrained model has no probabilities; ProbeError for missing labels or an unknown kind.
    Cost
        The target is asked every canary once; the trainings are the tester's own and count in seconds.
    A pass means little when
        Always: no attack bounds a leak from above. Few canaries, or a training that takes the system's own defences
        out, show less still; a pass says that this audit found no more than the limit.
    Source
        Steinke, Nasr & Jagielski 2023 (arXiv:2305.08846), corollary 5.4, with the error shared out over a fixed list
        of guessing rules.
    """
    rng = trial.rng
    train, test = trial.samples("train"), trial.samples("test")
    membership.check_labels(train, test, len(target.info.classes))
    if runs < 1 or not 0 <= delta < 1 or claimed < 0:
        raise ProbeError("runs must be 1 and up, delta in [0, 1), claimed 0 and up", hint="claimed: 0 claims nothing")
    claimed = claimed or float(trial.context.get("claimed_epsilon", 0.0))
    free = canary_rows.eligible(train, test, rng)
    rows = np.sort(rng.permutation(free)[: max(0, canaries)])
    chosen = test.take(rows)
    planted = canary_rows.made(chosen, kind, len(target.info.classes) or 2, rng)
    found = audited(target, trial, train, planted, runs)
    m = len(found.inside)
    if found.coins_alike or train.y is None or chosen.y is None:
        caveats = [*leak_report.sample_caveats(0, False), *_spent(found.spent)]
        return trial.measurement(0.0, Interval(low=0.0, high=one_run.MOST, method="one-run"), m, caveats=caveats)
    rules = one_run.audit(found.signals, found.inside, delta=delta)
    best = max(rules, key=lambda r: (r.lower, r.right / r.guesses))
    reach = max(best.lower, max(r.upper for r in rules))
    score = found.signals[best.signal]
    told, shown = told_apart(found, score, planted, rows, target.info.classes or train.classes)
    share = intervals.clopper_pearson(best.right, best.guesses)
    plain = max(r.lower for r in one_run.audit(found.signals, found.inside, delta=0.0))
    figures = [
        Figure(name="guesses_right", value=best.right / best.guesses, ci=share, n=best.guesses, note="0.5 is guessing"),
        *told,
        Figure(name="epsilon_without_delta", value=plain, n=m, note="what a pure epsilon could not explain"),
        *accuracy(found, np.asarray(chosen.y).astype(int)),
    ]
    caveats = [*_few(m), *_spent(found.spent), _REACH]
    return trial.measurement(
        best.lower,
        Interval(low=best.lower, high=reach, method="one-run"),
        m,
        scope={
            "claimed": claimed or None,
            "canaries": len(planted),
            "runs": found.runs,
            "guesses": best.guesses,
            "guessed_by": best.signal,
        },
        figures=figures,
        evidence=[
            _table(rules),
            leak_report.roc_evidence({best.signal: (score[found.inside], score[~found.inside])}),
            *shown,
        ],
        caveats=caveats,
    )


_REACH = Caveat(
    code="lower-bound",
    message="an audit bounds epsilon from below: a pass says that this one found no more than the limit",
    blocks="none",
)


def _few(m: int) -> list[Caveat]:
    if m >= leak_report.LEAST_ROWS:
        return []
    return [Caveat(code="too-few-samples", message=f"only {m} canaries could be planted", blocks="both")]


def _spent(spent: bool) -> list[Caveat]:
    message = "the budget ended before every canary was asked about or every run was trained"
    return [Caveat(code="budget-spent", message=message, blocks="pass")] if spent else []


def _table(rules: list[one_run.Rule]) -> Table:
    body = tuple(
        (r.signal, r.sides, r.guesses, r.right, round(r.right / r.guesses, 4), round(r.lower, 3), round(r.upper, 3))
        for r in sorted(rules, key=lambda r: (-r.lower, -r.right / r.guesses))
    )
    return Table(
        title="Guessing which canaries were trained on",
        columns=("score", "sides", "guesses", "right", "share", "epsilon at least", "could have shown up to"),
        rows=body,
        note="All rules were fixed beforehand, and their bounds hold for all of them at once (95 %)",
    )
