"""natural.generated: ordinary clips and sentences that a recogniser or translator gets badly wrong."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Generates
from momus.core.probe import Trial, probe
from momus.core.records import Caveat, Interval, Knowledge, Measurement
from momus.probes.natural import _answers, _pool
from momus.stats.intervals import wilson


@probe(
    knowledge=Knowledge.NONE,
    data=("test",),
    optional_data=("pool",),
    metric="badly_answered_share",
    worse="higher",
    source="arXiv:1907.07174, arXiv:1911.00068",
    cost="n (1 + 5) inputs; where likelihoods exist 2 gradients for each bad answer, 12 at most",
    tasks=("generator",),
)
def generated(
    target: Generates,
    trial: Trial,
    *,
    bad: float = 0.3,
    n: int = 40,
    harmless: bool = True,
    shown: int = 8,
) -> Measurement:
    """Share of ordinary inputs, changed by nobody, that a recogniser or translator answers badly.

    Measures
        An input counts where its transcript differs from the reference in more than ``bad`` of the words (sound alone:
        sentences have more than one good translation), or where a change that no listener or reader would mind turns
        the answer by as much. References that look wrong themselves accuse nobody: those that belong to another clip,
        cannot have been read aloud in the time there was, or that another model contradicts word for word as this one
        does.
    Why it matters
        A mean word error rate of some per cent hides sentences that are wrong altogether and look as fluent as all
        others; who reads them has no reason to doubt them.
    Options
        bad: error rate from which an answer is bad, 0 to 1. n: inputs at most. harmless: try gain, delay and noise at
        40 dB (sound) or case and spacing (texts). shown: inputs shown in the report.
    Returns
        badly_answered_share with Wilson's interval; figures word_error_rate, character_error_rate, bad_answers,
        doubtful_references, changed_by_harmless, any_word_changed, changed[...], confident_bad (where likelihoods
        exist: bad answers to each word of which the model gives more than half). Texts side by side, the set as a file.
    Raises
        ProbeError for bad outside 0 to 1; TargetError from the target's answers.
    Cost
        One answer for each input and change.
    A pass means little when
        Inputs are few, clean and alike (one reader, one room), or there are no references: then only answers that
        contradict themselves are found.
    Source
        Hendrycks et al. 2019 (arXiv:1907.07174) for keeping confident errors on real inputs; Northcutt et al. 2019
        (arXiv:1911.00068) for clearing them of wrong references first.
    """
    _pool.check("bad", bad)
    pool = _pool.prepare(trial, max(int(n), 2), labelled=False)
    if pool.blocked:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(pool.samples), caveats=pool.caveats)
    said = _answers.ask(target, pool.samples.x, trial)
    pool = _pool.cut(pool, len(said), target)
    if len(said) < 2:
        return trial.measurement(0.0, Interval(low=0.0, high=1.0), len(said), caveats=pool.caveats)
    found = _answers.compare(target, pool.samples, said, trial, bad, harmless)
    caveats = [*pool.caveats]
    if found.spent:
        message = "the budget ended before all harmless changes were tried"
        caveats.append(Caveat(code="budget-spent", message=message, blocks="pass"))
    if found.wanted is None and not found.variants:
        message = "there are neither references nor harmless changes to hold the answers against"
        caveats.append(Caveat(code="nothing-compared", message=message, blocks="both"))
    elif found.wanted is None:
        message = "there are no references: answers that are wrong in the same way every time cannot show"
        caveats.append(Caveat(code="no-references", message=message, blocks="pass"))
    if found.wanted is not None and found.doubtful.mean() > 0.5:
        message = f"{int(found.doubtful.sum())} of {len(said)} references look wrong themselves"
        caveats.append(Caveat(code="references", message=message, blocks="both"))
    if found.wanted is not None and not np.any(found.rates < 1.0):
        message = "no answer has a word in common with its reference: the pool is in another language or out of order"
        caveats.append(Caveat(code="only-errors", message=message, blocks="both"))
    hits = int(found.bad.sum())
    return trial.measurement(
        hits / len(said),
        wilson(hits, len(said)),
        len(said),
        scope={"pool": pool.role, "changes": len(found.variants)},
        figures=_answers.figures(found),
        evidence=_answers.evidence(found, pool.samples, shown),
        caveats=caveats,
    )
